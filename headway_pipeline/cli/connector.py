"""`headway connector`: access to sources. Credentials come on standard input, never as arguments."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from headway_pipeline.cli.connector_webhook import webhook
from headway_pipeline.cli.context import (
    changing,
    made_format_option,
    opened,
    ready_settings,
    record,
    verbose_option,
    workspace_option,
)
from headway_pipeline.cli.output import Column, format_option, say, show, show_made
from headway_pipeline.model.errors import HeadwayError, InputError
from headway_pipeline.model.workspaces import Credentials

if TYPE_CHECKING:
    from headway_pipeline.sources.contract import Source

__all__ = ["command"]


@click.group(name="connector")
def command() -> None:
    """Add, edit, list, check and disable connectors to sources."""


command.add_command(webhook)

credentials_option = click.option(
    "--credentials",
    "credentials_from",
    type=click.Choice(["-", "env"]),
    help="`-`: a JSON object on standard input. `env`: read from the environment at each run. "
    "For sources that need any.",
)


@command.command()
@workspace_option
@click.option("--type", "connector_type", required=True, metavar="SOURCE", help="Name of the source, e.g. gong.")
@click.option("--name", help="Name of the connector; the source's name when left out.")
@click.option("--base-url", help="API address, where it is not the source's default (Gong shows yours under API).")
@credentials_option
@click.option(
    "--setting",
    "settings_given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A choice of the source, e.g. workspace=Sales for Gong or path=./transcripts; may be repeated.",
)
@made_format_option
@verbose_option
def add(
    workspace_ref: str,
    connector_type: str,
    name: str | None,
    base_url: str | None,
    credentials_from: str | None,
    settings_given: tuple[str, ...],
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """Connect a workspace to a source."""
    from headway_pipeline.sources.discovery import find_source, read_settings

    source = find_source(connector_type)
    address = _address(source, base_url)
    settings = read_settings(source, [_pair(setting) for setting in settings_given])
    credentials = _credentials(source, credentials_from)
    with changing() as store:
        workspace = store.workspaces.find(workspace_ref)
        connector = store.connectors.add(
            workspace.id,
            source.name,
            name=name,
            base_url=address,
            credentials=credentials,
            uses_environment=credentials_from == "env",
            settings=settings,
        )
        record(store, workspace.id, "connector.add", f"connector {connector.id}", connector_type=source.name)
    made = {"id": connector.id, "workspace_id": workspace.id, "connector_type": source.name, "name": connector.name}
    show_made(made, output_format, f"connector {connector.name} ({connector.id}) in {workspace.slug}")
    say(f"try it with `headway connector check --workspace-id {workspace.slug} {connector.name}`")


@command.command(short_help="Give CONNECTOR new credentials or an address.")
@workspace_option
@click.argument("connector")
@click.option("--base-url", help='Another API address, or "" for the source\'s default; needs the credentials again.')
@credentials_option
@click.option(
    "--setting",
    "settings_given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another choice in place of what NAME was; `NAME=` for none. May be repeated.",
)
@made_format_option
@verbose_option
def edit(
    workspace_ref: str,
    connector: str,
    base_url: str | None,
    credentials_from: str | None,
    settings_given: tuple[str, ...],
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """Give CONNECTOR (name or id) new credentials, another address or other choices; what it brought stays.

    A disabled connector is used again from then on.
    """
    from headway_pipeline.sources.discovery import find_source, read_settings

    if base_url is None and credentials_from is None and not settings_given:
        raise InputError("nothing to change is named", "give --credentials, --base-url or --setting")
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        found = store.connectors.find(workspace.id, connector)
    source = find_source(found.connector_type)
    if base_url is not None and source.credential_fields and credentials_from is None:
        # Whoever may change the address only must not learn what is sent there.
        raise InputError("another address needs the credentials again", "give --credentials, too")
    address = found.base_url if base_url is None else _address(source, base_url)
    settings = read_settings(source, _chosen(found.settings, [_pair(setting) for setting in settings_given]))
    credentials = None if credentials_from is None else _credentials(source, credentials_from)
    with changing() as store:
        store.connectors.readdress(
            found.id,
            base_url=address,
            credentials=credentials,
            uses_environment=credentials_from == "env",
            settings=settings,
        )
        given = {"base_url": base_url, "credentials": credentials_from, "settings": settings_given or None}
        changed = sorted(name for name, value in given.items() if value is not None)
        record(store, workspace.id, "connector.edit", f"connector {found.id}", changed=changed)
    made = {"id": found.id, "workspace_id": workspace.id, "connector_type": source.name, "name": found.name}
    show_made(made, output_format, f"connector {found.name} ({found.id}) in {workspace.slug} is changed")
    say(f"try it with `headway connector check --workspace-id {workspace.slug} {found.name}`")


def _chosen(settings: Mapping[str, Sequence[str]], given: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """A connector's choices with those that were given in place of the ones of the same names."""
    named = {name for name, _ in given}
    kept = [(name, value) for name, values in settings.items() if name not in named for value in values]
    return [*kept, *((name, value) for name, value in given if value or name not in settings)]


def _address(source: "type[Source]", base_url: str | None) -> str | None:
    from headway_pipeline.sources.addresses import clean_base_url
    from headway_pipeline.sources.contract import HttpSource

    settings = ready_settings()
    if not base_url:
        return None
    if not issubclass(source, HttpSource):
        raise InputError(f"{source.label} is asked over no network and has no address", "leave --base-url out")
    return clean_base_url(source, base_url, allowed_hosts=settings.allowed_hosts, allow_loopback=True)


