"""Who appears on which call, as far as what is stored tells; for erasure."""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headway_pipeline.model.erasure import Erased
from headway_pipeline.model.errors import UnknownThingError
from headway_pipeline.store.engine import Database
from headway_pipeline.store.tables import messages, transcripts
from headway_pipeline.store.workspaces import as_uuid

__all__ = ["Appearance", "TracedCall", "Traces"]

#: How many calls' transcripts are in memory at once.
CALLS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class TracedCall:
    """A call by what may be said of it in a receipt."""

    id: uuid.UUID
    source: str
    external_id: str
    occurred_at: datetime
    is_erased: bool


@dataclass(frozen=True, slots=True)
class Appearance:
    """Who is on a call: its participants as stored, and the names over its turns."""

    call: TracedCall
    participants: Sequence[Mapping[str, Any]]
    speakers: frozenset[str]


class Traces:
    """Finds the calls that a person is on, is named on, or that somebody names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def appearances(self, workspace_id: uuid.UUID) -> Iterator[Appearance]:
        """Who is on each call that is not erased, a few calls in memory at a time."""
        query = sa.select(messages, transcripts.c.segments).outerjoin(
            transcripts, transcripts.c.message_id == messages.c.id
        )
        for row in self._in_chunks(workspace_id, query):
            speakers = {segment["speaker"] for segment in row["segments"] or () if segment["speaker"]}
            yield Appearance(_traced(row), row["participants"], frozenset(speakers))

    def naming(self, workspace_id: uuid.UUID, erased: Erased) -> Iterator[TracedCall]:
        """Calls whose records name these people anywhere but in what was said."""
        for row in self._in_chunks(workspace_id, sa.select(messages)):
            if erased.are_named([row["participants"], row["raw"], row["metadata"], row["title"], row["account"]]):
                yield _traced(row)

    def mentioning(self, workspace_id: uuid.UUID, pattern: re.Pattern[str]) -> Iterator[TracedCall]:
        """Calls in whose title or speech a pattern of case-folded text is found."""
        query = sa.select(messages, transcripts.c.segments).outerjoin(
            transcripts, transcripts.c.message_id == messages.c.id
        )
        for row in self._in_chunks(workspace_id, query):
            texts = [row["title"] or "", *(segment["text"] for segment in row["segments"] or ())]
            if any(pattern.search(text.casefold()) for text in texts):
                yield _traced(row)

    def _in_chunks(self, workspace_id: uuid.UUID, query: sa.Select[Any]) -> Iterator[Mapping[Any, Any]]:
        query = query.where(messages.c.workspace_id == workspace_id, messages.c.erased_at.is_(None))
        query = query.order_by(messages.c.id).limit(CALLS_AT_ONCE)
        after: uuid.UUID | None = None
        while True:
            page = query if after is None else query.where(messages.c.id > after)
            with self._database.reading() as connection:
                rows = connection.execute(page).mappings().all()
            yield from rows
            if len(rows) < CALLS_AT_ONCE:
                return
            after = rows[-1]["id"]

    def find_call(self, workspace_id: uuid.UUID, named: str) -> TracedCall:
        """By id or as `source:external_id`.

        Raises:
            UnknownThingError: there is none.
        """
        key = as_uuid(named)
        source, _, external_id = named.partition(":")
        by_key = sa.and_(messages.c.source == source, messages.c.external_id == external_id)
        query = sa.select(messages).where(
            messages.c.workspace_id == workspace_id, by_key if key is None else messages.c.id == key
        )
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise UnknownThingError(
                f"there is no call {named!r} in this workspace",
                "name it by its id, or as SOURCE:ID as `headway messages` lists them, e.g. gong:7782342",
            )
        return _traced(row)


def _traced(row: Mapping[Any, Any]) -> TracedCall:
    return TracedCall(
        row["id"], row["source"], row["external_id"], row["occurred_at"], is_erased=row["erased_at"] is not None
    )
