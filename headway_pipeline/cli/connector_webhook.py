"""`headway connector webhook`: let a source tell of new calls, so that none waits for the next hour."""

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from headway_pipeline.cli.context import (
    COMMAND_LINE,
    made_format_option,
    opened,
    ready_settings,
    verbose_option,
    workspace_option,
)
from headway_pipeline.cli.output import say, show_made
from headway_pipeline.model.errors import InputError

if TYPE_CHECKING:
    from headway_pipeline.model.workspaces import Connector, Workspace
    from headway_pipeline.sources.contract import Source

__all__ = ["webhook"]

#: Counts of deliveries are shown for these days.
SHOWN_DAYS = 7


@click.command()
@workspace_option
@click.argument("connector")
@click.option(
    "--public-key",
    "--secret",
    "secret_from",
    type=click.Choice(["-"]),
    help="`-`: on standard input, what the source shows for the address that was entered there.",
)
@click.option("--remove", is_flag=True, help="Believe no delivery any more; Fathom is told so.")
@made_format_option
@verbose_option
def webhook(
    workspace_ref: str,
    connector: str,
    secret_from: str | None,
    remove: bool,
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """Let the source of CONNECTOR (name or id) tell of new calls.

    Fathom is told the address through its API. For Gong the steps to take there are printed, and `--public-key -`
    takes the key that its rule shows. Repeating it changes nothing and shows what was delivered lately.
    """
    from headway_pipeline.sources.discovery import find_source

    if remove and secret_from:
        raise InputError("a webhook is removed or set up, not both", "leave one of the options out")
    with opened() as store:
        workspace = store.workspaces.find(workspace_ref)
        found = store.connectors.find(workspace.id, connector)
        source = find_source(found.connector_type)
        if remove:
            _remove(store, workspace, found, source, output_format)
            return
        words = _set_up(store, workspace, found, source, secret_from)
        _show(store, found, output_format, words)


def _set_up(
    store: Any, workspace: "Workspace", connector: "Connector", source: "type[Source]", secret_from: str | None
) -> str:
    """What was done, in words; the steps that are left are said."""
    from headway_pipeline.ingestion.run import Effects
    from headway_pipeline.ingestion.webhooks import delivery_url, register_webhook, trust_by_hand
    from headway_pipeline.sources.webhooks import WebhookSetup

    if source.webhook_setup is WebhookSetup.NONE:
        raise InputError(f"{source.label} sends no webhooks", "its listings find every call")
    url = delivery_url(ready_settings().public_url, connector)
    if source.webhook_setup is WebhookSetup.BY_API:
        if secret_from is not None:
            raise InputError(f"{source.label} tells its secret by itself", "leave --secret out")
        done = register_webhook(store, workspace, connector, url, Effects(), actor=COMMAND_LINE)
        if done.left_behind is not None:
            say(f"warning: {source.label} still has the webhook {done.left_behind}: remove it in its own settings")
        return f"{source.label} delivers to {url}{'' if done.is_new else ' already'}"
    if secret_from is not None:
        trust_by_hand(store, source, connector, sys.stdin.read(), url, Effects().now(), actor=COMMAND_LINE)
        return f"what {source.label} signs for {url} is believed from now on"
    present = store.webhooks.find(connector.id)
    if present is not None and present.url == url:
        return f"what {source.label} signs for {url} is believed"
    steps = [*source.webhook_steps(url), "bring what it shows here: the same command with --public-key -"]
    for number, step in enumerate(steps, 1):
        say(f"{number}. {step}")
    return f"{source.label} is to deliver to {url}; nothing is believed yet"


def _show(store: Any, connector: "Connector", output_format: str, words: str) -> None:
    from headway_pipeline.ingestion.run import Effects

    since = Effects().now().date() - timedelta(days=SHOWN_DAYS - 1)
    present = store.webhooks.find(connector.id)
    counts: dict[str, int] = {}
    for one in store.webhooks.counts(connector.workspace_id, since):
        if one.connector_id == connector.id:
            counts[one.outcome] = counts.get(one.outcome, 0) + one.count
    made = {
        "connector_id": connector.id,
        "url": present.url if present else None,
        "is_believed": present is not None,
        "remote_id": present.remote_id if present else None,
        "deliveries": counts,
    }
    show_made(made, output_format, words)
    if counts:
        say(f"deliveries of the last {SHOWN_DAYS} days: {', '.join(f'{n} {what}' for what, n in counts.items())}")


def _remove(
    store: Any, workspace: "Workspace", connector: "Connector", source: "type[Source]", output_format: str
) -> None:
    from headway_pipeline.ingestion.run import Effects
    from headway_pipeline.ingestion.webhooks import remove_webhook

    is_gone = remove_webhook(store, workspace, connector, Effects(), actor=COMMAND_LINE)
    made = {"connector_id": connector.id, "is_gone_at_source": is_gone}
    show_made(made, output_format, f"no delivery to {connector.name} is believed any more")
    if not is_gone:
        say(f"remove it in {source.label}'s own settings, too, if it still stands there")
