"""Erasing a person, or one call: what it takes away, and the receipt for it.

A person's calls go wholly, for they cannot be told apart from what others said about them; or their turns alone,
then the call is read again without them. First the person is remembered by keyed hashes, so that nothing of theirs
is stored again; then the calls go one by one, each in its own transaction; then copies and free pages. After a crash
the same request goes on where it stopped, for the hashes tell who was meant.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from headway_pipeline.ingestion.people import Person, identify
from headway_pipeline.model.erasure import ERASED, Erased, ErasureScope, Identity, mention_pattern, spelling
from headway_pipeline.model.errors import ConfigurationError, InputError, UnknownThingError
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.store import Erasure, Lease, Store, TracedCall

__all__ = ["ErasureRequest", "Plan", "Receipt", "erase", "plan_erasure"]

Receipt = Mapping[str, Any]
#: How long to wait for a run that writes the workspace.
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """What a person asked for.

    Attributes:
        named: an e-mail address or a name; for the scope `message` a message's id or `source:external_id`.
        exports: the folder that holds copies for other programs.
    """

    workspace: Workspace
    scope: ErasureScope
    named: str
    exports: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request would remove now.

    Attributes:
        subject: keyed hash of what was named.
        identities: keyed hashes of the person; none for a single call.
        calls: those to be removed, or to be kept without the person.
        mentions: other calls on which others name the person; they stay.
        rows: how many, by table.
        files: copies that go.
        is_resumed: a request like this was begun and not finished.
    """

    subject: str
    identities: frozenset[Identity]
    calls: tuple[TracedCall, ...]
    mentions: tuple[TracedCall, ...]
    rows: Mapping[str, int]
    files: tuple[Path, ...]
    is_resumed: bool


def plan_erasure(store: Store, request: ErasureRequest) -> Plan:
    """Look who or what is meant and what belongs to it; changes nothing.

    Raises:
        UnknownThingError: nobody and nothing of that name.
        InputError: the name fits several people.
    """
    workspace_id = request.workspace.id
    pseudonyms = store.erasures.pseudonyms(workspace_id)
    subject = pseudonyms.key("subject", spelling(request.named))
    begun = store.erasures.unfinished(workspace_id, request.scope, subject)
    identities = begun.identities if begun else frozenset()
    mentions: tuple[TracedCall, ...] = ()
    if request.scope == ErasureScope.MESSAGE:
        call = store.traces.find_call(workspace_id, request.named)
        if call.is_erased and begun is None:
            raise InputError("that call was erased already", "its receipt stands in the audit log")
        calls: tuple[TracedCall, ...] = (call,)
    else:
        person = identify(store.traces.appearances(workspace_id), request.named)
        identities |= pseudonyms.identities(person.addresses, person.names, person.aliases)
        calls = _calls_of(store, workspace_id, Erased(pseudonyms, identities))
        mentions = _mentions(store, workspace_id, person, calls)
        if not calls and begun is None:
            raise UnknownThingError(
                "nobody of that name or address is on a call of this workspace",
                "see who is with `headway features`, or erase a single call with --message",
            )
    ids = [call.id for call in calls]
    return Plan(
        subject=subject,
        identities=identities,
        calls=calls,
        mentions=mentions,
        rows=store.erasures.count(workspace_id, ids),
        files=tuple(_exported(request.exports, request.workspace.slug)),
        is_resumed=begun is not None,
    )


def _calls_of(store: Store, workspace_id: uuid.UUID, erased: Erased) -> tuple[TracedCall, ...]:
    found = {call.id: call for call in store.traces.naming(workspace_id, erased)}
    for appearance in store.traces.appearances(workspace_id):
        if erased.are_named(sorted(appearance.speakers)):
            found[appearance.call.id] = appearance.call
    return tuple(sorted(found.values(), key=lambda call: (call.occurred_at, call.source, call.external_id)))


def _mentions(
    store: Store, workspace_id: uuid.UUID, person: Person, calls: Iterable[TracedCall]
) -> tuple[TracedCall, ...]:
    pattern = mention_pattern(person.addresses | person.names | person.aliases)
    if pattern is None:
        return ()
    gone = {call.id for call in calls}
    return tuple(call for call in store.traces.mentioning(workspace_id, pattern) if call.id not in gone)


