"""The API under uvicorn."""

import logging
import socket
from collections.abc import Callable
from datetime import UTC, datetime

import uvicorn

from headway_pipeline.api.app import build_api
from headway_pipeline.api.heads import PunctualProtocol
from headway_pipeline.api.webserver import DagsterWebserver
from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline.settings import Settings
from headway_pipeline.store import Store

__all__ = ["serve", "server"]

#: More than these at once are told to come back; each has at most one connection to the database.
MOST_AT_ONCE = 200
#: Longest head of a request, with its headers.
LARGEST_HEAD_BYTES = 32 * 1024
KEEP_ALIVE_S = 5
GRACE_S = 10


def server(store: Store, settings: Settings, *, host: str, port: int, proxies: str | None = None) -> uvicorn.Server:
    """A server that is ready to run.

    Args:
        proxies: comma-separated addresses that may say in headers who the real caller is; None for nobody.
    """
    app = build_api(
        store,
        settings,
        launcher=DagsterWebserver(settings.dagster_url),
        now=lambda: datetime.now(tz=UTC),
    )
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            # The wall writes the log, without queries and whatever else a path may hold.
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=proxies is not None,
            forwarded_allow_ips=proxies or "",
            http=PunctualProtocol,
            ws="none",
            h11_max_incomplete_event_size=LARGEST_HEAD_BYTES,
            limit_concurrency=MOST_AT_ONCE,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
    )


def serve(
    store: Store,
    settings: Settings,
    *,
    host: str,
    port: int,
    proxies: str | None,
    is_verbose: bool,
    listening: Callable[[], None],
) -> None:
    """Serve until a signal.

    Args:
        listening: called once the address is ours.

    Raises:
        ConfigurationError: the address cannot be had.
    """
    logging.basicConfig(
        level=logging.INFO if is_verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    running = server(store, settings, host=host, port=port, proxies=proxies)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigurationError(
            f"{host}:{port} cannot be had", "stop what listens there, or give another --port"
        ) from error
    with bound:
        listening()
        running.run(sockets=[bound])
