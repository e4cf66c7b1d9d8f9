"""A connector at work: its source object, its gate, and what becomes of it when the source fails."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from headway_pipeline.ingestion.limiter import Limiter
from headway_pipeline.ingestion.patience import UNNAMED_WAIT_S, with_patience
from headway_pipeline.ingestion.run import Allowance, Effects, Run, SourceTuning, Trouble
from headway_pipeline.ingestion.tokens import Tokens
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
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.model.workspaces import Connector, ConnectorHealth, Credentials, Drift, Workspace
from headway_pipeline.sources.contract import Connection, HttpSource, Page, Source
from headway_pipeline.sources.discovery import connect, read_credentials
from headway_pipeline.store import Store

__all__ = [
    "CONNECTOR_ERRORS",
    "Session",
    "active_connectors",
    "connector_credentials",
    "health_of",
    "open_session",
    "record_failure",
    "record_success",
    "record_trouble",
    "start_session",
]

Result = TypeVar("Result")

MOST_FIELDS_KEPT = 100


class Session:
    """One connector during one stage."""

    def __init__(
        self,
        store: Store,
        connector: Connector,
        source: Source,
        limiter: Limiter,
        tokens: Tokens | None,
        *,
        tuning: SourceTuning,
        effects: Effects,
        allowance: Allowance,
    ) -> None:
        self.connector = connector
        self.source = source
        self.tuning = tuning
        self._store = store
        self._limiter = limiter
        self._tokens = tokens
        self._effects = effects
        self._allowance = allowance
        self._asked_before = allowance.requests
        self._drift = Drift()

    @property
    def requests(self) -> int:
        """Requests made by this session."""
        return self._allowance.requests - self._asked_before

    def ask(self, question: Callable[[], Result]) -> Result:
        """A request to the source, with the run's patience; with a renewed access token where the old one is refused.

        Raises:
            SourceError: any of the tree.
        """
        if self._tokens is None:
            return self._ask(question)
        self._tokens.make_ready()
        try:
            return self._ask(question)
        except BadCredentialsError:
            self._tokens.replace()
            return self._ask(question)

    def _ask(self, question: Callable[[], Result]) -> Result:
        return with_patience(question, self._limiter, self._effects, retries=self.tuning.retries)

    def list(self, window: TimeWindow, page_token: str | None) -> Page:
        """One page of a listing; what the parser does not know of it is noted.

        Raises:
            SourceError: any of the tree.
        """
        page = self.ask(lambda: self.source.list(window, page_token))
        unknown = Counter(self._drift.unknown_fields) + Counter(page.unknown_fields)
        self._drift = Drift(
            self._drift.records + len(page.calls) + len(page.bad_records),
            self._drift.bad_records + len(page.bad_records),
            # Where ids are used as names of fields, there is no end of them.
            dict(unknown.most_common(MOST_FIELDS_KEPT)),
        )
        return page

    def succeeded(self, *, sees_calls: bool) -> None:
        """Record that the connector works; one that has never shown a call is worth a look, and so is drift."""
        self._store.connectors.record_drift(self.connector.id, self._drift)
        record_success(self._store, self.connector, self._drift, sees_calls=sees_calls)


def active_connectors(run: Run, workspace: Workspace) -> list[Connector]:
    """The workspace's active connectors that this run is to use."""
    return run.store.connectors.list(workspace.id, connector_type=run.connector_type)


def open_session(run: Run, workspace: Workspace, connector: Connector) -> Session:
    """Make a connector ready to be asked; a short pause that the source asked for is slept through.

    Raises:
        SourceError: it is paused for longer, its credentials are missing, or its source is not installed.
        StoreError: its credentials do not open.
    """
    source_type = run.sources.get(connector.connector_type)
    if source_type is None:
        raise ConfigurationError(
            f"no source named {connector.connector_type!r} is installed", "install it, or disable the connector"
        )
    return start_session(
        run.store,
        workspace,
        connector,
        source_type,
        tuning=run.tuning[connector.connector_type],
        effects=run.effects,
        allowance=run.allowances.setdefault(connector.id, Allowance()),
        environment=run.environment,
        allowed_hosts=run.allowed_hosts,
    )


def start_session(
    store: Store,
    workspace: Workspace,
    connector: Connector,
    source_type: type[Source],
    *,
    tuning: SourceTuning,
    effects: Effects,
    allowance: Allowance,
    environment: Mapping[str, str],
    allowed_hosts: frozenset[str],
) -> Session:
    """Make a connector ready to be asked, apart from any run.

    Raises:
        SourceError, StoreError: as `open_session`.
    """
    connection = Connection(
        base_url=connector.base_url or tuning.base_url,
        credentials=connector_credentials(store, source_type, connector, environment),
        vendor_domains=workspace.vendor_domains,
        settings=connector.settings,
    )
    limiter = Limiter(
        connector,
        tuning,
        effects,
        book=store.quotas,
        owner=quota_owner(store, source_type, connector, connection),
        allowance=allowance,
    )
    limiter.wait_until_open()
    source = connect(
        source_type,
        connection,
        gate=limiter,
        timeout_s=tuning.timeout_s,
        deadline_s=tuning.deadline_s,
        now=effects.now,
    )
    tokens = None
    if isinstance(source, HttpSource) and source.oauth is not None and connection.uses_oauth:
        tokens = Tokens(
            store.connectors,
            connector,
            source,
            source.oauth,
            limiter=limiter,
            effects=effects,
            allowed_hosts=allowed_hosts,
        )
    return Session(store, connector, source, limiter, tokens, tuning=tuning, effects=effects, allowance=allowance)


def quota_owner(store: Store, source_type: type[Source], connector: Connector, connection: Connection) -> str:
    """Who holds the quota the connector draws on: a keyed fingerprint that equal credentials share, else itself.

    See docs/decisions/0010: what only the source knows (two keys of one company) is left to its refusals.
    """
    own = source_type.quota_owner(connection.credentials)
    if own is not None:
        try:
            # Not the credential itself: the table is nobody's, and read without a key.
            fingerprint = store.connectors.fingerprint(f"{source_type.name} {connection.base_url} {own}")
        except (ConfigurationError, CredentialsSealedError):
            # Credentials of the environment need no sealing key; then there is none to make a fingerprint with.
            return f"connector {connector.id}"
        return f"{source_type.name} {fingerprint}"
    return f"connector {connector.id}"


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
            "set it where Dagster and the command line run, or give it its own with `headway connector edit`",
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


def record_success(store: Store, connector: Connector, drift: Drift, *, sees_calls: bool) -> ConnectorHealth:
    """Write that the connector works, with what is worth a look all the same; returns its health.

    Args:
        drift: of its last complete listing.
    """
    if drift.is_beyond_bounds:
        health = ConnectorHealth.DRIFTING
    elif sees_calls or store.listings.has_shown_calls(connector.id):
        health = ConnectorHealth.OK
    else:
        health = ConnectorHealth.SEES_NOTHING
    store.connectors.record_health(connector.id, health, ok=True)
    return health


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
