"""The contract every source keeps: two phases, `list` then `hydrate`, and a check.

The engine in `ingestion/` owns windows, page walks, limits, retries and patience. A source turns one request of
the engine into HTTP requests and their answers into the normal form. It keeps nothing between calls.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from headway_pipeline.model.calls import Call, Transcript
from headway_pipeline.model.errors import InputError, Refusal, WebhookRefusedError
from headway_pipeline.model.ledger import Presence
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sources.gate import CostClass
from headway_pipeline.sources.webhooks import (
    Hint,
    RegisteredWebhook,
    WebhookDelivery,
    WebhookSetup,
    WebhookTrust,
)

if TYPE_CHECKING:
    from headway_pipeline.sources.rest import RestClient

__all__ = [
    "Absence",
    "BadRecord",
    "Bucket",
    "CallRef",
    "Connection",
    "CredentialField",
    "HttpSource",
    "Hydration",
    "NotHydrated",
    "OAuth",
    "Page",
    "RequestDefaults",
    "Source",
    "Standing",
]


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One secret a source needs.

    Attributes:
        name: the key it is stored under, e.g. "access_key".
        aliases: other spellings that are accepted, e.g. "gong_access_key".
        environment: the variable it is read from for a connector made with `--credentials env`.
    """

    name: str
    label: str
    aliases: tuple[str, ...]
    environment: str


@dataclass(frozen=True, slots=True)
class OAuth:
    """How a source renews access tokens by refresh tokens (RFC 6749, 6), each of which it takes once.

    Attributes:
        token_url: where; a connector's own `token_url` goes before it.
        grant_in_query: the grant stands in the address and not in a form.
        client_in_header: the client identifies itself by Basic authentication and not in the form.
        base_url_field: what the answer calls the API address of the customer, where it tells one.
    """

    token_url: str
    grant_in_query: bool = False
    client_in_header: bool = False
    base_url_field: str | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """At most `requests` within any `per_s` seconds.

    Attributes:
        cost: counts requests of this class only; every request, for None.
    """

    requests: int
    per_s: float
    cost: CostClass | None = None

    def __post_init__(self) -> None:
        if self.requests < 1 or self.per_s <= 0:
            raise ValueError("a bucket holds at least one request in a positive time")


@dataclass(frozen=True, slots=True)
class RequestDefaults:
    """A source's own limits, the defaults of its Dagster resource.

    Every number stays below the vendor's published maximum, for the customer's other tools draw on the same.

    Attributes:
        requests_per_second: steady rate; may be below 1.
        buckets: longer spans and dearer requests that the vendor limits apart.
        requests_per_day: budget of a quota owner a UTC day.
        requests_per_run: budget of a connector in one run.
        timeout_s: longest silence within one answer.
        deadline_s: longest time for one answer as a whole, however steadily it trickles.
        patience_s: how long a connector may wait in one run, all in all, for pauses the source asks for and for
            failures to pass.
        longest_window: longest span asked for in one listing.
        lookback: how far back a nightly sweep looks for late calls.
    """

    requests_per_second: float
    requests_per_day: int
    buckets: tuple[Bucket, ...] = ()
    requests_per_run: int = 5_000
    timeout_s: float = 120.0
    deadline_s: float = 600.0
    patience_s: float = 300.0
    longest_window: timedelta = timedelta(days=7)
    lookback: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Connection:
    """What a source object works with.

    Attributes:
        base_url: the API address without a trailing slash; "" for a source that is asked over no network.
        vendor_domains: e-mail domains of the workspace's own people.
        settings: the connector's choices, by the names in `Source.setting_names`; each a list of texts.
    """

    base_url: str
    credentials: Credentials
    vendor_domains: frozenset[str] = frozenset()
    settings: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def uses_oauth(self) -> bool:
        """Whether access tokens are renewed by refresh tokens."""
        return "refresh_token" in self.credentials


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A listed record that could not be brought to the normal form.

    Attributes:
        external_id: its id, or None where even that is unusable.
        problem: what is wrong with it, without speech or names.
    """

    external_id: str | None
    problem: str
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing.

    Attributes:
        next_token: opaque; None on the last page. Valid only within this walk, never stored.
        unknown_fields: dotted paths of fields the parser does not know, with how often: the drift metric.
    """

    calls: tuple[Call, ...]
    next_token: str | None
    bad_records: tuple[BadRecord, ...] = ()
    unknown_fields: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, parsed: Sequence[Call | BadRecord], next_token: str | None, unknown_fields: Mapping[str, int]
    ) -> Self:
        """The page of what its records turned out to be."""
        calls = tuple(item for item in parsed if isinstance(item, Call))
        return cls(calls, next_token, tuple(item for item in parsed if isinstance(item, BadRecord)), unknown_fields)


@dataclass(frozen=True, slots=True)
class CallRef:
    """A call to hydrate, as the ledger knows it."""

    external_id: str
    occurred_at: datetime
    duration_s: int | None
    raw: Mapping[str, Any]


