"""Who may call a route. Every route names the role it needs in its signature; a test walks them all.

::

    def list_things(tenant: AsViewer) -> ...          one workspace, from {workspace_id} in the path
    def add_workspace(operator: AsOperator) -> ...    the whole installation
    @router.get("/health", dependencies=[OPEN])       nobody in particular
    @router.post("/webhooks/…", dependencies=[SIGNED])    whoever signed the body; the route verifies it

Everything under /api/ is behind a token whatever its routes say: the wall lets nobody else through.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request, Security
from fastapi.security import HTTPBearer

from headway_pipeline.api.wiring import Wired
from headway_pipeline.model.access import Caller, Role
from headway_pipeline.model.errors import (
    ConflictingRequestError,
    NotAuthenticatedError,
    NotPermittedError,
    UnknownThingError,
)
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.store import Store
from headway_pipeline.store.workspaces import as_uuid

__all__ = [
    "BEARER",
    "OPEN",
    "SIGNED",
    "AsAdmin",
    "AsEditor",
    "AsOperator",
    "AsViewer",
    "Caller",
    "Gate",
    "OperatorGate",
    "Role",
    "Tenant",
    "TenantGate",
    "bearer_secret",
    "requires",
]

#: Declares the scheme in OpenAPI; the wall does the work.
BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="Made by `headway token create`.")
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,200}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """One workspace, as the caller may see it.

    Attributes:
        store: of this workspace only.
    """

    workspace: Workspace
    store: Store
    caller: Caller

    def record(self, action: str, subject: str, details: Mapping[str, Any] | None = None) -> None:
        """Put a change into the audit log: no secret, no speech."""
        self.store.audit_log.record(
            self.workspace.id, actor=self.caller.actor, action=action, subject=subject, details=details
        )


def bearer_secret(authorization: str | None) -> str | None:
    """The token of an Authorization header, or None where there is no usable one."""
    scheme, _, secret = (authorization or "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" and _SECRET.fullmatch(secret.strip()) else None


@dataclass(frozen=True, slots=True)
class Gate:
    """Who a route is for, in words, for routes that need no token."""

    words: str

    def __call__(self) -> None:
        """Let everybody through."""


OPEN = Depends(Gate("open"))
SIGNED = Depends(Gate("signed"))


def _caller(request: Request) -> Caller:
    caller = request.scope.get("headway_caller")
    if not isinstance(caller, Caller):
        raise NotAuthenticatedError(
            "this needs a token", "send `Authorization: Bearer …` with a token of `headway token create`"
        )
    return caller


WorkspaceReference = Annotated[
    str,
    Path(
        alias="workspace_id",
        description="The workspace, by id or slug.",
        pattern=r"^[A-Za-z0-9-]{1,63}$",
        examples=["acme"],
    ),
]


@dataclass(frozen=True, slots=True)
class TenantGate:
    """Lets a role into the workspace of the path, and nobody into another one's."""

    role: Role

    def __call__(
        self,
        reference: WorkspaceReference,
        wired: Wired,
        caller: Annotated[Caller, Depends(_caller)],
        _scheme: Annotated[object, Security(BEARER)],
    ) -> Tenant:
        """The workspace and its store.

        Raises:
            UnknownThingError: there is no such workspace, or it is not the caller's: the same words for both.
            NotPermittedError: the role may not do this.
            ConflictingRequestError: a change to a workspace that is not active.
        """
        workspace = _workspace(wired.store, reference, caller)
        if not caller.role.includes(self.role):
            raise NotPermittedError(
                f"a token of the role {caller.role} may not do this", f"use one of the role {self.role}"
            )
        if not workspace.is_active and self.role is not Role.VIEWER and caller.role is not Role.OPERATOR:
            raise ConflictingRequestError("the workspace is not active", "an operator may activate it")
        return Tenant(workspace, wired.store.within(workspace.id), caller)


def _workspace(store: Store, reference: str, caller: Caller) -> Workspace:
    # Whoever has a workspace gets that one or none: whether there are others is not even asked, so neither words nor
    # time tell. The store's own words list them, and stay here.
    unknown = UnknownThingError("there is no such workspace for this token", "see that the id and the token belong")
    try:
        workspace = store.workspaces.find(str(caller.workspace_id or reference))
    except UnknownThingError:
        raise unknown from None
    if reference != workspace.slug and as_uuid(reference) != workspace.id:
        raise unknown
    return workspace


@dataclass(frozen=True, slots=True)
class OperatorGate:
    """Lets operators do what concerns the whole installation."""

    role: Role = Role.OPERATOR

    def __call__(
        self, caller: Annotated[Caller, Depends(_caller)], _scheme: Annotated[object, Security(BEARER)]
    ) -> Caller:
        """Who it is.

        Raises:
            NotPermittedError: the caller is no operator.
        """
        if caller.role is not Role.OPERATOR:
            raise NotPermittedError(
                f"a token of the role {caller.role} may not do this", "use one of the role operator"
            )
        return caller


def requires(role: Role) -> Any:
    """The dependency that lets `role`, and those above it, into a route.

    Of one workspace, a `Tenant`; for operators, the `Caller`.
    """
    return Depends(OperatorGate() if role is Role.OPERATOR else TenantGate(role))


AsViewer = Annotated[Tenant, requires(Role.VIEWER)]
AsEditor = Annotated[Tenant, requires(Role.EDITOR)]
AsAdmin = Annotated[Tenant, requires(Role.ADMIN)]
AsOperator = Annotated[Caller, requires(Role.OPERATOR)]
