"""Deliveries of webhooks: whoever signed one as its connector's source does may leave a hint, and nobody else.

A forger learns nothing: whether there is such a connector, and what is wrong with the delivery, is answered with the
same bytes after the same time.
"""

import asyncio
import time
from http import HTTPStatus
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from starlette.background import BackgroundTask

from headway_pipeline.api.access import SIGNED
from headway_pipeline.api.deliveries import Deliveries
from headway_pipeline.api.problems import refusals
from headway_pipeline.ingestion.webhooks import ACCEPTED, Outcome, Taken
from headway_pipeline.sources.webhooks import WebhookDelivery

__all__ = ["router"]

router = APIRouter(tags=["webhooks"])

#: When a refusal is answered, counted from the body's arrival: later than any of the checks takes.
REFUSED_AFTER_S = 0.05
#: How long a source is asked to wait where it is we who cannot verify.
RETRY_AFTER_S = 60

BODY = {
    "requestBody": {
        "description": "What the source signed, as it came.",
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


def _deliveries(request: Request) -> Deliveries:
    deliveries: Deliveries = request.app.state.deliveries
    return deliveries


@router.post(
    "/webhooks/{source}/{connector_id}",
    dependencies=[SIGNED],
    status_code=HTTPStatus.NO_CONTENT,
    responses=refusals(403, 422, is_open=True),
    openapi_extra=BODY,
    summary="Take a delivery of a source",
)
async def take_delivery(
    source: Annotated[str, Path(description="The source's name.", examples=["fathom"])],
    connector_id: Annotated[str, Path(description="The connector's id.")],
    request: Request,
    deliveries: Annotated[Deliveries, Depends(_deliveries)],
) -> Response:
    """Keeps a hint that something is new about a call; the next run lists its day.

    What was delivered before, or is for a connector that is not in use, is taken and changes nothing.
    """
    started = time.monotonic()
    delivery = WebhookDelivery(request.headers.items(), await request.body())
    sender = request.client.host if request.client else ""
    taken: Taken = await to_thread.run_sync(deliveries.take, source, connector_id, sender, delivery)
    counting = BackgroundTask(deliveries.counts.add, taken)
    if taken.outcome in ACCEPTED:
        return Response(status_code=HTTPStatus.NO_CONTENT, background=counting)
    await to_thread.run_sync(deliveries.counts.add, taken)
    if taken.outcome == Outcome.UNUSABLE:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": str(RETRY_AFTER_S)})
    await asyncio.sleep(max(0.0, started + REFUSED_AFTER_S - time.monotonic()))
    raise HTTPException(HTTPStatus.FORBIDDEN)
