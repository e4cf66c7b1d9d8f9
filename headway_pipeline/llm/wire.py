"""What both libraries have in common: plain JSON in place of their objects, and the tree's errors for theirs.

Their own parsers lose an answer's usage where its text is no valid JSON, so answers are read as they came.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from headway_pipeline.model.errors import (
    AskedModel,
    ModelCredentialsError,
    ModelError,
    ModelQuotaError,
    ModelRateLimitedError,
    ModelRequestError,
    RequestTooLargeError,
    TransientModelError,
    UnknownBatchError,
    UnknownModelError,
)

if TYPE_CHECKING:
    import httpx2

    from headway_pipeline.llm.contract import Provider

__all__ = ["RawReply", "Spoken", "Wire", "json_lines"]

#: How much of a provider's own words an error shows.
SHOWN_CHARS = 300
#: Words that share a run of this length with the request quote it; a request holds what customers said.
QUOTED_RUN = 24

#: Codes, types and phrases by which providers say that the account, not the moment, is the trouble.
QUOTA_WORDS = (
    "insufficient_quota",
    "billing_error",
    "billing_hard_limit_reached",
    "spend_limit_reached",
    "credit balance is too low",
)
#: The same for a request that is too long for the model.
SIZE_WORDS = (
    "context_length_exceeded",
    "prompt is too long",
    "maximum context length",
    "string_above_max_length",
    "request_too_large",
    "exceed_context_size",
    "exceeds the available context",
    "context window",
)
#: A 404 that speaks of one of these is about the model's name; Azure calls it a deployment.
MODEL_WORDS = ("model", "deployment")


class RawReply(Protocol):
    """An answer as both libraries hand it over through `with_raw_response`."""

    @property
    def http_response(self) -> "httpx2.Response":
        """The answer before any parsing."""
        ...


@dataclass(frozen=True, slots=True)
class Spoken:
    """One answer of a provider.

    Attributes:
        latency_ms: from sending to the last byte.
    """

    body: Mapping[str, Any] = field(repr=False)
    request_id: str | None
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Wire:
    """Asks through one library on behalf of one provider.

    Attributes:
        status_error: what the library raises for a status that is no success.
        any_error: the base of what it raises.
        id_header: where the provider puts its id of a request.
        hidden: texts that no error may show.
    """

    provider: str
    label: str
    key_variable: str
    status_error: type[Exception]
    any_error: type[Exception]
    id_header: str
    hidden: Sequence[str] = field(repr=False, default=())
    now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)

    @classmethod
    def of(
        cls, provider: "Provider", *, status_error: type[Exception], any_error: type[Exception], id_header: str
    ) -> "Wire":
        """The wire of a provider object; its key is what no error may show."""
        return cls(
            provider=provider.name,
            label=provider.label,
            key_variable=provider.key_variable,
            status_error=status_error,
            any_error=any_error,
            id_header=id_header,
            hidden=(provider.access.api_key,),
        )

    def ask(self, send: Callable[[], RawReply], model: str = "", quoted: Sequence[str] = ()) -> Spoken:
        """What `send` brings back, as a JSON object.

        Args:
            quoted: the request's texts, which no error may show.

        Raises:
            ModelError: any of the tree.
        """
        with self.translated(model, quoted):
            response = send().http_response
        request_id = response.headers.get(self.id_header)
        at = AskedModel(self.provider, model, response.status_code, request_id)
        try:
            body = json.loads(response.content, parse_constant=lambda _name: None)
        except (ValueError, RecursionError):
            if "html" in response.headers.get("content-type", ""):
                raise ModelRequestError(
                    f"{self.label}: what answers there is a web page, no API", "check the address", at=at
                ) from None
            # The error would hold the whole answer.
            raise TransientModelError(
                f"{self.label}: the answer is cut off or garbled", "try again later", at=at
            ) from None
        if not isinstance(body, dict):
            raise ModelRequestError(f"{self.label}: the answer is no JSON object", "check the address", at=at)
        return Spoken(body, request_id, round(response.elapsed.total_seconds() * 1000))

    @contextlib.contextmanager
    def translated(self, model: str = "", quoted: Sequence[str] = ()) -> Iterator[None]:
        """What the library raises within, as an error of the tree. Causes are cut off: they hold keys and speech."""
        import httpx2

        try:
            yield
        except self.status_error as error:
            response: httpx2.Response = error.response  # type: ignore[attr-defined]
            raise self.refused(response, model, quoted) from None
        except (self.any_error, httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise self._unreached(error, model) from None

    @contextlib.contextmanager
    def known_batch(self, external_id: str) -> Iterator[None]:
        """Within, a 404 means that the provider has no such batch."""
        try:
            yield
        except (UnknownModelError, ModelRequestError) as error:
            if error.at.status != HTTPStatus.NOT_FOUND:
                raise
            raise UnknownBatchError(
                f"{self.label} has no batch {external_id} any more", "its requests are asked again", at=error.at
            ) from None

    def refused(self, response: "httpx2.Response", model: str, quoted: Sequence[str]) -> ModelError:
        """The error that a status other than a success stands for."""
        said = _said(response)
        at = AskedModel(self.provider, model, response.status_code, response.headers.get(self.id_header))
        return self.failure(said, at, quoted, self._retry_after_s(response.headers))

    def failure(
        self, said: str, at: AskedModel, quoted: Sequence[str] = (), retry_after_s: float | None = None
    ) -> ModelError:
        """The error for a status and a provider's words, from an answer or from a line of a batch."""
        status = at.status or 0
        words = f"{self.label} answers {status}: {self._shown(said, quoted)}"
        lower = said.lower()
        if any(word in lower for word in QUOTA_WORDS) or status == HTTPStatus.PAYMENT_REQUIRED:
            return ModelQuotaError(words, "add credit or raise the limit of the account", at=at)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return ModelCredentialsError(words, f"check {self.key_variable} and what the key may do", at=at)
        if status == HTTPStatus.TOO_MANY_REQUESTS or (status >= HTTPStatus.BAD_REQUEST and retry_after_s is not None):
            return ModelRateLimitedError(words, "nothing is lost", at=at, retry_after_s=retry_after_s)
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or any(word in lower for word in SIZE_WORDS):
            return RequestTooLargeError(words, "take a model with a longer context", at=at)
        if status == HTTPStatus.NOT_FOUND and any(word in lower for word in MODEL_WORDS):
            return UnknownModelError(words, "name a model that the provider has", at=at)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT):
            return TransientModelError(words, "try again later", at=at)
        return ModelRequestError(words, "check the address and the model; if both are right, report this", at=at)

    def _unreached(self, error: Exception, model: str) -> ModelError:
        """The error for a request that got no answer. Only names of kinds are shown: texts may quote headers."""
        import httpx2

        at = AskedModel(self.provider, model)
        cause = error.__cause__ or error
        kind = type(cause).__name__
        if isinstance(cause, httpx2.TimeoutException):
            return TransientModelError(f"{self.label}: no answer in time ({kind})", "try again later", at=at)
        malformed = (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, ValueError, TypeError)
        if isinstance(cause, malformed):
            return ModelRequestError(
                f"{self.label}: no request can be made ({kind})", f"check the address and {self.key_variable}", at=at
            )
        return TransientModelError(
            f"{self.label}: the connection failed or broke off ({kind})",
            "check the network and the address if it stays so",
            at=at,
        )

    def _retry_after_s(self, headers: Mapping[str, str]) -> float | None:
        """Seconds the provider asks for, in milliseconds, seconds or as a date (RFC 9110, 10.2.3)."""
        in_ms = headers.get("retry-after-ms", "").strip()
        if in_ms.isascii() and in_ms.replace(".", "", 1).isdigit():
            return float(in_ms) / 1000
        written = headers.get("retry-after", "").strip()
        if written.isascii() and written.replace(".", "", 1).isdigit():
            return float(written)
        try:
            until = parsedate_to_datetime(written)
        except ValueError:
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        return max(0.0, (until - self.now()).total_seconds())

    def _shown(self, said: str, quoted: Sequence[str]) -> str:
        """A provider's words on one line, without keys, and not at all where they repeat the request."""
        for secret in self.hidden:
            said = said.replace(secret, "[hidden]") if secret else said
        shown = " ".join(said.split())[:SHOWN_CHARS]
        runs = (shown[start : start + QUOTED_RUN] for start in range(max(1, len(shown) - QUOTED_RUN + 1)))
        flat = [" ".join(text.split()) for text in quoted]
        if any(len(run) == QUOTED_RUN and run in text for run in runs for text in flat):
            return "(words that quote the request)"
        return shown or "(nothing)"


def json_lines(lines: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    """The JSON objects of a file of them; what is none is left out, so its request counts as unanswered."""
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _said(response: "httpx2.Response") -> str:
    """A provider's type, code and words, from any of the forms of error that are about."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        is_page = "html" in response.headers.get("content-type", "")
        return "(a web page)" if is_page else response.text
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error)
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    parts = [error.get("type"), error.get("code"), code, error.get("message") or error.get("detail")]
    return " ".join(str(part) for part in parts if isinstance(part, str | int))
