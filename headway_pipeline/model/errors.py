"""The error tree, sorted by what the caller does next.

::

    HeadwayError
    ├── InputError              the request cannot be carried out as asked; nothing was changed
    │   ├── UnknownThingError       no workspace, connector or theme of that name
    │   ├── AlreadyExistsError      a workspace, connector or theme of that name stands
    │   └── WebhookRefusedError     a delivery that is not what a source signed; carries a Refusal
    ├── ConfigurationError      the environment or an installed part is not usable
    ├── StoreError              the database
    │   ├── DatabaseUnavailableError   down, locked or unreachable: try again
    │   ├── SchemaOutdatedError        needs `headway db upgrade`
    │   ├── WorkspaceBusyError         another process writes this workspace's ledger
    │   ├── EvidenceRefusedError       the database found a quote that is not in the transcript
    │   └── CredentialsSealedError     stored credentials do not open with the keys at hand
    ├── SourceError             Gong, Fathom, ...
    │   ├── (stop)    BadCredentialsError, MissingPermissionError, WrongHostError, SourceContractError
    │   │             └── RequestRefusedError    a 4xx whose meaning only the source knows
    │   ├── (pause)   RateLimitedError       carries retry_after_s
    │   │             └── BudgetSpentError       our own budget, not the source's wish
    │   ├── (restart) CursorExpiredError     walk the window again from its first page
    │   └── (retry)   TransientSourceError   time-outs, resets, 5xx
    └── AnalysisError           one call could not be read; it is quarantined, the rest goes on

Every error carries a remedy: one sentence that says what to do. No error carries a credential.
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "AlreadyExistsError",
    "AnalysisError",
    "BadCredentialsError",
    "BudgetSpentError",
    "ConfigurationError",
    "CredentialsSealedError",
    "CursorExpiredError",
    "DatabaseUnavailableError",
    "EvidenceRefusedError",
    "HeadwayError",
    "InputError",
    "MissingPermissionError",
    "RateLimitedError",
    "Refusal",
    "RequestRefusedError",
    "SchemaOutdatedError",
    "SourceContractError",
    "SourceError",
    "StoreError",
    "TransientSourceError",
    "UnknownThingError",
    "WebhookRefusedError",
    "WorkspaceBusyError",
    "WrongHostError",
]


class HeadwayError(Exception):
    """Anything this project raises on purpose.

    Attributes:
        message: what happened, one sentence without a full stop at its end.
        remedy: what the reader can do about it, or "".
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}: {self.remedy}" if self.remedy else self.message


class InputError(HeadwayError):
    """The request cannot be carried out as asked; nothing was changed."""


class UnknownThingError(InputError):
    """A named workspace, connector or theme does not exist."""


class AlreadyExistsError(InputError):
    """A workspace, connector or theme of that name stands already."""


class Refusal(StrEnum):
    """Why a webhook's delivery is refused."""

    BAD_SIGNATURE = "bad_signature"
    EXPIRED = "expired"
    WRONG_URL = "wrong_url"
    WRONG_BODY = "wrong_body"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"


class WebhookRefusedError(InputError):
    """A delivery is not what the source signed for us; nothing of it is believed.

    Attributes:
        reason: for counts and logs; whoever sent it is told nothing of it.
    """

    def __init__(self, message: str, reason: Refusal) -> None:
        super().__init__(message, "nothing is lost: what happened at the source is found by its listing")
        self.reason = reason


class ConfigurationError(HeadwayError):
    """The environment, a key file or an installed part is not usable."""


class StoreError(HeadwayError):
    """The database could not do what was asked."""


class DatabaseUnavailableError(StoreError):
    """The database is down, locked or unreachable; the same call may succeed later."""


class SchemaOutdatedError(StoreError):
    """The tables are of another version than this program."""


class WorkspaceBusyError(StoreError):
    """Another process holds the lease on this workspace's ledger."""


class EvidenceRefusedError(StoreError):
    """The database refused a quote that is not the named slice, or that a known vendor said."""


class CredentialsSealedError(StoreError):
    """Stored credentials do not open: wrong key, or a ciphertext moved from another row."""


@dataclass(frozen=True, slots=True)
class Failing:
    """Where a source failed: the coordinates every source error carries."""

    source: str
    endpoint: str = ""
    status: int | None = None


class SourceError(HeadwayError):
    """A source did not give what was asked.

    Attributes:
        at: the source, endpoint and HTTP status it happened at.
    """

    #: The word for this kind of failure in health states, metadata and JSON.
    code = "source_error"

    def __init__(self, message: str, remedy: str = "", *, at: Failing) -> None:
        super().__init__(message, remedy)
        self.at = at


class BadCredentialsError(SourceError):
    """The source refuses the credentials (HTTP 401)."""

    code = "bad_credentials"


class MissingPermissionError(SourceError):
    """The credentials are good but may not do this (HTTP 403)."""

    code = "missing_permission"


class WrongHostError(SourceError):
    """What answers at this address is not the source's API."""

    code = "wrong_host"


class SourceContractError(SourceError):
    """The source refuses the request's form, or its answer has no usable form."""

    code = "contract"


class RequestRefusedError(SourceContractError):
    """The source answers 400, 404 or the like; what it means by that, the source's own file may know.

    Attributes:
        body: the start of the answer's text, without the credentials; never part of the message.
    """

    def __init__(self, message: str, remedy: str = "", *, at: Failing, body: str) -> None:
        super().__init__(message, remedy, at=at)
        self.body = body


class RateLimitedError(SourceError):
    """The source asks for a wait (HTTP 429, or 503 with a Retry-After).

    Attributes:
        retry_after_s: seconds to wait, as the source said, or None if it did not.
    """

    code = "rate_limited"

    def __init__(self, message: str, remedy: str = "", *, at: Failing, retry_after_s: float | None) -> None:
        super().__init__(message, remedy, at=at)
        self.retry_after_s = retry_after_s


class BudgetSpentError(RateLimitedError):
    """Our own budget of requests for the day or the run is spent; waiting within the run does not help."""

    code = "budget_spent"


class CursorExpiredError(SourceError):
    """The page token is no longer valid; the window starts again at its first page."""

    code = "cursor_expired"


class TransientSourceError(SourceError):
    """A time-out, a reset or a 5xx: the same request may succeed in a moment."""

    code = "unreachable"


class AnalysisError(HeadwayError):
    """One call could not be read by the analyst; it is quarantined and the rest goes on."""
