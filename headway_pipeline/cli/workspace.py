"""`headway workspace`: add, list and deactivate workspaces, and say how their calls are read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from headway_pipeline.cli.context import (
    changing,
    made_format_option,
    opened,
    record,
    verbose_option,
    workspace_option,
)
from headway_pipeline.cli.output import Column, format_option, show, show_made
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.workspaces import Workspace

__all__ = ["command"]


@click.group(name="workspace")
def command() -> None:
    """Add, list, edit and deactivate workspaces."""


@command.command()
@click.argument("name")
@click.option("--slug", help="Short name in [a-z0-9-], never changed later; made from NAME when left out.")
@click.option(
    "--vendor-domain",
    "vendor_domains",
    multiple=True,
    metavar="DOMAIN",
    help="E-mail domain of your own people; who writes from there is never quoted as a customer. Repeatable.",
)
@made_format_option
@verbose_option
def add(name: str, slug: str | None, vendor_domains: tuple[str, ...], output_format: str, verbose: bool) -> None:  # noqa: ARG001
    """Add a workspace called NAME."""
    with changing() as store:
        workspace = store.workspaces.add(name, slug=slug, vendor_domains=frozenset(vendor_domains))
        record(store, workspace.id, "workspace.add", f"workspace {workspace.id}", slug=workspace.slug)
    made = {"id": workspace.id, "slug": workspace.slug, "name": workspace.name}
    show_made(made, output_format, f"workspace {workspace.slug} ({workspace.id})")


@command.command()
@workspace_option
@click.option("--name", help="Another name; the slug stays.")
@click.option(
    "--vendor-domain",
    "vendor_domains",
    multiple=True,
    metavar="DOMAIN",
    help='E-mail domain of your own people, in place of those there were; "" for none. Repeatable.',
)
@click.option(
    "--active/--inactive",
    "is_active",
    default=None,
    help="Inactive, it is ingested no more and is no partition; what it has stays.",
)
@click.option(
    "--model", metavar="PROVIDER:MODEL", help='Who reads its calls; "offline" for the rules, "" for HEADWAY_MODEL.'
)
@click.option(
    "--stage-model",
    "stage_models",
    multiple=True,
    metavar="STAGE=PROVIDER:MODEL",
    help='Another model for relevance, extraction or matching; "STAGE=" takes it back. Repeatable.',
)
@click.option(
    "--monthly-budget-usd", type=float, metavar="USD", help="Cap of a calendar month; below 0 for the installation's."
)
@click.option("--redact/--no-redact", default=None, help="Take personal data out of what a model is shown.")
@made_format_option
@verbose_option
def edit(
    workspace_ref: str,
    name: str | None,
    vendor_domains: tuple[str, ...],
    is_active: bool | None,
    model: str | None,
    stage_models: tuple[str, ...],
    monthly_budget_usd: float | None,
    redact: bool | None,
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """Change a workspace, and how its calls are read from now on.

    What was read stays until `headway reanalyse`.
    """
    given = {
        "name": name,
        "vendor_domains": frozenset(filter(None, vendor_domains)) if vendor_domains else None,
        "is_active": is_active,
    }
    values = {what: value for what, value in given.items() if value is not None}
    if not values and not stage_models and (model, monthly_budget_usd, redact) == (None, None, None):
        raise InputError("nothing to change is named", "`headway workspace edit --help` shows what there is")
    with changing() as store:
        workspace = store.workspaces.find(workspace_ref)
        reading = workspace.reading
        if model is not None:
            reading = replace(reading, model=_checked(model))
        if stage_models:
            reading = replace(reading, stage_models=_with_stages(reading.stage_models, stage_models))
        if monthly_budget_usd is not None:
            reading = replace(reading, monthly_budget_usd=monthly_budget_usd if monthly_budget_usd >= 0 else None)
        if redact is not None:
            reading = replace(reading, is_redacting=redact)
        if values:
            store.workspaces.edit(workspace.id, **values)
        workspace = store.workspaces.set_reading(workspace.id, reading)
        record(
            store,
            workspace.id,
            "workspace.edit",
            f"workspace {workspace.id}",
            changed=sorted(values),
            reading=reading.to_json(),
        )
    made = {**_shown(workspace), "reading": reading.to_json()}
    show_made(made, output_format, _edited_words(workspace))


def _edited_words(workspace: Workspace) -> str:
    """What holds from now on."""
    read = ", ".join(f"{name} {value}" for name, value in workspace.reading.to_json().items())
    words = [
        f"workspace {workspace.slug} ({workspace.name})" + ("" if workspace.is_active else " is inactive"),
        f"read with {read}" if read else "read as the installation says",
        *([f"own people at {', '.join(sorted(workspace.vendor_domains))}"] if workspace.vendor_domains else []),
    ]
    return "; ".join(words)


def _checked(model: str) -> str | None:
    """The model as it is stored; None for none.

    Raises:
        ConfigurationError: there is no such model.
    """
    if not model.strip():
        return None
    from headway_pipeline.ingestion.analysts import OFFLINE, named_model

    choice = named_model(model, "the option")
    return OFFLINE if choice is None else str(choice)


def _with_stages(standing: Mapping[str, str], given: Sequence[str]) -> dict[str, str]:
    from headway_pipeline.llm.contract import Stage

    changed = dict(standing)
    for option in given:
        stage, equals, model = option.partition("=")
        if stage not in set(Stage) or not equals:
            raise InputError(
                f"--stage-model {option!r} names no stage and model",
                f"write STAGE=PROVIDER:MODEL with one of {', '.join(Stage)}",
            )
        chosen = _checked(model)
        changed.pop(stage, None)
        if chosen is not None:
            changed[stage] = chosen
    return changed


def _shown(workspace: Workspace) -> dict[str, Any]:
    return {
        "id": workspace.id,
        "slug": workspace.slug,
        "name": workspace.name,
        "vendor_domains": sorted(workspace.vendor_domains),
        "is_active": workspace.is_active,
    }


COLUMNS = (
    Column("slug", lambda row: row["slug"]),
    Column("name", lambda row: row["name"], ratio=1),
    Column("id", lambda row: str(row["id"])),
    Column("vendor domains", lambda row: ", ".join(row["vendor_domains"])),
    Column("active", lambda row: "yes" if row["is_active"] else "no"),
)


@command.command(name="list")
@click.option("--all", "show_all", is_flag=True, help="Inactive ones, too.")
@format_option
@verbose_option
def list_(show_all: bool, output_format: str, verbose: bool) -> None:  # noqa: ARG001
    """List the active workspaces."""
    with opened() as store:
        rows = [_shown(workspace) for workspace in store.workspaces.list(include_inactive=show_all)]
    show(rows, COLUMNS, output_format, empty="no workspaces yet: make one with `headway workspace add NAME`")
