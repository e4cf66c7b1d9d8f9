"""An application behind a real server on the loopback address."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from headway_pipeline.api.heads import PunctualProtocol


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Its address, while it is served in a thread."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        # Who comes before the server is up waits in the queue.
        listening.listen()
        config = uvicorn.Config(app, http=PunctualProtocol, log_config=None, access_log=False, server_header=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=30)
