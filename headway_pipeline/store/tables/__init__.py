"""Every table, in SQLAlchemy Core. A row of a tenant table can never point into another workspace.

Children refer to their parents by (workspace_id, parent_id), so a row cannot refer beyond
its workspace even where row-level security (`isolation/`) lets it.
"""

from headway_pipeline.store.tables.analysis import (
    decisions,
    evidence,
    extracted_features,
    features,
    relevance_scores,
    themes,
)
from headway_pipeline.store.tables.columns import METADATA
from headway_pipeline.store.tables.erasure import erased_calls, erased_people, erasures
from headway_pipeline.store.tables.messages import listings, messages, missing_calls, sightings, transcripts
from headway_pipeline.store.tables.models import model_answers, model_batches
from headway_pipeline.store.tables.operations import (
    api_tokens,
    audit_log,
    idempotency_keys,
    ingest_requests,
    locks,
    settings,
    source_quotas,
    source_requests,
    webhook_events,
)
from headway_pipeline.store.tables.webhooks import connector_webhooks, webhook_counts
from headway_pipeline.store.tables.workspaces import workspace_connectors, workspaces

__all__ = [
    "METADATA",
    "api_tokens",
    "audit_log",
    "connector_webhooks",
    "decisions",
    "erased_calls",
    "erased_people",
    "erasures",
    "evidence",
    "extracted_features",
    "features",
    "idempotency_keys",
    "ingest_requests",
    "listings",
    "locks",
    "messages",
    "missing_calls",
    "model_answers",
    "model_batches",
    "relevance_scores",
    "settings",
    "sightings",
    "source_quotas",
    "source_requests",
    "themes",
    "transcripts",
    "webhook_counts",
    "webhook_events",
    "workspace_connectors",
    "workspaces",
]
