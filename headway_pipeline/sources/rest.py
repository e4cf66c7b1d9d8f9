"""JSON over HTTP for any source: one request, one answer or one typed error. No retries here: the engine retries.

What a request may cost and how long it must wait is the gate's business; what a 400 or 404 means is the source's.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

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
from headway_pipeline.sources.gate import Answer, CostClass, Gate
from headway_pipeline.sources.normalise import clean_json, clean_text, finite_number
from headway_pipeline.sources.transport import CHECK_ADDRESS, LARGEST_ANSWER_BYTES, Received, Transport

if TYPE_CHECKING:
    import requests

__all__ = ["RestClient"]

#: How much of an answer a source may look at to tell its meaning, and how much people are shown.
KEPT_CHARS = 2_000
SHOWN_CHARS = 300
#: Escapes that may stand for NUL or half a surrogate pair; without any, there is nothing to clean.
SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class RestClient:
    """Asks one source at one address with one connector's credentials; nothing is sent anywhere else."""

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
            session: what sends; made anew when left out. Its `trust_env` is switched off.
            secrets: further texts that no error may show.
            now: the clock a Retry-After date is compared with.
            largest_answer_bytes: what is longer, decompressed, is refused.
        """
        self.source = source
        self.base_url = base_url.rstrip("/")
        self.now = now
        self._gate = gate
        self._transport = Transport(
            source,
            self.base_url,
            session,
            timeout_s=timeout_s,
            deadline_s=deadline_s,
            largest_answer_bytes=largest_answer_bytes,
        )
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
    ) -> Received:
        """The answer of the status that is expected; any other one is an error."""
        self._gate.admit(cost)
        try:
            received = self._transport.exchange(method, path, self._headers, content)
        except (TransientSourceError, WrongHostError, SourceContractError):
            self._gate.observe(Answer(named, None, cost=cost))
            raise
        retry_after_s = self._retry_after_s(received)
        self._gate.observe(Answer(named, received.status, retry_after_s, received.headers, cost))
        if received.status != expects:
            self._refuse(named, received, retry_after_s)
        return received

    def _retry_after_s(self, received: Received) -> float | None:
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

    def _refuse(self, path: str, received: Received, retry_after_s: float | None) -> NoReturn:
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

    def _read(self, path: str, received: Received) -> dict[str, Any]:
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

    def _excerpt(self, received: Received) -> str:
        """The start of an answer on one line, without the credentials."""
        if received.is_page:
            return "(a web page)"
        return " ".join(self._scrubbed(received).split())[:SHOWN_CHARS] or "(nothing)"

    def _scrubbed(self, received: Received) -> str:
        """The start of an answer's text without the credentials, not even one that the cut would halve."""
        longest = max(map(len, self._hidden), default=0)
        text = received.body[: 4 * (KEPT_CHARS + longest)].decode("utf-8", "replace")[: KEPT_CHARS + longest]
        for secret in self._hidden:
            text = text.replace(secret, "[hidden]")
        return clean_text(text[:KEPT_CHARS])
