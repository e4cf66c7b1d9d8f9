"""Two workspaces with something of every kind that a route can name; whatever is one's own holds its word."""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from headway_pipeline.api.paging import cursor_of
from headway_pipeline.model.access import Role
from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.store import Store
from headway_pipeline_tests.store.filed import Desk
from headway_pipeline_tests.store.rows import DAY, NOW, SPEECH, Place, call, item, transcript

__all__ = ["NOBODY", "Neighbour", "settled"]

NO_ID = uuid.UUID(int=7)
#: Where everybody's cursor stands: one place has the same rows after it, whoever's id is named with it.
PLACE = NOW + timedelta(minutes=30)


@dataclass(frozen=True)
class Neighbour:
    """A workspace as its tokens see it.

    Attributes:
        names: what stands for it in a request, by the name under which routes take it.
        tokens: a bearer token of each role.
        secret: with which its Fathom signs.
    """

    word: str
    workspace_id: uuid.UUID
    names: Mapping[str, str]
    tokens: Mapping[Role, str]
    secret: str


def secret_of(word: str) -> str:
    """A webhook's secret."""
    return "whsec_" + base64.b64encode(f"{word} has a secret of no use".encode()).decode()


#: What does not exist, in the same forms.
NOBODY = Neighbour(
    "Unicorn",
    NO_ID,
    {
        **dict.fromkeys(("connector_id", "theme_id", "feature_id", "message_id", "ingest_id"), str(NO_ID)),
        "workspace_id": str(NO_ID),
        "slug": "unicorn",
        "account": "Unicorn Inc",
        "text": "Unicorn",
        "cursor": cursor_of(PLACE, NO_ID),
        "key": "unicorn-key",
        "etag": '"00000000000000000000000000000000"',
    },
    {},
    secret_of("unicorn"),
)


def settled(store: Store, word: str, *, base_url: str, minutes: int) -> Neighbour:
    """A workspace with calls that were read, decided about and filed, connectors, a webhook, an ingest and tokens.

    Args:
        base_url: where its Fathom is.
        minutes: how much later than at full hours its calls began, so that no two neighbours' calls share a time.
    """
    workspace = store.workspaces.add(word, vendor_domains=frozenset({f"{word.lower()}.example"}))
    credentials = Credentials({"access_key": "k", "secret_key": "s"})
    gong = store.connectors.add(workspace.id, "gong", name=f"{word} Gong", base_url=base_url, credentials=credentials)
    fathom = store.connectors.add(
        workspace.id, "fathom", name=f"{word} Fathom", base_url=base_url, credentials=Credentials({"api_token": "t"})
    )
    secret = secret_of(word)
    store.webhooks.save(fathom, secret, url=f"https://{word.lower()}.example", remote_id=f"wh_{word}", now=NOW)
    exports, billing = (store.themes.add(workspace.id, f"{word} {name}").theme.id for name in ("exports", "billing"))
    made = Desk(store, Place(workspace, gong), exports, billing)
    filed, unfiled = (_read(made, word, number, minutes) for number in (0, 1))
    made.file({filed: exports, unfiled: None})
    message_id = store.decisions.accept(workspace.id, filed, decided_by=word, note=f"{word} wants it")
    ingest = store.ingest_requests.add(workspace.id, DAY, DAY, requested_by=word)
    store.audit_log.record(workspace.id, actor=word, action="settle", subject=f"message {message_id}")
    names = {
        "workspace_id": str(workspace.id),
        "slug": workspace.slug,
        "connector_id": str(fathom.id),
        "theme_id": str(exports),
        "feature_id": str(filed),
        "message_id": str(message_id),
        "ingest_id": str(ingest.id),
        "account": f"{word} Inc",
        "text": word,
        "cursor": cursor_of(PLACE, message_id),
        "key": f"{word}-key",
        "etag": '"0123456789abcdef0123456789abcdef"',
    }
    return Neighbour(word, workspace.id, names, _tokens(store, workspace), secret)


def _read(made: Desk, word: str, number: int, minutes: int) -> uuid.UUID:
    said = f"{word}: {SPEECH}"
    of = replace(
        call(f"{word}-{number}", hours=-number + minutes / 60),
        title=f"{word} sync",
        account=f"{word} Inc",
        url=f"https://calls.example/{word}-{number}",
        raw={"id": word},
    )
    found = replace(item(said[:60]), title=f"{word} exports by hand", description=f"{word} does it by hand.")
    (key,) = made.read(of, found, words=transcript(said))
    return key


def _tokens(store: Store, workspace: Workspace) -> dict[Role, str]:
    roles = (Role.VIEWER, Role.EDITOR, Role.ADMIN)
    return {role: store.api_tokens.create(role.value, role, workspace_id=workspace.id)[1] for role in roles}
