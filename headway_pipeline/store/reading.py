"""What people read: messages, features, the inbox and the state of it all. No lease, no writes."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import date
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa

from headway_pipeline.model.errors import UnknownThingError
from headway_pipeline.model.filters import Decided, FeatureFilter, MessageFilter, Page, PageKey, Place
from headway_pipeline.model.labels import DecidedCall
from headway_pipeline.model.ledger import ENDED_REASONS, Reason
from headway_pipeline.store.balances import Balances, ConnectorBalance
from headway_pipeline.store.connectors import Connectors
from headway_pipeline.store.engine import Database
from headway_pipeline.store.feature_rows import FoundFeature, feature_id, feature_page
from headway_pipeline.store.labels import decided_calls
from headway_pipeline.store.message_rows import MessageRow, ShownTranscript, message_page, transcript_of
from headway_pipeline.store.messages import Messages
from headway_pipeline.store.summaries import AccountCounts, FeatureSummary, accounts_of, summary_of
from headway_pipeline.store.tables import messages, model_answers

__all__ = ["Reading"]

Row = TypeVar("Row")

NOTHING_YET = ConnectorBalance(None, None, 0, 0)
#: Rows of a listing that are in memory at once.
ROWS_AT_ONCE = 200
MOST_ACCOUNTS = 200
ALL_MESSAGES = MessageFilter()
EVERYTHING = FeatureFilter()
DISMISSED = FeatureFilter(decided=Decided.DISMISS)


class Reading:
    """Listings of one workspace."""

    def __init__(self, database: Database, standing: Messages, connectors: Connectors, balances: Balances) -> None:
        self._database = database
        self._balances = balances
        self._standing = standing
        self._connectors = connectors

    def message_page(
        self, workspace_id: uuid.UUID, where: MessageFilter, *, after: PageKey | None = None, limit: int
    ) -> Page[MessageRow]:
        """Calls, newest first, from after `after` on."""
        return message_page(self._database, workspace_id, where, after=after, limit=limit)

    def every_message(self, workspace_id: uuid.UUID, where: MessageFilter = ALL_MESSAGES) -> Iterator[MessageRow]:
        """All of them in the same order, a page in memory at a time."""
        return _all_of(partial(self.message_page, workspace_id, where))

    def messages(
        self, workspace_id: uuid.UUID, where: MessageFilter = ALL_MESSAGES, *, limit: int | None = None
    ) -> list[MessageRow]:
        """The newest `limit` calls, or all."""
        return list(islice(self.every_message(workspace_id, where), limit))

    def message(self, workspace_id: uuid.UUID, message_id: uuid.UUID) -> MessageRow:
        """One call.

        Raises:
            UnknownThingError: the workspace has none of that id.
        """
        found = message_page(self._database, workspace_id, ALL_MESSAGES, only=message_id, limit=1).rows
        if not found:
            raise UnknownThingError(f"there is no message {message_id}", "list them with `headway messages`")
        return found[0]

    def transcript(self, workspace_id: uuid.UUID, message_id: uuid.UUID) -> ShownTranscript:
        """What was said on a call.

        Raises:
            UnknownThingError: the workspace has no such call, or there are no words of it; says which.
        """
        found = transcript_of(self._database, workspace_id, message_id)
        if found is None:
            state = self.message(workspace_id, message_id)["state"].replace("_", " ")
            raise UnknownThingError(
                f"there is no transcript of message {message_id}", f"it is {state}; its reason says what to expect"
            )
        return found

    def feature_page(
        self, workspace_id: uuid.UUID, where: FeatureFilter, *, after: PageKey | None = None, limit: int
    ) -> Page[FoundFeature]:
        """Extracted features, newest call first, from after `after` on."""
        return feature_page(self._database, workspace_id, where, after=after, limit=limit)

    def every_feature(self, workspace_id: uuid.UUID, where: FeatureFilter) -> Iterator[FoundFeature]:
        """All of them in the same order, a page in memory at a time."""
        return _all_of(partial(self.feature_page, workspace_id, where))

    def features(
        self, workspace_id: uuid.UUID, where: FeatureFilter = EVERYTHING, *, limit: int | None = None
    ) -> list[FoundFeature]:
        """What stands under a theme, newest call first."""
        themed = replace(where, place=Place.THEME)
        return list(islice(self.every_feature(workspace_id, themed), limit))

    def inbox(
        self, workspace_id: uuid.UUID, where: FeatureFilter = EVERYTHING, *, limit: int | None = None
    ) -> list[FoundFeature]:
        """What stands under no theme, newest call first."""
        unfiled = replace(where, place=Place.INBOX)
        return list(islice(self.every_feature(workspace_id, unfiled), limit))

    def feature(self, workspace_id: uuid.UUID, item_id: uuid.UUID) -> FoundFeature:
        """One extracted feature, wherever it stands, dismissed or not.

        Raises:
            UnknownThingError: the workspace has none of that id.
        """
        for where in (EVERYTHING, DISMISSED):
            found = feature_page(self._database, workspace_id, where, only=item_id, limit=1).rows
            if found:
                return found[0]
        raise UnknownThingError(f"there is no feature {item_id}", "list them with `headway features --format json`")

    def summary(self, workspace_id: uuid.UUID, where: FeatureFilter = EVERYTHING) -> FeatureSummary:
        """Counts of what `where` asks for."""
        return summary_of(self._database, workspace_id, where)

    def accounts(
        self, workspace_id: uuid.UUID, where: FeatureFilter = EVERYTHING, *, limit: int = MOST_ACCOUNTS
    ) -> list[AccountCounts]:
        """The accounts that most of it comes from."""
        return accounts_of(self._database, workspace_id, where, limit=limit)

    def decided_calls(self, workspace_id: uuid.UUID) -> Iterator[DecidedCall]:
        """Calls with what people decided about them, a call in memory at a time."""
        return decided_calls(self._database, workspace_id)

    def feature_id(self, workspace_id: uuid.UUID, beginning: str) -> uuid.UUID:
        """The one extracted feature whose id begins so.

        Raises:
            UnknownThingError: there is none.
            InputError: there are several, or it is no beginning of an id.
        """
        return feature_id(self._database, workspace_id, beginning)

    def first_day(self, workspace_id: uuid.UUID) -> date | None:
        """The UTC day of the workspace's oldest call, or None."""
        oldest = sa.select(sa.func.min(messages.c.occurred_at)).where(messages.c.workspace_id == workspace_id)
        with self._database.reading() as connection:
            occurred_at = connection.execute(oldest).scalar()
        return occurred_at.date() if occurred_at else None

    def status(self, workspace_id: uuid.UUID) -> dict[str, Any]:
        """Ledger by source and state, what waits and why, connectors' health and completeness, lag, models' cost."""
        newest = sa.select(sa.func.max(messages.c.occurred_at)).where(messages.c.workspace_id == workspace_id)
        with self._database.reading() as connection:
            newest_call_at = connection.execute(newest).scalar()
            model = connection.execute(_cost(workspace_id)).mappings().one()
        connectors = self._connectors.list(workspace_id)
        complete = self._balances.of_connectors(workspace_id)
        return {
            "ledger": [
                {"source": source, "state": state.value, "calls": number}
                for source, states in self._standing.counts(workspace_id).items()
                for state, number in states.items()
            ],
            "waiting": self._waiting(workspace_id),
            "connectors": [
                {
                    "name": connector.name,
                    "connector_type": connector.connector_type,
                    "health": connector.health.value,
                    "health_words": connector.health_words,
                    "advice": connector.advice,
                    "last_error": connector.last_error,
                    "last_ok_at": connector.last_ok_at,
                    "resume_at": connector.resume_at,
                    **asdict(complete.get(connector.id, NOTHING_YET)),
                }
                for connector in connectors
            ],
            "lag": {
                "newest_call_at": newest_call_at,
                "last_ok_at": min((found.last_ok_at for found in connectors if found.last_ok_at), default=None),
            },
            "model": dict(model),
        }

    def _waiting(self, workspace_id: uuid.UUID) -> list[dict[str, Any]]:
        found: dict[tuple[str, str, str], int] = {}
        for waiting in self._standing.waiting(workspace_id):
            code = waiting.reason.code
            # A model has other words for every call that is about nothing: thousands of lines, one call each.
            reason = Reason(code, ENDED_REASONS[code]) if code in ENDED_REASONS else waiting.reason
            key = (waiting.source, waiting.state.value, str(reason))
            found[key] = found.get(key, 0) + waiting.count
        return [
            {"source": source, "state": state, "reason": reason, "calls": number}
            for (source, state, reason), number in sorted(found.items())
        ]


def _all_of(page: Callable[..., Page[Row]]) -> Iterator[Row]:
    after: PageKey | None = None
    while True:
        found = page(after=after, limit=ROWS_AT_ONCE)
        yield from found.rows
        after = found.next
        if after is None:
            return


def _cost(workspace_id: uuid.UUID) -> sa.Select[Any]:
    table = model_answers.c
    return sa.select(
        sa.func.coalesce(sa.func.sum(table.attempts), 0).label("answers"),
        sa.func.coalesce(sa.func.sum(table.input_tokens), 0).label("input_tokens"),
        sa.func.coalesce(sa.func.sum(table.output_tokens), 0).label("output_tokens"),
        sa.func.coalesce(sa.func.sum(table.cost_usd), 0.0).label("cost_usd"),
        # Of these nobody knows the price; it is missing in the sum.
        sa.func.count().filter(table.cost_usd.is_(None)).label("unpriced"),
    ).where(table.workspace_id == workspace_id, table.attempts > 0)
