"""`headway demo`: the whole pipeline against a local sandbox, in about a minute."""

import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from headway_pipeline.cli.context import opened, ready_settings, verbose_option
from headway_pipeline.cli.output import clock, say, tell
from headway_pipeline.cli.sandbox import USUAL_PORT
from headway_pipeline.model.errors import ConfigurationError, UnknownThingError
from headway_pipeline.model.workspaces import Credentials, Workspace

if TYPE_CHECKING:
    from headway_pipeline.sandbox.server import Sandbox
    from headway_pipeline.sandbox.world import Company, World
    from headway_pipeline.store import Store

__all__ = ["command"]

#: How long whatever listens at a port may take to say what it is.
PROBE_TIMEOUT_S = 2.0
DAYS = 30
SHOWN_PER_THEME = 2


@click.command(name="demo")
@verbose_option
def command(verbose: bool) -> int:
    """Make workspaces with connectors and themes, ingest 30 days of made-up calls, and show what was found.

    The offline rules read, free of charge, unless HEADWAY_MODEL names a model.
    """
    from headway_pipeline.cli.ingest import ingest_workspace
    from headway_pipeline.ingestion.analysts import OFFLINE
    from headway_pipeline.sandbox.worlds import demo_world

    settings = ready_settings()
    # A key at hand is not yet leave to spend on made-up calls.
    model = settings.environment.get("HEADWAY_MODEL") or OFFLINE
    say(f"using {settings.home}" + ("" if settings.is_embedded else " and the database in DATABASE_URL"))
    today = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    world = demo_world(today)
    exit_code = 0
    with _addresses(world) as (gong_url, fathom_url):
        say(f"a local Gong answers at {gong_url}, a local Fathom at {fathom_url}")
        for company in world.companies:
            with opened() as store:
                workspace = _workspace(store, company, gong_url, fathom_url)
            last = today.date()
            report = ingest_workspace(workspace, last - timedelta(days=DAYS), last, model=model, verbose=verbose)
            report.show("text")
            exit_code = max(exit_code, report.exit_code)
    for company in world.companies:
        with opened() as store:
            _show_themes(store, store.workspaces.find(_slug(company)))
    _suggest(world.companies, urlsplit(gong_url).port)
    return exit_code


def _port_before(companies: "Sequence[Company]") -> int | None:
    """Where the connectors of an earlier demo look for their calls; None where they look on another machine."""
    from headway_pipeline.sandbox.listener import LOOPBACK

    with opened() as store:
        try:
            workspace = store.workspaces.find(_slug(companies[0]))
            address = urlsplit(store.connectors.find(workspace.id, "gong").base_url or "")
        except UnknownThingError:
            return None
    return address.port if address.hostname == LOOPBACK else None


def _slug(company: "Company") -> str:
    return f"demo-{company.name.lower().replace(' ', '-')}"


@contextmanager
def _addresses(world: "World") -> Iterator[tuple[str, str]]:
    """Of a local Gong and Fathom with the demo's calls: of a sandbox that is left running, else of one made now.

    It is looked for, and made, where the demo before had it, for its port stands in every link; else at the usual
    port; else it is made at any.
    """
    from headway_pipeline.sandbox.fathom.api import PREFIX
    from headway_pipeline.sandbox.listener import LOOPBACK

    ports = [port for port in (_port_before(world.companies), USUAL_PORT) if port is not None]
    for port in ports:
        if _serves_demo(port, f"{PREFIX}/meetings", world.companies[0]):
            standing = f"http://{LOOPBACK}:{port}"
            yield standing, standing + PREFIX
            return
    with _sandbox(world, ports) as sandbox:
        yield sandbox.base_url, sandbox.fathom_url


def _sandbox(world: "World", ports: Sequence[int]) -> "Sandbox":
    """The world behind the first of these ports that is free, else behind any."""
    from headway_pipeline.sandbox.server import Sandbox

    for port in ports:
        with suppress(ConfigurationError):
            return Sandbox(world, port=port)
    return Sandbox(world)


