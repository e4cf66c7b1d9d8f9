"""How an extracted feature is shown: wherever it stands, with its call, its evidence and what people decided."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from headway_pipeline.model.calls import Side
from headway_pipeline.model.decisions import DecisionKind
from headway_pipeline.model.features import FeatureType, Origin, Sentiment, Urgency
from headway_pipeline.model.links import web_address
from headway_pipeline.sources.discovery import link_to
from headway_pipeline.store import FoundFeature

__all__ = ["FeatureView", "feature_view", "moment_link"]


class View(BaseModel):
    """Exactly these fields."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


#: The address of a web page, or null: a file of some other machine opens for nobody.
WebAddress = Annotated[str | None, BeforeValidator(web_address)]


class CallView(View):
    """The call it comes from."""

    id: UUID
    source: str = Field(examples=["gong"])
    external_id: str
    title: str | None
    url: WebAddress = Field(description="Where the call can be heard; only addresses of the web.")
    occurred_at: datetime
    account: str | None


class EvidenceView(View):
    """What the customer said, word for word."""

    segment_index: int
    char_start: int
    char_end: int
    quote: str = Field(description="Segment `segment_index` of the transcript, from `char_start` to `char_end`.")
    speaker: str | None
    side: Side
    start_ms: int | None = Field(description="Milliseconds from the call's start.")
    url: str | None = Field(description="Where that moment can be heard.")


class ThemeScoreView(View):
    """How well it fits a theme, as the analyst sees it."""

    theme_id: UUID
    theme: str
    score: float = Field(ge=0, le=1)


class DecisionView(View):
    """What somebody decided about it."""

    kind: DecisionKind
    theme_id: UUID | None = Field(description="Where it was moved to, or stood when it was accepted; null: inbox.")
    theme: str | None
    decided_by: str
    decided_at: datetime
    note: str | None


class FeatureView(View):
    """A feature request, bug report or pain point; in the inbox where `theme` is null."""

    id: UUID
    type: FeatureType
    title: str
    description: str
    theme_id: UUID | None = Field(description="Where it stands; of a dismissed one, where it would.")
    theme: str | None = Field(examples=["Exports"])
    best_themes: list[ThemeScoreView] = Field(description="The analyst's best two, best first.")
    urgency: Urgency
    urgency_reason: str = Field(description="The customer's stated reason, or empty.")
    sentiment: Sentiment
    sentiment_score: float = Field(ge=-1, le=1)
    confidence: float = Field(ge=0, le=1)
    origin: Origin
    decisions: list[DecisionView] = Field(description="At most a verdict and a move.")
    message: CallView
    evidence: list[EvidenceView]


def feature_view(found: FoundFeature) -> FeatureView:
    """What is shown of it."""
    message = found.message
    own = {name: getattr(found, name) for name in FeatureView.model_fields if name != "evidence"}
    evidence = [
        EvidenceView(
            **{name: getattr(span, name) for name in EvidenceView.model_fields if name != "url"},
            url=moment_link(message.source, message.url, span.start_ms),
        )
        for span in found.evidence
    ]
    return FeatureView.model_validate({**own, "evidence": evidence})


def moment_link(source: str, url: str | None, start_ms: int | None) -> str | None:
    """Where a person hears that moment; None where the source gives no address of the web."""
    return web_address(link_to(source, url, start_ms))
