"""People's decisions as a labelled set, for `headway eval`."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from headway_pipeline.api.access import AsViewer
from headway_pipeline.api.exporting import FILE_HEADERS, MEDIA_TYPES, ExportFormat, as_ndjson
from headway_pipeline.api.problems import refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}/labels", tags=["decisions"])

NDJSON = MEDIA_TYPES[ExportFormat.NDJSON]
LABELS: dict[str, Any] = {
    "description": "One call a line.",
    "headers": FILE_HEADERS,
    "content": {NDJSON: {"schema": {"type": "string"}}},
}


@router.get("", response_class=StreamingResponse, responses={**refusals(), 200: LABELS}, summary="Export decisions")
def export_labels(tenant: AsViewer) -> StreamingResponse:
    """Calls with what was accepted, dismissed and moved in them, and with their whole transcripts."""
    calls = tenant.store.reading.decided_calls(tenant.workspace.id)
    headers = {"Content-Disposition": f'attachment; filename="decided_calls_{tenant.workspace.slug}.jsonl"'}
    return StreamingResponse(as_ndjson(call.to_json() for call in calls), media_type=NDJSON, headers=headers)
