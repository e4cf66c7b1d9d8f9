"""A small made-up world behind a real sandbox server, and an installation that is connected to it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headway_pipeline.model.calls import Side
from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import Company, SandboxCall, Speaker, Utterance, World
from headway_pipeline.settings import Settings, current_settings
from headway_pipeline.store import Store
from headway_pipeline.store.configured import open_configured_store

#: No call is placed on the present day, so that no test depends on the hour it runs at.
TODAY = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
#: What a developer's environment may hold, and no test must meet.
UNSET = (
    "DATABASE_URL",
    "HEADWAY_SECRET_KEY",
    "DAGSTER_HOME",
    "DAGSTER_DATABASE_URL",
    "HEADWAY_START_DATE",
    "HEADWAY_FIRST_DAYS",
    "HEADWAY_EVAL_DATA",
    "HEADWAY_MODEL",
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
)
ASK = "it would be great if we could schedule the export for every Monday morning"
CHAT = "The weather has been lovely here and the new office has a garden with three old apple trees."


def sandbox_call(number: int, *, days_ago: int = 1, ask: str = ASK) -> SandboxCall:
    """A call of a minute: the vendor asks, the customer answers."""
    said = [
        ("v", "Thanks for joining, how has the month been for you and your team?"),
        ("c", f"Mostly fine, I would say. To be honest {ask}. This is visit {number} of the year."),
        ("v", "I hear you, let me take that back to the people here who can do something about it."),
        ("c", CHAT),
    ]
    return SandboxCall(
        id=f"call-{number}",
        title=f"Check-in {number}",
        started_at=TODAY - timedelta(days=days_ago) + timedelta(hours=10, minutes=number),
        speakers=(
            Speaker("v", "Vera Vendor", Side.VENDOR, "vera@vendor.example"),
            Speaker("c", "Carl Customer", Side.CUSTOMER, "carl@buyer.example"),
        ),
        utterances=tuple(Utterance(who, 10.0 * n, 10.0 * n + 9, text) for n, (who, text) in enumerate(said)),
        account="Buyer",
    )


def world(*calls: SandboxCall) -> World:
    """One vendor with these calls."""
    return World((Company("Vendor", "the-access-key", "the-secret-key", "vendor.example", calls),))


@dataclass
class Installation:
    """A home with one connected workspace, and the server it is connected to."""

    settings: Settings
    sandbox: Sandbox
    store: Store
    workspace: Workspace

    def reconnect(self, secret_key: str = "the-secret-key") -> None:
        """Give the connector these credentials."""
        connector = self.store.connectors.find(self.workspace.id, "gong")
        credentials = Credentials({"access_key": "the-access-key", "secret_key": secret_key})
        self.store.connectors.readdress(connector.id, base_url=self.sandbox.base_url, credentials=credentials)

    @property
    def states(self) -> dict[str, str]:
        """The state of each call by title."""
        return {row["title"]: row["state"] for row in self.store.reading.messages(self.workspace.id)}


def use_home(home: Path, environment: pytest.MonkeyPatch) -> Settings:
    """Make `home` the HEADWAY_HOME, and leave no other setting standing."""
    for name in UNSET:
        environment.delenv(name, raising=False)
    environment.setenv("HEADWAY_HOME", str(home))
    return current_settings()


@contextmanager
def installed(
    home: Path,
    environment: pytest.MonkeyPatch,
    *calls: SandboxCall,
    themes: tuple[str, ...] = ("Exports",),
    template: Path | None = None,
) -> Iterator[Installation]:
    """A fresh HEADWAY_HOME with the workspace `acme` connected to a sandbox that serves `calls`.

    Args:
        template: a home without workspaces to copy, whose tables are made.
    """
    if template is not None:
        shutil.copytree(template, home)
    settings = use_home(home, environment)
    store = open_configured_store(settings)
    with Sandbox(world(*calls)) as sandbox:
        workspace = store.workspaces.add("Acme", vendor_domains=frozenset({"vendor.example"}))
        store.connectors.add(
            workspace.id,
            "gong",
            base_url=sandbox.base_url,
            credentials=Credentials({"access_key": "the-access-key", "secret_key": "the-secret-key"}),
        )
        for name in themes:
            store.themes.add(workspace.id, name, description="Getting data out on a schedule")
        yield Installation(settings, sandbox, store, workspace)
    store.close()
