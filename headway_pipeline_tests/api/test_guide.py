"""The README's steps over REST as they stand there: `headway up` and the sandbox behind them, bash and curl."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline_tests.databases import free_port
from headway_pipeline_tests.worlds import sandbox_call, use_home, world

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("### Over REST")[1].split("\n### ")[0]
#: A machine that does other things beside takes several times what an idle one does.
START_S, STEPS_S = 120, 180
PROGRAMS = Path(sys.executable).parent
ASK = "it would be great if an AI assistant could write the summary of every ticket by itself"

pytestmark = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("bash", "curl")), reason="no bash or no curl on this machine"
)


def commands(block: str) -> list[str]:
    """What is typed in a block of the README, each with its lines of input; what is answered is left out."""
    typed: list[str] = []
    until: str | None = None
    for line in block.splitlines():
        if until is not None:
            typed[-1] += f"\n{line}"
            until = None if line == until else until
        elif line.startswith("$ "):
            typed.append(line.removeprefix("$ "))
            _, is_input, word = line.partition("<<")
            until = word if is_input else None
    return typed


def blocks() -> list[list[str]]:
    """The commands of each block of the section."""
    return [commands(part.split("```")[0]) for part in SECTION.split("```console\n")[1:]]


@contextmanager
def running_up(port: int, api_port: int, log: Path) -> Iterator[None]:
    """`headway up`, once its API answers and its pages do."""
    arguments = ["up", "--port", str(port), "--read-only-port", "0", "--api-port", str(api_port), "--verbose"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [PROGRAMS / "headway", *arguments],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        for url in (f"http://127.0.0.1:{api_port}/health", f"http://127.0.0.1:{port}/server_info"):
            _wait_for(url, process, log)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            requests.get(url, timeout=5)
        except requests.RequestException:
            assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
            assert time.monotonic() < end, log.read_text(encoding="utf-8", errors="replace")
            time.sleep(0.2)
        else:
            return


@dataclass(frozen=True)
class Guide:
    """An installation with the workspace `acme` and nothing else, `headway up` over it, and what a reader sets."""

    environment: Mapping[str, str]
    log: Path

    def run(self, *typed: str) -> str:
        """What a shell prints on standard output; the test fails with the first command that does."""
        environment = {**os.environ, **self.environment, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail"],
            input="\n".join(f"{command}\necho" for command in typed),
            env=environment,
            capture_output=True,
            text=True,
            timeout=STEPS_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.words
        return done.stdout

    @property
    def words(self) -> str:
        """What `headway up` and all it started wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def guide(tmp_path: Path, home_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guide]:
    home = tmp_path / "home"
    shutil.copytree(home_template, home)
    port, api_port = free_port(), free_port()
    with Sandbox(world(*(sandbox_call(number, days_ago=number, ask=ASK) for number in (1, 2)))) as sandbox:
        served = sandbox.world.companies[0]
        monkeypatch.setenv("HEADWAY_ALLOWED_HOSTS", sandbox.base_url.removeprefix("http://"))
        monkeypatch.delenv("HEADWAY_DAGSTER_URL", raising=False)
        settings = use_home(home, monkeypatch)
        # So that what is read comes of the ingest that was asked for.
        monkeypatch.setenv("HEADWAY_FIRST_DAYS", "0")
        store = open_configured_store(settings)
        store.workspaces.add("Acme", vendor_domains=frozenset({"vendor.example"}))
        store.close()
        environment = {
            "HEADWAY": f"http://127.0.0.1:{api_port}/api/v1",
            "GONG_URL": sandbox.base_url,
            "GONG_ACCESS_KEY": served.access_key,
            "GONG_SECRET_KEY": served.secret_key,
            "FATHOM_URL": sandbox.fathom_url,
            "FATHOM_API_TOKEN": served.api_token,
        }
        log = tmp_path / "up.log"
        with running_up(port, api_port, log):
            yield Guide(environment, log)


def test_the_readmes_steps_connect_ingest_follow_the_run_and_read_features(guide: Guide) -> None:
    settings, steps = blocks()
    named = [word.partition("=")[0] for line in settings for word in line.removeprefix("export ").split()]
    assert named == list(guide.environment)
    printed = guide.run(*steps, 'echo "$TOKEN"').split()
    token = printed[-1]
    gong, fathom, theme, ingest, features = _answers(guide, " ".join(printed[:-1]))
    assert [gong["connector_type"], fathom["connector_type"], theme["name"]] == ["gong", "fathom", "AI Features"]
    assert ingest["state"] == "succeeded", guide.words
    assert len(features["items"]) == 2, guide.words
    for feature in features["items"]:
        assert feature["theme"] == "AI Features"
        assert ASK in feature["evidence"][0]["quote"]
    for secret in (token, guide.environment["GONG_SECRET_KEY"], guide.environment["FATHOM_API_TOKEN"]):
        assert secret not in guide.words


def _answers(guide: Guide, printed: str) -> list[Any]:
    """The JSON documents that were printed one after another."""
    found, decoder = [], json.JSONDecoder()
    while printed:
        answer, end = decoder.raw_decode(printed)
        found.append(answer)
        printed = printed[end:].lstrip()
    return found
