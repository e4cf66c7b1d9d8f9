"""What `headway doctor --security` looks at. Each examination answers in words, or raises what is to be mended."""

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from headway_pipeline.cli.context import opened
from headway_pipeline.model.errors import HeadwayError
from headway_pipeline.settings import Settings

if TYPE_CHECKING:
    from headway_pipeline.cli.listening import Listener

__all__ = ["SECURITY_EXAMINATIONS"]

#: A token that nobody used for so long is nobody's.
IDLE_TOKEN = timedelta(days=90)
#: From so many refused deliveries of a week on, somebody should look.
MANY_REFUSED = 20
SHOWN = 5


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _files(settings: Settings) -> str:
    """Who may read the folder, the key file and the embedded database."""
    paths = [settings.home, settings.key_file]
    if settings.is_embedded:
        # In a folder of its own it is not behind the home's mode.
        database = Path(settings.database_url.partition("///")[2])
        paths += [Path(f"{database}{suffix}") for suffix in ("", "-wal", "-shm")]
    home_is_closed = not _is_open(settings.home)
    found = []
    for path in paths:
        if not path.exists() or (home_is_closed and path.parent == settings.home and path != settings.key_file):
            continue
        if _is_open(path):
            found.append(f"chmod {'700' if path.is_dir() else '600'} {path}")
        elif path.stat().st_uid != os.getuid():
            found.append(f"chown {os.getuid()} {path}")
    if found:
        raise HeadwayError("other users of this machine may read or own our files", f"run `{' && '.join(found)}`")
    return f"{settings.home} is for its owner only"


