from datetime import timedelta

from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.worlds import demo_world
from headway_pipeline.sources.contract import Hydration
from headway_pipeline_tests.sandbox_fixtures import NOW, gong_of, refs_of


def test_every_demo_call_can_be_listed_and_hydrated_word_for_word() -> None:
    world = demo_world(NOW)
    with Sandbox(world) as sandbox:
        for company in world.companies:
            gong = gong_of(sandbox, access_key=company.access_key, secret_key=company.secret_key)
            page = gong.list(TimeWindow(NOW - timedelta(days=31), NOW), None)
            answers = list(gong.hydrate(refs_of(page)))
            texts = [
                [segment.text for segment in answer.transcript.segments]
                for answer in answers
                if isinstance(answer, Hydration)
            ]
            ordered = sorted(company.calls, key=lambda call: (call.started_at, call.id))
            assert page.next_token is None
            assert texts == [[utterance.text for utterance in call.utterances] for call in ordered]
