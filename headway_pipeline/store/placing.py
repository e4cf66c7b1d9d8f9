"""Where an extracted feature stands: as the analyst files it, but for what people decided.

A dismissed item stands nowhere. A moved one stays where it was moved to while that theme is current; once the theme
is archived, the analyst's filing holds again.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.decisions import DecisionKind
from headway_pipeline.model.features import Filing, ThemeScore
from headway_pipeline.model.identity import derived_id
from headway_pipeline.store.engine import Database
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import decisions, extracted_features, features, messages, themes

__all__ = [
    "NOTHING",
    "Decided",
    "decided_in",
    "has_decision",
    "hold_call",
    "is_decision",
    "is_dismissed",
    "matched_filing",
    "place_item",
]


@dataclass(frozen=True, slots=True)
class Decided:
    """What people decided about an item that bears on its place."""

    is_dismissed: bool = False
    is_moved: bool = False
    moved_to: uuid.UUID | None = None


NOTHING = Decided()


def hold_call(connection: Connection, workspace_id: uuid.UUID, message_id: uuid.UUID) -> None:
    """Let nobody else place or remove this call's items until the transaction ends: a run and a person take turns."""
    query = sa.select(messages.c.id).where(messages.c.workspace_id == workspace_id, messages.c.id == message_id)
    connection.execute(query.with_for_update())


def decided_in(connection: Connection, workspace_id: uuid.UUID, message_id: uuid.UUID) -> Mapping[uuid.UUID, Decided]:
    """What people decided about the items of a call; a move under a theme that was archived since is none."""
    query = (
        sa.select(decisions.c.extracted_feature_id, decisions.c.kind, decisions.c.theme_id)
        .outerjoin(themes, themes.c.id == decisions.c.theme_id)
        .where(
            decisions.c.workspace_id == workspace_id,
            decisions.c.message_id == message_id,
            sa.or_(decisions.c.kind != DecisionKind.MOVE.value, themes.c.archived_at.is_(None)),
        )
    )
    found: dict[uuid.UUID, dict[str, Any]] = {}
    for row in connection.execute(query):
        known = found.setdefault(row.extracted_feature_id, {})
        match DecisionKind(row.kind):
            case DecisionKind.DISMISS:
                known["is_dismissed"] = True
            case DecisionKind.MOVE:
                known |= {"is_moved": True, "moved_to": row.theme_id}
            case DecisionKind.ACCEPT:
                pass
    return {key: Decided(**known) for key, known in found.items()}


def is_decision(kind: DecisionKind | None = None) -> sa.ColumnElement[bool]:
    """A row of `decisions` is about the item of `extracted_features` that the query is at, and of that kind."""
    items = extracted_features.c
    is_about = sa.and_(decisions.c.workspace_id == items.workspace_id, decisions.c.extracted_feature_id == items.id)
    return is_about if kind is None else sa.and_(is_about, decisions.c.kind == kind.value)


def has_decision(kind: DecisionKind | None = None) -> sa.ColumnElement[bool]:
    """Somebody decided about that item, or decided that."""
    return sa.exists().where(is_decision(kind))


def is_dismissed() -> sa.ColumnElement[bool]:
    """Somebody dismissed that item."""
    return has_decision(DecisionKind.DISMISS)


def matched_filing(matched_theme_id: uuid.UUID | None, best_themes: list[Any] | None) -> Filing:
    """The analyst's filing as it is stored."""
    best = tuple(ThemeScore(uuid.UUID(theme_id), score) for theme_id, score in best_themes or ())
    return Filing(matched_theme_id, best)


def place_item(
    connection: Connection,
    database: Database,
    now: datetime,
    item_id: uuid.UUID,
    filing: Filing,
    decided: Decided = NOTHING,
) -> None:
    """Put an item under its theme, or out of `features` into the inbox. An unchanged row stays untouched."""
    theme_id = _theme_of(filing, decided)
    if theme_id is None:
        connection.execute(features.delete().where(features.c.extracted_feature_id == item_id))
        return
    values = _scored(theme_id, filing)
    standing = connection.execute(
        sa.select(*(features.c[name] for name in values)).where(features.c.extracted_feature_id == item_id)
    )
    if (row := standing.mappings().first()) is not None and dict(row) == values:
        return
    copied = ("workspace_id", "message_id", "title", "description", "type", "urgency", "sentiment_score")
    query = sa.select(*(extracted_features.c[name] for name in copied)).where(extracted_features.c.id == item_id)
    item = connection.execute(query).mappings().one()
    key = derived_id("feature", str(item_id))
    statement = insert_into(database, features).values(id=key, extracted_feature_id=item_id, **item, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["extracted_feature_id"], set_={**values, "updated_at": now})
    )


def _theme_of(filing: Filing, decided: Decided) -> uuid.UUID | None:
    if decided.is_dismissed:
        return None
    return decided.moved_to if decided.is_moved else filing.theme_id


def _scored(theme_id: uuid.UUID, filing: Filing) -> dict[str, Any]:
    """What the analyst thinks of this theme, and its best other one."""
    own = next((score.score for score in filing.best if score.theme_id == theme_id), 0.0)
    other = next((score for score in filing.best if score.theme_id != theme_id), None)
    return {
        "theme_id": theme_id,
        "theme_score": own,
        "second_theme_id": other.theme_id if other else None,
        "second_theme_score": other.score if other else None,
    }
