"""The whole path over real, public conversations, where they are at hand; nothing of them is kept here.

They are found in HEADWAY_EVAL_DATA, or beside the checkout.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.orchestration.launch import IngestOutcome, IngestRequest, ingest
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.worlds import ACCESS_KEY, API_TOKEN, SECRET_KEY, world_from_file
from headway_pipeline.settings import current_settings
from headway_pipeline.store import Store
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline_tests.worlds import TODAY

FOLDER = Path(os.environ.get("HEADWAY_EVAL_DATA") or Path(__file__).parents[2] / "shared" / "data")
CALLS = FOLDER / "calls_real.jsonl"
THEMES = {
    "Reliability": "Losing data, crashes, errors, outages, things that break",
    "Set-up": "Installing, configuring, documentation, getting started",
    "Integrations": "Working with other tools, exporters, interfaces, plug-ins",
}

pytestmark = pytest.mark.skipif(not CALLS.exists(), reason=f"the real calls are not here ({CALLS.name})")
TABLES = ("messages", "transcripts", "relevance_scores", "extracted_features", "evidence", "features")


@pytest.fixture
def real_store(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, Sandbox]]:
    """A workspace connected to a sandbox that serves the real calls, half in Gong and half in Fathom."""
    monkeypatch.setenv("HEADWAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("HEADWAY_SECRET_KEY", "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    store = open_configured_store(current_settings())
    with Sandbox(world_from_file(CALLS, TODAY, rebase_dates=True)) as sandbox:
        workspace = store.workspaces.add("Real")
        credentials = Credentials({"access_key": ACCESS_KEY, "secret_key": SECRET_KEY})
        store.connectors.add(workspace.id, "gong", base_url=sandbox.base_url, credentials=credentials)
        token = Credentials({"api_token": API_TOKEN})
        store.connectors.add(workspace.id, "fathom", base_url=sandbox.fathom_url, credentials=token)
        for name, description in THEMES.items():
            store.themes.add(workspace.id, name, description=description)
        yield store, sandbox
    store.close()


def run_all() -> IngestOutcome:
    since = (TODAY - timedelta(days=30)).date()
    return ingest(current_settings(), IngestRequest("real", since, TODAY.date()), lambda *_: None)


def rows(store: Store) -> dict[str, list[str]]:
    with store.database.reading() as connection:
        return {name: sorted(map(str, connection.execute(sa.text(f"SELECT * FROM {name}")).all())) for name in TABLES}


def test_every_real_call_ends_explained_with_verbatim_quotes_and_a_second_run_changes_no_row(
    real_store: tuple[Store, Sandbox],
) -> None:
    store, sandbox = real_store
    count = len(CALLS.read_text(encoding="utf-8").splitlines())
    outcome = run_all()
    assert outcome.has_succeeded, outcome.failures
    assert not outcome.failed_checks
    workspace = store.workspaces.find("real")
    messages = store.reading.messages(workspace.id)
    assert len(messages) == count
    assert Counter(message["source"] for message in messages) == {"gong": (count + 1) // 2, "fathom": count // 2}
    states = Counter(message["state"] for message in messages)
    assert set(states) <= {"analysed", "not_relevant", "too_short"}
    assert all(message["reason"] for message in messages if message["state"] != "analysed")
    assert store.audit.evidence(workspace.id, None).unverbatim == ()
    assert store.audit.evidence(workspace.id, None).of_vendors == ()
    found = [*store.reading.features(workspace.id), *store.reading.inbox(workspace.id)]
    spoken = spoken_texts()
    assert found
    assert all(any(quote.quote in text for text in spoken) for item in found for quote in item.evidence)

    before = rows(store)
    sandbox.forget_requests()
    again = run_all()
    assert again.has_succeeded
    assert rows(store) == before
    assert {request.path for request in sandbox.requests} == {"/v2/calls/extensive", "/external/v1/meetings"}
    for source in ("gong", "fathom"):
        assert "analysed" not in again.counts[source]
        assert "transcribed" not in again.counts[source]


def spoken_texts() -> list[str]:
    """Every utterance as it stands in the file, white space folded as the pipeline folds sentences."""
    with CALLS.open(encoding="utf-8") as lines:
        return [" ".join(utterance["text"].split()) for line in lines for utterance in json.loads(line)["utterances"]]