class Absence(StrEnum):
    """Why there is no transcript now."""

    NOT_READY = "not_ready"
    ABSENT = "absent"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Hydration:
    """The transcript of one call."""

    external_id: str
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class NotHydrated:
    """No transcript of one call, and why. A value, never an exception and never empty text."""

    external_id: str
    absence: Absence
    words: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a check of the credentials found out: good, and seeing calls or nothing.

    Attributes:
        sees_calls: whether any call is visible; None where the probe cannot tell.
        words: who the credentials are and what they see, for people.
    """

    sees_calls: bool | None
    words: str


class Source(ABC):
    """A place calls come from. Subclass it, or `HttpSource`, in a file or package of its own in this folder.

    Every method raises the `SourceError` that fits and nothing else for what the outside world does.
    """

    #: Name in the ledger, on the command line, as Dagster resource: `[a-z_]+`.
    name: ClassVar[str]
    #: Name for people.
    label: ClassVar[str]
    #: "" where the source is asked over no network.
    default_base_url: ClassVar[str] = ""
    #: The secrets: a key, whose fields also stand for the source in the environment. A source without any is the
    #: operator's own (`is_operator_only`).
    credential_fields: ClassVar[tuple[CredentialField, ...]] = ()
    #: What a connector may choose, by name, with what it means; shown to whoever may see the connector.
    setting_names: ClassVar[Mapping[str, str]] = MappingProxyType({})
    #: Only whoever runs the machine may connect it, at the command line; never a tenant through an API.
    is_operator_only: ClassVar[bool] = False
    request_defaults: ClassVar[RequestDefaults]
    #: How many calls one `hydrate` takes.
    hydrate_batch_size: ClassVar[int]
    #: Listing must reach this far past the last day, where the source filters on a time after the call's start.
    listing_margin: ClassVar[timedelta] = timedelta(0)
    #: How it is told where to deliver webhooks.
    webhook_setup: ClassVar[WebhookSetup] = WebhookSetup.NONE

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @property
    def batch_size(self) -> int:
        """How many calls one `hydrate` takes on this connection."""
        return self.hydrate_batch_size

    @classmethod
    def quota_owner(cls, credentials: Credentials) -> str | None:  # noqa: ARG003
        """What names the owner of the vendor's limits, so that two connectors of one owner share them.

        None where the credentials do not tell: the connector then counts as an owner of its own.
        """
        return None

    @classmethod
    def settled(cls, settings: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """A connector's choices as they are to be stored; their names are known to be right.

        Raises:
            InputError: one of them cannot be used, or is missing.
        """
        return settings

    @abstractmethod
    def check(self) -> Standing:
        """Try the credentials with the cheapest request.

        Raises:
            BadCredentialsError, MissingPermissionError, WrongHostError, TransientSourceError, RateLimitedError.
        """

    @abstractmethod
    def list(self, window: TimeWindow, page_token: str | None) -> Page:
        """One page of the calls in `window`; the first where `page_token` is None. One request.

        Raises:
            CursorExpiredError: the walk must start again.
            SourceError: any of the tree.
        """

    @abstractmethod
    def hydrate(self, refs: Sequence[CallRef]) -> Iterator[Hydration | NotHydrated]:
        """The transcripts of at most `hydrate_batch_size` calls; one answer for each, in any order.

        Raises:
            SourceError: any of the tree.
        """

    def look_up(self, ref: CallRef) -> Presence:  # noqa: ARG002  # for sources that can
        """Whether a call that is no longer listed is still there for these credentials. At most one request.

        A source that cannot tell leaves this as it is: a second complete listing decides then, a day later.

        Raises:
            SourceError: any of the tree.
        """
        return Presence.UNKNOWN

    @classmethod
    @abstractmethod
    def link(cls, url: str, start_ms: int | None) -> str:
        """The address at which a person hears the moment `start_ms` of the call at `url`."""

    @classmethod
    def verify_webhook(cls, delivery: WebhookDelivery, trust: WebhookTrust, now: datetime) -> Hint:  # noqa: ARG003
        """What a delivery hints at, once it is known to be the source's. A source without webhooks leaves this.

        Raises:
            WebhookRefusedError: it is not what the source signed for `trust`, or the source sends none.
            ConfigurationError: `trust` is unusable.
        """
        raise WebhookRefusedError(f"{cls.label} sends no webhooks", Refusal.UNSUPPORTED)

    @classmethod
    def webhook_steps(cls, url: str) -> Sequence[str]:  # noqa: ARG003
        """What a person does at a source with `WebhookSetup.BY_HAND`, so that it delivers to `url`; a step each."""
        return ()

    @classmethod
    def webhook_secret(cls, written: str) -> str:
        """What a person brought from such a source, as it is to be stored.

        Raises:
            ConfigurationError: no delivery could be held against it.
        """
        return written.strip()

    def register_webhook(self, url: str) -> RegisteredWebhook:  # noqa: ARG002
        """Tell a source with `WebhookSetup.BY_API` to deliver to `url`. One request.

        Raises:
            SourceError: any of the tree.
        """
        raise InputError(f"{self.label} has no API for webhooks", "leave it to its listings")

    def remove_webhook(self, webhook_id: str) -> bool:  # noqa: ARG002
        """Tell it to deliver there no more; False where it knows no such webhook. One request.

        Raises:
            SourceError: any of the tree.
        """
        raise InputError(f"{self.label} has no API for webhooks", "remove it in its own settings")


class HttpSource(Source):
    """A source behind an HTTP API: it has an address, and every request carries the credentials."""

    default_base_url: ClassVar[str]
    #: A path that callers may leave at the end of a base URL, e.g. "/v2"; it is cut off.
    base_url_suffix: ClassVar[str] = ""
    #: Host suffixes a connector's address must end in (the vendor's own), but for operator-named hosts.
    vendor_hosts: ClassVar[tuple[str, ...]]
    #: How it takes OAuth instead of a key; None where it does not.
    oauth: ClassVar[OAuth | None] = None

    def __init__(self, connection: Connection, rest: "RestClient") -> None:
        super().__init__(connection)
        self.rest = rest

    @classmethod
    @abstractmethod
    def authorization(cls, credentials: Credentials) -> Mapping[str, str]:
        """The HTTP headers that carry the credentials."""
