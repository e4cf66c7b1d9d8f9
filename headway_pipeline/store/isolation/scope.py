"""Whose rows a transaction may touch."""

import uuid
from dataclasses import dataclass

__all__ = ["LOGIN", "TENANT_ROLE", "WORKER", "WORKER_ROLE", "Scope", "tenant"]

#: Roles of PostgreSQL, shared by all databases of a server. Nobody logs in as one of them.
TENANT_ROLE = "headway_tenant"
WORKER_ROLE = "headway_worker"


@dataclass(frozen=True, slots=True)
class Scope:
    """What every transaction of a database handle is confined to.

    Attributes:
        role: what it acts as on PostgreSQL; None for the login itself.
        workspace_id: the one workspace it sees; None for all of them.
    """

    role: str | None
    workspace_id: uuid.UUID | None = None


#: As the login itself: for the tables' making and for what concerns no row.
LOGIN = Scope(None)
#: Every workspace: runs, sensors, the command line, and finding out who asks.
WORKER = Scope(WORKER_ROLE)


def tenant(workspace_id: uuid.UUID) -> Scope:
    """One workspace and nothing else."""
    return Scope(TENANT_ROLE, workspace_id)
