"""The sample of a proxy, run: Dagster has no login, and what its open pages let others do is refused before it."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SAMPLE = Path(__file__).parents[1] / "deploy" / "proxy" / "nginx.conf"
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
#: "someone" and "secret".
LOGIN = {"Authorization": "Basic c29tZW9uZTpzZWNyZXQ="}
DAGSTER, VIEW, API = "dagster.headway.example", "view.headway.example", "headway.example"
JSON = {"Content-Type": "application/json"}

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


class Behind(BaseHTTPRequestHandler):
    """What stands behind the proxy: answers everything, and says what it was told."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_upgrade = self.headers.get("Upgrade") == "websocket"
        self.send_response(101 if is_upgrade else 200)
        if is_upgrade:
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "upgrade")
        else:
            self.send_header("Content-Length", "0")
        self.send_header("Seen-Authorization", self.headers.get("Authorization") or "none")
        self.send_header("Seen-Forwarded-For", self.headers.get("X-Forwarded-For") or "none")
        self.end_headers()
        self.close_connection = is_upgrade

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # the library's names

    def log_message(self, *_given: object) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Proxy:
    port: int

    def ask(
        self, host: str, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in {"Host": host, **(headers or {}), "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders()
            # It may be refused before it is read.
            with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                connection.send(body)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()})
        finally:
            connection.close()


def make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, API)])
    now = datetime.now(tz=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "privkey.pem").write_bytes(pem)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The sample, with other ports and files of its own."""
    folder = tmp_path_factory.mktemp("proxy")
    folder.chmod(0o755)
    make_certificate(folder)
    for name in ("dagster.htpasswd", "viewers.htpasswd"):
        (folder / name).write_text("someone:{PLAIN}secret\n")
    behind = ThreadingHTTPServer(("127.0.0.1", 0), Behind)
    threading.Thread(target=behind.serve_forever, args=(0.05,), daemon=True).start()
    port = free_port()
    sample = SAMPLE.read_text(encoding="utf-8")
    for ours, theirs in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/headway/tls": str(folder),
        "/etc/headway": str(folder),
        **{f"127.0.0.1:{one}": f"127.0.0.1:{behind.server_port}" for one in (8000, 3000, 3001)},
    }.items():
        assert ours in sample
        sample = sample.replace(ours, theirs)
    temporary = "".join(
        f"{what}_temp_path {folder};\n" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log {folder}/access.log;\n{temporary}{sample}\n}}\n"
    )
    assert NGINX is not None
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=30, check=False)
    assert checked.returncode == 0, checked.stderr
    running = subprocess.Popen(command)
    until = time.monotonic() + 15
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield Proxy(port)
    running.terminate()
    running.wait(timeout=15)
    behind.shutdown()
    behind.server_close()


@pytest.mark.parametrize("host", [DAGSTER, VIEW])
def test_dagster_is_behind_a_login_that_it_never_sees(proxy: Proxy, host: str) -> None:
    assert proxy.ask(host, "GET", "/").status == 401
    assert proxy.ask(host, "POST", "/graphql", JSON, b"{}").status == 401
    answer = proxy.ask(host, "GET", "/runs", LOGIN)
    assert (answer.status, answer.headers["seen-authorization"]) == (200, "none")


@pytest.mark.parametrize("host", [DAGSTER, VIEW])
def test_graphql_is_posted_as_json_or_spoken_over_a_websocket_and_nothing_else(proxy: Proxy, host: str) -> None:
    own = {**LOGIN, "Origin": f"https://{host}"}
    assert proxy.ask(host, "POST", "/graphql", {**own, **JSON}, b"{}").status == 200
    assert (
        proxy.ask(host, "POST", "/graphql", {**LOGIN, "Content-Type": "application/json; charset=utf-8"}).status
        == 200
    )
    socket_headers = {"Upgrade": "websocket", "Connection": "upgrade"}
    assert proxy.ask(host, "GET", "/graphql", {**own, **socket_headers}).status == 101
    # A link: the browser sends the login along.
    assert proxy.ask(host, "GET", "/graphql?query=mutation", LOGIN).status == 405
    assert proxy.ask(host, "PUT", "/graphql", {**LOGIN, **JSON}, b"{}").status == 405
    # What forms of other sites can send without asking; Dagster takes the last one for JSON.
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "text/plain; application/json",
    ):
        assert proxy.ask(host, "POST", "/graphql", {**LOGIN, "Content-Type": kind}, b"{}").status == 405, kind


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"http://{DAGSTER}", f"https://{DAGSTER}.evil.example"]
)
def test_pages_of_other_sites_do_not_use_a_login(proxy: Proxy, origin: str) -> None:
    foreign = {**LOGIN, "Origin": origin}
    assert proxy.ask(DAGSTER, "POST", "/graphql", {**foreign, **JSON}, b"{}").status == 403
    socket_headers = {"Upgrade": "websocket", "Connection": "upgrade"}
    assert proxy.ask(DAGSTER, "GET", "/graphql", {**foreign, **socket_headers}).status == 403


@pytest.mark.parametrize("host", [DAGSTER, VIEW])
def test_nobody_reports_materializations_that_never_were(proxy: Proxy, host: str) -> None:
    for method in ("GET", "POST"):
        assert proxy.ask(host, method, "/report_asset_materialization/raw_calls", LOGIN).status == 403
    assert proxy.ask(host, "POST", "/anything", LOGIN).status == 403


@pytest.mark.parametrize("host", [DAGSTER, VIEW])
def test_dagsters_pages_are_in_no_frame_and_take_no_large_body(proxy: Proxy, host: str) -> None:
    answer = proxy.ask(host, "GET", "/", LOGIN)
    assert answer.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "strict-transport-security" in answer.headers
    assert proxy.ask(host, "POST", "/graphql", {**LOGIN, **JSON}, b" " * 1_100_000).status == 413


def test_the_api_has_its_own_tokens_bounded_bodies_and_the_senders_address(proxy: Proxy) -> None:
    told = {"Authorization": "Bearer t", "X-Forwarded-For": "10.0.0.1"}
    answer = proxy.ask(API, "GET", "/api/v1/workspaces", told)
    assert (answer.status, answer.headers["seen-authorization"]) == (200, "Bearer t")
    assert answer.headers["seen-forwarded-for"] == "127.0.0.1"
    assert proxy.ask(API, "POST", "/webhooks/fathom/7", JSON, b" " * 3_000_000).status == 200
    assert proxy.ask(API, "POST", "/webhooks/fathom/7", JSON, b" " * 5_000_000).status == 413
    assert proxy.ask(API, "POST", "/api/v1/x", JSON, b" " * 300_000).status == 413
    assert proxy.ask(API, "POST", "/graphql", JSON, b"{}").status == 404