def _serves_demo(port: int, path: str, company: "Company") -> bool:
    """Whether a sandbox with this company's calls answers at a port of this machine."""
    from http.client import HTTPConnection, HTTPException

    from headway_pipeline.sandbox.listener import LOOPBACK

    connection = HTTPConnection(LOOPBACK, port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"X-Api-Key": company.api_token})
        answer = connection.getresponse()
        return answer.status == HTTPStatus.OK and answer.headers.get("Server", "").startswith("sandbox")
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _workspace(store: "Store", company: "Company", gong_url: str, fathom_url: str) -> Workspace:
    """The company's workspace with its connectors and themes; what stands is kept."""
    from headway_pipeline.sandbox.expansion import demo_themes

    workspace = _ensure_workspace(store, company)
    gong_keys = Credentials({"access_key": company.access_key, "secret_key": company.secret_key})
    _connect(store, workspace, "gong", gong_url, gong_keys)
    _connect(store, workspace, "fathom", fathom_url, Credentials({"api_token": company.api_token}))
    known = {row.theme.name for row in store.themes.list(workspace.id, include_archived=True)}
    for name, description, color, icon in demo_themes()[company.name]:
        if name not in known:
            store.themes.add(workspace.id, name, description=description, color=color, icon=icon)
    return workspace


def _ensure_workspace(store: "Store", company: "Company") -> Workspace:
    try:
        return store.workspaces.find(_slug(company))
    except UnknownThingError:
        domains = frozenset({company.email_domain})
        return store.workspaces.add(company.name, slug=_slug(company), vendor_domains=domains)


def _connect(store: "Store", workspace: Workspace, source: str, base_url: str, credentials: Credentials) -> None:
    """The connector of the source's name, made or given its present address."""
    try:
        connector = store.connectors.find(workspace.id, source)
    except UnknownThingError:
        store.connectors.add(workspace.id, source, name=source, base_url=base_url, credentials=credentials)
    else:
        store.connectors.readdress(connector.id, base_url=base_url, credentials=credentials)


def _show_themes(store: "Store", workspace: Workspace) -> None:
    """The themes with a few features each: quote, speaker, moment and link."""
    from headway_pipeline.cli.reading import feature_row
    from headway_pipeline.sources.discovery import link_to

    rows = [feature_row(found, link_to) for found in store.reading.features(workspace.id)]
    by_theme: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_theme[row["theme"]].append(row)
    tell(f"\n{workspace.name}: {len(rows)} features under {len(by_theme)} themes")
    for theme, found in sorted(by_theme.items(), key=lambda item: (-len(item[1]), item[0])):
        tell(f"\n  {theme} ({len(found)})")
        for row in _telling(found)[:SHOWN_PER_THEME]:
            for line in _lines(row):
                tell(f"    {line}")


def _telling(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Most urgent and surest first."""
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    return sorted(rows, key=lambda row: (order[str(row["urgency"])], -row["confidence"], str(row["id"])))


def _lines(row: Mapping[str, Any]) -> Iterable[str]:
    evidence = row["evidence"][0]
    message = row["message"]
    yield f"{str(row['type']).replace('_', ' ')}, {row['urgency']} urgency: {row['title']}"
    yield f"  “{evidence['quote']}”"
    speaker = evidence["speaker"] or "somebody"
    account = f" ({message['account']})" if message["account"] else ""
    moment = f"{message['occurred_at']:%d %b %Y}, at {clock(evidence['start_ms'])}"
    yield f"  {speaker}{account}, {moment} of “{message['title']}”"
    yield f"  {evidence['url']}"


def _suggest(companies: "Sequence[Company]", port: int | None) -> None:
    slug = _slug(companies[0])
    # As it was called: by name from an activated environment, or by its path.
    called = Path(sys.argv[0])
    command = "headway" if called.parent == Path() or shutil.which("headway") == str(called) else sys.argv[0]
    at_port = "" if port == USUAL_PORT else f" --port {port}"
    say("")
    say("what to try next:")
    say(f"  {command} features --workspace-id {slug} --type bug_report")
    say(f"  {command} inbox --workspace-id {slug}")
    say(f"  {command} status --workspace-id {slug}")
    say(f"  {command} theme add --workspace-id {slug} --name Onboarding --description 'First steps and training'")
    sandbox = f"{command} sandbox{at_port}"
    say(f"  {sandbox}       (in a terminal of its own: the links above open, and ingests find their calls)")
    say(f"  {command} up            (Dagster: the same assets, partitions and checks in a browser)")
