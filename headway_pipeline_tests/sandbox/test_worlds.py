import json
from datetime import timedelta
from pathlib import Path

from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.worlds import demo_world, world_from_file
from headway_pipeline.sources.contract import Hydration, Source
from headway_pipeline_tests.sandbox_fixtures import NOW, fathom_of, gong_of, refs_of

MONTH = TimeWindow(NOW - timedelta(days=31), NOW)


def heard_by(source: Source) -> list[list[str]]:
    """The texts of every call of the month, oldest first."""
    token, refs = None, []
    while True:
        page = source.list(MONTH, token)
        refs += refs_of(page)
        if (token := page.next_token) is None:
            break
    refs.sort(key=lambda ref: ref.occurred_at)
    size = source.hydrate_batch_size
    answers = [answer for at in range(0, len(refs), size) for answer in source.hydrate(refs[at : at + size])]
    assert all(isinstance(answer, Hydration) for answer in answers)
    return [
        [segment.text for segment in answer.transcript.segments]
        for answer in answers
        if isinstance(answer, Hydration)
    ]


def test_every_demo_call_can_be_listed_and_hydrated_word_for_word_through_its_own_source() -> None:
    world = demo_world(NOW)
    with Sandbox(world) as sandbox:
        for company in world.companies:
            sources: dict[str, Source] = {
                "gong": gong_of(sandbox, access_key=company.access_key, secret_key=company.secret_key),
                "fathom": fathom_of(sandbox, api_token=company.api_token),
            }
            for name, source in sources.items():
                ordered = sorted(company.calls_in(name), key=lambda call: (call.started_at, call.id))
                assert heard_by(source) == [[utterance.text for utterance in call.utterances] for call in ordered]
            assert len(company.calls) == sum(len(company.calls_in(name)) for name in sources)
            assert abs(len(company.calls_in("gong")) - len(company.calls_in("fathom"))) <= 1


def test_the_calls_of_a_file_go_to_gong_and_fathom_in_turn_or_all_to_one(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    rows: list[dict[str, object]] = [
        {"id": str(n), "started_at": None, "speakers": [], "utterances": []} for n in range(5)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (company,) = world_from_file(path, NOW, rebase_dates=False).companies
    assert [call.id for call in company.calls_in("gong")] == ["0", "2", "4"]
    assert [call.id for call in company.calls_in("fathom")] == ["1", "3"]
    (company,) = world_from_file(path, NOW, rebase_dates=False, source="gong").companies
    assert len(company.calls_in("gong")) == 5
