"""Connectors: a workspace's access to sources. Credentials go in and never come out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from headway_pipeline.api.access import AsAdmin, AsEditor, AsViewer, Role, Tenant
from headway_pipeline.api.connector_bodies import (
    ConnectorBody,
    address_of,
    credentials_of,
    edit_body,
    new_connector_body,
    settings_of,
)
from headway_pipeline.api.creating import Made, Once, created, making
from headway_pipeline.api.etags import EDITED, SHOWN, Guarded, Known, show
from headway_pipeline.api.paging import Page
from headway_pipeline.api.problems import refusals
from headway_pipeline.api.rates import Places
from headway_pipeline.api.wiring import Wired
from headway_pipeline.model.errors import InputError, NotPermittedError, TooManyRequestsError
from headway_pipeline.model.workspaces import Connector, ConnectorHealth
from headway_pipeline.sources.contract import Source

__all__ = ["build_router"]

ConnectorId = Annotated[UUID, Path(description="The connector.")]
#: Each holds one of the API's threads until the source answers, a minute at worst; the others are for everybody.
MOST_CHECKS = 8
RETRY_CHECK_AFTER_S = 10


class ConnectorView(BaseModel):
    """Access to a source, without its credentials."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    connector_type: str = Field(examples=["gong"])
    name: str
    base_url: str | None = Field(description="null for the source's own address")
    is_active: bool
    credentials: str = Field(description="Where they are: `stored`, or `environment` of the operator.")
    settings: dict[str, list[str]]
    health: ConnectorHealth
    health_words: str
    advice: str | None = Field(description="What is worth a look though nothing failed.")
    last_error: str | None
    last_ok_at: datetime | None
    resume_at: datetime | None = Field(description="No request before this time.")


class ConnectorPage(Page[ConnectorView]):
    """A part of the listing of connectors."""


class CheckView(BaseModel):
    """What one cheap request found out."""

    model_config = ConfigDict(extra="forbid")

    is_usable: bool
    health: ConnectorHealth
    words: str = Field(examples=["the key works and sees calls"])
    resume_at: datetime | None


def view(connector: Connector) -> ConnectorView:
    """What is shown of a connector."""
    return ConnectorView(
        id=connector.id,
        connector_type=connector.connector_type,
        name=connector.name,
        base_url=connector.base_url,
        is_active=connector.is_active,
        credentials="environment" if connector.uses_environment else "stored",
        settings={name: list(values) for name, values in connector.settings.items()},
        health=connector.health,
        health_words=connector.health_words,
        advice=connector.advice,
        last_error=connector.last_error,
        last_ok_at=connector.last_ok_at,
        resume_at=connector.resume_at,
    )


def build_router(sources: Mapping[str, type[Source]]) -> APIRouter:
    """The routes, with bodies made from the sources' declarations."""
    router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}/connectors", tags=["connectors"])
    _add_reading(router)
    _add_writing(router, sources)
    return router


def _refuse_check() -> TooManyRequestsError:
    return TooManyRequestsError(
        "too many connectors are being tried", "repeat it in a moment", retry_after_s=RETRY_CHECK_AFTER_S
    )


def _add_reading(router: APIRouter) -> None:
    places = Places(MOST_CHECKS)

    @router.get("", responses=refusals(), summary="List connectors")
    def list_connectors(
        tenant: AsViewer, inactive: Annotated[bool, Query(description="Inactive ones, too.")] = False
    ) -> ConnectorPage:
        """By name, with their health."""
        found = tenant.store.connectors.list(tenant.workspace.id, active_only=not inactive)
        return ConnectorPage(items=[view(connector) for connector in found], next=None)

    @router.get(
        "/{connector_id}", response_model=ConnectorView, responses={**refusals(), **SHOWN}, summary="Read a connector"
    )
    def read_connector(tenant: AsViewer, connector_id: ConnectorId, known: Known = None) -> Response:
        """With its ETag."""
        connector = _find(tenant, connector_id)
        return show(view(connector), connector.updated_at, known=known)

    @router.post("/{connector_id}/check", responses=refusals(), summary="Try a connector")
    def check_connector(tenant: AsEditor, wired: Wired, connector_id: ConnectorId) -> CheckView:
        """Asks the source who the credentials are, with one cheap request, and keeps the health that follows."""
        from headway_pipeline.ingestion.checkup import check_connector as check
        from headway_pipeline.ingestion.run import Effects

        with places.one(_refuse_check):
            # The source's limits are shared by whoever has the same account there, so the whole store keeps them.
            verdict = check(wired.store, tenant.workspace, _find(tenant, connector_id), Effects())
        checked = _find(tenant, connector_id)
        return CheckView(
            is_usable=verdict.is_usable, health=verdict.health, words=verdict.words, resume_at=checked.resume_at
        )


