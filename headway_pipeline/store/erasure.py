"""Erasure in the database: what hangs on a call, and its removal, one transaction a call."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import MIN_SPEECH_CHARS, Segment, Transcript
from headway_pipeline.model.erasure import Erased, ErasureScope, Identity, IdentityKind, Pseudonyms, names_of
from headway_pipeline.model.identity import content_hash
from headway_pipeline.model.ledger import MessageState, Reason, ReasonCode
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.messages import Ledger, forget_reading
from headway_pipeline.store.placing import hold_call
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import (
    api_tokens,
    audit_log,
    decisions,
    erased_calls,
    erased_people,
    erasures,
    evidence,
    extracted_features,
    features,
    ingest_requests,
    messages,
    model_answers,
    relevance_scores,
    transcripts,
    webhook_events,
    workspace_connectors,
)

__all__ = ["OF_CALLS", "Erasure", "Erasures"]

#: Tables whose rows belong to one call by `message_id`.
OF_CALLS = (
    transcripts,
    relevance_scores,
    extracted_features,
    evidence,
    features,
    decisions,
    model_answers,
)
#: Records of what people did here: kept, without the names of those who were erased.
RECORDS = (
    (audit_log, ("actor", "subject", "details")),
    (decisions, ("decided_by", "note")),
    (api_tokens, ("name",)),
    (ingest_requests, ("requested_by",)),
)
#: What an erasure itself writes to the audit log: counts and hashes, so it stays.
ERASE_ACTION = "erase"


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure, perhaps not finished.

    Attributes:
        removed: what was removed beside calls: rows by table, files.
    """

    id: uuid.UUID
    scope: ErasureScope
    actor: str
    begun_at: datetime
    identities: frozenset[Identity]
    removed: Mapping[str, Any]


