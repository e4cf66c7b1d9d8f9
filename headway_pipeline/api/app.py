"""The application: the wall, the routes, and the OpenAPI document."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from anyio import to_thread
from fastapi import Depends, FastAPI, Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from headway_pipeline import __version__
from headway_pipeline.api.access import OPEN
from headway_pipeline.api.deliveries import Deliveries
from headway_pipeline.api.launching import Launcher
from headway_pipeline.api.problems import Problem, install_problems, refusals
from headway_pipeline.api.rates import Limits
from headway_pipeline.api.routes import (
    audit_log,
    connectors,
    decisions,
    features,
    health,
    ingests,
    labels,
    messages,
    status,
    themes,
    webhooks,
    workspaces,
)
from headway_pipeline.api.wall import Wall
from headway_pipeline.api.wiring import Wiring
from headway_pipeline.model.errors import MalformedRequestError
from headway_pipeline.settings import Settings
from headway_pipeline.sources.discovery import discover
from headway_pipeline.store import Store

__all__ = ["build_api"]

#: Every module of `routes/`; a test holds the list against the folder.
ROUTERS = (
    health.router,
    workspaces.router,
    themes.router,
    ingests.router,
    messages.router,
    features.router,
    decisions.router,
    labels.router,
    status.router,
    audit_log.router,
    webhooks.router,
)

DEFAULT_LIMITS = Limits()

#: The parts of the document, as they are listed.
TAGS = [
    {"name": "workspaces", "description": "Teams, each with connectors, themes and calls of its own."},
    {"name": "connectors", "description": "A workspace's access to sources. Credentials go in and never come out."},
    {"name": "themes", "description": "What feedback is filed under."},
    {"name": "ingests", "description": "Runs that fetch calls and read them: asked for here, done by Dagster."},
    {"name": "messages", "description": "Every call, with its state, and what was said on it."},
    {"name": "features", "description": "What customers ask for, report and suffer from, and how often."},
    {"name": "decisions", "description": "What people decided about features; no run overwrites it."},
    {"name": "status", "description": "How complete and how healthy everything is."},
    {"name": "audit log", "description": "Who changed what."},
    {"name": "webhooks", "description": "Where sources say that there is something new."},
    {"name": "health", "description": "For load balancers, and for those who write clients."},
]

DESCRIPTION = """\
Customer calls as feature requests, bug reports and pain points, each resting on a quote.

Send a token in `Authorization: Bearer …`; `headway token create` makes one. Refusals are problem details (RFC 9457).
"""


def build_api(
    store: Store,
    settings: Settings,
    *,
    launcher: Launcher,
    now: Callable[[], datetime],
    limits: Limits = DEFAULT_LIMITS,
) -> FastAPI:
    """The ASGI application.

    Args:
        launcher: how Dagster is asked for runs.
        now: the present, aware.
    """
    app = FastAPI(
        title="headway_pipeline",
        version=__version__,
        description=DESCRIPTION,
        # FastAPI's pages load their scripts from somebody else's servers.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        openapi_tags=TAGS,
        license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
        # Clients that are made from the document name their functions so.
        generate_unique_id_function=lambda route: route.name,
        redirect_slashes=False,
        # It would hand messages of exceptions to whatever exporter the process has.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        dependencies=[Depends(_refuse_unknown_parameters)],
        lifespan=_living,
    )
    app.state.wiring = Wiring(store, settings, launcher, now)
    app.state.deliveries = Deliveries(store, discover(), now)
    install_problems(app)
    app.add_middleware(Wall, wiring=app.state.wiring, limits=limits)
    for router in (*ROUTERS, connectors.build_router(discover())):
        app.include_router(router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's own way

    @app.get(
        "/openapi.json",
        tags=["health"],
        dependencies=[OPEN],
        responses=refusals(is_open=True),
        summary="This document",
    )
    def read_openapi() -> dict[str, Any]:
        """OpenAPI 3.1 of every route."""
        return app.openapi()

    return app


@asynccontextmanager
async def _living(app: FastAPI) -> AsyncIterator[None]:
    yield
    await to_thread.run_sync(app.state.deliveries.close)


def _refuse_unknown_parameters(request: Request) -> None:
    """A misspelt filter that is passed over reads everything; a repeated one hides what it repeats."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = {one.alias for one in get_flat_params(route.dependant) if isinstance(one.field_info, params.Query)}
    given = [name for name, _ in request.query_params.multi_items()]
    if not set(given) <= known:
        raise MalformedRequestError(
            "the address has a query parameter that is not known here",
            f"it takes {', '.join(sorted(known)) or 'none'}",
        )


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
            license_info=app.license_info,
        )
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        components |= problem.pop("$defs")
        components["Problem"] = problem
        app.openapi_schema = schema
    return app.openapi_schema
