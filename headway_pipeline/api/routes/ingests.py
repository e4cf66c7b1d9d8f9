"""Ingests: work that Dagster does, asked for here and followed here."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from headway_pipeline.api.access import AsEditor, AsViewer
from headway_pipeline.api.creating import Made, Once, created, making
from headway_pipeline.api.fields import INTEGRAL, Day, StrictBody
from headway_pipeline.api.launching import Launcher, RunState
from headway_pipeline.api.paging import Cursor, Limit, Page, cut, place_of
from headway_pipeline.api.problems import refusals
from headway_pipeline.api.wiring import Wired
from headway_pipeline.model.errors import InputError
from headway_pipeline.sources.discovery import discover
from headway_pipeline.store.ingest_requests import IngestRequestRow

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}/ingests", tags=["ingests"])

DEFAULT_DAYS_BACK = 7


class IngestState(StrEnum):
    """Where an ingest stands: as its run does, if there is one and Dagster tells."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


WORDS = {
    IngestState.WAITING: "no Dagster answers: the request is kept, and becomes a run when one runs",
    IngestState.UNKNOWN: "Dagster does not answer, or no longer keeps this run",
}


def _name_sources(schema: dict[str, Any]) -> None:
    schema["enum"] = sorted(discover())


SourceName = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$", json_schema_extra=_name_sources)]
#: The first day in two ways.
SAID_TWICE: dict[str, Any] = {
    "required": ["days_back", "since"],
    "properties": {"days_back": {"type": "integer"}, "since": {"type": "string"}},
}


class NewIngest(StrictBody):
    """Which days to ingest: `days_back` until today, or `since` and `until`, both included."""

    model_config = ConfigDict(json_schema_extra={"not": SAID_TWICE})

    days_back: Annotated[int, Field(strict=True, ge=0, le=3650), INTEGRAL] | None = Field(
        default=None, description=f"So many days back; {DEFAULT_DAYS_BACK} where no day is named.", examples=[30]
    )
    since: Day | None = Field(default=None, description="First UTC day.")
    until: Day | None = Field(default=None, description="Last UTC day; today when left out.")
    connector_type: SourceName | None = Field(
        default=None, description="Only connectors of this source.", examples=["gong"]
    )
    limit: Annotated[int, Field(strict=True, ge=1, le=2_147_483_647), INTEGRAL] | None = Field(
        default=None, description="Transcribe and read at most so many calls, newest first."
    )


class IngestView(BaseModel):
    """A request for an ingest, and where it stands."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    since: date
    until: date
    connector_type: str | None
    limit: int | None
    created_at: datetime
    state: IngestState
    words: str | None = Field(description="What to know about that state.")
    run_id: str | None = Field(description="Dagster's id of the run.")


class IngestPage(Page[IngestView]):
    """A part of the listing of requests for ingests."""


def views(rows: Sequence[IngestRequestRow], launcher: Launcher) -> list[IngestView]:
    """What is shown of requests; asks Dagster once after their runs."""
    states = launcher.states([row.run_id for row in rows if row.run_id is not None])
    return [_view(row, states) for row in rows]


def _view(row: IngestRequestRow, states: Mapping[str, RunState]) -> IngestView:
    state = IngestState.WAITING if row.run_id is None else IngestState(states.get(row.run_id, "unknown"))
    return IngestView(
        id=row.id,
        since=row.since,
        until=row.until,
        connector_type=row.connector_type,
        limit=row.max_calls,
        created_at=row.created_at,
        state=state,
        words=WORDS.get(state),
        run_id=row.run_id,
    )


@router.post(
    "",
    status_code=202,
    response_model=IngestView,
    responses={**refusals(409), 202: making("ingest_id", "read_ingest")},
    summary="Ask for an ingest",
)
def add_ingest(tenant: AsEditor, wired: Wired, body: NewIngest, once: Once) -> Response:
    """Dagster does it; follow it at the address in `Location`. Where no Dagster runs the request waits for one."""
    since, until = _days(body, wired.now().date(), wired.settings.start_date)
    if body.connector_type is not None and body.connector_type not in discover():
        raise InputError("there is no source of that name", f"take one of: {', '.join(discover())}")

    def make() -> Made:
        requests = tenant.store.ingest_requests
        source = body.connector_type
        if source is not None and not tenant.store.connectors.list(tenant.workspace.id, connector_type=source):
            # It would list nothing, and mark its days as done all the same.
            raise InputError(
                "the workspace has no active connector to that source", "add one, or name another source"
            )
        with tenant.store.at_once():
            row = requests.add(
                tenant.workspace.id,
                since,
                until,
                requested_by=tenant.caller.actor,
                connector_type=body.connector_type,
                max_calls=body.limit,
            )
            tenant.record("ingest.add", f"ingest {row.id}", {"since": str(since), "until": str(until)})
        run_id = wired.launcher.launch(row)
        if run_id is not None:
            requests.record_run(row.workspace_id, row.id, run_id)
        row = requests.find(row.workspace_id, row.id)
        place = f"/api/v1/workspaces/{tenant.workspace.id}/ingests/{row.id}"
        return created(views([row], wired.launcher)[0], place, status=202)

    return once.answer(make)


@router.get("", responses=refusals(), summary="List requests for ingests")
def list_ingests(tenant: AsViewer, wired: Wired, limit: Limit = 20, cursor: Cursor = None) -> IngestPage:
    """Newest first."""
    found = tenant.store.ingest_requests.list(tenant.workspace.id, before=place_of(cursor), limit=limit + 1)
    shown, following = cut(found, limit)
    return IngestPage(items=views(shown, wired.launcher), next=following)


@router.get("/{ingest_id}", responses=refusals(), summary="Follow an ingest")
def read_ingest(
    tenant: AsViewer, wired: Wired, ingest_id: Annotated[UUID, Path(description="The request.")]
) -> IngestView:
    """Its state is the run's."""
    row = tenant.store.ingest_requests.find(tenant.workspace.id, ingest_id)
    return views([row], wired.launcher)[0]


def _days(body: NewIngest, today: date, first: date) -> tuple[date, date]:
    """The range asked for, both ends included.

    Raises:
        InputError: it is said in two ways, is reversed, or lies where there are no partitions.
    """
    if body.days_back is not None and body.since is not None:
        raise InputError("days_back and since say the same in two ways", "send one of them")
    named = [day for day in (body.since, body.until) if day is not None]
    if not all(first <= day <= today for day in named):
        raise InputError(f"there are calls from {first} to {today} only", "name days between them")
    until = body.until or today
    back = DEFAULT_DAYS_BACK if body.days_back is None else body.days_back
    since = body.since or max(until - timedelta(days=back), first)
    if since > until:
        raise InputError(f"the range from {since} to {until} is reversed", "name its first day in since")
    return since, until
