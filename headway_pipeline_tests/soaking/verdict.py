"""The ledger, and every table beside it, against what the oracle says must be there."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from headway_pipeline.analysis.extraction import extract
from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.model.features import themes_hash
from headway_pipeline.model.filters import MessageFilter
from headway_pipeline.model.ledger import MessageState
from headway_pipeline.sandbox.exchange import Logged
from headway_pipeline.sandbox.oracle import Expectation, expectations
from headway_pipeline.sandbox.request_log import requests_inside_retry_after
from headway_pipeline.sandbox.soak import FATHOM_USERS
from headway_pipeline.store.tables import METADATA, evidence, extracted_features, messages
from headway_pipeline_tests.soaking.setting import Setting

__all__ = ["Verdict", "falsely_gone", "judge"]

_S = MessageState
PURGED = (_S.PRIVATE, _S.FORBIDDEN, _S.DELETED)
#: On the way: once it is quiet nothing is left there.
UNFINISHED = (_S.LISTED, _S.TRANSCRIBED, _S.QUARANTINED)
#: What a message holds of its call beside its id, its day and its state.
CONTENT = ("title", "duration_s", "url", "language", "account")
#: May name a message that was purged: they hold none of its words.
BARE_TABLES = ("sightings", "missing_calls", "erased_calls")
#: By this the made-up speech names its call.
NAMED = re.compile(r"(?:call|wrong) number (\d{7})\b")
EMPTY = ("", "{}", "[]", "null", None)


@dataclass(frozen=True, slots=True)
class Row:
    """A message as it stands."""

    id: UUID
    source: str
    external_id: str
    title: str | None
    state: MessageState
    filed_themes_hash: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is not as it must be, by kind, each in words; and how the ledger stands.

    Attributes:
        counts: messages by source and state.
    """

    violations: dict[str, list[str]]
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def is_clean(self) -> bool:
        """Whether everything is as it must be."""
        return not any(self.violations.values())

    def __str__(self) -> str:
        lines = [f"{kind}: {len(found)}" + "".join(f"\n    {one}" for one in found[:5]) for kind, found in self]
        return "\n".join(lines) or "nothing is amiss"

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        return ((kind, found) for kind, found in self.violations.items() if found)


def judge(setting: Setting, log: tuple[Logged, ...] | None = None) -> Verdict:
    """Hold everything against the oracle, at the present of the setting.

    Args:
        setting: quiet: runs change nothing any more.
        log: requests to look for some inside a Retry-After; None: all of the sandbox's.
    """
    return _Judge(setting).judge(setting.sandbox.requests if log is None else log)


def falsely_gone(setting: Setting) -> list[str]:
    """The calls that the ledger takes for deleted though their source shows them; no run may ever believe that."""
    expected = expectations(setting.soak.company, setting.clock(), FATHOM_USERS)
    rows = setting.store.reading.messages(setting.workspace.id, MessageFilter(states=(_S.DELETED,)))
    keys = [(row["source"], row["external_id"]) for row in rows]
    return [f"{key} at {setting.clock()}" for key in keys if _S.DELETED not in expected[key].states]