class Erasures:
    """Removes what belongs to a call or to a person."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def pseudonyms(self, workspace_id: uuid.UUID) -> Pseudonyms:
        """What makes the keyed hashes of a workspace."""
        return self._ledger.screen.ready_pseudonyms(workspace_id)

    def count(self, workspace_id: uuid.UUID, message_ids: Sequence[uuid.UUID]) -> dict[str, int]:
        """Rows that hang on calls, by table."""
        found = dict.fromkeys(["messages", *(table.name for table in OF_CALLS), "webhook_events", "audit_log"], 0)
        with self._ledger.database.reading() as connection:
            for message_id in message_ids:
                message = _message(connection, workspace_id, message_id)
                for name, rows in _rows(connection, message).items():
                    found[name] += len(rows)
        return {name: number for name, number in found.items() if number}

    def unfinished(self, workspace_id: uuid.UUID, scope: ErasureScope, subject: str) -> Erasure | None:
        """The erasure of this subject that was begun and not finished."""
        query = sa.select(erasures).where(
            erasures.c.workspace_id == workspace_id,
            erasures.c.scope == scope.value,
            erasures.c.subject == subject,
            erasures.c.finished_at.is_(None),
        )
        with self._ledger.database.reading() as connection:
            row = connection.execute(query).first()
            if row is None:
                return None
            known = sa.select(erased_people).where(erased_people.c.erasure_id == row.id)
            identities = frozenset(
                Identity(IdentityKind(found.kind), found.key, found.words) for found in connection.execute(known)
            )
        return Erasure(row.id, scope, row.actor, row.begun_at, identities, row.removed)

    def begin(
        self, lease: Lease, scope: ErasureScope, subject: str, actor: str, identities: frozenset[Identity]
    ) -> Erasure:
        """Begin an erasure, or go on with the one of this subject that was not finished.

        From here on nothing of these people is stored, whatever else happens.
        """
        standing = self.unfinished(lease.workspace_id, scope, subject)
        erasure = standing or Erasure(uuid.uuid4(), scope, actor, self._ledger.now(), frozenset(), {})
        with self._ledger.writing(lease) as connection:
            if standing is None:
                connection.execute(
                    erasures.insert().values(
                        id=erasure.id,
                        workspace_id=lease.workspace_id,
                        scope=scope.value,
                        subject=subject,
                        actor=actor,
                        begun_at=erasure.begun_at,
                    )
                )
            for identity in sorted(identities, key=lambda found: found.key):
                made = insert_into(self._ledger.database, erased_people).values(
                    workspace_id=lease.workspace_id,
                    erasure_id=erasure.id,
                    kind=identity.kind.value,
                    key=identity.key,
                    words=identity.words,
                )
                connection.execute(made.on_conflict_do_nothing())
        return erasure

    def erase_call(self, lease: Lease, erasure: Erasure, message_id: uuid.UUID) -> None:
        """Remove a call and everything derived from it; its id, its day and who listed it when stay."""
        with self._ledger.writing(lease) as connection:
            hold_call(connection, lease.workspace_id, message_id)
            message = _message(connection, lease.workspace_id, message_id)
            if message["erased_at"] is not None:
                return
            removed = _rows(connection, message)
            connection.execute(webhook_events.delete().where(_hints(message)))
            connection.execute(audit_log.delete().where(_audited(message)))
            self._ledger.erase(connection, lease, message_id)
            self._note(connection, lease, erasure, message_id, removed)

    def strip_turns(self, lease: Lease, erasure: Erasure, message_id: uuid.UUID, erased: Erased) -> None:
        """Keep a call without these people, remove what was derived from it, and have it read again."""
        with self._ledger.writing(lease) as connection:
            hold_call(connection, lease.workspace_id, message_id)
            message = _message(connection, lease.workspace_id, message_id)
            removed = _rows(connection, message)
            forget_reading(connection, lease.workspace_id, message_id)
            for table in (decisions, model_answers):
                connection.execute(table.delete().where(table.c.message_id == message_id))
            self._ledger.update(connection, lease, message_id, **_without(message, erased))
            segments = removed.pop("transcripts", None)
            # These stay: the call itself, hints by its id, and what was done about it, without the names.
            for name in (messages.name, webhook_events.name, audit_log.name):
                removed.pop(name, None)
            if segments:
                gone = self._rewrite(connection, lease, message, segments[0]["segments"], erased)
                removed["turns"] = gone
            self._note(connection, lease, erasure, message_id, removed)

    def _rewrite(
        self,
        connection: Connection,
        lease: Lease,
        message: Mapping[Any, Any],
        segments: Sequence[Mapping[str, Any]],
        erased: Erased,
    ) -> list[Mapping[str, Any]]:
        """Store the transcript without their turns; returns the segments that are no longer there."""
        kept = erased.without_turns(Transcript(tuple(map(Segment.from_json, segments))))
        connection.execute(
            transcripts.update()
            .where(transcripts.c.workspace_id == lease.workspace_id, transcripts.c.message_id == message["id"])
            .values(
                segments=[segment.to_json() for segment in kept.segments],
                text_hash=kept.text_hash,
                speech_chars=kept.speech_chars,
            )
        )
        state, reason = MessageState.TRANSCRIBED, None
        if kept.is_too_short:
            state = MessageState.TOO_SHORT
            words = f"{kept.speech_chars} characters of speech; under {MIN_SPEECH_CHARS} nothing is read"
            reason = Reason(ReasonCode.TOO_SHORT, words)
        read_anew: dict[str, Any] = dict.fromkeys(
            ("analysed_text_hash", "filed_themes_hash", "sentiment", "sentiment_score")
        )
        self._ledger.move(connection, lease, message["id"], state, reason, **read_anew)
        return [segment for segment in segments if erased.is_called(segment["speaker"])]

    def _note(
        self,
        connection: Connection,
        lease: Lease,
        erasure: Erasure,
        message_id: uuid.UUID,
        removed: Mapping[str, Sequence[Any]],
    ) -> None:
        values = {
            "sha256": content_hash({name: [dict(row) for row in rows] for name, rows in removed.items()}),
            "removed": {name: len(rows) for name, rows in removed.items() if rows},
        }
        made = insert_into(self._ledger.database, erased_calls).values(
            workspace_id=lease.workspace_id, message_id=message_id, erasure_id=erasure.id, **values
        )
        connection.execute(made.on_conflict_do_update(index_elements=["message_id", "erasure_id"], set_=values))

    def scrub_records(self, lease: Lease, erasure: Erasure, erased: Erased) -> None:
        """Take these people's names and addresses out of the records of what was done here."""
        with self._ledger.writing(lease) as connection:
            for table, names in RECORDS:
                mended = _scrub(connection, lease.workspace_id, table, names, erased)
                if mended:
                    self._add_removed(connection, erasure, "rows", {f"{table.name} (names only)": mended})

    def note_files(self, lease: Lease, erasure: Erasure, hashes: Mapping[str, str]) -> None:
        """Remember files that are about to be removed, by their SHA-256."""
        with self._ledger.writing(lease) as connection:
            self._add_removed(connection, erasure, "files", hashes)

    def _add_removed(self, connection: Connection, erasure: Erasure, part: str, values: Mapping[str, Any]) -> None:
        query = sa.select(erasures.c.removed).where(erasures.c.id == erasure.id)
        removed = dict(connection.execute(query).scalar_one())
        removed[part] = {**removed.get(part, {}), **values}
        connection.execute(erasures.update().where(erasures.c.id == erasure.id).values(removed=removed))

    def removed(self, workspace_id: uuid.UUID, erasure: Erasure) -> dict[str, Any]:
        """What an erasure removed up to now: rows by table, calls with the hash of what they were, files."""
        query = (
            sa.select(erased_calls, messages.c.source, messages.c.external_id)
            .join(messages, messages.c.id == erased_calls.c.message_id)
            .where(
                erased_calls.c.workspace_id == workspace_id,
                erased_calls.c.erasure_id == erasure.id,
                erased_calls.c.sha256.is_not(None),
            )
            .order_by(messages.c.source, messages.c.external_id)
        )
        beside = sa.select(erasures.c.removed).where(erasures.c.id == erasure.id)
        with self._ledger.database.reading() as connection:
            calls = connection.execute(query).mappings().all()
            others = connection.execute(beside).scalar_one()
        rows: dict[str, int] = dict(others.get("rows", {}))
        for call in calls:
            for name, number in call["removed"].items():
                rows[name] = rows.get(name, 0) + number
        shown = ("source", "external_id", "sha256")
        return {
            "calls": [{"id": str(call["message_id"]), **{name: call[name] for name in shown}} for call in calls],
            "rows": dict(sorted(rows.items())),
            "files": [{"path": path, "sha256": digest} for path, digest in sorted(others.get("files", {}).items())],
        }

    def finish(self, lease: Lease, erasure: Erasure, receipt: Mapping[str, Any]) -> None:
        """Close an erasure and put its receipt into the audit log."""
        with self._ledger.writing(lease) as connection:
            connection.execute(
                erasures.update().where(erasures.c.id == erasure.id).values(finished_at=self._ledger.now())
            )
            connection.execute(
                audit_log.insert().values(
                    id=uuid.uuid4(),
                    workspace_id=lease.workspace_id,
                    actor=erasure.actor,
                    action=ERASE_ACTION,
                    subject=f"erasure {erasure.id}",
                    details=dict(receipt),
                )
            )


