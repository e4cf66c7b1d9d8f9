"""Small made-up things for tests of the store."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from headway_pipeline.model.calls import Call, Participant, Segment, Side, Transcript
from headway_pipeline.model.features import (
    Evidence,
    ExtractedFeature,
    FeatureType,
    Origin,
    Sentiment,
    Urgency,
)
from headway_pipeline.model.workspaces import Connector, Credentials, Workspace
from headway_pipeline.store import Lease, Store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = NOW.date()
SPEECH = "Every Monday somebody on my team exports the invoices by hand, and it takes the whole morning. " * 3


class Place(NamedTuple):
    """A workspace with a connector."""

    workspace: Workspace
    connector: Connector


def place(store: Store, name: str = "Acme") -> Place:
    workspace = store.workspaces.add(name)
    credentials = Credentials({"access_key": "k", "secret_key": "s"})
    return Place(workspace, store.connectors.add(workspace.id, "gong", credentials=credentials))


def lease(store: Store, at: Place, owner: str = "test-run") -> AbstractContextManager[Lease]:
    return store.leases.hold(at.workspace.id, owner)


def call(external_id: str = "700", *, content_hash: str = "v1", hours: float = 0, is_private: bool = False) -> Call:
    return Call(
        source="gong",
        external_id=external_id,
        occurred_at=NOW + timedelta(hours=hours),
        title="Weekly sync",
        url=f"https://calls.example/{external_id}",
        duration_s=600,
        participants=(Participant("Rosa", "rosa@buyer.example", Side.CUSTOMER, "s1"),),
        is_private=is_private,
        raw={"id": external_id},
        content_hash=content_hash,
    )


def transcript(*texts: str, side: Side = Side.CUSTOMER) -> Transcript:
    return Transcript(
        tuple(
            Segment(index, "Rosa", side, index * 1000, index * 1000 + 900, text)
            for index, text in enumerate(texts or (SPEECH,))
        )
    )


def item(
    quote: str, segment_index: int = 0, char_start: int = 0, kind: FeatureType = FeatureType.PAIN_POINT
) -> ExtractedFeature:
    return ExtractedFeature(
        type=kind,
        title="Exports by hand",
        description="The team exports invoices by hand.",
        urgency=Urgency.MEDIUM,
        urgency_reason="",
        sentiment=Sentiment.NEGATIVE,
        sentiment_score=-0.4,
        confidence=0.8,
        origin=Origin.VOLUNTEERED,
        evidence=(Evidence(segment_index, char_start, char_start + len(quote), quote),),
    )
