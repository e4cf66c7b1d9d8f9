"""The error tree, sorted by what the caller does next.

::

    HeadwayError
    ├── InputError              the request cannot be carried out as asked; nothing was changed
    │   ├── UnknownThingError       no workspace, connector or theme of that name
    │   ├── AlreadyExistsError      a workspace, connector or theme of that name stands
    │   └── WebhookRefusedError     a delivery that is not what a source signed; carries a Refusal
    ├── RequestError            the API refuses a request for how, or by whom, it is made; nothing was changed
    │   ├── MalformedRequestError      no form the API reads
    │   ├── NotAuthenticatedError      no token, or one that opens nothing
    │   ├── NotPermittedError          the token's role may not do this
    │   ├── TooLargeError, TooSlowError    a body beyond what is read
    │   ├── TooManyRequestsError       carries retry_after_s
    │   ├── ConflictingRequestError    it cannot be done while something else is so
    │   └── UnguardedEditError, StaleEditError    an edit that does not say, or says wrongly, what it edits
    ├── ConfigurationError      the environment or an installed part is not usable
    ├── StoreError              the database
    │   ├── DatabaseUnavailableError   down, locked or unreachable: try again
    │   ├── SchemaOutdatedError        needs `headway db upgrade`
    │   ├── WorkspaceBusyError         another process writes this workspace's ledger
    │   ├── EvidenceRefusedError       the database found a quote that is not in the transcript
    │   ├── OutsideWorkspaceError      work within one workspace reached for another: a defect of ours
    │   └── CredentialsSealedError     stored credentials do not open with the keys at hand
    ├── SourceError             Gong, Fathom, ...
    │   ├── (stop)    BadCredentialsError, MissingPermissionError, WrongHostError, SourceContractError
    │   │             └── RequestRefusedError    a 4xx whose meaning only the source knows
    │   ├── (pause)   RateLimitedError       carries retry_after_s
    │   │             └── RequestsSpentError       our own budget, not the source's wish
    │   ├── (restart) CursorExpiredError     walk the window again from its first page
    │   └── (retry)   TransientSourceError   time-outs, resets, 5xx
    ├── ModelError              a language model did not answer
    │   ├── (stop)    ModelCredentialsError, ModelQuotaError, ModelRequestError, UnknownModelError
    │   ├── (skip)    RequestTooLargeError   this one request does not fit the model; others may
    │   ├── (gone)    UnknownBatchError      the provider has no such batch any more
    │   ├── (pause)   ModelRateLimitedError  carries retry_after_s
    │   └── (retry)   TransientModelError    time-outs, resets, 5xx, overload
    ├── HeldBackError           a question is not asked now; its call waits and a later run takes it
    │   ├── BudgetSpentError        the month's budget is spent
    │   │   └── RunBudgetSpentError     the budget of one run; no other run goes on by itself
    │   └── AnswerPendingError      somebody else, or a batch, is asking it
    └── AnalysisError           one call could not be read; it is quarantined, the rest goes on

Every error carries a remedy: one sentence that says what to do. No error carries a credential.
"""

from dataclasses import dataclass
from enum import StrEnum

from headway_pipeline.model.usage import Usage

