"""JSON over HTTP for any source: one request, one answer or one typed error. No retries here: the engine retries.

What a request may cost and how long it must wait is the gate's business; what a 400 or 404 means is the source's.
"""

import json
import logging
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from headway_pipeline.model.errors import (
    BadCredentialsError,
    Failing,
    MissingPermissionError,
    RateLimitedError,
    RequestRefusedError,
    SourceContractError,
    TransientSourceError,
    WrongHostError,
)
from headway_pipeline.sources.normalise import clean_json, clean_text, finite_number

if TYPE_CHECKING:
    import requests

__all__ = ["Answer", "CostClass", "Gate", "RestClient"]

CONNECT_TIMEOUT_S = 10.0
CHUNK_BYTES = 64 * 1024
#: A hundred four-hour transcripts are about 100 MB; what goes on beyond this is no answer.
LARGEST_ANSWER_BYTES = 256 * 1024 * 1024
#: How much of an answer a source may look at to tell its meaning, and how much people are shown.
KEPT_CHARS = 2_000
SHOWN_CHARS = 300
#: Escapes that may stand for NUL or half a surrogate pair; without any, there is nothing to clean.
SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
CHECK_ADDRESS = "check the connector's base URL"


class CostClass(StrEnum):
    """What a request counts as, where a vendor limits kinds of requests apart."""

    NORMAL = "normal"
    HEAVY = "heavy"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, as far as limits are concerned.

    Attributes:
        endpoint: the path without its query.
        status: the HTTP status, or None where no complete answer came.
        retry_after_s: the wait the source asks for, if it does.
        headers: names in lower case.
        cost: what the request counted as.
    """

    endpoint: str
    status: int | None
    retry_after_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cost: CostClass = CostClass.NORMAL


class Gate(Protocol):
    """What every request passes."""

    def admit(self, cost: CostClass, /) -> None:
        """Return when the request may go; may wait.

        Raises:
            RateLimitedError: it may not go for now.
        """
        ...

    def observe(self, answer: Answer, /) -> None:
        """Told of every admitted request's outcome."""
        ...


