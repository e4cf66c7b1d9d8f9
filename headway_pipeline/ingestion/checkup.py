"""Trying a connector with one cheap request."""

from dataclasses import dataclass, replace

from headway_pipeline.ingestion.run import Allowance, Effects, SourceTuning
from headway_pipeline.ingestion.sessions import (
    CONNECTOR_ERRORS,
    Session,
    record_failure,
    record_success,
    start_session,
)
from headway_pipeline.model.errors import HeadwayError
from headway_pipeline.model.workspaces import Connector, ConnectorHealth, Workspace
from headway_pipeline.settings import current_settings
from headway_pipeline.sources.contract import Standing
from headway_pipeline.sources.discovery import find_source
from headway_pipeline.store import Store

__all__ = ["Verdict", "check_connector", "start_single_session"]


#: Somebody waits at the terminal.
TIMEOUT_S = 30.0
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found out, in words for people.

    Attributes:
        error: what went wrong; None where the source answered.
    """

    health: ConnectorHealth
    words: str
    error: HeadwayError | None = None

    @property
    def is_usable(self) -> bool:
        """Whether an ingest could work with it; seeing nothing is a warning, and so are records it does not know."""
        return self.error is None


def check_connector(store: Store, workspace: Workspace, connector: Connector, effects: Effects) -> Verdict:
    """Ask the source who the credentials are, and record the health that follows.

    A pause the source asked for is kept, and the requests count against the day's budget.
    """
    now = effects.now()
    try:
        standing = _probe(store, workspace, connector, effects)
    except CONNECTOR_ERRORS as error:
        health, _ = record_failure(store, connector, error, now)
        return Verdict(health, str(error), error)
    # What the last listing found out is not undone by a probe of one page.
    health = record_success(store, connector, connector.drift, sees_calls=standing.sees_calls is not False)
    return Verdict(health, standing.words)


def _probe(store: Store, workspace: Workspace, connector: Connector, effects: Effects) -> Standing:
    session = start_single_session(store, workspace, connector, effects, retries=1)
    return session.ask(session.source.check)


def start_single_session(
    store: Store, workspace: Workspace, connector: Connector, effects: Effects, *, retries: int
) -> Session:
    """Make a connector ready to be asked while somebody waits at the terminal.

    Raises:
        SourceError, StoreError, ConfigurationError: it cannot be asked.
    """
    source_type = find_source(connector.connector_type)
    tuning = replace(
        SourceTuning.of(source_type),
        timeout_s=TIMEOUT_S,
        deadline_s=TIMEOUT_S,
        patience_s=PATIENCE_S,
        retries=retries,
    )
    settings = current_settings()
    return start_session(
        store,
        workspace,
        connector,
        source_type,
        tuning=tuning,
        effects=effects,
        allowance=Allowance(),
        environment=settings.environment,
        allowed_hosts=settings.allowed_hosts,
    )
