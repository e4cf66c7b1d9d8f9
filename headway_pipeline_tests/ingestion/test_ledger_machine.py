"""Whatever sources do, in whatever order: no call is lost or doubled, and nothing is left of what must not be there.

A state machine changes what two overlapping keys of a scripted source see, lets time pass, lets requests fail and
runs be killed between two commits, and runs the whole chain. At the end the ledger is held against the truth.
"""

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.hydration import GIVE_UP_AFTER, fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.ingestion.run import Part
from headway_pipeline.model.calls import MIN_SPEECH_CHARS, Call
from headway_pipeline.model.errors import (
    BadCredentialsError,
    CursorExpiredError,
    RateLimitedError,
    SourceContractError,
    SourceError,
    TransientSourceError,
)
from headway_pipeline.model.ledger import MessageState, Presence
from headway_pipeline.model.windows import day_start, days_between
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sources.contract import Absence
from headway_pipeline.store import Missing, Store, open_store
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline_tests.conftest import TEST_KEY
from headway_pipeline_tests.databases import Postgres
from headway_pipeline_tests.ingestion.fakes import AT, NOW, SPEECH, KilledError, bench, killed_after

STAGES = (list_calls, fetch_transcripts, score_relevance, extract_features, file_features)
KEYS = ("t", "u")
FIRST_DAY = (NOW - timedelta(days=4)).date()
#: Calls that never change and that both keys see: without them every loss would be doubted.
STEADY = 8
OFF_TOPIC = "We only spoke about the weather and about holidays in the mountains, which was nice. " * 4
PURGED = "messages.state IN ('private', 'forbidden', 'deleted')"
#: Every table that holds words of a call, or what was made of them.
DERIVED = ("transcripts", "relevance_scores", "extracted_features", "evidence", "features", "model_answers")
NAMED = sa.text(f"SELECT count(*) FROM messages WHERE title IS NOT NULL AND {PURGED}")
LEFT = [
    sa.text(f"SELECT count(*) FROM {name} JOIN messages ON messages.id = {name}.message_id WHERE {PURGED}")
    for name in DERIVED
]
EXAMPLES, STEPS = 12, 10
ERRORS: list[SourceError] = [
    TransientSourceError("reset", at=AT),
    RateLimitedError("slow down", at=AT, retry_after_s=20),
    RateLimitedError("the day is spent", at=AT, retry_after_s=7200),
    CursorExpiredError("expired", at=AT),
    BadCredentialsError("401", at=AT),
    SourceContractError("odd", at=AT),
]


@dataclass
class Truth:
    """A call as it is at the source.

    Attributes:
        words: None while there is no transcript.
        came_unnoticed: its transcript came without any change of the call.
        is_late: after a change its transcript is not there for now.
    """

    id: str
    occurred_at: datetime
    keys: set[str]
    words: str | None = SPEECH
    is_private: bool = False
    is_refused: bool = False
    exists: bool = True
    version: int = 1
    came_unnoticed: bool = False
    is_late: bool = False

    @property
    def is_seen(self) -> bool:
        return self.exists and bool(self.keys)

    def as_call(self) -> Call:
        if self.is_private:
            return Call("fake", self.id, day_start(self.occurred_at.date()), is_private=True)
        return Call("fake", self.id, self.occurred_at, title=f"Call {self.id}", content_hash=f"v{self.version}")


