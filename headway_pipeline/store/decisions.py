"""What people decide about extracted features: written at once, whoever writes the workspace's ledger meanwhile."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.decisions import Aspect, Decision, DecisionKind
from headway_pipeline.model.errors import InputError, UnknownThingError
from headway_pipeline.store.engine import Database
from headway_pipeline.store.placing import NOTHING, decided_in, hold_call, matched_filing, place_item
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import decisions, extracted_features, features, themes

__all__ = ["LONGEST_NOTE", "Decisions", "decisions_about"]

#: Characters of a note.
LONGEST_NOTE = 2_000
#: The conditions of the two unique indexes, spelled as there.
ONE_OF_EACH = {Aspect.VERDICT: "kind IN ('accept', 'dismiss')", Aspect.THEME: "kind = 'move'"}
KINDS = {aspect: [kind.value for kind in DecisionKind if kind.aspect is aspect] for aspect in Aspect}


class Decisions:
    """Accepting, dismissing and moving extracted features. The last word counts."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def accept(
        self, workspace_id: uuid.UUID, item_id: uuid.UUID, *, decided_by: str, note: str | None = None
    ) -> uuid.UUID:
        """Say that an item is real and rightly filed; returns its call's id.

        Raises:
            UnknownThingError: the workspace has no such item.
            InputError: the note is too long, or no text a database takes.
        """
        return self._decide(workspace_id, item_id, DecisionKind.ACCEPT, decided_by, note)

    def dismiss(
        self, workspace_id: uuid.UUID, item_id: uuid.UUID, *, decided_by: str, note: str | None = None
    ) -> uuid.UUID:
        """Take an item out of features, inbox and counts; returns its call's id.

        Raises:
            UnknownThingError: the workspace has no such item.
            InputError: the note is too long, or no text a database takes.
        """
        return self._decide(workspace_id, item_id, DecisionKind.DISMISS, decided_by, note)

    def move(
        self,
        workspace_id: uuid.UUID,
        item_id: uuid.UUID,
        theme_id: uuid.UUID | None,
        *,
        decided_by: str,
        note: str | None = None,
    ) -> uuid.UUID:
        """Put an item under another theme, or with None into the inbox, and keep it there; returns its call's id.

        Raises:
            UnknownThingError: the workspace has no such item, or no such theme.
            InputError: the theme is archived, or the note too long.
        """
        return self._decide(workspace_id, item_id, DecisionKind.MOVE, decided_by, note, theme_id)

    def undo(self, workspace_id: uuid.UUID, item_id: uuid.UUID, aspect: Aspect) -> uuid.UUID:
        """Take a verdict or a move back; the analyst's filing holds again. Returns the call's id.

        Raises:
            UnknownThingError: the workspace has no such item.
        """
        with self._database.writing() as connection:
            message_id = _held_call(connection, workspace_id, item_id)
            connection.execute(decisions.delete().where(_standing(workspace_id, item_id, aspect)))
            self._place(connection, workspace_id, message_id, item_id)
        return message_id

    def _decide(
        self,
        workspace_id: uuid.UUID,
        item_id: uuid.UUID,
        kind: DecisionKind,
        decided_by: str,
        note: str | None,
        theme_id: uuid.UUID | None = None,
    ) -> uuid.UUID:
        values: dict[str, Any] = {
            "kind": kind.value,
            "decided_by": decided_by,
            "note": _checked(note),
            "created_at": self._now(),
        }
        with self._database.writing() as connection:
            message_id = _held_call(connection, workspace_id, item_id)
            if theme_id is not None:
                _current_theme(connection, workspace_id, theme_id)
            values["theme_id"] = theme_id
            statement = insert_into(self._database, decisions).values(
                id=uuid.uuid4(),
                workspace_id=workspace_id,
                message_id=message_id,
                extracted_feature_id=item_id,
                **values,
            )
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["workspace_id", "extracted_feature_id"],
                    index_where=sa.text(ONE_OF_EACH[kind.aspect]),
                    set_=values,
                )
            )
            self._place(connection, workspace_id, message_id, item_id)
            if kind is DecisionKind.ACCEPT:
                # Only now: what was dismissed before stood nowhere.
                self._note_place(connection, workspace_id, item_id)
        return message_id

    def _note_place(self, connection: Connection, workspace_id: uuid.UUID, item_id: uuid.UUID) -> None:
        """Keep with the verdict where the item stands."""
        stands = sa.select(features.c.theme_id).where(features.c.extracted_feature_id == item_id)
        is_verdict = _standing(workspace_id, item_id, Aspect.VERDICT)
        connection.execute(decisions.update().where(is_verdict).values(theme_id=stands.scalar_subquery()))

    def _place(
        self, connection: Connection, workspace_id: uuid.UUID, message_id: uuid.UUID, item_id: uuid.UUID
    ) -> None:
        table = extracted_features.c
        query = sa.select(table.matched_theme_id, table.best_themes).where(table.id == item_id)
        filing = matched_filing(*connection.execute(query).one())
        decided = decided_in(connection, workspace_id, message_id).get(item_id, NOTHING)
        place_item(connection, self._database, self._now(), item_id, filing, decided)


