"""A sandbox: a local Gong and a local Fathom behind one real HTTP server on the loopback address."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline.sandbox.call_page import find_call_page
from headway_pipeline.sandbox.exchange import Fault, Logged, Reply, Request
from headway_pipeline.sandbox.fathom.api import PREFIX, FathomApi
from headway_pipeline.sandbox.fathom.webhooks import Webhook
from headway_pipeline.sandbox.gong.api import GongApi
from headway_pipeline.sandbox.listener import LOOPBACK, Listener
from headway_pipeline.sandbox.models.api import ModelApis
from headway_pipeline.sandbox.request_log import Arrival, logged
from headway_pipeline.sandbox.rules import FathomRules, GongRules
from headway_pipeline.sandbox.webhooks import webhook_delivery
from headway_pipeline.sandbox.world import World

__all__ = ["Sandbox"]

#: How long stopping may take.
POLL_S = 0.01
POST_TIMEOUT_S = 10


class Sandbox:
    """A local Gong, Fathom, Claude and GPT. Use it as a context manager, or call `start` and `stop`.

    World, rules and faults may be changed while it serves, from any thread.

    Attributes:
        clock: aware UTC; by it calls come and go, cursors and tokens expire, and quotas fill up again.
        faults: asked before each answer; add and remove at any time.
        models: the language models; without a truth they find nothing.
    """

    def __init__(
        self, world: World, clock: Callable[[], datetime] = lambda: datetime.now(tz=UTC), port: int = 0
    ) -> None:
        """Takes the port; nothing is answered before `start`.

        Args:
            world: what to serve.
            clock: the system's unless another one is given.
            port: 0 for any free one.

        Raises:
            ConfigurationError: the port is taken.
        """
        try:
            self._listener = Listener(port)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of {LOOPBACK} cannot be had ({error.strerror})",
                "stop what listens there, or take another",
            ) from error
        self._listener.answer = self._answer
        self._thread: threading.Thread | None = None
        self.clock = clock
        self._log_lock = threading.Lock()
        self._world_lock = threading.Lock()
        self._log: list[Logged] = []
        self.faults: list[Fault] = []
        self._world = world
        self._gong = GongApi(world, clock, self.base_url)
        self._fathom = FathomApi(world, clock, self.base_url, self._post_later)
        self.models = ModelApis(self.base_url, clock)

    @property
    def base_url(self) -> str:
        """The address to give a Gong connector."""
        return f"http://{LOOPBACK}:{self._listener.server_port}"

    @property
    def generic_gong_url(self) -> str:
        """The address all companies share; the keys of one with a host of its own may be refused there."""
        return f"http://localhost:{self._listener.server_port}"

    @property
    def fathom_url(self) -> str:
        """The address to give a Fathom connector."""
        return self.base_url + PREFIX

    @property
    def world(self) -> World:
        """What is served; set it to serve something else from the next request on."""
        return self._world

    @world.setter
    def world(self, world: World) -> None:
        self.change_world(lambda _: world)

    def change_world(self, change: Callable[[World], World]) -> None:
        """Serve what `change` makes of the present world; of several at once, none is lost."""
        with self._world_lock:
            self._world = change(self._world)
            self._gong.serve(self._world)
            self._fathom.serve(self._world)

    @property
    def gong_rules(self) -> GongRules:
        """How the local Gong behaves where the real one may in several ways."""
        return self._gong.rules

    @gong_rules.setter
    def gong_rules(self, rules: GongRules) -> None:
        self._gong.rules = rules

    @property
    def fathom_rules(self) -> FathomRules:
        """How the local Fathom behaves where the real one may in several ways."""
        return self._fathom.rules

    @fathom_rules.setter
    def fathom_rules(self, rules: FathomRules) -> None:
        self._fathom.rules = rules

    @property
    def webhooks(self) -> tuple[Webhook, ...]:
        """What clients of the local Fathom have registered, oldest first."""
        return self._fathom.webhooks

    def send_webhooks(self) -> list[int]:
        """Deliver what each registered webhook is due, as Fathom does; returns the statuses of the answers.

        Every call sends all of it again, with the same ids: Fathom delivers at least once. Only to this machine.
        """
        import requests

        statuses = []
        for hook in self.webhooks:
            if urlsplit(hook.url).hostname not in (LOOPBACK, "localhost"):
                continue
            company, calls = self._fathom.seen_by(hook.owner)
            for call in calls:
                due = webhook_delivery(hook, company, call, self.base_url, self.clock())
                if due is not None:
                    answer = requests.post(due.url, data=due.body, headers=dict(due.headers), timeout=POST_TIMEOUT_S)
                    statuses.append(answer.status_code)
        return statuses

    @property
    def requests(self) -> tuple[Logged, ...]:
        """Every request answered so far, in order."""
        with self._log_lock:
            return tuple(self._log)

    def count(self, path: str) -> int:
        """How many requests to `path` were answered."""
        return sum(entry.path == path for entry in self.requests)

    def forget_requests(self) -> None:
        """Empty the log."""
        with self._log_lock:
            self._log.clear()

    def start(self) -> None:
        """Answer requests, in threads of their own."""
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(POLL_S,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop answering, and break what connections are open."""
        if self._thread is not None:
            self._listener.shutdown()
            self._thread.join()
            self._thread = None
        self._listener.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _answer(self, request: Request) -> Reply:
        came = Arrival(self.clock(), time.monotonic())
        api = self._fathom if request.path.startswith(f"{PREFIX}/") else self._gong
        found = api.caller_of(request)
        caller = ("", "") if found is None else (found.label, found.quota_owner)
        fault = next((made for one in [*self.faults] if (made := one(request)) is not None), None)
        match fault:
            case Reply():
                reply = fault
            case None:
                reply = self._served(request)
            case spoil:
                reply = spoil(self._served(request))
        answered = Arrival(self.clock(), time.monotonic())
        entry = logged(request, reply, caller, came, answered, is_fault=fault is not None)
        with self._log_lock:
            self._log.append(entry)
        return reply

    def _served(self, request: Request) -> Reply:
        if request.method == "GET" and request.path == "/call":
            return find_call_page(self._world, request)
        if request.path.startswith(f"{PREFIX}/"):
            return self._fathom.answer(request)
        said = self.models.answer(request)
        if said is not None:
            return said
        return self._gong.answer(request)

    def _post_later(self, url: str, body: bytes) -> None:
        """Send a body to an address on this machine, after the answer to what asked for it."""
        if urlsplit(url).hostname in (LOOPBACK, "localhost"):
            threading.Thread(target=_post, args=(url, body), daemon=True).start()


def _post(url: str, body: bytes) -> None:
    import requests

    requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=POST_TIMEOUT_S)
