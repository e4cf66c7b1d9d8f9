"""What a listing may be narrowed by, and where a page of one goes on. Every filter is "any" unless given."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from headway_pipeline.model.features import FeatureType, Sentiment, Urgency
from headway_pipeline.model.ledger import MessageState, ReasonCode

__all__ = ["CallFilter", "Decided", "FeatureFilter", "MessageFilter", "Page", "PageKey", "Place"]

Row = TypeVar("Row")


class Place(StrEnum):
    """Where an extracted feature stands."""

    THEME = "theme"
    INBOX = "inbox"


class Decided(StrEnum):
    """Which decisions an extracted feature has: one of that kind, none at all, or whichever."""

    ACCEPT = "accept"
    DISMISS = "dismiss"
    MOVE = "move"
    NONE = "none"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls.

    Attributes:
        connector_id: only calls that this connector has listed.
        account: the customer's company, exactly as the source names it.
        since, until: UTC days on which the call started, both included.
    """

    sources: tuple[str, ...] = ()
    connector_id: UUID | None = None
    account: str | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages.

    Attributes:
        text: what their title or account holds, in any case.
    """

    call: CallFilter = field(default_factory=CallFilter)
    states: tuple[MessageState, ...] = ()
    reasons: tuple[ReasonCode, ...] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class FeatureFilter:
    """Which extracted features; without `decided` all but dismissed ones.

    Attributes:
        place: under a theme, or in the inbox; None for both.
        theme_ids: under one of these.
        least_confidence: the analyst was at least so sure, 0 to 1.
        text: what their title, description or quotes hold, in any case.
        message_id: found in this call.
    """

    place: Place | None = None
    call: CallFilter = field(default_factory=CallFilter)
    theme_ids: tuple[UUID, ...] = ()
    types: tuple[FeatureType, ...] = ()
    urgencies: tuple[Urgency, ...] = ()
    sentiments: tuple[Sentiment, ...] = ()
    least_confidence: float | None = None
    text: str | None = None
    decided: Decided | None = None
    message_id: UUID | None = None


class PageKey(NamedTuple):
    """The last row of a page: the next one begins after it, however many rows came in before."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows in their order, and where the next page begins; None where this is the last one."""

    rows: tuple[Row, ...]
    next: PageKey | None
