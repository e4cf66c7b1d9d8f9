"""Why calls stand where they stand, counted."""

import uuid
from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa

from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import IN_PIECES
from headway_pipeline.store.tables import messages

__all__ = ["ReasonCount", "reasons_of"]

MOST_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Calls of one source that share a state and the code of their reason.

    Attributes:
        examples: what is said of some of them, first what is said of most; at most three.
    """

    source: str
    state: MessageState
    reason: ReasonCode
    calls: int
    examples: tuple[str, ...]


def reasons_of(database: Database, workspace_id: uuid.UUID) -> list[ReasonCount]:
    """Calls that have a reason for where they stand, by source, state and code.

    Words of a reason name what is peculiar to a call: there may be as many as there are calls.
    """
    table = messages.c
    alike = (table.source, table.state, table.reason)
    query = sa.select(*alike, sa.func.count()).where(table.workspace_id == workspace_id, table.reason.is_not(None))
    found: dict[tuple[str, MessageState, ReasonCode], list[tuple[int, str]]] = defaultdict(list)
    with database.reading() as connection:
        for source, state, stored, calls in connection.execute(query.group_by(*alike), execution_options=IN_PIECES):
            if reason := Reason.parse(stored):
                found[source, MessageState(state), reason.code].append((calls, reason.words))
    return [
        ReasonCount(source, state, code, sum(calls for calls, _ in said), _examples(said))
        for (source, state, code), said in sorted(found.items())
    ]


def _examples(said: list[tuple[int, str]]) -> tuple[str, ...]:
    ordered = sorted(said, key=lambda one: (-one[0], one[1]))
    return tuple(words for _, words in ordered[:MOST_EXAMPLES])
