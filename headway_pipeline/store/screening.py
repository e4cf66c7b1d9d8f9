"""Keeps out what was erased: whatever a source lists or transcribes again is looked at before it is stored.

Erased people are known by keyed hashes. The key stands in `settings`, sealed with keys outside the database. What
calls started after an erasure is new and not of it.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import Call, Transcript
from headway_pipeline.model.erasure import Erased, ErasureScope, Identity, IdentityKind, Pseudonyms
from headway_pipeline.store.engine import Database
from headway_pipeline.store.own_keys import OwnKey
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.statements import insert_into
from headway_pipeline.store.tables import erased_calls, erased_people, erasures, messages

__all__ = ["NOBODY", "Forgotten", "ForgottenPerson", "Screen"]

KEY_SETTING = "pseudonym_key"
KEY_PURPOSE = "key of erased people's hashes"


@dataclass(frozen=True, slots=True)
class ForgottenPerson:
    """Somebody who was erased, from the calls that started before `erased_at`."""

    erasure_id: uuid.UUID
    scope: ErasureScope
    erased_at: datetime
    identities: frozenset[Identity]


class Forgotten:
    """The erased people of one workspace."""

    def __init__(self, pseudonyms: Pseudonyms, people: Sequence[ForgottenPerson]) -> None:
        self._pseudonyms = pseudonyms
        self._people = people

    def all_of(self, people: Iterable[ForgottenPerson]) -> Erased:
        """Several of them at once."""
        return Erased(self._pseudonyms, {identity for person in people for identity in person.identities})

    def on(self, call: Call, erasure_ids: Collection[uuid.UUID] = ()) -> list[ForgottenPerson]:
        """Those who take part in a call, and those of these erasures."""
        found = self._among(call.occurred_at, lambda erased: erased.are_on(call))
        return found + [person for person in self.attached(erasure_ids) if person not in found]

    def speaking(self, transcript: Transcript, occurred_at: datetime) -> list[ForgottenPerson]:
        """Those whose name stands over a turn."""
        return self._among(occurred_at, lambda erased: erased.speak_in(transcript))

    def are_named(self, value: Any) -> bool:
        """Whether anybody is named in a JSON value of unknown time."""
        return bool(self._people) and self.all_of(self._people).are_named(value)

    def attached(self, erasure_ids: Iterable[uuid.UUID]) -> list[ForgottenPerson]:
        """Those of these erasures."""
        wanted = set(erasure_ids)
        return [person for person in self._people if person.erasure_id in wanted]

    def _among(self, occurred_at: datetime, are: Callable[[Erased], bool]) -> list[ForgottenPerson]:
        before = [person for person in self._people if occurred_at < person.erased_at]
        # Most calls hold none of them: one look at all tells that.
        if not before or not are(self.all_of(before)):
            return []
        return [person for person in before if are(self.all_of([person]))]


#: Where nobody was erased, no key is needed.
NOBODY = Forgotten(Pseudonyms(b"", ""), ())


class Screen:
    """Who was erased, and what is left of what sources bring."""

    def __init__(self, database: Database, sealing: Callable[[], CredentialSealer]) -> None:
        self._database = database
        self._key = OwnKey(database, sealing, setting=KEY_SETTING, purpose=KEY_PURPOSE)

    def forgotten(self, connection: Connection, workspace_id: uuid.UUID) -> Forgotten:
        """The erased people of a workspace.

        Raises:
            ConfigurationError, CredentialsSealedError: there are some, and their key does not open.
        """
        query = (
            sa.select(erased_people, erasures.c.scope, erasures.c.begun_at)
            .join(erasures, erasures.c.id == erased_people.c.erasure_id)
            .where(erased_people.c.workspace_id == workspace_id)
        )
        found: dict[tuple[uuid.UUID, ErasureScope, datetime], set[Identity]] = {}
        for row in connection.execute(query):
            person = found.setdefault((row.erasure_id, ErasureScope(row.scope), row.begun_at), set())
            person.add(Identity(IdentityKind(row.kind), row.key, row.words))
        if not found:
            return NOBODY
        people = [ForgottenPerson(*key, frozenset(identities)) for key, identities in found.items()]
        return Forgotten(self.pseudonyms(connection, workspace_id), people)

    def attach(
        self,
        connection: Connection,
        workspace_id: uuid.UUID,
        message_id: uuid.UUID,
        people: Iterable[ForgottenPerson],
    ) -> None:
        """Remember that a call is kept without these people's turns."""
        for person in people:
            row = {"workspace_id": workspace_id, "message_id": message_id, "erasure_id": person.erasure_id}
            connection.execute(insert_into(self._database, erased_calls).values(**row).on_conflict_do_nothing())

    def kept_without(
        self, connection: Connection, message_ids: Collection[uuid.UUID]
    ) -> dict[uuid.UUID, frozenset[uuid.UUID]]:
        """The erasures whose people calls are kept without; calls that no erasure concerned are left out."""
        query = sa.select(erased_calls.c.message_id, erased_calls.c.erasure_id).where(
            erased_calls.c.message_id.in_(message_ids)
        )
        found: dict[uuid.UUID, frozenset[uuid.UUID]] = {}
        for message_id, erasure_id in connection.execute(query):
            found[message_id] = found.get(message_id, frozenset()) | {erasure_id}
        return found

    def transcript(
        self, connection: Connection, workspace_id: uuid.UUID, message_id: uuid.UUID, transcript: Transcript
    ) -> Transcript | None:
        """What may be stored of a transcript; None where the whole call is of somebody who was erased."""
        forgotten = self.forgotten(connection, workspace_id)
        if forgotten is NOBODY:
            return transcript
        occurred_at = connection.execute(
            sa.select(messages.c.occurred_at).where(messages.c.id == message_id)
        ).scalar_one()
        speaking = forgotten.speaking(transcript, occurred_at)
        if any(person.scope == ErasureScope.CALLS for person in speaking):
            return None
        self.attach(connection, workspace_id, message_id, speaking)
        attached = self.kept_without(connection, [message_id]).get(message_id, frozenset())
        people = forgotten.attached(attached)
        return forgotten.all_of(people).without_turns(transcript) if people else transcript

    def pseudonyms(self, connection: Connection, workspace_id: uuid.UUID) -> Pseudonyms:
        """What made the keyed hashes of a workspace."""
        return Pseudonyms(self._key.opened(connection), workspace_id)

    def ready_pseudonyms(self, workspace_id: uuid.UUID) -> Pseudonyms:
        """The same, with a key made now if there was none.

        Raises:
            ConfigurationError, CredentialsSealedError: there is no key to seal it with, or it does not open.
        """
        return Pseudonyms(self._key.ready(), workspace_id)