def decisions_about(
    connection: Connection, workspace_id: uuid.UUID, item_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Decision]]:
    """The decisions that stand about each of these items, verdicts first."""
    found: dict[uuid.UUID, list[Decision]] = {item_id: [] for item_id in item_ids}
    query = (
        sa.select(decisions, themes.c.name.label("theme"))
        .outerjoin(themes, themes.c.id == decisions.c.theme_id)
        .where(decisions.c.workspace_id == workspace_id, decisions.c.extracted_feature_id.in_(item_ids))
        .order_by(decisions.c.kind)
    )
    for row in connection.execute(query):
        decided = Decision(DecisionKind(row.kind), row.theme_id, row.theme, row.decided_by, row.created_at, row.note)
        found[row.extracted_feature_id].append(decided)
    return found


def _held_call(connection: Connection, workspace_id: uuid.UUID, item_id: uuid.UUID) -> uuid.UUID:
    """The item's call, held until the transaction ends."""
    hold_call(connection, workspace_id, _call_of(connection, workspace_id, item_id))
    # While it was waited for, another reading of the call, or its purge, may have taken the item away.
    return _call_of(connection, workspace_id, item_id)


def _call_of(connection: Connection, workspace_id: uuid.UUID, item_id: uuid.UUID) -> uuid.UUID:
    table = extracted_features.c
    query = sa.select(table.message_id).where(table.workspace_id == workspace_id, table.id == item_id)
    message_id: uuid.UUID | None = connection.execute(query).scalar()
    if message_id is None:
        raise UnknownThingError(
            f"there is no feature {item_id}", "list them with `headway features` or `headway inbox`, as JSON with ids"
        )
    return message_id


def _current_theme(connection: Connection, workspace_id: uuid.UUID, theme_id: uuid.UUID) -> None:
    query = sa.select(themes.c.name, themes.c.archived_at).where(
        themes.c.workspace_id == workspace_id, themes.c.id == theme_id
    )
    row = connection.execute(query).first()
    if row is None:
        raise UnknownThingError(f"there is no theme {theme_id}", "list them with `headway theme list`")
    if row.archived_at is not None:
        raise InputError(f"the theme {row.name!r} is archived", "move it under a current theme")


def _standing(workspace_id: uuid.UUID, item_id: uuid.UUID, aspect: Aspect) -> sa.ColumnElement[bool]:
    table = decisions.c
    return sa.and_(
        table.workspace_id == workspace_id, table.extracted_feature_id == item_id, table.kind.in_(KINDS[aspect])
    )


def _checked(note: str | None) -> str | None:
    if note is None:
        return None
    clean = note.strip()
    if len(clean) > LONGEST_NOTE:
        raise InputError(f"the note has {len(clean)} characters", f"write at most {LONGEST_NOTE}")
    try:
        clean.encode()
    except UnicodeEncodeError:
        raise InputError("the note is no text", "write it without lone surrogates") from None
    if "\0" in clean:
        raise InputError("the note is no text", "write it without NUL")
    return clean or None
