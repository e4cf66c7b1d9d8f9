"""The whole path with a local Claude that answers from the truth: what was planted is found, filed, and nothing else.

This measures plumbing (what reaches the model, what becomes of its answers) and never accuracy.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.ingestion.analysts import language_models
from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.ingestion.run import Effects, Part, Run, SourceTuning
from headway_pipeline.model.calls import Side
from headway_pipeline.model.workspaces import Credentials, Workspace
from headway_pipeline.sandbox.expansion import demo_themes, planted_truth
from headway_pipeline.sandbox.models.api import demo_truth
from headway_pipeline.sandbox.models.rules import Effect, Misbehaviour, ModelRules, Obedience
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import Company, SandboxCall, Speaker, Utterance, World
from headway_pipeline.sandbox.worlds import demo_world
from headway_pipeline.settings import load_settings
from headway_pipeline.sources.discovery import discover
from headway_pipeline.store import FoundFeature, Store
from headway_pipeline.store.configured import open_configured_store
from headway_pipeline_tests.analysis.attacks import ATTACKS, Aim

NOW = datetime.now(tz=UTC)
FETCH = (list_calls, fetch_transcripts)
READ = (score_relevance, extract_features, file_features)
DAYS = 31


@dataclass
class Demo:
    """The demo's companies in a store of their own, fetched over HTTP."""

    store: Store
    sandbox: Sandbox
    workspaces: dict[str, Workspace]

    def carry_out(self, stages: Sequence[object], run_id: str) -> None:
        settings = load_settings({}, Path())
        environment = {
            "HEADWAY_MODEL": "anthropic",
            "ANTHROPIC_API_KEY": "any",
            "ANTHROPIC_BASE_URL": self.sandbox.models.anthropic_url,
        }
        effects = Effects()
        models = language_models(self.store, run_id, environment, settings, effects=effects)
        tuning = {
            name: replace(SourceTuning.of(kind), requests_per_second=1_000.0) for name, kind in discover().items()
        }
        run = Run(
            id=run_id,
            store=self.store,
            analyst=OfflineAnalyst(),
            sources=discover(),
            tuning=tuning,
            until=NOW,
            effects=effects,
            models=models,
            calls_at_once=4,
        )
        for workspace in self.workspaces.values():
            part = Part(workspace, [(NOW - timedelta(days=n)).date() for n in range(DAYS + 1)])
            with self.store.leases.hold(workspace.id, run_id) as lease:
                for stage in stages:
                    stage(run, part, lease)  # type: ignore[operator]
        models.close()

    def found(self, company: str) -> list[FoundFeature]:
        workspace = self.workspaces[company]
        return [*self.store.reading.features(workspace.id), *self.store.reading.inbox(workspace.id)]


@contextmanager
def demo(folder: Path, companies: tuple[Company, ...], rules: ModelRules | None = None) -> Iterator[Demo]:
    store = open_configured_store(load_settings({"HEADWAY_HOME": str(folder)}, folder))
    with Sandbox(World(companies)) as sandbox:
        sandbox.models.model.truth = demo_truth()
        sandbox.models.model.rules = rules or ModelRules()
        workspaces = {company.name: _connected(store, company, sandbox) for company in companies}
        made = Demo(store, sandbox, workspaces)
        made.carry_out(FETCH, "fetch")
        yield made
    store.close()


def _connected(store: Store, company: Company, sandbox: Sandbox) -> Workspace:
    workspace = store.workspaces.add(company.name, vendor_domains=frozenset({company.email_domain}))
    keys = Credentials({"access_key": company.access_key, "secret_key": company.secret_key})
    store.connectors.add(workspace.id, "gong", base_url=sandbox.base_url, credentials=keys)
    token = Credentials({"api_token": company.api_token})
    store.connectors.add(workspace.id, "fathom", base_url=sandbox.fathom_url, credentials=token)
    for name, description, _color, _icon in demo_themes()[company.name]:
        store.themes.add(workspace.id, name, description=description)
    return workspace


def is_about(row: FoundFeature, quote: str) -> bool:
    return any(quote in span.quote or span.quote in quote for span in row.evidence)


def test_what_is_planted_is_found_and_filed_and_nothing_else_and_a_second_run_asks_nothing(tmp_path: Path) -> None:
    with demo(tmp_path, demo_world(NOW).companies) as at:
        at.carry_out(READ, "read")
        planted = planted_truth()
        found = {company: at.found(company) for company in at.workspaces}
        hits = [
            truth
            for truth in planted
            if any(
                (row.type, row.theme) == (truth.type, truth.theme) and is_about(row, truth.quote)
                for row in found[truth.company]
            )
        ]
        rows = [(company, row) for company, own in found.items() for row in own]
        true = [
            row
            for company, row in rows
            if any(truth.company == company and is_about(row, truth.quote) for truth in planted)
        ]
        assert len(hits) >= 0.99 * len(planted)
        assert len(true) >= 0.99 * len(rows)
        tokens: Counter[str] = Counter()
        for asked in at.sandbox.models.model.asked:
            tokens[asked.stage] += asked.input_tokens
        assert tokens["relevance"] <= tokens["extraction"] / 4
        at.sandbox.models.model.forget_asked()
        at.carry_out((*FETCH, *READ), "again")
        assert at.sandbox.models.model.asked == ()


