"""Query parameters that narrow listings, the same for pages, exports and counts."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import StringConstraints

from headway_pipeline.api.fields import Day, Name
from headway_pipeline.model.features import FeatureType, Sentiment, Urgency
from headway_pipeline.model.filters import CallFilter, Decided, FeatureFilter, MessageFilter
from headway_pipeline.model.ledger import MessageState, ReasonCode

__all__ = ["Calls", "Features", "Messages"]

Account = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
SourceName = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[a-z0-9_]+$")]


def _calls(
    source: Annotated[list[SourceName], Query(description="Only from these sources.", examples=[["gong"]])] = [],  # noqa: B006
    connector_id: Annotated[UUID | None, Query(description="Only what this connector has listed.")] = None,
    account: Annotated[
        Account | None, Query(description="Only calls with this customer, exactly as the source names it.")
    ] = None,
    since: Annotated[Day | None, Query(description="Calls from this UTC day on.", examples=["2026-11-01"])] = None,
    until: Annotated[Day | None, Query(description="Calls up to this UTC day.", examples=["2026-11-30"])] = None,
) -> CallFilter:
    return CallFilter(tuple(source), connector_id, account, since, until)


Calls = Annotated[CallFilter, Depends(_calls)]


def _messages(
    calls: Calls,
    state: Annotated[list[MessageState], Query(description="Only in these states.")] = [],  # noqa: B006
    reason: Annotated[list[ReasonCode], Query(description="Only for these reasons.")] = [],  # noqa: B006
    text: Annotated[Name | None, Query(description="What the title or the account holds, in any case.")] = None,
) -> MessageFilter:
    return MessageFilter(calls, tuple(state), tuple(reason), text)


Messages = Annotated[MessageFilter, Depends(_messages)]


def _features(
    calls: Calls,
    theme_id: Annotated[list[UUID], Query(description="Only under these themes.")] = [],  # noqa: B006
    type: Annotated[list[FeatureType], Query(description="Only these kinds.")] = [],  # noqa: A002, B006
    urgency: Annotated[list[Urgency], Query(description="Only of these urgencies.")] = [],  # noqa: B006
    sentiment: Annotated[list[Sentiment], Query(description="Only of these tones.")] = [],  # noqa: B006
    confidence: Annotated[
        float | None, Query(ge=0, le=1, description="The analyst was at least so sure.", examples=[0.7])
    ] = None,
    text: Annotated[
        Name | None, Query(description="What the title, the description or a quote holds, in any case.")
    ] = None,
    decided: Annotated[
        Decided | None,
        Query(description="What people decided about it. When left out: all but dismissed ones."),
    ] = None,
    message_id: Annotated[UUID | None, Query(description="Only what was found in this call.")] = None,
) -> FeatureFilter:
    return FeatureFilter(
        call=calls,
        theme_ids=tuple(theme_id),
        types=tuple(type),
        urgencies=tuple(urgency),
        sentiments=tuple(sentiment),
        least_confidence=confidence,
        text=text,
        decided=decided,
        message_id=message_id,
    )


Features = Annotated[FeatureFilter, Depends(_features)]
