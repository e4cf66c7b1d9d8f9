"""Messages: every call in the ledger, with its state, and what was said on it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from headway_pipeline.api.access import AsViewer
from headway_pipeline.api.exporting import EXPORTED, Cells, ExportFormat, Format, exported
from headway_pipeline.api.feature_views import WebAddress, moment_link
from headway_pipeline.api.filters import Messages
from headway_pipeline.api.paging import LINKED, Page, Paged
from headway_pipeline.api.problems import refusals
from headway_pipeline.model.calls import Segment, Side
from headway_pipeline.model.features import Sentiment
from headway_pipeline.model.ledger import MessageState

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}/messages", tags=["messages"])

MessageId = Annotated[UUID, Path(description="The message.")]


class MessageView(BaseModel):
    """A call. What its source did not tell, or what was purged, is null."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    source: str = Field(examples=["gong"])
    external_id: str = Field(description="The source's own id.")
    title: str | None
    occurred_at: datetime = Field(description="When it started; of a purged call, the day.")
    duration_s: int | None
    url: WebAddress = Field(description="Where the call can be heard; only addresses of the web.")
    language: str | None = Field(examples=["en"])
    account: str | None = Field(description="The customer's company.")
    state: MessageState
    reason: str | None = Field(description="Why it stands there: a code, a colon, words.")
    sentiment: Sentiment | None
    sentiment_score: float | None = Field(ge=-1, le=1)
    updated_at: datetime


class MessagePage(Page[MessageView]):
    """A part of the listing of messages."""


class SegmentView(BaseModel):
    """What one speaker said in one turn."""

    model_config = ConfigDict(extra="forbid")

    index: int
    speaker: str | None
    side: Side
    start_ms: int | None = Field(description="Milliseconds from the call's start.")
    end_ms: int | None
    text: str
    url: str | None = Field(description="Where that moment can be heard.")


class TranscriptView(BaseModel):
    """What was said on a call."""

    model_config = ConfigDict(extra="forbid")

    message_id: UUID
    fetched_at: datetime
    segments: list[SegmentView]


CELLS: Cells = [
    (name, lambda row, name=name: getattr(row, name))  # type: ignore[misc]  # each keeps its own name
    for name in MessageView.model_fields
]


def _view(row: dict[str, Any]) -> MessageView:
    return MessageView.model_validate(row)


@router.get("", responses={**refusals(), **LINKED}, summary="List messages")
def list_messages(tenant: AsViewer, where: Messages, paging: Paged) -> MessagePage:
    """Newest first; private, forbidden and deleted ones stand here, too, without what they held."""
    page = tenant.store.reading.message_page(tenant.workspace.id, where, after=paging.after, limit=paging.limit)
    return MessagePage(items=[_view(row) for row in page.rows], next=paging.following(page.next))


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={**refusals(), 200: EXPORTED},
    summary="Export messages",
)
def export_messages(tenant: AsViewer, where: Messages, format: Format = ExportFormat.CSV) -> StreamingResponse:  # noqa: A002
    """Everything the same filters list, as a file."""
    rows = tenant.store.reading.every_message(tenant.workspace.id, where)
    return exported(f"{tenant.workspace.slug}-messages", format, rows, _view, CELLS)


@router.get("/{message_id}", responses=refusals(), summary="Read a message")
def read_message(tenant: AsViewer, message_id: MessageId) -> MessageView:
    """One call, whatever its state."""
    return _view(tenant.store.reading.message(tenant.workspace.id, message_id))


@router.get("/{message_id}/transcript", responses=refusals(), summary="Read a transcript")
def read_transcript(tenant: AsViewer, message_id: MessageId) -> TranscriptView:
    """Turn by turn. 404 where there are no words of the call, with its state."""
    shown = tenant.store.reading.transcript(tenant.workspace.id, message_id)
    source, url = shown.message["source"], shown.message["url"]
    segments = [_segment(segment, source, url) for segment in shown.transcript.segments]
    return TranscriptView(message_id=message_id, fetched_at=shown.fetched_at, segments=segments)


def _segment(segment: Segment, source: str, url: str | None) -> SegmentView:
    return SegmentView(
        index=segment.index,
        speaker=segment.speaker,
        side=segment.side,
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        text=segment.text,
        url=moment_link(source, url, segment.start_ms),
    )
