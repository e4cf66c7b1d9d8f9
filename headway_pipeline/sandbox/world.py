"""The calls a sandbox serves: who spoke, what, when, and what becomes of each as time passes.

All dates are aware UTC, offsets seconds from the start.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.keys import FathomUser, GongKey, OAuthApp

__all__ = [
    "ALL_TEAMS",
    "ALWAYS",
    "NEVER",
    "SOURCES",
    "TEAM",
    "Change",
    "Company",
    "Course",
    "SandboxCall",
    "Sharing",
    "Speaker",
    "Speech",
    "Utterance",
    "World",
    "in_turn",
]

#: Where calls may be recorded; each is served by the API of one.
SOURCES = ("gong", "fathom")
#: Moments before and after everything else.
ALWAYS = datetime.min.replace(tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
#: The team everybody is in unless something else is said.
TEAM = "Customer Success"
ALL_TEAMS = "*"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody on a call.

    Attributes:
        id: unique within the call; what utterances refer to.
    """

    id: str
    name: str
    side: Side
    email: str | None = None
    job_title: str | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """One speaker's turn."""

    speaker_id: str
    start_s: float
    end_s: float
    text: str


class Speech(Sequence[Utterance]):
    """Utterances that are made when somebody reads them, so that a world of many long calls stays small."""

    @property
    @abstractmethod
    def duration_s(self) -> float:
        """When the last one ends."""

    @property
    @abstractmethod
    def voices(self) -> frozenset[str]:
        """The ids of those who say anything."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a call becomes at a moment; what is None stays as it was."""

    at: datetime
    title: str | None = None
    speakers: tuple[Speaker, ...] | None = None
    account: str | None = None
    utterances: Sequence[Utterance] | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of a call as time passes.

    Attributes:
        visible_at: when its API first knows it. None: in Gong always, in Fathom once it is created.
        created_at: Fathom's own time of creation. None: three minutes after the call's end.
        transcript_at: when its transcript is there, which may be before `visible_at`; `NEVER` is a moment, too.
            None: in Gong with the call, in Fathom two minutes after its creation.
        private_from: from then on it is its recorder's alone.
        deleted_at: from then on its API knows it no more.
        unshared_at: from when on a Fathom user who saw it does not: (e-mail, moment).
        changes: in order of time.
    """

    visible_at: datetime | None = None
    created_at: datetime | None = None
    transcript_at: datetime | None = None
    private_from: datetime | None = None
    deleted_at: datetime | None = None
    unshared_at: tuple[tuple[str, datetime], ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who sees a Fathom meeting besides its recorder.

    Attributes:
        recorder: e-mail of who recorded it; None: whoever holds the company's own key.
        teams: names of the teams it is shared with; () is none, `ALL_TEAMS` among them every one.
        people: e-mails of those it is shared with by name.
    """

    recorder: str | None = None
    teams: tuple[str, ...] = (TEAM,)
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SandboxCall:
    """One recorded call.

    Attributes:
        id: unique within its company; what the served API turns into its own kind of id.
        title: "" where it has none.
        account: the customer's company, or None.
        language: ISO 639-1, e.g. "en".
        source: which of `SOURCES` recorded it; the other one knows nothing of it.
        is_private: its recorder shares it with nobody.
        course: what becomes of it.
        sharing: who sees it, in Fathom.
        workspace: the name of its Gong workspace; "" is the company's first.
        number: its id as the API writes it, where it must be a certain one.
        is_scheduled: False for a meeting without an event in a calendar, which invited nobody.
        meeting_type: the name of its type in Fathom.
        conference: names the conference, where several recorded the same one.
        length_s: what its API says it lasted, where that is not what was spoken.
    """

    id: str
    title: str
    started_at: datetime
    speakers: tuple[Speaker, ...]
    utterances: Sequence[Utterance]
    language: str = "en"
    account: str | None = None
    source: str = "gong"
    is_private: bool = False
    course: Course = Course()
    sharing: Sharing = Sharing()
    workspace: str = ""
    number: str | None = None
    is_scheduled: bool = True
    meeting_type: str | None = None
    conference: str | None = None
    length_s: float | None = None

    @property
    def scheduled_at(self) -> datetime:
        """When the meeting was to begin: the quarter of an hour before it did."""
        return self.started_at.replace(minute=self.started_at.minute // 15 * 15, second=0, microsecond=0)

    @property
    def ended_at(self) -> datetime:
        """When the last word was said."""
        return self.started_at + timedelta(seconds=self.duration_s)

    @property
    def duration_s(self) -> float:
        """Seconds from the first word to the last, or whatever its API makes of it."""
        if self.length_s is not None:
            return self.length_s
        if isinstance(self.utterances, Speech):
            return self.utterances.duration_s
        return max((utterance.end_s for utterance in self.utterances), default=0.0)

    @property
    def voices(self) -> frozenset[str]:
        """The ids of those who say anything."""
        if isinstance(self.utterances, Speech):
            return self.utterances.voices
        return frozenset(utterance.speaker_id for utterance in self.utterances)

    def at(self, now: datetime) -> Self:
        """The call as it is at a moment."""
        is_private = self.is_private or (self.course.private_from is not None and self.course.private_from <= now)
        fields = {name: value for change in self.course.changes if change.at <= now for name, value in _new(change)}
        return (
            self if is_private == self.is_private and not fields else replace(self, is_private=is_private, **fields)
        )


def _new(change: Change) -> list[tuple[str, Any]]:
    """The fields of a call that a change sets."""
    names = ("title", "speakers", "account", "utterances")
    return [(name, value) for name in names if (value := getattr(change, name)) is not None]


@dataclass(frozen=True, slots=True)
class Company:
    """A vendor whose people hold the calls; it has keys of its own and sees its own calls only.

    Attributes:
        access_key: of its Gong, with `secret_key`; it may use everything and sees every call.
        email_domain: where its people write from.
        api_token: of its Fathom; named after the access key where it is left out. It belongs to an administrator, who
            recorded every meeting that names no recorder.
        workspaces: the names of its Gong workspaces beside the first, which is named like the company.
        gong_keys: further keys of its Gong, which share the company's quota.
        fathom_users: further users of its Fathom, each with a key and a quota.
        oauth: the app that people of this company have connected, in Gong and in Fathom; None: none.
    """

    name: str
    access_key: str
    secret_key: str
    email_domain: str
    calls: tuple[SandboxCall, ...] = ()
    api_token: str = ""
    workspaces: tuple[str, ...] = ()
    gong_keys: tuple[GongKey, ...] = ()
    fathom_users: tuple[FathomUser, ...] = ()
    oauth: OAuthApp | None = None

    def __post_init__(self) -> None:
        if not self.api_token:
            object.__setattr__(self, "api_token", f"{self.access_key.removesuffix('-access-key')}-api-token")

    @property
    def fathom_admin(self) -> FathomUser:
        """Whose key `api_token` is."""
        return FathomUser(f"recordings@{self.email_domain}", self.api_token, f"{self.name} Recordings", is_admin=True)

    def calls_in(self, source: str) -> tuple[SandboxCall, ...]:
        """Its calls that were recorded there."""
        return tuple(call for call in self.calls if call.source == source)


@dataclass(frozen=True, slots=True)
class World:
    """Everything one sandbox serves. It never changes: a changed world is another one, given to the sandbox."""

    companies: tuple[Company, ...] = field(default=())

    def with_calls(self, *calls: SandboxCall, company: str | None = None) -> "World":
        """The world with these calls besides, or instead of those of the same id, in a company (or in the first)."""
        ids = {call.id for call in calls}
        return self._changed(company, lambda kept: (*(call for call in kept if call.id not in ids), *calls))

    def without_calls(self, *call_ids: str, company: str | None = None) -> "World":
        """The world with these calls gone from a company (or from the first), as if they had never been."""
        return self._changed(company, lambda kept: tuple(call for call in kept if call.id not in call_ids))

    def without_person(self, email: str, at: datetime) -> "World":
        """The world in which every call somebody is on is deleted at a moment, as Gong's erasure by e-mail does."""

        def erased(call: SandboxCall) -> SandboxCall:
            if email not in {speaker.email for speaker in call.speakers}:
                return call
            return replace(call, course=replace(call.course, deleted_at=min(at, call.course.deleted_at or NEVER)))

        return World(tuple(replace(one, calls=tuple(map(erased, one.calls))) for one in self.companies))

    def _changed(
        self, name: str | None, change: Callable[[tuple[SandboxCall, ...]], tuple[SandboxCall, ...]]
    ) -> "World":
        wanted = self.companies[0].name if name is None else name
        return World(
            tuple(replace(one, calls=change(one.calls)) if one.name == wanted else one for one in self.companies)
        )


def in_turn(calls: Sequence[SandboxCall]) -> tuple[SandboxCall, ...]:
    """The calls in their order, the first in Gong, the second in Fathom, and so on in turn."""
    return tuple(replace(call, source=SOURCES[number % len(SOURCES)]) for number, call in enumerate(calls))
