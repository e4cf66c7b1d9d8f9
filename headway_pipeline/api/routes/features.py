"""Features, the inbox, and their counts: what customers asked for, reported and suffer from."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from fastapi.responses import StreamingResponse

from headway_pipeline.api.access import AsViewer, Tenant
from headway_pipeline.api.etags import SHOWN, Known, show
from headway_pipeline.api.exporting import EXPORTED, Cells, ExportFormat, Format, exported
from headway_pipeline.api.feature_views import FeatureView, View, feature_view
from headway_pipeline.api.filters import Features
from headway_pipeline.api.paging import LINKED, Limit, Page, Paged, Paging
from headway_pipeline.api.problems import refusals
from headway_pipeline.model.features import FeatureType, Sentiment, Urgency
from headway_pipeline.model.filters import FeatureFilter, Place

__all__ = ["FeatureId", "router"]

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}", tags=["features"])

FeatureId = Annotated[UUID, Path(description="The feature, or the item of the inbox.")]


class ThemeCountView(View):
    """How many stand under a theme; in the inbox where it is null."""

    theme_id: UUID | None
    theme: str | None
    features: int


class TypeCountView(View):
    """How many are of a kind."""

    type: FeatureType
    features: int


class UrgencyCountView(View):
    """How many are so urgent."""

    urgency: Urgency
    features: int


class SentimentCountView(View):
    """How many are of a tone."""

    sentiment: Sentiment
    features: int


class WeekCountView(View):
    """How many come from calls of a week."""

    week: date
    features: int


class SummaryView(View):
    """Counts over the filters, features and inbox together. What was dismissed is left out unless asked for."""

    features: int
    calls: int
    accounts: int
    by_theme: list[ThemeCountView]
    by_type: list[TypeCountView]
    by_urgency: list[UrgencyCountView]
    by_sentiment: list[SentimentCountView]
    by_week: list[WeekCountView]


class AccountView(View):
    """A customer's company, with its calls that hold something, and what they hold."""

    account: str
    calls: int
    features: int
    last_call_at: datetime


class AccountPage(Page[AccountView]):
    """A part of the listing of accounts."""


class FeaturePage(Page[FeatureView]):
    """A part of the listing of features, or of the inbox."""


#: The first quote stands for all; NDJSON has every one.
CELLS: Cells = (
    ("id", lambda row: row.id),
    ("type", lambda row: row.type),
    ("title", lambda row: row.title),
    ("description", lambda row: row.description),
    ("theme", lambda row: row.theme),
    ("urgency", lambda row: row.urgency),
    ("urgency_reason", lambda row: row.urgency_reason),
    ("sentiment", lambda row: row.sentiment),
    ("sentiment_score", lambda row: row.sentiment_score),
    ("confidence", lambda row: row.confidence),
    ("decided", lambda row: ", ".join(decision.kind for decision in row.decisions)),
    ("quote", lambda row: row.evidence[0].quote if row.evidence else ""),
    ("speaker", lambda row: row.evidence[0].speaker if row.evidence else ""),
    ("heard_at", lambda row: row.evidence[0].url if row.evidence else ""),
    ("quotes", lambda row: len(row.evidence)),
    ("account", lambda row: row.message.account),
    ("call", lambda row: row.message.title),
    ("occurred_at", lambda row: row.message.occurred_at.isoformat()),
    ("source", lambda row: row.message.source),
    ("message_id", lambda row: row.message.id),
)


@router.get("/features", responses={**refusals(), **LINKED}, summary="List features")
def list_features(tenant: AsViewer, where: Features, paging: Paged) -> FeaturePage:
    """What stands under a theme, newest call first, with its evidence."""
    return _page(tenant, replace(where, place=Place.THEME), paging)


@router.get("/inbox", responses={**refusals(), **LINKED}, summary="List the inbox")
def list_inbox(tenant: AsViewer, where: Features, paging: Paged) -> FeaturePage:
    """What stands under no theme, newest call first, with its evidence."""
    return _page(tenant, replace(where, place=Place.INBOX), paging)


def _page(tenant: Tenant, where: FeatureFilter, paging: Paging) -> FeaturePage:
    page = tenant.store.reading.feature_page(tenant.workspace.id, where, after=paging.after, limit=paging.limit)
    return FeaturePage(items=[feature_view(found) for found in page.rows], next=paging.following(page.next))


@router.get("/features/summary", responses=refusals(), summary="Count features")
def read_summary(tenant: AsViewer, where: Features) -> SummaryView:
    """By theme, kind, urgency, tone and week of the call."""
    found = tenant.store.reading.summary(tenant.workspace.id, where)
    return SummaryView(
        features=found.features,
        calls=found.calls,
        accounts=found.accounts,
        by_theme=[ThemeCountView.model_validate(one) for one in found.by_theme],
        by_type=[TypeCountView(type=FeatureType(word), features=count) for word, count in _counts(found.by_type)],
        by_urgency=[
            UrgencyCountView(urgency=Urgency(word), features=count) for word, count in _counts(found.by_urgency)
        ],
        by_sentiment=[
            SentimentCountView(sentiment=Sentiment(word), features=count)
            for word, count in _counts(found.by_sentiment)
        ],
        by_week=[WeekCountView(week=week, features=count) for week, count in found.by_week.items()],
    )


def _counts(found: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))


@router.get("/accounts", responses=refusals(), summary="Count features by account")
def list_accounts(
    tenant: AsViewer,
    where: Features,
    limit: Limit = 50,
) -> AccountPage:
    """The customers that most of it comes from; calls without an account are left out."""
    found = tenant.store.reading.accounts(tenant.workspace.id, where, limit=limit)
    return AccountPage(items=[AccountView.model_validate(one) for one in found], next=None)


@router.get(
    "/features/export",
    response_class=StreamingResponse,
    responses={**refusals(), 200: EXPORTED},
    summary="Export features",
)
def export_features(tenant: AsViewer, where: Features, format: Format = ExportFormat.CSV) -> StreamingResponse:  # noqa: A002
    """Everything the same filters list, as a file."""
    return _exported(tenant, replace(where, place=Place.THEME), "features", format)


@router.get(
    "/inbox/export",
    response_class=StreamingResponse,
    responses={**refusals(), 200: EXPORTED},
    summary="Export the inbox",
)
def export_inbox(tenant: AsViewer, where: Features, format: Format = ExportFormat.CSV) -> StreamingResponse:  # noqa: A002
    """Everything the same filters list, as a file."""
    return _exported(tenant, replace(where, place=Place.INBOX), "inbox", format)


def _exported(tenant: Tenant, where: FeatureFilter, name: str, form: ExportFormat) -> StreamingResponse:
    rows = tenant.store.reading.every_feature(tenant.workspace.id, where)
    return exported(f"{tenant.workspace.slug}-{name}", form, rows, feature_view, CELLS)


@router.get(
    "/features/{feature_id}", response_model=FeatureView, responses={**refusals(), **SHOWN}, summary="Read a feature"
)
def read_feature(tenant: AsViewer, feature_id: FeatureId, known: Known = None) -> Response:
    """One of them, under a theme or in the inbox, dismissed or not."""
    return show(feature_view(tenant.store.reading.feature(tenant.workspace.id, feature_id)), known=known)
