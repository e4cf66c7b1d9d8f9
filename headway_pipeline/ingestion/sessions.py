"""A connector at work: its source object, its gate, and what becomes of it when the source fails."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from headway_pipeline.ingestion.limiter import Limiter
from headway_pipeline.ingestion.patience import UNNAMED_WAIT_S, with_patience
from headway_pipeline.ingestion.run import Run, SourceTuning, Trouble
from headway_pipeline.model.errors import (
    BadCredentialsError,
    ConfigurationError,
    CredentialsSealedError,
    Failing,
    HeadwayError,
    MissingPermissionError,
    RateLimitedError,
    SourceContractError,
    SourceError,
    WrongHostError,
)
from headway_pipeline.model.workspaces import Connector, ConnectorHealth, Credentials, Workspace
from headway_pipeline.sources.contract import Connection, Source
from headway_pipeline.sources.discovery import connect, read_credentials
from headway_pipeline.store import Store

__all__ = [
    "CONNECTOR_ERRORS",
    "Session",
    "active_connectors",
    "connector_credentials",
    "health_of",
    "open_session",
    "record_trouble",
]

Result = TypeVar("Result")


class Session:
    """One connector during one stage."""

    def __init__(self, run: Run, connector: Connector, source: Source, limiter: Limiter) -> None:
        self.connector = connector
        self.source = source
        self._run = run
        self._limiter = limiter
        self.requests = 0

    @property
    def tuning(self) -> SourceTuning:
        """How the source is asked."""
        return self._run.tuning[self.connector.connector_type]

    def ask(self, question: Callable[[], Result]) -> Result:
        """A request to the source, with the run's patience; its requests are counted in the store."""
        try:
            return with_patience(question, self.tuning, self._run.effects)
        finally:
            counts = self._limiter.take_counts()
            self.requests += sum(counts.values())
            if counts:
                today = self._run.effects.now().date()
                self._run.store.listings.add_requests(self.connector.id, today, counts)

    def succeeded(self, *, sees_calls: bool) -> None:
        """Record that the connector works; one that has never shown a call is worth a look."""
        knows_calls = sees_calls or self._run.store.listings.has_shown_calls(self.connector.id)
        health = ConnectorHealth.OK if knows_calls else ConnectorHealth.SEES_NOTHING
        self._run.store.connectors.record_health(self.connector.id, health, ok=True)


def active_connectors(run: Run, workspace: Workspace) -> list[Connector]:
    """The workspace's active connectors that this run is to use."""
    return run.store.connectors.list(workspace.id, connector_type=run.connector_type)


def open_session(run: Run, workspace: Workspace, connector: Connector) -> Session:
    """Make a connector ready to be asked.

    Raises:
        SourceError: it is paused, its credentials are missing, or its source is not installed.
        StoreError: its credentials do not open.
    """
    now = run.effects.now()
    require_no_pause(connector, now)
    source_type = run.sources.get(connector.connector_type)
    if source_type is None:
        raise ConfigurationError(
            f"no source named {connector.connector_type!r} is installed", "install it, or disable the connector"
        )
    tuning = run.tuning[connector.connector_type]
    limiter = Limiter(
        connector.connector_type,
        tuning,
        run.effects,
        spent_today=run.store.listings.requests_on(connector.id, now.date()),
    )
    connection = Connection(
        base_url=connector.base_url or tuning.base_url,
        credentials=connector_credentials(run.store, source_type, connector, run.environment),
        vendor_domains=workspace.vendor_domains,
        settings=connector.settings,
    )
    return Session(
        run, connector, connect(source_type, connection, gate=limiter, timeout_s=tuning.timeout_s), limiter
    )


def require_no_pause(connector: Connector, now: datetime) -> None:
    """Nothing is asked while a source's wait is on.

    Raises:
        RateLimitedError: it is.
    """
    if connector.resume_at is not None and connector.resume_at > now:
        raise RateLimitedError(
            f"{connector.connector_type} asked for a pause until {connector.resume_at:%Y-%m-%d %H:%M} UTC",
            "run again after that; nothing is lost",
            at=Failing(connector.connector_type),
            retry_after_s=(connector.resume_at - now).total_seconds(),
        )


def connector_credentials(
    store: Store, source_type: type[Source], connector: Connector, environment: Mapping[str, str]
) -> Credentials:
    """What the connector signs its requests with: stored and sealed, or from the operator's environment.

    Raises:
        BadCredentialsError: the environment lacks a variable.
        CredentialsSealedError: what is stored does not open.
    """
    if not source_type.credential_fields:
        return Credentials({})
    if not connector.uses_environment:
        return store.connectors.credentials(connector)
    names = {field.environment for field in source_type.credential_fields}
    missing = sorted(name for name in names if not environment.get(name))
    if missing:
        raise BadCredentialsError(
            f"{connector.connector_type}: {' and '.join(missing)} not set in the environment of this process",
            "set it where Dagster and the command line run, or add the connector with its own credentials",
            at=Failing(connector.connector_type),
        )
    given = {field.name: environment[field.environment] for field in source_type.credential_fields}
    return read_credentials(source_type, given)


#: What may be wrong with one connector without stopping the others.
CONNECTOR_ERRORS = (SourceError, CredentialsSealedError, ConfigurationError)


def record_trouble(run: Run, workspace: Workspace, connector: Connector, error: HeadwayError) -> Trouble:
    """Write a failure to the connector's health, and give it in words."""
    health, resume_at = record_failure(run.store, connector, error, run.effects.now())
    return Trouble(workspace.slug, connector.name, connector.connector_type, health.value, str(error), resume_at)


def record_failure(
    store: Store, connector: Connector, error: HeadwayError, now: datetime
) -> tuple[ConnectorHealth, datetime | None]:
    """Write what went wrong to the connector; returns its health, and when it may go on if it is only paused."""
    health = health_of(error)
    resume_at = None
    if isinstance(error, RateLimitedError):
        wait_s = UNNAMED_WAIT_S if error.retry_after_s is None else error.retry_after_s
        resume_at = now + timedelta(seconds=wait_s)
    store.connectors.record_health(connector.id, health, last_error=str(error), resume_at=resume_at)
    return health, resume_at


def health_of(error: HeadwayError) -> ConnectorHealth:
    """The health a failure stands for."""
    match error:
        case RateLimitedError():
            return ConnectorHealth.PAUSED_UNTIL
        case BadCredentialsError() | CredentialsSealedError() | ConfigurationError():
            return ConnectorHealth.BAD_CREDENTIALS
        case MissingPermissionError():
            return ConnectorHealth.MISSING_PERMISSION
        case WrongHostError():
            return ConnectorHealth.WRONG_HOST
        case SourceContractError():
            return ConnectorHealth.DRIFTING
        case _:
            return ConnectorHealth.UNREACHABLE
