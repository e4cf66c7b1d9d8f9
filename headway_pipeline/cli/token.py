"""`headway token`: bearer tokens of the REST API."""

from datetime import UTC, datetime, timedelta

import click

from headway_pipeline.cli.context import changing, made_format_option, opened, record, verbose_option
from headway_pipeline.cli.output import Column, format_option, say, show, show_made
from headway_pipeline.model.access import Role

__all__ = ["command"]


@click.group(name="token")
def command() -> None:
    """Create, list and revoke tokens of the REST API."""


@command.command()
@click.option("--workspace-id", "workspace_ref", metavar="ID|SLUG", help="The workspace; none for an operator.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="viewer reads; editor also edits themes and asks for ingests; admin also connects sources; operator does "
    "everything in every workspace.",
)
@click.option("--name", required=True, help="Who or what will use it.")
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="It opens nothing after so many days.")
@made_format_option
@verbose_option
def create(
    workspace_ref: str | None,
    role: str,
    name: str,
    expires_in_days: int | None,
    output_format: str,
    verbose: bool,  # noqa: ARG001
) -> None:
    """Make a token and show it, once: only its hash is kept."""
    expires_at = None if expires_in_days is None else datetime.now(tz=UTC) + timedelta(days=expires_in_days)
    with changing() as store:
        workspace = None if workspace_ref is None else store.workspaces.find(workspace_ref)
        workspace_id = None if workspace is None else workspace.id
        token, secret = store.api_tokens.create(name, Role(role), workspace_id=workspace_id, expires_at=expires_at)
        record(store, workspace_id, "token.create", f"token {token.id}", name=token.name, role=role)
    made = {
        "id": token.id,
        "token": secret,
        "role": role,
        "name": token.name,
        "workspace_id": workspace_id,
        "expires_at": expires_at,
    }
    show_made(made, output_format, secret)
    where = "every workspace" if workspace is None else workspace.slug
    say(f"token {token.name} ({token.id}), {role} in {where}; it is shown this once, so keep it somewhere safe")


COLUMNS = (
    Column("name", lambda row: row["name"], ratio=1),
    Column("role", lambda row: row["role"]),
    Column("workspace", lambda row: row["workspace"] or "(all)"),
    Column("last used", lambda row: f"{row['last_used_at']:%Y-%m-%d %H:%M}" if row["last_used_at"] else "never"),
    Column("expires", lambda row: f"{row['expires_at']:%Y-%m-%d}" if row["expires_at"] else ""),
    Column("revoked", lambda row: f"{row['revoked_at']:%Y-%m-%d}" if row["revoked_at"] else ""),
    Column("id", lambda row: str(row["id"])),
)


@command.command(name="list")
@click.option("--workspace-id", "workspace_ref", metavar="ID|SLUG", help="Only this workspace's.")
@format_option
@verbose_option
def list_(workspace_ref: str | None, output_format: str, verbose: bool) -> None:  # noqa: ARG001
    """List tokens with their last use; never their secrets."""
    with opened() as store:
        workspace_id = None if workspace_ref is None else store.workspaces.find(workspace_ref).id
        slugs = {workspace.id: workspace.slug for workspace in store.workspaces.list(include_inactive=True)}
        rows = [
            {
                "id": token.id,
                "name": token.name,
                "role": token.role.value,
                "workspace": slugs.get(token.workspace_id),
                "created_at": token.created_at,
                "last_used_at": token.last_used_at,
                "expires_at": token.expires_at,
                "revoked_at": token.revoked_at,
            }
            for token in store.api_tokens.list(workspace_id)
        ]
    show(rows, COLUMNS, output_format, empty="no tokens yet: make one with `headway token create`")


@command.command(short_help="Let TOKEN (its id) open nothing any more.")
@click.argument("token")
@verbose_option
def revoke(token: str, verbose: bool) -> None:  # noqa: ARG001
    """Let TOKEN (its id) open nothing any more, from the next request on."""
    with changing() as store:
        revoked = store.api_tokens.revoke(token)
        record(store, revoked.workspace_id, "token.revoke", f"token {revoked.id}", name=revoked.name)
    say(f"token {revoked.name} revoked")