class LedgerMachine(RuleBasedStateMachine):
    """Two keys of one source, and what they see."""

    #: Where the store is; set by the test.
    open_empty: Callable[[], Store]

    @initialize(can_tell=st.booleans())
    def begin(self, can_tell: bool) -> None:
        self.store = type(self).open_empty()
        self.at = bench(self.store)
        second = Credentials({"api_token": "u"})
        self.store.connectors.add(self.at.workspace.id, "fake", name="second", credentials=second)
        self.at.script.page_size = 3
        self.can_tell = can_tell
        self.numbers = itertools.count()
        self.truths = [Truth(f"steady-{n}", NOW - timedelta(hours=11 * n), {"t", "u"}) for n in range(STEADY)]
        for keys, words in (("t", SPEECH), ("u", OFF_TOPIC), ("tu", SPEECH), ("tu", None)):
            number = next(self.numbers)
            self.truths.append(Truth(f"c{number}", NOW - timedelta(hours=26 * number), set(keys), words))
        self.is_sound = True

    def teardown(self) -> None:
        """Whatever happened, the end is quiet."""
        if hasattr(self, "store"):
            if self.is_sound:
                self.all_is_quiet()
            self.store.close()

    def publish(self) -> None:
        """Make the script what the truth is."""
        script = self.at.script
        seen = [truth for truth in self.truths if truth.is_seen]
        script.calls = [truth.as_call() for truth in seen]
        script.hidden = {key: {truth.id for truth in seen if key not in truth.keys} for key in KEYS}
        script.speech = {truth.id: truth.words for truth in seen if truth.words is not None}
        script.absent = {truth.id: Absence.NOT_READY for truth in seen if truth.words is None or truth.is_late}
        script.absent |= {truth.id: Absence.FORBIDDEN for truth in seen if truth.is_refused}
        script.presence = {}
        if self.can_tell:
            there = (Presence.GONE, Presence.PRESENT)
            script.presence = {truth.id: there[truth.is_seen] for truth in self.truths}

    def pick(self, data: st.DataObject, fits: Callable[[Truth], bool]) -> Truth | None:
        fitting = [truth for truth in self.truths if not truth.id.startswith("steady") and fits(truth)]
        return data.draw(st.sampled_from(fitting)) if fitting else None

    # What happens at the source.

    def a_call_appears(self, data: st.DataObject) -> None:
        """On whatever day: late calls come behind those that are known."""
        hours_ago = data.draw(st.integers(1, 90))
        self.truths.append(
            Truth(
                f"c{next(self.numbers)}",
                max(self.at.clock.now - timedelta(hours=hours_ago), day_start(FIRST_DAY)),
                set(data.draw(st.sampled_from(["t", "u", "tu"]))),
                data.draw(st.sampled_from([SPEECH, SPEECH, OFF_TOPIC, "Wrong number.", None])),
                data.draw(st.sampled_from([False, False, False, True])),
                data.draw(st.sampled_from([False, False, False, True])),
            )
        )

    def its_words_come_or_change(self, data: st.DataObject) -> None:
        truth = self.pick(data, lambda truth: truth.is_seen)
        if truth:
            truth.words = data.draw(st.sampled_from([SPEECH, SPEECH + " And the import, too.", OFF_TOPIC, "Bye."]))
            self.change(truth)

    def its_new_words_are_late(self, data: st.DataObject) -> None:
        truth = self.pick(data, lambda truth: truth.is_seen and truth.words is not None)
        if truth:
            self.change(truth)
            truth.is_late = True

    def late_words_come_without_any_sign(self, data: st.DataObject) -> None:
        truth = self.pick(data, lambda truth: truth.words is None or truth.is_late)
        if truth:
            truth.came_unnoticed = truth.words is None
            truth.words, truth.is_late = truth.words or SPEECH, False

    def a_call_moves_to_another_day(self, data: st.DataObject) -> None:
        truth = self.pick(data, lambda truth: truth.is_seen and not truth.is_private)
        if truth:
            moved = truth.occurred_at + timedelta(hours=data.draw(st.integers(-60, 60)))
            truth.occurred_at = min(max(moved, day_start(FIRST_DAY)), self.at.clock.now - timedelta(minutes=5))
            self.change(truth)

    def a_call_turns_private_or_public(self, data: st.DataObject) -> None:
        truth = self.pick(data, lambda truth: truth.is_seen)
        if truth:
            truth.is_private = not truth.is_private

    def a_call_is_deleted_or_restored(self, data: st.DataObject) -> None:
        truth = self.pick(data, lambda _truth: True)
        if truth:
            truth.exists = not truth.exists

    def a_call_is_shared_or_not(self, data: st.DataObject) -> None:
        truth = self.pick(data, lambda _truth: True)
        if truth:
            truth.keys ^= {data.draw(st.sampled_from(KEYS))}

    def change(self, truth: Truth) -> None:
        truth.version += 1
        truth.came_unnoticed = truth.is_late = False

    THINGS = (
        a_call_appears,
        a_call_appears,
        its_words_come_or_change,
        its_new_words_are_late,
        late_words_come_without_any_sign,
        a_call_moves_to_another_day,
        a_call_turns_private_or_public,
        a_call_is_deleted_or_restored,
        a_call_is_shared_or_not,
    )

    # What the pipeline does.

    @rule(
        data=st.data(),
        things=st.lists(st.sampled_from(range(9)), min_size=2, max_size=6),
        days_back=st.sampled_from([0, 2, 60]),
        hours=st.sampled_from([0, 0, 1, 7, 26]),
        failure=st.sampled_from(["none", "none", "list", "hydrate", "look", "shift", "kill"]),
        number=st.integers(1, 9),
    )
    def things_happen_and_then_a_run(
        self, data: st.DataObject, things: list[int], days_back: int, hours: int, failure: str, number: int
    ) -> None:
        self.is_sound = False
        for thing in things:
            self.THINGS[thing](self, data)
        self.publish()
        self.at.pass_by(hours=hours, minutes=1)
        with self.failing(data, failure, number) as commits, suppress(KilledError), killed_after(self.store, commits):
            self.chain(days_back)
        self.is_sound = True

    def all_is_quiet(self) -> None:
        """No request fails any more, and every wait is over: the ledger says what the source says."""
        self.is_sound = False
        self.settle()
        states = self.at.states
        missing = {row.external_id: row for row in self.store.missing.list(self.at.workspace.id)}
        for truth in self.truths:
            assert truth.id in states or not truth.is_seen, f"lost: {truth}"
            if truth.id in states:
                assert states[truth.id] in self.expected(truth, missing.get(truth.id)), truth
        assert all(row.held_at is not None for row in missing.values()), "nothing is left to look for"
        self.a_run_that_finds_nothing_new_changes_nothing()
        self.is_sound = True

    def a_run_that_finds_nothing_new_changes_nothing(self) -> None:
        before, asked = self.contents(), len(self.at.analyst.asked)
        self.at.pass_by(minutes=1)
        self.chain()
        assert self.contents() == before
        assert len(self.at.analyst.asked) == asked

    def expected(self, truth: Truth, missing: Missing | None) -> set[str]:
        if not truth.is_seen:
            # What is held back stays as it was, and the check says so.
            is_held = missing is not None and missing.held_at is not None
            return {*map(str, MessageState)} - {"deleted"} if is_held else {"deleted"}
        if truth.is_private:
            return {"private"}
        if truth.is_refused:
            return {"forbidden"}
        if truth.is_late:
            # What was known before stands; what was not, is awaited.
            return {"awaiting_transcript", "no_transcript", "too_short", "analysed", "not_relevant"}
        given_up = {"no_transcript"} if truth.came_unnoticed else set()
        if truth.words is None:
            age = self.at.clock.now - truth.occurred_at
            return {"no_transcript" if age > GIVE_UP_AFTER else "awaiting_transcript"}
        if len(truth.words) < MIN_SPEECH_CHARS:
            return {"too_short"} | given_up
        return {"analysed" if truth.words.startswith(SPEECH) else "not_relevant"} | given_up

    def settle(self) -> None:
        """Run until nothing waits for a time any more."""
        self.publish()
        for _time in range(3):
            self.at.pass_by(hours=30)
            self.chain()

    def chain(self, days_back: int = 60) -> None:
        today = self.at.clock.now.date()
        part = Part(self.at.workspace, days_between(max(FIRST_DAY, today - timedelta(days=days_back)), today))
        with self.store.leases.hold(self.at.workspace.id, self.at.run.id) as lease:
            for stage in STAGES:
                stage(self.at.run, part, lease)

    @contextmanager
    def failing(self, data: st.DataObject, failure: str, number: int) -> Iterator[int]:
        """Let a request fail in some way, or a page shift; yields after how many commits the run is killed."""
        script = self.at.script
        made = {"list": len(script.listed), "hydrate": len(script.hydrated), "look": len(script.looked_up)}
        if failure in made:
            error = data.draw(st.sampled_from(ERRORS))
            until = data.draw(st.sampled_from([1, 2, 100]))

            def fail(request: int) -> None:
                if number <= request - made[failure] < number + until:
                    raise error

            setattr(script, f"before_{failure}", fail)
        elif failure == "shift":
            hidden = {key: set(ids) for key, ids in script.hidden.items()}

            def shift(request: int) -> None:
                # A call goes while pages are walked: the first of the next page is skipped.
                if request - made["list"] == number + 1 and script.calls:
                    script.hidden = {key: {*ids, script.calls[0].external_id} for key, ids in hidden.items()}

            script.before_list = shift
        try:
            yield number * 3 if failure == "kill" else -1
        finally:
            for name in made:
                setattr(script, f"before_{name}", lambda _number: None)

    def contents(self) -> dict[str, list[Any]]:
        with self.store.database.reading() as connection:
            return {
                name: sorted(map(str, connection.execute(sa.text(f"SELECT * FROM {name}")).all()))
                for name in ("messages", *DERIVED)
            }

    # What holds at any time.

    @invariant()
    def every_call_is_one_row(self) -> None:
        if hasattr(self, "store"):
            ids = [row["external_id"] for row in self.store.reading.messages(self.at.workspace.id)]
            assert len(ids) == len(set(ids))
            assert set(ids) <= {truth.id for truth in self.truths}

    @invariant()
    def nothing_is_left_of_what_was_purged(self) -> None:
        if hasattr(self, "store"):
            with self.store.database.reading() as connection:
                for query in (NAMED, *LEFT):
                    assert connection.execute(query).scalar_one() == 0, query

    @invariant()
    def the_ledger_balances(self) -> None:
        if hasattr(self, "store"):
            self.is_sound = self.store.audit.unbalanced_listings(self.at.workspace.id, None) == []
            assert self.is_sound, self.store.audit.unbalanced_listings(self.at.workspace.id, None)
            assert self.store.audit.unexplained_messages(self.at.workspace.id, None) == []


def check(opening: Callable[[], Store], **how: Any) -> None:
    machine = type("Machine", (LedgerMachine,), {"open_empty": staticmethod(opening)})
    quietly = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine,
        # Without shrinking: a failure is told at once, and its steps are few.
        settings=settings(
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=quietly,
            **how,
        ),
    )


def test_no_call_is_lost_doubled_or_kept_whatever_the_source_does(tmp_path: Path, sqlite_template: Path) -> None:
    numbers = itertools.count()

    def opening() -> Store:
        path = tmp_path / f"{next(numbers)}.db"
        shutil.copy(sqlite_template, path)
        return open_store(f"sqlite:///{path}", sealing=lambda: CredentialSealer([TEST_KEY]))

    check(opening, max_examples=EXAMPLES, stateful_step_count=STEPS)


def test_the_same_holds_on_postgresql(postgres: Postgres, postgres_template: str) -> None:
    made: list[str] = []

    def opening() -> Store:
        made.append(postgres.create(template=postgres_template))
        return open_store(made[-1], sealing=lambda: CredentialSealer([TEST_KEY]))

    check(opening, max_examples=3, stateful_step_count=6)
    for url in made:
        postgres.drop(url)