def _message(connection: Connection, workspace_id: uuid.UUID, message_id: uuid.UUID) -> Mapping[Any, Any]:
    query = sa.select(messages).where(messages.c.workspace_id == workspace_id, messages.c.id == message_id)
    return connection.execute(query).mappings().one()


def _rows(connection: Connection, message: Mapping[Any, Any]) -> dict[str, Sequence[Mapping[Any, Any]]]:
    """The message and everything that hangs on it, by table."""
    found: dict[str, Sequence[Mapping[Any, Any]]] = {"messages": [message]}
    for table in OF_CALLS:
        found[table.name] = _selected(connection, table, table.c.message_id == message["id"])
    found[webhook_events.name] = _selected(connection, webhook_events, _hints(message))
    found[audit_log.name] = _selected(connection, audit_log, _audited(message))
    return {name: rows for name, rows in found.items() if rows}


def _selected(
    connection: Connection, table: sa.Table, condition: sa.ColumnElement[bool]
) -> Sequence[Mapping[Any, Any]]:
    # In a fixed order, so that equal rows have equal hashes.
    query = sa.select(table).where(condition).order_by(*table.primary_key.columns)
    return connection.execute(query).mappings().all()


def _hints(message: Mapping[Any, Any]) -> sa.ColumnElement[bool]:
    """Webhook events that name the call."""
    own = sa.select(workspace_connectors.c.id).where(
        workspace_connectors.c.workspace_id == message["workspace_id"],
        workspace_connectors.c.connector_type == message["source"],
    )
    return sa.and_(
        webhook_events.c.workspace_id == message["workspace_id"],
        webhook_events.c.external_id == message["external_id"],
        webhook_events.c.connector_id.in_(own),
    )


def _audited(message: Mapping[Any, Any]) -> sa.ColumnElement[bool]:
    """Entries of the audit log about the call."""
    names = (str(message["id"]), f"message {message['id']}", f"{message['source']}:{message['external_id']}")
    return sa.and_(
        audit_log.c.workspace_id == message["workspace_id"],
        audit_log.c.subject.in_(names),
        audit_log.c.action != ERASE_ACTION,
    )


def _without(message: Mapping[Any, Any], erased: Erased) -> dict[str, Any]:
    """The columns of a message without these people; its content hash stays, so that it does not look changed."""
    url = message["url"]
    return {
        "title": erased.scrubbed(message["title"]),
        "account": erased.scrubbed(message["account"]),
        "url": None if url and erased.scrubbed(url) != url else url,
        "metadata": erased.scrubbed(message["metadata"]),
        "raw": erased.scrubbed(message["raw"]),
        "participants": [
            person
            for person in message["participants"]
            if not erased.is_participant(person.get("email"), names_of(person))
        ],
    }


def _scrub(
    connection: Connection, workspace_id: uuid.UUID, table: sa.Table, names: Sequence[str], erased: Erased
) -> int:
    mended = 0
    for row in _selected(connection, table, table.c.workspace_id == workspace_id):
        changed = {name: new for name in names if (new := erased.scrubbed(row[name])) != row[name]}
        if changed:
            connection.execute(table.update().where(table.c.id == row["id"]).values(**changed))
            mended += 1
    return mended
