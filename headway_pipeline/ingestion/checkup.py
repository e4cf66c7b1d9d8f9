"""Trying a connector with one cheap request."""

import os
from dataclasses import dataclass

from headway_pipeline.ingestion.limiter import Limiter
from headway_pipeline.ingestion.run import Effects, SourceTuning
from headway_pipeline.ingestion.sessions import (
    CONNECTOR_ERRORS,
    connector_credentials,
    record_failure,
    require_no_pause,
)
from headway_pipeline.model.workspaces import Connector, ConnectorHealth, Workspace
from headway_pipeline.sources.contract import Connection, Standing
from headway_pipeline.sources.discovery import connect, find_source
from headway_pipeline.store import Store

__all__ = ["Verdict", "check_connector"]


#: Somebody waits at the terminal.
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found out, in words for people."""

    health: ConnectorHealth
    words: str

    @property
    def is_usable(self) -> bool:
        """Whether an ingest could work with it; seeing nothing is a warning."""
        return self.health in (ConnectorHealth.OK, ConnectorHealth.SEES_NOTHING)


def check_connector(store: Store, workspace: Workspace, connector: Connector, effects: Effects) -> Verdict:
    """Ask the source who the credentials are, and record the health that follows.

    A pause the source asked for is kept, and the requests count against the day's budget.
    """
    now = effects.now()
    try:
        require_no_pause(connector, now)
        standing = _probe(store, workspace, connector, effects)
    except CONNECTOR_ERRORS as error:
        health, _ = record_failure(store, connector, error, now)
        return Verdict(health, str(error))
    health = ConnectorHealth.SEES_NOTHING if standing.sees_calls is False else ConnectorHealth.OK
    store.connectors.record_health(connector.id, health, ok=True)
    return Verdict(health, standing.words)


def _probe(store: Store, workspace: Workspace, connector: Connector, effects: Effects) -> Standing:
    source_type = find_source(connector.connector_type)
    tuning = SourceTuning.of(source_type)
    connection = Connection(
        base_url=connector.base_url or tuning.base_url,
        credentials=connector_credentials(store, source_type, connector, os.environ),
        vendor_domains=workspace.vendor_domains,
        settings=connector.settings,
    )
    today = effects.now().date()
    spent = store.listings.requests_on(connector.id, today)
    gate = Limiter(connector.connector_type, tuning, effects, spent_today=spent)
    try:
        return connect(source_type, connection, gate=gate, timeout_s=TIMEOUT_S).check()
    finally:
        counts = gate.take_counts()
        if counts:
            store.listings.add_requests(connector.id, today, counts)