def _is_open(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _key(settings: Settings) -> str:
    """Where the sealing keys are, and how many."""
    from headway_pipeline.store.configured import configured_keys, has_key_file

    keys = configured_keys(settings)
    if not has_key_file(settings) and settings.key_file.exists():
        raise HeadwayError(
            f"the key file {settings.key_file} lies beside HEADWAY_SECRET_KEY and is not used",
            "remove it if its key is in HEADWAY_SECRET_KEY or seals nothing any more",
        )
    if len(keys) > 1:
        remedy = (
            "`headway keys rotate --drop-old`"
            if has_key_file(settings)
            else "see docs/operations.md, Changing the keys"
        )
        raise HeadwayError(f"{len(keys) - 1} older keys are still at hand", f"finish the change of keys: {remedy}")
    if has_key_file(settings):
        return f"one key in {settings.key_file}; keep copies of it apart from copies of the database"
    return "one key in HEADWAY_SECRET_KEY"


def _seals(settings: Settings) -> str:
    """Whether everything secret is sealed with the newest key."""
    from headway_pipeline.store.seals import Seal

    with opened(settings) as store:
        found = store.seals.examine()
    for seal, remedy in (
        (Seal.NONE, "give those anew, and change them at their source: whoever read the database has them"),
        (Seal.UNKNOWN, "give their key back, or the secret anew"),
        (Seal.OLDER, "run `headway keys rotate`"),
    ):
        names = [value.name for value in found if value.seal is seal]
        if names:
            raise HeadwayError(f"{seal.value}: {_some(names)}", remedy)
    return f"{len(found)} values are sealed with the newest key"


def _connectors(settings: Settings) -> str:
    """Where credentials are sent."""
    from headway_pipeline.sources.addresses import is_loopback_url

    plain = []
    with opened(settings) as store:
        for workspace in store.workspaces.list():
            for connector in store.connectors.list(workspace.id):
                url = connector.base_url
                if url is not None and urlsplit(url).scheme != "https" and not is_loopback_url(url):
                    plain.append(f"{connector.name} in {workspace.slug}")
    if plain:
        raise HeadwayError(
            f"credentials are sent without TLS: {_some(plain)}",
            "give them an https address: `headway connector edit`",
        )
    return "credentials are sent by https, or within this machine"


def _allowed_hosts(settings: Settings) -> str:
    """Hosts that tenants may have asked with credentials."""
    import ipaddress

    inside = []
    for host in sorted(settings.allowed_hosts):
        name = urlsplit(f"//{host}").hostname or host
        try:
            is_inside = not ipaddress.ip_address(name).is_global
        except ValueError:
            is_inside = "." not in name or name.endswith((".local", ".internal", ".localhost"))
        if is_inside:
            inside.append(host)
    if inside:
        raise HeadwayError(
            f"HEADWAY_ALLOWED_HOSTS lets any tenant of the API have hosts inside your network asked: {_some(inside)}",
            "take them out unless every tenant may reach them",
        )
    return f"{len(settings.allowed_hosts)} hosts beside the vendors' own"


def _webhooks(settings: Settings) -> str:
    """Whether sources deliver to where we are, and whether somebody forges."""
    from headway_pipeline.ingestion.webhooks import ACCEPTED, delivery_url

    elsewhere, refused, count = [], [], 0
    since = datetime.now(tz=UTC).date() - timedelta(days=6)
    with opened(settings) as store:
        for workspace in store.workspaces.list():
            bad: dict[Any, int] = {}
            for one in store.webhooks.counts(workspace.id, since):
                if one.outcome not in ACCEPTED:
                    bad[one.connector_id] = bad.get(one.connector_id, 0) + one.count
            for connector in store.connectors.list(workspace.id, active_only=False):
                name = f"{connector.name} in {workspace.slug}"
                if bad.get(connector.id, 0) >= MANY_REFUSED:
                    refused.append(f"{name} ({bad[connector.id]})")
                webhook = store.webhooks.find(connector.id)
                if webhook is not None:
                    count += 1
                    if webhook.url != delivery_url(settings.public_url, connector):
                        elsewhere.append(name)
    if elsewhere:
        raise HeadwayError(
            f"sources deliver to another address than HEADWAY_PUBLIC_URL: {_some(elsewhere)}",
            "set it right, or repeat `headway connector webhook`",
        )
    if refused:
        raise HeadwayError(
            f"many deliveries of the last 7 days were refused: {_some(refused)}",
            "`headway connector webhook` says why; a webhook that was replaced may still stand at its source",
        )
    return f"{count} webhooks"


def _tokens(settings: Settings) -> str:
    """Tokens of the API that do more, or longer, than somebody needs."""
    from headway_pipeline.model.access import Role

    now = datetime.now(tz=UTC)
    with opened(settings) as store:
        tokens = [token for token in store.api_tokens.list() if token.revoked_at is None]
    tokens = [token for token in tokens if token.expires_at is None or token.expires_at > now]
    endless = [f"{token.name} ({token.role})" for token in tokens if token.expires_at is None]
    idle = [token.name for token in tokens if now - (token.last_used_at or token.created_at) > IDLE_TOKEN]
    if endless:
        raise HeadwayError(f"tokens never end: {_some(endless)}", "make others that end, and revoke these")
    if idle:
        raise HeadwayError(f"nobody used these tokens for {IDLE_TOKEN.days} days: {_some(idle)}", "revoke them")
    operators = sum(token.role is Role.OPERATOR for token in tokens)
    return f"{len(tokens)} tokens, {operators} of them operators'"


def _public_url(settings: Settings) -> str:
    """How others reach the API."""
    from headway_pipeline.sources.addresses import LOOPBACK_NAMES

    if settings.public_url is None:
        return "HEADWAY_PUBLIC_URL is not set: nobody outside is meant to reach the API"
    parts = urlsplit(settings.public_url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK_NAMES:
        raise HeadwayError(
            f"tokens cross the network in the clear: {parts.hostname} is not asked by https",
            "put a proxy with TLS before the API (deploy/proxy) and write HEADWAY_PUBLIC_URL with https://",
        )
    return f"{parts.scheme}://{parts.netloc}"


def _database_way(settings: Settings) -> str:
    """What is between here and PostgreSQL."""
    from headway_pipeline.sources.addresses import LOOPBACK_NAMES

    with opened(settings) as store:
        if store.hardening.is_embedded:
            return "embedded: no network between"
        if not store.hardening.is_way_trusted(LOOPBACK_NAMES):
            raise HeadwayError(
                "the way to PostgreSQL may be listened to, or its end may be somebody else",
                "add `?sslmode=verify-full&sslrootcert=...` to DATABASE_URL",
            )
        return f"{store.database.place}, within this machine or known by its certificate"


def _database_role(settings: Settings) -> str:
    """What whoever takes over this program may do in PostgreSQL."""
    with opened(settings) as store:
        if store.hardening.is_embedded:
            return "embedded: no roles"
        role = store.hardening.role()
    remedy = "connect as a role that owns no table and is no superuser; `headway db upgrade` alone needs the owner"
    if role.is_superuser or role.bypasses_row_security:
        what = "a superuser" if role.is_superuser else "free of row-level security"
        raise HeadwayError(f"the role {role.name} is {what}", remedy)
    if role.owned:
        raise HeadwayError(f"the role {role.name} owns {_some(list(role.owned))}", remedy)
    return f"{role.name} owns nothing and is no superuser"


def _row_security(settings: Settings) -> str:
    """Whether a forgotten filter reads nothing."""
    with opened(settings) as store:
        if store.hardening.is_embedded:
            return "embedded: PostgreSQL alone has it; keep workspaces that must not meet in PostgreSQL"
        loose, guarded = store.hardening.loose(), store.hardening.guarded
    if loose:
        raise HeadwayError(
            f"row-level security does not keep workspaces apart: {_some(loose)}", "run `headway db upgrade`"
        )
    return f"forced on {guarded} tables"


def _listening(_settings: Settings) -> str:
    """Who outside this machine reaches Dagster, which has no login, or the API without a proxy."""
    from headway_pipeline.cli.listening import listeners

    found = listeners()
    if found is None:
        return "this system does not tell: see with its own tools that Dagster listens on loopback only"
    outside = sorted({_named(one) for one in found if not one.is_loopback})
    if outside:
        raise HeadwayError(
            f"other machines may reach {_some(outside)}",
            "start it with --host 127.0.0.1 and put a proxy with a login before it (SECURITY.md, deploy/proxy)",
        )
    return f"{len(found)} sockets of this installation's programs, all on loopback"


def _named(listener: "Listener") -> str:
    return f"{listener.program} at {listener.host}:{listener.port}"


SECURITY_EXAMINATIONS: tuple[tuple[str, Callable[[Settings], str]], ...] = (
    ("files", _files),
    ("sealing key", _key),
    ("seals", _seals),
    ("connectors", _connectors),
    ("allowed hosts", _allowed_hosts),
    ("webhooks", _webhooks),
    ("tokens", _tokens),
    ("public address", _public_url),
    ("way to the database", _database_way),
    ("database role", _database_role),
    ("row-level security", _row_security),
    ("listening", _listening),
)
