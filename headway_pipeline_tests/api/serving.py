"""An application behind a real server on the loopback address, in this process or one of its own."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import uvicorn
from fastapi import FastAPI

from headway_pipeline.api.heads import PunctualProtocol
from headway_pipeline_tests.databases import free_port

START_S = 120


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


@contextmanager
def served_by_process(log: Path) -> Iterator[str]:
    """The address of `headway api --verbose` in a process of its own, which writes everything it says into `log`."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("headway")), "api", "--port", str(port), "--verbose"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_answers(f"{address}/health", process, log)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_answers(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            requests.get(url, timeout=5)
        except requests.RequestException:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < end, log.read_text(encoding="utf-8")
            time.sleep(0.1)
        else:
            return