def erase(store: Store, request: ErasureRequest, *, actor: str, now: Callable[[], datetime]) -> Receipt:
    """Carry a request out under the workspace's lease; a repeated one finishes what an earlier one began.

    Args:
        actor: who did it, for the receipt and the audit log.

    Returns:
        The receipt: ids, counts and hashes; no name, no address, no word that was said.

    Raises:
        WorkspaceBusyError: a run writes the workspace.
        UnknownThingError, InputError: as in `plan_erasure`; nothing was changed.
        StoreError: the database failed; the same request goes on.
    """
    owner = f"erasure {uuid.uuid4()}"
    with store.leases.hold(request.workspace.id, owner, patience_s=PATIENCE_S) as lease:
        plan = plan_erasure(store, request)
        erased = Erased(store.erasures.pseudonyms(request.workspace.id), plan.identities)
        erasure = store.erasures.begin(lease, request.scope, plan.subject, _shown(erased, actor), plan.identities)
        for call in plan.calls:
            if request.scope == ErasureScope.TURNS:
                store.erasures.strip_turns(lease, erasure, call.id, erased)
            else:
                store.erasures.erase_call(lease, erasure, call.id)
        if plan.identities:
            store.erasures.scrub_records(lease, erasure, erased)
        _remove_files(store, lease, erasure, request, plan.files, erased)
        remains = store.compact()
        receipt = _receipt(store, request, plan, erasure, erased, remains, now())
        store.erasures.finish(lease, erasure, receipt)
    return receipt


def _exported(exports: Path, slug: str) -> list[Path]:
    """Copies that may hold the workspace's calls: in its own folder, and those that lie in no workspace's folder.

    Raises:
        ConfigurationError: the folder cannot be read.
    """
    try:
        own = sorted((exports / slug).rglob("*")) if (exports / slug).is_dir() else []
        loose = sorted(exports.iterdir()) if exports.is_dir() else []
        return [path for path in (*own, *loose) if path.is_symlink() or path.is_file()]
    except OSError as error:
        raise ConfigurationError(
            f"the folder {exports} cannot be read ({error.strerror})", "see to its permissions, then repeat"
        ) from error


def _remove_files(
    store: Store, lease: Lease, erasure: Erasure, request: ErasureRequest, files: Sequence[Path], erased: Erased
) -> None:
    try:
        # A link is removed, what it leads to is not ours.
        hashes = {_shown(erased, str(path.relative_to(request.exports.parent))): _digest(path) for path in files}
        if hashes:
            store.erasures.note_files(lease, erasure, hashes)
        for path in files:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"an exported file cannot be removed ({error.strerror})",
            f"see to the permissions of {request.exports}, then run the same command again",
        ) from error


def _digest(path: Path) -> str:
    if path.is_symlink():
        return hashlib.sha256(str(path.readlink()).encode("utf-8", "surrogateescape")).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shown(erased: Erased, label: str) -> str:
    """An id or a path without the person's name in it."""
    return label if erased.mended(label)[0] == label and not erased.is_called(label) else ERASED


def _receipt(
    store: Store,
    request: ErasureRequest,
    plan: Plan,
    erasure: Erasure,
    erased: Erased,
    remains: str,
    finished_at: datetime,
) -> Receipt:
    removed = store.erasures.removed(request.workspace.id, erasure)
    calls = [{**call, "external_id": _shown(erased, call["external_id"])} for call in removed["calls"]]
    mentioned = [_named(call, erased) for call in plan.mentions]
    notes = [remains]
    if any(call["external_id"] == ERASED for call in calls):
        notes.append("Ids that the source gave hold the name itself and stay in the ledger: rename them there.")
    if mentioned:
        notes.append("On other calls others mention the person; these stay: erase them one by one with --message.")
    return {
        "erasure": str(erasure.id),
        "workspace": request.workspace.slug,
        "scope": erasure.scope.value,
        "subject": plan.subject,
        "by": erasure.actor,
        "begun_at": erasure.begun_at.isoformat(),
        "finished_at": finished_at.isoformat(),
        "calls": calls,
        "rows": removed["rows"],
        "files": removed["files"],
        "mentioned_in": mentioned,
        "notes": notes,
    }


def _named(call: TracedCall, erased: Erased) -> dict[str, str]:
    return {"id": str(call.id), "source": call.source, "external_id": _shown(erased, call.external_id)}
