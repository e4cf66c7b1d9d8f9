"""The only place that knows SQL: tables, migrations, sealing, leases, and everything the database can be asked.

What belongs here: statements and what must hold in the database. What does not: what is due because of a source
or an analyst (`ingestion/`), and how things are shown.
"""

from headway_pipeline.store.filings import DueMatching, FeatureCounts, StoredFeature
from headway_pipeline.store.leases import Lease
from headway_pipeline.store.missing import UNIDENTIFIED, Missing, Sight
from headway_pipeline.store.opening import Store, open_store
from headway_pipeline.store.relevance import DueCall
from headway_pipeline.store.transcripts import HYDRATED, DueMessage

__all__ = [
    "HYDRATED",
    "UNIDENTIFIED",
    "DueCall",
    "DueMatching",
    "DueMessage",
    "FeatureCounts",
    "Lease",
    "Missing",
    "Sight",
    "Store",
    "StoredFeature",
    "open_store",
]