def _pair(setting: str) -> tuple[str, str]:
    name, equals, value = setting.partition("=")
    if not equals:
        raise InputError(f"the setting {setting!r} has no value", "write --setting NAME=VALUE")
    return name.strip(), value


def _credentials(source: "type[Source]", credentials_from: str | None) -> Credentials | None:
    from headway_pipeline.sources.discovery import read_credentials

    if source.credential_fields and credentials_from is None:
        names = " and ".join(field.name for field in source.credential_fields)
        raise InputError(
            f"{source.label} asks for credentials ({names})", "give --credentials - or --credentials env"
        )
    if not source.credential_fields and credentials_from is not None:
        raise InputError(f"{source.label} asks for no credentials", "leave --credentials out")
    if credentials_from != "-":
        return None
    credentials = read_credentials(source, _from_standard_input(source))
    if "token_url" not in credentials:
        return credentials
    # The client's secret and the refresh token are sent there.
    return Credentials({**credentials, "token_url": _address(source, credentials["token_url"]) or ""})


def _from_standard_input(source: "type[Source]") -> dict[str, Any]:
    from headway_pipeline.sources.contract import HttpSource
    from headway_pipeline.sources.oauth import OAUTH_REQUIRED

    example = json.dumps({field.name: "..." for field in source.credential_fields})
    if issubclass(source, HttpSource) and source.oauth is not None:
        example = f"{example}, or for OAuth {json.dumps(dict.fromkeys(OAUTH_REQUIRED, '...'))}"
    if sys.stdin.isatty():
        say("write the credentials as one JSON object, then end with Ctrl-D:")
    try:
        given = json.loads(sys.stdin.read())
    except json.JSONDecodeError as error:
        # The text itself must not be shown: it holds secrets.
        raise InputError(
            f"the credentials on standard input are no JSON (line {error.lineno}, column {error.colno})",
            f"write one object: {example}",
        ) from None
    if not isinstance(given, dict):
        raise InputError("the credentials on standard input are no JSON object", f"write {example}")
    return given


def _where(row: Mapping[str, Any]) -> str:
    settings = (f"{name}={value}" for name, values in row["settings"].items() for value in values)
    return " ".join(filter(None, (row["base_url"], *settings))) or "(default)"


COLUMNS = (
    Column("name", lambda row: row["name"]),
    Column("type", lambda row: row["connector_type"]),
    Column("active", lambda row: "yes" if row["is_active"] else "no"),
    Column("health", lambda row: row["health_words"]),
    Column("what to know", lambda row: row["last_error"] or row["advice"] or "", ratio=1),
    Column("address or settings", _where),
)


@command.command(name="list")
@workspace_option
@click.option("--all", "show_all", is_flag=True, help="Disabled ones, too.")
@format_option
@verbose_option
def list_(workspace_ref: str, show_all: bool, output_format: str, verbose: bool) -> None:  # noqa: ARG001
    """List a workspace's connectors with their health."""
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        rows = [
            {
                "id": connector.id,
                "connector_type": connector.connector_type,
                "name": connector.name,
                "is_active": connector.is_active,
                "base_url": connector.base_url,
                "credentials": "environment" if connector.uses_environment else "stored",
                "settings": connector.settings,
                "health": connector.health.value,
                "health_words": connector.health_words,
                "advice": connector.advice,
                "last_error": connector.last_error,
                "last_ok_at": connector.last_ok_at,
                "resume_at": connector.resume_at,
            }
            for connector in store.connectors.list(workspace.id, active_only=not show_all)
        ]
    show(rows, COLUMNS, output_format, empty="no connectors yet: see `headway connector add --help`")


@command.command(short_help="Try CONNECTOR and say what it may see.")
@workspace_option
@click.argument("connector")
@made_format_option
@verbose_option
def check(workspace_ref: str, connector: str, output_format: str, verbose: bool) -> None:  # noqa: ARG001
    """Try CONNECTOR (name or id) with one cheap request and say what it may see."""
    from headway_pipeline.ingestion.checkup import check_connector
    from headway_pipeline.ingestion.run import Effects

    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        found = store.connectors.find(workspace.id, connector)
        verdict = check_connector(store, workspace, found, Effects())
        checked = store.connectors.find(workspace.id, str(found.id))
    made = {"id": found.id, "health": verdict.health, "resume_at": checked.resume_at, "words": verdict.words}
    if verdict.is_usable or output_format == "json":
        show_made(made, output_format, f"{found.name}: {checked.health_words}. {verdict.words}")
    if checked.advice is not None:
        say(f"warning: {found.name}: {checked.advice}")
    if not verdict.is_usable:
        raise HeadwayError(f"connector {found.name} cannot be used", verdict.words)


@command.command()
@workspace_option
@click.argument("connector")
@verbose_option
def disable(workspace_ref: str, connector: str, verbose: bool) -> None:  # noqa: ARG001
    """Stop using CONNECTOR (name or id); what it brought stays."""
    with changing() as store:
        workspace = store.workspaces.find(workspace_ref)
        found = store.connectors.find(workspace.id, connector)
        store.connectors.disable(found.id)
        record(store, workspace.id, "connector.disable", f"connector {found.id}")
    say(f"connector {found.name} disabled")
