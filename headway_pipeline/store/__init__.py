"""The only place that knows SQL: tables, migrations, sealing, leases, and everything the database can be asked.

What belongs here: statements and what must hold in the database. What does not: what is due because of a source
or an analyst (`ingestion/`), and how things are shown.
"""

from headway_pipeline.store.audit import EvidenceAudit, Flaw
from headway_pipeline.store.erasure import Erasure
from headway_pipeline.store.feature_rows import FoundFeature
from headway_pipeline.store.filings import DueMatching, FeatureCounts, StoredFeature
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.message_rows import MessageRow
from headway_pipeline.store.missing import UNIDENTIFIED, Missing, Sight
from headway_pipeline.store.opening import Store, open_store
from headway_pipeline.store.relevance import DueCall
from headway_pipeline.store.standings import Standing
from headway_pipeline.store.tracing import Appearance, TracedCall
from headway_pipeline.store.transcripts import HYDRATED, DueMessage

__all__ = [
    "HYDRATED",
    "UNIDENTIFIED",
    "Appearance",
    "DueCall",
    "DueMatching",
    "DueMessage",
    "Erasure",
    "EvidenceAudit",
    "FeatureCounts",
    "Flaw",
    "FoundFeature",
    "Lease",
    "MessageRow",
    "Missing",
    "Sight",
    "Standing",
    "Store",
    "StoredFeature",
    "TracedCall",
    "open_store",
]
