"""How fast deliveries are answered: `python -m benchmarks.webhooks [--rate 100] [--seconds 30] [--database URL]`.

One worker of the API in a process of its own, over an embedded database or the empty one that `--database` names.
Deliveries of Fathom and Gong in turn, each a different one, are sent at a fixed rate whether or not the earlier ones
are answered; `--forged` of them in a hundred are signed with another secret. The time of an answer counts from when
its delivery was due, so that a server that falls behind cannot hide it. Refusals are held back on purpose and shown
apart.
"""

import argparse
import base64
import hashlib
import hmac
import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from headway_pipeline.model.workspaces import Connector, Credentials
from headway_pipeline.settings import load_settings
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.sealing import CredentialSealer

#: Of no use outside this benchmark.
KEY = "YmVuY2htYXJrLW9ubHktYmVuY2htYXJrLW9ubHktMTI="
SECRET = f"whsec_{base64.b64encode(b'of no use outside this benchmark').decode()}"
OTHER_SECRET = f"whsec_{base64.b64encode(b'somebody else').decode()}"
URL = "https://headway.example"
SENDERS = 64
START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Sent:
    """A delivery ready to be sent."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    is_forged: bool


def serve(database: str, port: int, folder: str) -> None:
    """The API with one worker, until this process is ended."""
    import uvicorn

    from headway_pipeline.api.app import build_api
    from headway_pipeline.api.launching import RunState

    class NoDagster:
        def launch(self, _request: object) -> str | None:
            return None

        def states(self, _run_ids: object) -> dict[str, RunState]:
            return {}

    store = open_store(database, sealing=lambda: CredentialSealer([KEY]))
    settings = load_settings({"HEADWAY_HOME": folder}, Path(folder))
    app = build_api(store, settings, launcher=NoDagster(), now=lambda: datetime.now(tz=UTC))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def set_up(store: Store, key: RSAPrivateKey) -> tuple[Connector, Connector]:
    """A connector of either source with its webhook."""
    workspace = store.workspaces.add("Benchmark")
    fathom = store.connectors.add(workspace.id, "fathom", credentials=Credentials({"api_token": "t"}))
    gong = store.connectors.add(workspace.id, "gong", credentials=Credentials({"access_key": "a", "secret_key": "b"}))
    now = datetime.now(tz=UTC)
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    store.webhooks.save(fathom, SECRET, url=f"{URL}/fathom", remote_id="wh_1", now=now)
    store.webhooks.save(gong, base64.b64encode(der).decode(), url=f"{URL}/gong", remote_id=None, now=now)
    return fathom, gong


def of_fathom(connector: Connector, number: int, filler: str, *, is_forged: bool) -> Sent:
    """A meeting, signed as Standard Webhooks are."""
    started = datetime.now(tz=UTC)
    meeting = {"recording_id": number, "recording_start_time": started.isoformat(), "default_summary": filler}
    body, written = json.dumps(meeting).encode(), str(int(started.timestamp()))
    key = base64.b64decode((OTHER_SECRET if is_forged else SECRET).removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"msg_{number}.{written}.".encode() + body, "sha256")).decode()
    headers = {"webhook-id": f"msg_{number}", "webhook-timestamp": written, "webhook-signature": f"v1,{signature}"}
    return Sent(f"/webhooks/fathom/{connector.id}", body, headers, is_forged)


def of_gong(connector: Connector, number: int, filler: str, key: RSAPrivateKey) -> Sent:
    """A call, with a signed token over body and address."""
    import jwt

    meta = {"id": str(number), "started": datetime.now(tz=UTC).isoformat()}
    body = json.dumps({"callData": {"metaData": meta, "content": filler}, "isTest": False}).encode()
    claims = {
        "exp": int(time.time()) + 290,
        "webhook_url": f"{URL}/gong",
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    headers = {"Authorization": f"Bearer {jwt.encode(claims, key, algorithm='RS256')}"}
    return Sent(f"/webhooks/gong/{connector.id}", body, headers, is_forged=False)


def send(port: int, delivery: Sent, due: float) -> tuple[bool, int, float]:
    """Whether it is forged, the answer's status, and milliseconds from when it was due, over a new connection."""
    time.sleep(max(0.0, due - time.perf_counter()))
    # Another address of this machine, as forgers have another one than the source.
    address = ("127.0.0.2" if delivery.is_forged else "127.0.0.1", 0)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=address)
    try:
        connection.request("POST", delivery.path, delivery.body, dict(delivery.headers))
        answer = connection.getresponse()
        answer.read()
        return delivery.is_forged, answer.status, 1000 * (time.perf_counter() - due)
    finally:
        connection.close()


def free_port() -> int:
    """A port nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_up(port: int) -> None:
    """Return when the server answers.

    Raises:
        TimeoutError: it does not.
    """
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the server does not come up")


def report(words: str, times: Sequence[float]) -> None:
    """The spread of answers' times."""
    if times:
        ordered = sorted(times)
        p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
        p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        middle = statistics.median(ordered)
        print(f"{words}: median {middle:.1f} ms, p95 {p95:.1f}, p99 {p99:.1f}, longest {ordered[-1]:.1f}")


def measure(port: int, deliveries: Sequence[Sent], rate: float) -> None:
    """Send all at the rate and print what came of it."""
    began = time.perf_counter() + 0.5
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(send, port, one, began + n / rate) for n, one in enumerate(deliveries)]
        answers = [one.result() for one in sent]
    took = time.perf_counter() - began
    statuses = sorted({status for _, status, _ in answers})
    shown = ", ".join(f"{sum(status == one for _, one, _ in answers)} x {status}" for status in statuses)
    print(f"{len(answers)} deliveries in {took:.1f} s: {len(answers) / took:.0f} a second; answers: {shown}")
    report("genuine", [ms for is_forged, _, ms in answers if not is_forged])
    report("forged", [ms for is_forged, _, ms in answers if is_forged])


def main() -> None:
    """Serve, send, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="deliveries a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--kilobytes", type=int, default=32, help="size of a body")
    parser.add_argument("--forged", type=int, default=0, help="how many in a hundred")
    parser.add_argument("--database", help="URL of an empty database; an embedded one when left out")
    parser.add_argument("--serve", nargs=3, metavar=("DATABASE", "PORT", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve[0], int(given.serve[1]), given.serve[2])
        return
    key = generate_private_key(public_exponent=65537, key_size=2048)
    with tempfile.TemporaryDirectory() as folder:
        database = given.database or f"sqlite:///{Path(folder) / 'headway.db'}"
        store = open_store(database, sealing=lambda: CredentialSealer([KEY]))
        fathom, gong = set_up(store, key)
        filler = "x" * (1000 * given.kilobytes)
        deliveries = [
            of_gong(gong, n, filler, key) if n % 2 else of_fathom(fathom, n, filler, is_forged=n % 100 < given.forged)
            for n in range(int(given.rate * given.seconds))
        ]
        port = free_port()
        server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.webhooks", "--serve", database, str(port), folder]
        )
        try:
            wait_until_up(port)
            # The first delivery of either source loads its libraries.
            measure(port, [of_gong(gong, -1, "", key), of_fathom(fathom, -2, "", is_forged=False)], given.rate)
            measure(port, deliveries, given.rate)
        finally:
            server.terminate()
            server.wait()
        print(f"{len(store.hints.due())} hints at {store.database.place}")
        store.close()


if __name__ == "__main__":
    main()