def few_calls(number: int, *said: str) -> Company:
    """The first company with a few of its calls; in each a guest says some of `said`."""
    company = demo_world(NOW).companies[0]
    calls = [call for call in company.calls if len(call.utterances) > 20][:number]
    words = [said[place::number] for place in range(number)]
    return replace(company, calls=tuple(map(_with_guest, calls, words)))


def _with_guest(call: SandboxCall, said: Sequence[str]) -> SandboxCall:
    """Somebody who joined says these, one turn each, over the whole call."""
    guest = Speaker("guest", "Guest", Side.CUSTOMER, "guest@elsewhere.example")
    utterances = list(call.utterances)
    step = len(utterances) // (len(said) + 1)
    for place, words in reversed(list(enumerate(said, start=1))):
        before = utterances[place * step - 1]
        utterances.insert(place * step, Utterance("guest", before.end_s, before.end_s, words))
    return replace(call, speakers=(*call.speakers, guest), utterances=tuple(utterances))


def test_no_false_quote_is_stored_whatever_goes_wrong_in_turn(tmp_path: Path) -> None:
    rules = ModelRules(misbehaviours=(*Misbehaviour, None))
    with demo(tmp_path, (few_calls(10),), rules) as at:
        at.carry_out(READ, "read")
        (workspace,) = at.workspaces.values()
        found = at.found(workspace.name)
        assert found
        assert at.store.audit.evidence(workspace.id, None).unverbatim == ()
        sides = Counter(span.side for row in found for span in row.evidence)
        assert set(sides) <= {"customer", "unknown"}
        states = {row["state"] for row in at.store.reading.messages(workspace.id)}
        assert states <= {"analysed", "not_relevant", "quarantined"}


EFFECTS = {
    Aim.SUPPRESS: Effect.SAY_NOTHING,
    Aim.IRRELEVANT: Effect.SAY_NOTHING,
    Aim.INVENT: Effect.INVENT,
    Aim.RETITLE: Effect.INVENT,
    Aim.ESCALATE: Effect.ALL_CRITICAL,
    Aim.MISFILE: Effect.FIRST_THEME,
    Aim.LEAK: Effect.LEAK,
}


def readings(at: Demo) -> dict[str, tuple[str, set[tuple[object, ...]]]]:
    """By call: its state, and its items but for what rests on a guest's words."""
    (workspace,) = at.workspaces.values()
    states = {row["external_id"]: row["state"] for row in at.store.reading.messages(workspace.id)}
    items: dict[str, set[tuple[object, ...]]] = {name: set() for name in states}
    for row in at.found(workspace.name):
        if all(span.speaker != "Guest" for span in row.evidence):
            told = (row.type, row.title, row.description, row.theme, row.urgency, row.origin)
            items[row.message.external_id].add((*told, *(span.quote for span in row.evidence)))
    return {name: (state, items[name]) for name, state in states.items()}


def test_forty_five_attacks_half_of_them_obeyed_change_no_other_item_and_keep_no_call_from_being_read(
    tmp_path: Path,
) -> None:
    quiet = ("Lovely weather here today, I joined late.",) * len(ATTACKS)
    with demo(tmp_path / "quiet", (few_calls(12, *quiet),)) as at:
        at.carry_out(READ, "read")
        expected = readings(at)
    obeyed = tuple(Obedience(attack.core, EFFECTS[attack.aim]) for attack in ATTACKS[::2])
    attacked = few_calls(12, *(attack.words for attack in ATTACKS))
    with demo(tmp_path / "attacked", (attacked,), ModelRules(obeys=obeyed)) as at:
        themes = at.store.themes.list(at.workspaces[attacked.name].id)
        at.carry_out(READ, "read")
        found = readings(at)
        assert {name: items for name, (_state, items) in found.items()} == {
            name: items for name, (_state, items) in expected.items()
        }
        # Words that read like an instruction and sound like feedback have a call read that else would not be.
        changed = {(expected[name][0], state) for name, (state, _items) in found.items()}
        assert {(before, after) for before, after in changed if before != after} <= {("not_relevant", "analysed")}
        assert at.store.themes.list(at.workspaces[attacked.name].id) == themes
        assert at.store.audit.evidence(at.workspaces[attacked.name].id, None).unverbatim == ()
    assert sum(len(items) for _state, items in expected.values()) > 50
