"""A world in which everything happens at once, made from a seed; what a ledger must say of it is in `oracle.py`.

Calls of a month in Gong and in Fathom: visible up to 26 hours late; transcripts that come one to three days after
their call, before it, or never; calls that are deleted, made private, renamed, not shared any more; people who are
erased; several calls of one title on one day; ids that differ in the last digit alone; two Fathom users with keys,
whose meetings overlap.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.keys import FathomUser
from headway_pipeline.sandbox.speech import MadeUpSpeech
from headway_pipeline.sandbox.world import (
    NEVER,
    SOURCES,
    Change,
    Company,
    Course,
    SandboxCall,
    Sharing,
    Speaker,
    Utterance,
    World,
)

__all__ = ["DOMAIN", "ERASED", "FATHOM_USERS", "Soak", "make_soak"]

DOMAIN = "quillmark.example"
VENDOR = Speaker("v", "Nadia Ferreira", Side.VENDOR, f"nadia@{DOMAIN}", "Customer Success Manager")
#: The two users whose keys are connected, and a colleague whose key is not.
FATHOM_USERS = (
    FathomUser(f"nadia@{DOMAIN}", "quillmark-nadia-token", "Nadia Ferreira", team="Success"),
    FathomUser(f"owen@{DOMAIN}", "quillmark-owen-token", "Owen Achterberg", team="Success"),
)
COLLEAGUE = FathomUser(f"priya@{DOMAIN}", "quillmark-priya-token", "Priya Raman", team="Sales")
#: People who ask to be erased, a third and two thirds into the month.
ERASED = ("milo@harrowgate.example", "sanne@tidewater.example")
CUSTOMERS = ("harrowgate", "tidewater", "bluefern", "ostrava-rail", "kestrel-foods")
TITLES = ("Weekly check-in", "Intro call", "Rollout review", "Renewal", "Support session")
FIRST_NUMBER = {"gong": 4_611_686_018_427_387_900, "fathom": 150_000_000}
LATE_SHARE = 0.15
#: So that no two calls of the two sources say the same.
FIRST_SEED = {"gong": 1_000_000, "fathom": 2_000_000}
DAY = timedelta(days=1)
#: The last call appears within 26 hours, the last thing happens to it within ten days, and a transcript is given up
#: after seven.
QUIET_AFTER = timedelta(days=12)


class Fate(Enum):
    """What becomes of a call."""

    PLAIN = auto()
    TRANSCRIPT_LATE = auto()
    TRANSCRIPT_FIRST = auto()
    TRANSCRIPT_NEVER = auto()
    SILENT = auto()
    SHORT = auto()
    DELETED = auto()
    FLIPPED = auto()
    PRIVATE = auto()
    RENAMED = auto()
    UNSHARED = auto()
    OUT_OF_SIGHT = auto()
    SEEN_BY_ONE = auto()
    SHARED_WITH_NOBODY = auto()


#: Of a hundred calls.
SHARES = {
    Fate.PLAIN: 42,
    Fate.TRANSCRIPT_LATE: 12,
    Fate.TRANSCRIPT_FIRST: 4,
    Fate.TRANSCRIPT_NEVER: 4,
    Fate.SILENT: 2,
    Fate.SHORT: 4,
    Fate.DELETED: 6,
    Fate.FLIPPED: 6,
    Fate.PRIVATE: 3,
    Fate.RENAMED: 5,
    Fate.UNSHARED: 5,
    Fate.OUT_OF_SIGHT: 3,
    Fate.SEEN_BY_ONE: 2,
    Fate.SHARED_WITH_NOBODY: 2,
}


@dataclass(frozen=True, slots=True)
class Soak:
    """A made world.

    Attributes:
        world: one company's calls.
        start: midnight UTC of the first day on which calls start.
        end: midnight UTC after the last; calls appear, change and go for some eleven days more.
        seed: makes the same world again.
    """

    world: World
    start: datetime
    end: datetime
    seed: int

    @property
    def company(self) -> Company:
        """Whose calls these are."""
        return self.world.companies[0]

    @property
    def quiet_at(self) -> datetime:
        """A moment from which on nothing changes any more."""
        return self.end + QUIET_AFTER


def make_soak(
    calls_per_source: int, *, start: datetime, seed: int, days: int = 30, words: int = 240, late: bool = True
) -> Soak:
    """A month of calls.

    Args:
        calls_per_source: in Gong, and as many in Fathom.
        start: midnight UTC of the first day.
        seed: of everything that is left to chance.
        days: over which the calls are spread.
        words: of an ordinary call.
        late: False: every call appears as soon as it can.
    """
    maker = _Maker(random.Random(seed), start, days, words, late)  # noqa: S311  # to be repeated, not to be secret
    calls = tuple(maker.call(source, number) for source in SOURCES for number in range(calls_per_source))
    company = Company(
        name="Quillmark",
        access_key="quillmark-access-key",
        secret_key="quillmark-secret-key",  # noqa: S106  # opens nothing but a sandbox
        email_domain=DOMAIN,
        calls=calls,
        fathom_users=(*FATHOM_USERS, COLLEAGUE),
    )
    world = World((company,))
    for number, email in enumerate(ERASED, start=1):
        world = world.without_person(email, start + number * days * DAY / 3)
    return Soak(world, start, start + days * DAY, seed)


class _Maker:
    """Makes call after call."""

    def __init__(self, chance: random.Random, start: datetime, days: int, words: int, late: bool) -> None:
        self._chance = chance
        self._start = start
        self._days = days
        self._words = words
        self._late = late

    def call(self, source: str, number: int) -> SandboxCall:
        """One call and what becomes of it."""
        chance = self._chance
        (fate,) = chance.choices([*SHARES], [*SHARES.values()])
        began = self._start + timedelta(seconds=chance.randrange(int(self._days * DAY.total_seconds())))
        customer = chance.choice(CUSTOMERS)
        guests = tuple(Speaker(f"c{index}", *guest) for index, guest in enumerate(self._guests(customer)))
        speakers = (VENDOR, *guests)
        made = SandboxCall(
            id=f"{source}-{number:06}",
            title=chance.choice(TITLES),
            started_at=began,
            speakers=speakers,
            utterances=_speech(fate, self._words, FIRST_SEED[source] + number, speakers),
            account=customer.title(),
            source=source,
            is_private=fate is Fate.PRIVATE,
            sharing=self._sharing(fate),
            # Neighbours differ in the last digit alone.
            number=str(FIRST_NUMBER[source] + number),
        )
        return replace(made, course=self._course(made, fate))

    def _guests(self, customer: str) -> list[tuple[str, Side, str]]:
        """One or two of a customer's people; now and then somebody who will be erased."""
        names = self._chance.sample(("milo", "sanne", "tove", "idris", "lena"), self._chance.choice((1, 1, 2)))
        return [(name.title(), Side.CUSTOMER, f"{name}@{customer}.example") for name in names]

    def _sharing(self, fate: Fate) -> Sharing:
        nadia, owen = FATHOM_USERS
        if fate is Fate.OUT_OF_SIGHT:
            return Sharing(COLLEAGUE.email, teams=("Sales",), people=(owen.email,))
        recorder = self._chance.choice((nadia, owen)).email
        if fate is Fate.SEEN_BY_ONE:
            return Sharing(recorder, teams=("Sales",))
        if fate is Fate.SHARED_WITH_NOBODY:
            return Sharing(recorder, teams=())
        return Sharing(recorder, teams=("Success",))

    def _course(self, call: SandboxCall, fate: Fate) -> Course:
        appears = call.ended_at + self._span(4 / 60, 1)
        if self._late and self._chance.random() < LATE_SHARE:
            appears = call.started_at + max(self._span(1, 26), call.ended_at - call.started_at)
        course = Course(visible_at=appears)
        if call.source == "fathom" and self._chance.random() < 1 / 2:
            # Half of the late ones are created late, the others are created in time and shown late.
            course = replace(course, created_at=appears)
        return self._happening(call, fate, course, appears)

    def _happening(self, call: SandboxCall, fate: Fate, course: Course, appears: datetime) -> Course:
        later = appears + self._span(2, 240)
        match fate:
            case Fate.TRANSCRIPT_LATE:
                return replace(course, transcript_at=call.started_at + self._span(24, 72))
            case Fate.TRANSCRIPT_FIRST:
                return replace(course, transcript_at=call.ended_at)
            case Fate.TRANSCRIPT_NEVER:
                return replace(course, transcript_at=NEVER)
            case Fate.DELETED:
                return replace(course, deleted_at=later)
            case Fate.FLIPPED:
                return replace(course, private_from=later)
            case Fate.RENAMED:
                return replace(course, changes=(Change(later, title=f"{call.title}, renamed"),))
            case Fate.UNSHARED:
                return replace(course, unshared_at=tuple((user.email, later) for user in FATHOM_USERS))
            case Fate.OUT_OF_SIGHT:
                return replace(course, unshared_at=((FATHOM_USERS[1].email, later),))
            case _:
                return course

    def _span(self, least_h: float, most_h: float) -> timedelta:
        return timedelta(seconds=round(3600 * self._chance.uniform(least_h, most_h)))


def _speech(fate: Fate, words: int, seed: int, speakers: tuple[Speaker, ...]) -> Sequence[Utterance]:
    if fate is Fate.SILENT:
        return ()
    if fate is Fate.SHORT:
        return (Utterance(speakers[-1].id, 0.0, 4.0, f"Sorry, wrong number {seed}."),)
    return MadeUpSpeech(seed, words, tuple(speaker.id for speaker in speakers))