@dataclass(frozen=True, slots=True)
class _Received:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_page(self) -> bool:
        """Whether it is made for people: HTML, by its type or its first character."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"


class RestClient:
    """Asks one source at one address with one connector's credentials.

    Redirects are not followed, nor are proxies or credentials taken from the environment: what is sent to
    `base_url` goes there and nowhere else.
    """

    def __init__(
        self,
        *,
        source: str,
        base_url: str,
        headers: Mapping[str, str],
        gate: Gate,
        timeout_s: float = 120.0,
        deadline_s: float = 600.0,
        session: "requests.Session | None" = None,
        secrets: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
        largest_answer_bytes: int = LARGEST_ANSWER_BYTES,
    ) -> None:
        """Prepares; nothing is sent.

        Args:
            source: its name, for errors.
            base_url: with or without a trailing slash.
            headers: sent with every request; hidden in errors, like `secrets`.
            gate: what every request passes.
            timeout_s: longest silence of the source within one answer.
            deadline_s: longest time for the body of one answer, however steadily it trickles.
            session: the transport; made anew when left out. Its `trust_env` is switched off.
            secrets: further texts that no error may show.
            now: the clock a Retry-After date is compared with.
            largest_answer_bytes: what is longer, decompressed, is refused.
        """
        # Imported here: reading commands import the sources for their links and never ask anything.
        import requests

        # At the level DEBUG it writes whole addresses, and Gong takes a refresh token in one.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
        self.source = source
        self.base_url = base_url.rstrip("/")
        self.now = now
        self._gate = gate
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._session = session if session is not None else requests.Session()
        self._session.trust_env = False
        self._largest_answer_bytes = largest_answer_bytes
        self._hidden: list[str] = []
        self.authorize(headers, secrets)

    def __repr__(self) -> str:
        return f"RestClient({self.source}, {self.base_url})"

    def authorize(self, headers: Mapping[str, str], secrets: Collection[str]) -> None:
        """Send `headers` from now on. They and `secrets` are hidden in errors, and so is what was sent before."""
        self._headers = {"Accept": "application/json", **headers}
        carried = {part for value in headers.values() for part in (value, *value.split())}
        # Longest first, so that no secret is cut open by another one inside it.
        hidden = {*self._hidden, *carried, *secrets} - {"", "Basic", "Bearer"}
        self._hidden = sorted(hidden, key=len, reverse=True)

    def get_json(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        cost: CostClass = CostClass.NORMAL,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        """The JSON object at `path`.

        Args:
            endpoint: what the request is counted under, where the path holds an id.

        Raises:
            SourceError: as `post_json`.
        """
        return self._ask("GET", path, cost, params=params, endpoint=endpoint)

    def post_form(self, path: str, form: Mapping[str, str], params: Mapping[str, str]) -> dict[str, Any]:
        """The JSON object that answers a form.

        Raises:
            SourceError: as `post_json`.
        """
        return self._ask("POST", path, CostClass.NORMAL, params=params, form=form)

    def post_json(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        cost: CostClass = CostClass.NORMAL,
        expects: HTTPStatus = HTTPStatus.OK,
    ) -> dict[str, Any]:
        """The JSON object that answers `body`; texts in it are fit for hashes and databases.

        Args:
            expects: the status of success.

        Raises:
            BadCredentialsError: 401.
            MissingPermissionError: 403.
            RateLimitedError: 429, 503 with a Retry-After, or the gate is closed.
            RequestRefusedError: any other 4xx with a body that is no web page.
            WrongHostError: a redirect, a web page, or a host with a certificate of somebody else.
            SourceContractError: an answer that is too long, or no JSON object.
            TransientSourceError: time-outs, resets, cut answers, 5xx.
        """
        return self._ask("POST", path, cost, body=body, expects=expects)

    def delete(self, path: str, *, endpoint: str) -> None:
        """Remove what is at `path`.

        Args:
            endpoint: what the request is counted under.

        Raises:
            SourceError: as `post_json`.
        """
        self._received("DELETE", path, endpoint, CostClass.NORMAL, {}, HTTPStatus.NO_CONTENT)

    def _ask(
        self,
        method: str,
        path: str,
        cost: CostClass,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        endpoint: str | None = None,
        expects: HTTPStatus = HTTPStatus.OK,
    ) -> dict[str, Any]:
        named = endpoint or path
        content = {"params": params, "json": body, "data": form}
        return self._read(named, self._received(method, path, named, cost, content, expects))

    def _received(
        self, method: str, path: str, named: str, cost: CostClass, content: Mapping[str, Any], expects: HTTPStatus
    ) -> _Received:
        """The answer of the status that is expected; any other one is an error."""
        self._gate.admit(cost)
        try:
            received = self._exchange(method, path, content)
        except (TransientSourceError, WrongHostError, SourceContractError):
            self._gate.observe(Answer(named, None, cost=cost))
            raise
        retry_after_s = self._retry_after_s(received)
        self._gate.observe(Answer(named, received.status, retry_after_s, received.headers, cost))
        if received.status != expects:
            self._refuse(named, received, retry_after_s)
        return received

    def _exchange(self, method: str, path: str, content: Mapping[str, Any]) -> _Received:
        """Send and receive, turning what the transport raises into the tree's errors."""
        import requests

        at = Failing(self.source, path)
        try:
            return self._receive(at, method, path, content)
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" not in str(error):
                raise TransientSourceError(f"{self.source}: the secure connection broke", at=at) from error
            raise WrongHostError(
                f"{self.source}: the host at {self.base_url} has a certificate that is not its own",
                CHECK_ADDRESS,
                at=at,
            ) from error
        except requests.Timeout as error:
            raise TransientSourceError(f"{self.source}: no answer in time", "try again later", at=at) from error
        except (
            requests.ConnectionError,
            requests.exceptions.ChunkedEncodingError,
            requests.exceptions.ContentDecodingError,
        ) as error:
            raise TransientSourceError(
                f"{self.source}: the connection to {self.base_url} failed or broke off",
                "check the network and the base URL if it stays so",
                at=at,
            ) from error
        except requests.RequestException as error:
            # What is left concerns the form of the address or of a header, which the exception may quote.
            raise WrongHostError(
                f"{self.source}: no request can be made to {self.base_url} ({type(error).__name__})",
                CHECK_ADDRESS,
                at=at,
            ) from None

    def _receive(self, at: Failing, method: str, path: str, content: Mapping[str, Any]) -> _Received:
        with self._session.request(
            method,
            self.base_url + path,
            headers=self._headers,
            timeout=(CONNECT_TIMEOUT_S, self._timeout_s),
            allow_redirects=False,
            stream=True,
            **content,
        ) as response:
            body = self._body(at, path, response)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return _Received(response.status_code, headers, body)

    def _body(self, at: Failing, path: str, response: "requests.Response") -> bytes:
        """The whole body, unless it is too long or takes too long."""
        late = threading.Event()

        def give_up() -> None:
            # An answer that trickles never falls silent: only another thread can end the read it holds.
            late.set()
            response.raw.shutdown()

        watch = threading.Timer(self._deadline_s, give_up)
        watch.daemon = True
        watch.start()
        held = bytearray()
        try:
            for chunk in response.iter_content(CHUNK_BYTES):
                held += chunk
                if len(held) > self._largest_answer_bytes:
                    raise SourceContractError(
                        f"{self.source}: the answer of {path} is longer than {self._largest_answer_bytes} bytes",
                        "ask for a shorter window",
                        at=at,
                    )
        except OSError as error:
            if late.is_set():
                raise self._took_too_long(at) from error
            raise
        finally:
            watch.cancel()
        if late.is_set():
            raise self._took_too_long(at)
        return bytes(held)

    def _took_too_long(self, at: Failing) -> TransientSourceError:
        return TransientSourceError(
            f"{self.source}: no complete answer within {self._deadline_s:g} s", "try again later", at=at
        )

    def _retry_after_s(self, received: _Received) -> float | None:
        """Seconds from a Retry-After header in either of its forms (RFC 9110, 10.2.3), where it means a wait."""
        if received.status not in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            return None
        written = received.headers.get("retry-after", "").strip()
        if written.isascii() and written.isdigit():
            return float(written)
        try:
            until = parsedate_to_datetime(written)
        except ValueError:
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        return max(0.0, (until - self.now()).total_seconds())

    def _refuse(self, path: str, received: _Received, retry_after_s: float | None) -> NoReturn:
        """Raise what a status other than 200 stands for."""
        status = received.status
        at = Failing(self.source, path, status)
        if status == HTTPStatus.TOO_MANY_REQUESTS or retry_after_s is not None:
            wait = "" if retry_after_s is None else f" of {retry_after_s:.0f} s"
            raise RateLimitedError(
                f"{self.source} asks for a wait{wait} ({status})",
                "nothing is lost",
                at=at,
                retry_after_s=retry_after_s,
            )
        said = f"{self.source} answers {status} at {path}: {self._excerpt(received)}"
        if status == HTTPStatus.UNAUTHORIZED:
            raise BadCredentialsError(
                said,
                f"check the credentials, and {CHECK_ADDRESS}: at another host right ones are refused, too",
                at=at,
            )
        if status == HTTPStatus.FORBIDDEN:
            raise MissingPermissionError(
                said, "give the credentials the missing permission, or this machine's address access", at=at
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TransientSourceError(said, "try again later", at=at)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST or received.is_page:
            raise WrongHostError(said, f"{CHECK_ADDRESS}: what answers there is no API of {self.source}", at=at)
        if status < HTTPStatus.BAD_REQUEST:
            raise SourceContractError(said, "its API has changed, if it stays so", at=at)
        raise RequestRefusedError(
            said, "its API has changed, or this is a defect: report it", at=at, body=self._scrubbed(received)
        )

    def _read(self, path: str, received: _Received) -> dict[str, Any]:
        """The answer's JSON object."""
        at = Failing(self.source, path, received.status)
        if received.is_page:
            raise WrongHostError(
                f"{self.source}: {self.base_url} answers with a web page, not with its API", CHECK_ADDRESS, at=at
            )
        try:
            # JSON has no NaN; Python reads it all the same, and databases refuse it.
            value = json.loads(received.body, parse_constant=lambda _name: None, parse_float=finite_number)
        except (ValueError, RecursionError) as error:
            # The error itself holds the whole answer, which is not to be carried along.
            raise TransientSourceError(
                f"{self.source}: the answer of {path} is cut off or garbled ({type(error).__name__})",
                "try again later",
                at=at,
            ) from None
        if not isinstance(value, dict):
            raise SourceContractError(
                f"{self.source}: the answer of {path} is no JSON object", "its API has changed, if it stays so", at=at
            )
        cleaned: dict[str, Any] = clean_json(value) if SUSPECT_ESCAPE.search(received.body) else value
        return cleaned

    def _excerpt(self, received: _Received) -> str:
        """The start of an answer on one line, without the credentials."""
        if received.is_page:
            return "(a web page)"
        return " ".join(self._scrubbed(received).split())[:SHOWN_CHARS] or "(nothing)"

    def _scrubbed(self, received: _Received) -> str:
        """The start of an answer's text without the credentials, not even one that the cut would halve."""
        longest = max(map(len, self._hidden), default=0)
        text = received.body[: 4 * (KEPT_CHARS + longest)].decode("utf-8", "replace")[: KEPT_CHARS + longest]
        for secret in self._hidden:
            text = text.replace(secret, "[hidden]")
        return clean_text(text[:KEPT_CHARS])