class _Judge:
    """One look at a database."""

    def __init__(self, setting: Setting) -> None:
        self.store = setting.store
        self.workspace_id = setting.workspace.id
        self.expected = expectations(setting.soak.company, setting.clock(), FATHOM_USERS)
        self.rows = list(self._rows())
        self.found: dict[str, list[str]] = defaultdict(list)

    def judge(self, log: tuple[Logged, ...]) -> Verdict:
        self.calls()
        self.readings()
        self.leftovers()
        self.words()
        audit = self.store.audit
        self.found["the ledger does not balance"] += map(str, audit.unbalanced_listings(self.workspace_id, None))
        self.found["no reason given"] += map(str, audit.unexplained_messages(self.workspace_id, None))
        self.found["false quotes"] += map(str, audit.evidence(self.workspace_id, None).unverbatim)
        self.found["not filed"] += map(str, audit.unfiled_features(self.workspace_id, None))
        inside = requests_inside_retry_after(log)
        self.found["asked inside a Retry-After"] += [f"{one.caller}, {one.at}, {one.path}" for one in inside]
        return Verdict(dict(self.found), Counter((row.source, row.state.value) for row in self.rows))

    def _rows(self) -> Iterator[Row]:
        columns = [messages.c[name] for name in Row.__slots__]
        with self.store.database.reading() as connection:
            for row in connection.execute(sa.select(*columns)).mappings():
                yield Row(**{**row, "state": MessageState(row["state"])})

    def calls(self) -> None:
        """Exactly the calls that must be there, each once, each in a state it may be in."""
        held = {(row.source, row.external_id): row for row in self.rows}
        times = Counter((row.source, row.external_id) for row in self.rows)
        self.found["duplicated"] += [f"{key} stands {n} times" for key, n in times.items() if n > 1]
        self.found["unknown"] += [str(key) for key in held.keys() - self.expected.keys()]
        for key, expected in self.expected.items():
            row = held.get(key)
            if not expected.is_met_by(row.state if row else None):
                kind = "lost" if row is None else "must not be there" if not expected.states else "in a wrong state"
                self.found[kind].append(f"{key} is {row and row.state.value}, not {_named(expected)}")
            elif row is not None and row.state in UNFINISHED:
                self.found["unfinished"].append(f"{key} is {row.state.value}")
            elif row is not None and row.state not in PURGED and row.title != expected.call.title:
                self.found["out of date"].append(f"{key} is called {row.title!r}, not {expected.call.title!r}")

    def readings(self) -> None:
        """What was said stands word for word, and from it exactly what the analyst finds, once."""
        kept = self._kept_features()
        current = themes_hash(self.store.themes.current(self.workspace_id))
        for row in self.rows:
            made: list[Any] = []
            expected = self.expected.get((row.source, row.external_id))
            if row.state in (_S.ANALYSED, _S.NOT_RELEVANT) and expected is not None:
                transcript = self.store.transcripts.get(self.workspace_id, row.id)
                if _spoken(transcript.segments) != _spoken(expected.call.utterances):
                    self.found["other words"].append(f"{row.source} {row.external_id}")
                if row.state is _S.ANALYSED:
                    items = extract(OfflineAnalyst(), transcript).items
                    made = [(item.type.value, item.title, *sorted(e.quote for e in item.evidence)) for item in items]
                    if row.filed_themes_hash != current:
                        self.found["not filed"].append(f"{row.source} {row.external_id}")
            if sorted(made) != sorted(kept[row.id]):
                words = f"{row.source} {row.external_id}: {len(kept[row.id])}, not {len(made)}"
                self.found["other features than a reading gives"].append(words)

    def _kept_features(self) -> dict[UUID, list[tuple[str, ...]]]:
        item = extracted_features.c
        query = sa.select(item.id, item.message_id, item.type, item.title, evidence.c.quote).join(
            evidence, evidence.c.extracted_feature_id == item.id
        )
        quotes: dict[tuple[Any, ...], list[str]] = defaultdict(list)
        with self.store.database.reading() as connection:
            for row in connection.execute(query):
                quotes[row.message_id, row.id, row.type, row.title].append(row.quote)
        kept: dict[UUID, list[tuple[str, ...]]] = defaultdict(list)
        for (message_id, _id, kind, title), said in quotes.items():
            kept[message_id].append((kind, title, *sorted(said)))
        return kept

    def leftovers(self) -> None:
        """Nothing but id, day and state is kept of what is private or gone."""
        purged = sa.select(messages.c.id).where(messages.c.state.in_([state.value for state in PURGED]))
        with self.store.database.reading() as connection:
            for table in METADATA.sorted_tables:
                if "message_id" in table.c and table.name not in BARE_TABLES:
                    query = sa.select(sa.func.count()).where(table.c.message_id.in_(purged))
                    if number := connection.execute(query).scalar_one():
                        self.found["kept of purged calls"].append(f"{number} rows of {table.name}")
            for row in connection.execute(sa.select(messages).where(messages.c.id.in_(purged))).mappings():
                full = [name for name in CONTENT if row[name] not in EMPTY]
                full += [name for name in ("participants", "raw", "metadata") if row[name]]
                if full:
                    self.found["kept of purged calls"].append(f"{row['external_id']}: {', '.join(full)}")

    def words(self) -> None:
        """No table holds anything that was said on a call of which no words may be held."""
        held: dict[str, set[str]] = defaultdict(set)
        with self.store.database.reading() as connection:
            for table in METADATA.sorted_tables:
                for row in connection.execute(sa.select(table)):
                    for number in NAMED.findall(str(tuple(row))):
                        held[number].add(table.name)
        for (source, external_id), expected in self.expected.items():
            spoken = NAMED.search(_spoken(expected.call.utterances[:1])) if expected.call.utterances else None
            if spoken and not expected.holds_words and held[spoken[1]]:
                where = ", ".join(sorted(held[spoken[1]]))
                self.found["words that must not be there"].append(f"{source} {external_id} in {where}")


def _spoken(turns: Any) -> str:
    return " ".join(" ".join(turn.text for turn in turns).split())


def _named(expected: Expectation) -> str:
    return " or ".join(sorted(state.value for state in expected.states)) or "absent"