__all__ = [
    "AlreadyExistsError",
    "AnalysisError",
    "AnswerPendingError",
    "AskedModel",
    "BadCredentialsError",
    "BudgetSpentError",
    "ConfigurationError",
    "ConflictingRequestError",
    "CredentialsSealedError",
    "CursorExpiredError",
    "DatabaseUnavailableError",
    "EvidenceRefusedError",
    "HeadwayError",
    "HeldBackError",
    "InputError",
    "MalformedRequestError",
    "MissingPermissionError",
    "ModelCredentialsError",
    "ModelError",
    "ModelQuotaError",
    "ModelRateLimitedError",
    "ModelRequestError",
    "NotAuthenticatedError",
    "NotPermittedError",
    "OutsideWorkspaceError",
    "RateLimitedError",
    "Refusal",
    "RequestError",
    "RequestRefusedError",
    "RequestTooLargeError",
    "RequestsSpentError",
    "RunBudgetSpentError",
    "SchemaOutdatedError",
    "SourceContractError",
    "SourceError",
    "StaleEditError",
    "StoreError",
    "TooLargeError",
    "TooManyRequestsError",
    "TooSlowError",
    "TransientModelError",
    "TransientSourceError",
    "UnguardedEditError",
    "UnknownBatchError",
    "UnknownModelError",
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


class RequestError(HeadwayError):
    """The API refuses a request for how, or by whom, it is made; nothing was changed."""


class MalformedRequestError(RequestError):
    """The request has no form that the API reads."""


class NotAuthenticatedError(RequestError):
    """The request carries no token, or one that opens nothing."""


class NotPermittedError(RequestError):
    """The token's role may not do this."""


class TooLargeError(RequestError):
    """The body is larger than what is read."""


class TooSlowError(RequestError):
    """The body did not come in time."""


class TooManyRequestsError(RequestError):
    """Whoever asks has asked too often.

    Attributes:
        retry_after_s: whole seconds to wait.
    """

    def __init__(self, message: str, remedy: str = "", *, retry_after_s: int) -> None:
        super().__init__(message, remedy)
        self.retry_after_s = retry_after_s


class ConflictingRequestError(RequestError):
    """It cannot be done while something else is so."""


class UnguardedEditError(RequestError):
    """An edit does not say which state it edits (no If-Match)."""


class StaleEditError(RequestError):
    """Somebody else edited the thing first."""


class ConfigurationError(HeadwayError):
    """The environment, a key file or an installed part is not usable."""


class StoreError(HeadwayError):
    """The database could not do what was asked."""


class DatabaseUnavailableError(StoreError):
    """The database is down, locked or unreachable; the same call may succeed later."""


class OutsideWorkspaceError(StoreError):
    """Work within one workspace reached for another's rows, or for what is no workspace's; it was refused."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "nothing of another workspace was read or changed; this is a defect: report it")


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


class RequestsSpentError(RateLimitedError):
    """Our own budget of requests for the day or the run is spent; waiting within the run does not help."""

    code = "budget_spent"


class CursorExpiredError(SourceError):
    """The page token is no longer valid; the window starts again at its first page."""

    code = "cursor_expired"


class TransientSourceError(SourceError):
    """A time-out, a reset or a 5xx: the same request may succeed in a moment."""

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class AskedModel:
    """Which model failed: the coordinates every model error carries.

    Attributes:
        request_id: the provider's id of the failed request, for its support.
    """

    provider: str
    model: str = ""
    status: int | None = None
    request_id: str | None = None


class ModelError(HeadwayError):
    """A language model did not answer what was asked.

    Attributes:
        at: the provider, model and HTTP status it happened at.
    """

    #: The word for this kind of failure in health states, metadata and JSON.
    code = "model_error"

    def __init__(self, message: str, remedy: str = "", *, at: AskedModel) -> None:
        super().__init__(message, remedy)
        self.at = at


class ModelCredentialsError(ModelError):
    """The provider refuses the key, or the key may not do this (HTTP 401, 403)."""

    code = "bad_credentials"


class ModelQuotaError(ModelError):
    """The account has no money or quota left; waiting does not help, paying does."""

    code = "quota_spent"


class ModelRequestError(ModelError):
    """The provider refuses the form of the request, or its answer has no usable form."""

    code = "contract"


class UnknownModelError(ModelError):
    """The provider has no model of that name, or no longer."""

    code = "unknown_model"


class RequestTooLargeError(ModelError):
    """This request is longer than the model's context or the provider's limit; a shorter one may pass."""

    code = "too_large"


class UnknownBatchError(ModelError):
    """The provider has no such batch, or no longer keeps its results."""

    code = "unknown_batch"


class ModelRateLimitedError(ModelError):
    """The provider asks for a wait (HTTP 429).

    Attributes:
        retry_after_s: seconds to wait, as the provider said, or None if it did not.
    """

    code = "rate_limited"

    def __init__(self, message: str, remedy: str = "", *, at: AskedModel, retry_after_s: float | None) -> None:
        super().__init__(message, remedy, at=at)
        self.retry_after_s = retry_after_s


class TransientModelError(ModelError):
    """A time-out, a reset, a 5xx or an overload: the same request may succeed in a moment."""

    code = "unreachable"


class HeldBackError(HeadwayError):
    """A question to a model is not asked now; nothing is lost."""


class BudgetSpentError(HeldBackError):
    """The answer might cost more than is left of a budget: the month's, unless it is of the kind below."""


class RunBudgetSpentError(BudgetSpentError):
    """The budget is that of one run, which a person gave it."""


class AnswerPendingError(HeldBackError):
    """Somebody else is asking the same question, or a batch is."""


class AnalysisError(HeadwayError):
    """One call could not be read by the analyst; it is quarantined and the rest goes on.

    Attributes:
        usage: what was paid for before it failed.
    """

    def __init__(self, message: str, remedy: str = "", *, usage: Usage | None = None) -> None:
        super().__init__(message, remedy)
        self.usage = usage or Usage()
