"""The README's steps over REST, with curl and real processes: the sandbox, the API, Dagster's webserver."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.store import Store
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline_tests.worlds import sandbox_call, use_home, world

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
START_S, RUN_S = 120, 180
SECRET = "the-secret-key"


def steps() -> list[str]:
    """The commands of the README's section, without what they answer."""
    block = README.split("### Over REST")[1].split("```console")[1].split("```")[0]
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(arguments: list[str], url: str, log: Path) -> Iterator[None]:
    """A process, once it answers at `url`; it and its children are gone afterwards."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            arguments, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True, cwd=ROOT
        )
    try:
        end = time.monotonic() + START_S
        while True:
            try:
                requests.get(url, timeout=5)
                break
            except requests.RequestException:
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < end, log.read_text(encoding="utf-8")
                time.sleep(0.2)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def headway(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from headway_pipeline.cli.main import run; run()", *arguments]


@dataclass
class Guide:
    """An installation with the workspace `acme` and nothing else, and where its servers are."""

    store: Store
    sandbox: Sandbox
    api: int
    folder: Path

    def run(self, script: str) -> str:
        """What a shell prints on standard output."""
        done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=START_S, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def filled(self, step: str) -> str:
        """A step with what the README leaves open."""
        gong = '"gong_access_key": "…", "gong_secret_key": "…"'
        keys = {"gong_access_key": "the-access-key", "gong_secret_key": SECRET, "base_url": self.sandbox.base_url}
        token = {"fathom_api_token": self.sandbox.world.companies[0].api_token, "base_url": self.sandbox.fathom_url}
        return (
            step.replace("$(headway", f"$({shlex.join(headway())}")
            .replace(":8000/", f":{self.api}/")
            .replace(gong, json.dumps(keys)[1:-1])
            .replace('"fathom_api_token": "…"', json.dumps(token)[1:-1])
        )

    @property
    def logs(self) -> str:
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in self.folder.glob("*.log"))


@pytest.fixture
def guide(tmp_path: Path, home_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guide]:
    home = tmp_path / "home"
    shutil.copytree(home_template, home)
    api, dagster = free_port(), free_port()
    # Runs start without a daemon, which these steps do not need.
    coordinator = "\nrun_coordinator:\n  module: dagster._core.run_coordinator\n  class: DefaultRunCoordinator\n"
    config = home / "dagster" / "dagster.yaml"
    config.write_text(config.read_text(encoding="utf-8") + coordinator, encoding="utf-8")
    with Sandbox(world(*(sandbox_call(number, days_ago=number) for number in (1, 2)))) as sandbox:
        monkeypatch.setenv("HEADWAY_ALLOWED_HOSTS", sandbox.base_url.removeprefix("http://"))
        monkeypatch.setenv("HEADWAY_DAGSTER_URL", f"http://127.0.0.1:{dagster}")
        settings = use_home(home, monkeypatch)
        monkeypatch.setenv("DAGSTER_HOME", str(settings.dagster_home))
        webserver = [str(Path(sys.executable).with_name("dagster-webserver")), "-w", "workspace.yaml"]
        webserver += ["-h", "127.0.0.1", "-p", str(dagster)]
        serving = headway("api", "--port", str(api), "--verbose")
        with (
            closing(open_configured_store(settings)) as store,
            running(webserver, f"http://127.0.0.1:{dagster}/server_info", tmp_path / "dagster.log"),
            running(serving, f"http://127.0.0.1:{api}/health", tmp_path / "api.log"),
        ):
            store.workspaces.add("Acme", vendor_domains=frozenset({"vendor.example"}))
            yield Guide(store, sandbox, api, tmp_path)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_readmes_steps_connect_ingest_and_follow_the_run(guide: Guide) -> None:
    *asking, following = steps()
    script = "\n".join(f"{guide.filled(step)}; echo" for step in asking)
    printed = guide.run(f"{script}\necho $TOKEN").splitlines()
    token = printed[-1]
    gong, fathom, theme, ingest = [json.loads(line) for line in printed if line.startswith("{")]
    assert [gong["connector_type"], fathom["connector_type"], theme["name"]] == ["gong", "fathom", "AI Features"]
    ask = f"TOKEN={token}\n" + "\n".join(guide.filled(step) for step in asking if step.startswith(("API=", "ask()")))
    end = time.monotonic() + RUN_S
    while ingest["state"] in {"queued", "running"}:
        assert time.monotonic() < end, guide.logs
        time.sleep(1)
        ingest = json.loads(guide.run(f"{ask}\n{following.replace('…', ingest['id'])}"))
    assert ingest["state"] == "succeeded", guide.logs
    acme = guide.store.workspaces.find("acme")
    assert {row["state"] for row in guide.store.reading.messages(acme.id)} <= {"analysed", "not_relevant"}
    assert len(guide.store.reading.messages(acme.id)) == 2
    for secret in (SECRET, token):
        assert secret not in guide.logs