def _add_writing(router: APIRouter, sources: Mapping[str, type[Source]]) -> None:
    NewConnector, ConnectorEdit = new_connector_body(sources), edit_body(sources)  # noqa: N806  # types, made here

    @router.post(
        "",
        status_code=201,
        response_model=ConnectorView,
        responses={
            **refusals(409),
            201: making("connector_id", "read_connector", "edit_connector", "check_connector"),
        },
        summary="Connect a source",
    )
    def add_connector(tenant: AsAdmin, wired: Wired, body: NewConnector, once: Once) -> Response:  # type: ignore[valid-type]
        """Credentials are sealed before they are stored, and no response holds one."""
        return once.answer(lambda: _add(tenant, wired, sources[body.connector_type], body))  # type: ignore[attr-defined]

    @router.patch(
        "/{connector_id}",
        response_model=ConnectorView,
        responses={**refusals(409, 412, 428), **EDITED},
        summary="Edit, deactivate or activate a connector",
    )
    def edit_connector(
        tenant: AsAdmin,
        wired: Wired,
        connector_id: ConnectorId,
        body: ConnectorEdit,  # type: ignore[valid-type]
        guard: Guarded,
    ) -> Response:
        """Needs the ETag in If-Match. Another `base_url` needs the credentials again."""
        connector = _find(tenant, connector_id)
        seen_at = guard.hold(view(connector), connector.updated_at)
        _edit(tenant, wired, sources.get(connector.connector_type), connector, body, seen_at)
        edited = _find(tenant, connector_id)
        return show(view(edited), edited.updated_at)


def _find(tenant: Tenant, connector_id: UUID) -> Connector:
    return tenant.store.connectors.find(tenant.workspace.id, str(connector_id))


def _add(tenant: Tenant, wired: Wired, source: type[Source], body: ConnectorBody) -> Made:
    credentials = credentials_of(source, body, wired.settings)
    if credentials is None and source.credential_fields:
        raise InputError(f"{source.label} needs credentials", "give the fields of its key, or those of OAuth")
    base_url = address_of(source, body.base_url, wired.settings)
    settings = settings_of(source, body.choices() or {})
    with tenant.store.at_once():
        connector = tenant.store.connectors.add(
            tenant.workspace.id,
            source.name,
            name=body.name,
            base_url=base_url,
            credentials=credentials,
            settings=settings,
        )
        tenant.record("connector.add", f"connector {connector.id}", {"connector_type": source.name})
    place = f"/api/v1/workspaces/{tenant.workspace.id}/connectors/{connector.id}"
    return created(view(connector), place, connector.updated_at)


def _edit(
    tenant: Tenant,
    wired: Wired,
    source: type[Source] | None,
    connector: Connector,
    body: Any,
    seen_at: datetime | None,
) -> None:
    if source is None:
        raise InputError(f"the source {connector.connector_type!r} is not installed", "ask the operator for it")
    _require_own(tenant, source, connector, body)
    credentials = credentials_of(source, body, wired.settings)
    changes = {name: getattr(body, name) for name in ("name", "is_active") if getattr(body, name) is not None}
    if body.base_url is not None:
        if credentials is None:
            # Whoever may change the address only must not learn what is sent there.
            raise InputError("another address needs the credentials again", "send them in the same request")
        changes["base_url"] = address_of(source, body.base_url, wired.settings)
    choices = body.choices()
    settings = None if choices is None else settings_of(source, {**connector.settings, **choices})
    changed = sorted({*changes, *(["credentials"] if credentials else []), *(["settings"] if choices else [])})
    with tenant.store.at_once():
        tenant.store.connectors.edit(
            connector.id, changes, credentials=credentials, settings=settings, seen_at=seen_at
        )
        tenant.record("connector.edit", f"connector {connector.id}", {"changed": changed})


def _require_own(tenant: Tenant, source: type[Source], connector: Connector, body: Any) -> None:
    """What whoever runs the machine connected at the command line, nobody turns to something else from here.

    Raises:
        NotPermittedError: the edit would.
    """
    given = {name for name in body.model_fields_set if getattr(body, name) is not None}
    if source.is_operator_only and given - {"is_active", "name"}:
        raise NotPermittedError(
            f"what a {source.label} connector reads is chosen at the command line", "use `headway connector edit`"
        )
    is_operators = source.is_operator_only or connector.uses_environment
    if is_operators and tenant.caller.role is not Role.OPERATOR and (given - {"is_active", "name"} or body.is_active):
        raise NotPermittedError(
            "the operator made this connector at the command line", "only its name can be changed here, or it stopped"
        )
