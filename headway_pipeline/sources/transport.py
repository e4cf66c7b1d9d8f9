"""Requests to one address over HTTP, and whole answers within bounds of time and size."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headway_pipeline.model.errors import Failing, SourceContractError, TransientSourceError, WrongHostError

if TYPE_CHECKING:
    import requests

__all__ = ["CHECK_ADDRESS", "LARGEST_ANSWER_BYTES", "Received", "Transport"]

CONNECT_TIMEOUT_S = 10.0
CHUNK_BYTES = 64 * 1024
#: A hundred four-hour transcripts are about 100 MB; what goes on beyond this is no answer.
LARGEST_ANSWER_BYTES = 256 * 1024 * 1024
CHECK_ADDRESS = "check the connector's base URL"


@dataclass(frozen=True, slots=True)
class Received:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_page(self) -> bool:
        """Whether it is made for people: HTML, by its type or its first character."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"


class Transport:
    """Sends requests to one address and to nowhere else.

    Redirects are not followed, nor are proxies or credentials taken from the environment.
    """

    def __init__(
        self,
        source: str,
        base_url: str,
        session: "requests.Session | None",
        *,
        timeout_s: float,
        deadline_s: float,
        largest_answer_bytes: int,
    ) -> None:
        """Prepares; nothing is sent.

        Args:
            source: its name, for errors.
            base_url: without a trailing slash.
            session: what sends; made anew for None. Its `trust_env` is switched off.
            timeout_s: longest silence of the source within one answer.
            deadline_s: longest time for the body of one answer, however steadily it trickles.
            largest_answer_bytes: what is longer, decompressed, is refused.
        """
        # Imported here: reading commands import the sources for their links and never ask anything.
        import requests

        # At the level DEBUG it writes whole addresses, and Gong takes a refresh token in one.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
        self._source = source
        self._base_url = base_url
        self._session = session if session is not None else requests.Session()
        self._session.trust_env = False
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._largest_answer_bytes = largest_answer_bytes

    def exchange(self, method: str, path: str, headers: Mapping[str, str], content: Mapping[str, Any]) -> Received:
        """Send a request and receive its whole answer, whatever its status.

        Args:
            content: `params`, `json` and `data`, as `requests` takes them.

        Raises:
            TransientSourceError: time-outs, resets, cut answers.
            WrongHostError: no request can be made to that address, or its certificate is somebody else's.
            SourceContractError: the answer is too long.
        """
        import requests

        at = Failing(self._source, path)
        try:
            return self._receive(at, method, path, headers, content)
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" not in str(error):
                raise TransientSourceError(f"{self._source}: the secure connection broke", at=at) from error
            raise WrongHostError(
                f"{self._source}: the host at {self._base_url} has a certificate that is not its own",
                CHECK_ADDRESS,
                at=at,
            ) from error
        except requests.Timeout as error:
            raise TransientSourceError(f"{self._source}: no answer in time", "try again later", at=at) from error
        except (
            requests.ConnectionError,
            requests.exceptions.ChunkedEncodingError,
            requests.exceptions.ContentDecodingError,
        ) as error:
            raise TransientSourceError(
                f"{self._source}: the connection to {self._base_url} failed or broke off",
                "check the network and the base URL if it stays so",
                at=at,
            ) from error
        except requests.RequestException as error:
            # What is left concerns the form of the address or of a header, which the exception may quote.
            raise WrongHostError(
                f"{self._source}: no request can be made to {self._base_url} ({type(error).__name__})",
                CHECK_ADDRESS,
                at=at,
            ) from None

    def _receive(
        self, at: Failing, method: str, path: str, headers: Mapping[str, str], content: Mapping[str, Any]
    ) -> Received:
        with self._session.request(
            method,
            self._base_url + path,
            headers=headers,
            timeout=(CONNECT_TIMEOUT_S, self._timeout_s),
            allow_redirects=False,
            stream=True,
            **content,
        ) as response:
            body = self._body(at, path, response)
            received = {name.lower(): value for name, value in response.headers.items()}
            return Received(response.status_code, received, body)

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
                        f"{self._source}: the answer of {path} is longer than {self._largest_answer_bytes} bytes",
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
            f"{self._source}: no complete answer within {self._deadline_s:g} s", "try again later", at=at
        )
