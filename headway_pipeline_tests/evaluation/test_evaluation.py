"""The measurements over small sets written for them, with analysts whose answers are known."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from headway_pipeline.analysis.contract import Matches, Reading, Relevance
from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.cli.eval_agreement import demo_calls
from headway_pipeline.evaluation.analysts import analyst_named
from headway_pipeline.evaluation.labelled import DataFolder
from headway_pipeline.evaluation.report import as_json, figure_rows, html_page
from headway_pipeline.evaluation.run import QUESTIONS, Evaluation, evaluate
from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.errors import AnalysisError, ConfigurationError, InputError
from headway_pipeline.model.features import ExtractedFeature, Sentiment, Theme, ThemeScore
from headway_pipeline.sandbox.expansion import planted_truth
from headway_pipeline.sandbox.models.api import demo_truth
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import World
from headway_pipeline_tests.analysis.speech import candidate

SETS: dict[str, list[dict[str, Any]]] = {
    "feedback_type_small": [
        {"text": "Please add a way to sort the recipes.", "label": "feature_request"},
        {"text": "The oven timer crashes every evening.", "label": "bug_report"},
        {"text": "We went to the lake on Sunday.", "label": "other"},
    ],
    "conversation_requirements_small": [
        {"text": "Please add a way to print the seating plan.", "label": "functional"},
        {"text": "Who brings the cake?", "label": "none"},
    ],
    "sentiment_small": [
        {"text": "I love it, it is excellent!", "label": "positive"},
        {"text": "What an awful, horrible mess.", "label": "negative"},
        {"text": "The file has three columns.", "label": "neutral"},
    ],
    "theme_match_pairs": [
        {"theme": "Export", "text": "We export the list every day", "label": "match"},
        {"theme": "Export", "text": "The colours are pretty", "label": "no_match"},
    ],
    "theme_match_many": [
        {"text": "print the labels", "label": "Printing"},
        {"text": "log in with a password", "label": "Login"},
    ],
    "theme_relevance_small": [
        {"call_id": "orchard", "workspace": "w", "themes": ["Apple harvest"], "label": "relevant"},
        {"call_id": "orchard", "workspace": "v", "themes": ["Submarine engines"], "label": "not_relevant"},
    ],
    "calls_real": [
        {
            "id": "orchard",
            "domain": "fruit",
            "speakers": [{"id": "v", "name": "Vi", "role": "host"}, {"id": "c", "name": "Cy", "role": "customer"}],
            "utterances": [
                {"speaker_id": "v", "start_s": None, "end_s": None, "text": "How did the apple harvest go?"},
                {
                    "speaker_id": "c",
                    "start_s": 1.5,
                    "end_s": 9,
                    "text": "Please add a way to weigh the apple crates.",
                },
                *(
                    {"speaker_id": "c", "start_s": None, "end_s": None, "text": "The apple harvest began on Monday."}
                    for _ in range(12)
                ),
            ],
        },
        {"id": "empty", "speakers": [], "utterances": [{"text": "We went to the lake on Sunday."}]},
    ],
    "calls_reference_extraction": [
        {
            "call_id": "orchard",
            "items": [
                {
                    "type": "feature_request",
                    "title": "Weigh the crates",
                    "evidence": "a way to weigh apple crates",
                    "evidence_utterances": [1, 1],
                }
            ],
        },
        {"call_id": "empty", "items": []},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, rows in SETS.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return tmp_path


@dataclass(frozen=True, slots=True)
class Echo:
    """Takes every utterance with "Please" for a request, or makes one up; the first theme for everything."""

    invents: bool = False
    fails: bool = False
    name: str = "echo"
    version: str = "1"

    def judge_relevance(self, transcript: Transcript, themes: Sequence[Theme]) -> Relevance:
        return Relevance(themes[0].name.startswith("Apple"), 1.0, "")

    def extract(self, transcript: Transcript) -> Reading:
        if self.fails:
            raise AnalysisError("not today")
        asked = [
            candidate(segment.text, (segment.index, segment.text))
            for segment in transcript.segments
            if segment.text.startswith("Please")
        ]
        made_up = [candidate("Made up", (0, "we really need a unicorn in the stable"))] if self.invents else []
        return Reading((*asked, *made_up), Sentiment.POSITIVE, 0.5)

    def match(self, items: Sequence[ExtractedFeature], themes: Sequence[Theme]) -> Matches:
        return Matches(tuple((ThemeScore(themes[0].id, 0.9),) for _ in items))


def measured(folder: Path, analyst: Echo | OfflineAnalyst, **options: Any) -> Evaluation:
    return evaluate(analyst, DataFolder(folder), **options)


def value(done: Evaluation, data: str, figure: str) -> float | None:
    return next(one.figure(figure).value for one in done.measures if one.data == data)


def test_every_question_is_answered_for_any_analyst(folder: Path) -> None:
    done = measured(folder, Echo())
    assert {measure.question for measure in done.measures} == set(QUESTIONS)
    assert value(done, "feedback_type_small", "feature_request F1") == 1
    assert value(done, "feedback_type_small", "bug_report recall") == 0
    assert value(done, "conversation_requirements_small", "requirement F1") == 1
    assert value(done, "theme_relevance_small", "accuracy") == 1
    assert value(done, "theme_match_pairs", "precision") == 0.5
    assert value(done, "theme_match_pairs", "recall") == 1
    assert value(done, "theme_match_many", "first choice") == 0.5
    assert value(done, "sentiment_small", "accuracy") == pytest.approx(1 / 3)
    assert value(done, "calls_reference_extraction", "core recall") == 1
    assert value(done, "calls_reference_extraction", "precision") == 1
    assert value(done, "calls without items", "calls left empty") == 1


def test_invented_quotes_are_told_from_kept_ones(folder: Path) -> None:
    done = measured(folder, Echo(invents=True), only=["quotes"])
    assert value(done, "calls_real", "kept quotes that are verbatim") == 1
    assert value(done, "calls_real", "proposals with a quote that was said") == pytest.approx(1 / 3)


def test_with_sides_hidden_an_analyst_that_cites_the_vendor_is_found_out(folder: Path) -> None:
    class Parrot(Echo):
        def extract(self, transcript: Transcript) -> Reading:
            everything = tuple(candidate(s.text, (s.index, s.text)) for s in transcript.segments[:2])
            return Reading(everything, Sentiment.NEUTRAL, 0)

    (sides,) = measured(folder, Parrot(), only=["sides"]).measures
    assert sides.figure("customer's, sides shown").value == 1
    assert sides.figure("customer's, sides hidden").value == 0.5


def test_what_an_analyst_cannot_read_counts_as_wrong_and_stops_nothing(folder: Path) -> None:
    done = measured(folder, Echo(fails=True))
    assert value(done, "feedback_type_small", "feature_request recall") == 0
    assert value(done, "calls_reference_extraction", "core recall") == 0


def test_an_item_of_another_type_or_about_other_words_is_not_the_same_ask(folder: Path) -> None:
    rows = SETS["calls_reference_extraction"]
    other = [{**rows[0], "items": [{**rows[0]["items"][0], "type": "bug_report"}]}]
    (folder / "calls_reference_extraction.jsonl").write_text(json.dumps(other[0]), encoding="utf-8")
    assert value(measured(folder, Echo(), only=["extraction"]), "calls_reference_extraction", "core recall") == 0
    unlike = {**rows[0], "items": [{**rows[0]["items"][0], "title": "Dark mode", "evidence": "make it dark"}]}
    (folder / "calls_reference_extraction.jsonl").write_text(json.dumps(unlike), encoding="utf-8")
    assert value(measured(folder, Echo(), only=["extraction"]), "calls_reference_extraction", "core recall") == 0


def test_a_limit_draws_the_same_cases_every_time(folder: Path) -> None:
    once, again = (measured(folder, Echo(), only=["sentiment"], limit=2) for _ in range(2))
    assert [measure.cases for measure in once.measures] == [2]
    assert replace(once, cpu_s=0).measures[0].figures == replace(again, cpu_s=0).measures[0].figures


def test_json_and_rows_hold_every_figure(folder: Path) -> None:
    done = measured(folder, Echo())
    stored = json.loads(json.dumps(as_json(done)))
    assert len(stored["figures"]) == len(list(figure_rows(done))) == sum(len(one.figures) for one in done.measures)
    assert stored["measures"][0]["confusion"]["labels"][0] == "feature_request"


def test_the_page_is_one_file_that_fetches_nothing_and_escapes_names(folder: Path) -> None:
    done = measured(folder, Echo(name="<b>echo</b>"))
    page = html_page([done], "headway eval --data DIR")
    assert "<b>echo</b>" not in page
    assert "&lt;b&gt;echo&lt;/b&gt;" in page
    assert "data:image/png;base64," in page
    assert "http" not in page
    assert "<script" not in page


@pytest.mark.parametrize("line", ["{", "[]", '{"text": "no label"}'])
def test_a_malformed_line_is_refused_by_name(tmp_path: Path, line: str) -> None:
    (tmp_path / "feedback_type_bad.jsonl").write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match="feedback_type_bad"):
        measured(tmp_path, Echo())


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        DataFolder(tmp_path / "nowhere")


def test_an_empty_folder_gives_no_figures(tmp_path: Path) -> None:
    assert measured(tmp_path, Echo()).measures == ()


def test_analysts_are_chosen_by_name_and_a_stranger_is_refused() -> None:
    assert analyst_named("offline:rules", {}).name == "offline:rules"
    with pytest.raises(InputError, match="no analyst is called 'nobody'"):
        analyst_named("nobody", {})
    with pytest.raises(InputError, match="no analyst is called 'nobody:model'"):
        analyst_named("nobody:model", {})


def test_a_language_model_without_its_key_is_refused_by_name_of_the_variable() -> None:
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY is not set"):
        analyst_named("anthropic:claude-haiku-5-5", {})


@pytest.mark.parametrize(
    ("name", "address"), [("anthropic:claude-haiku-5-5", "anthropic_url"), ("openai:gpt-6-luna", "openai_url")]
)
def test_a_language_model_is_measured_over_http_and_its_price_is_counted(name: str, address: str) -> None:
    """The sandbox's models answer from what was planted: this shows that they can be asked, no more."""
    truth = planted_truth()[0]
    transcript = demo_calls()[f"{truth.company}/{truth.call_id}"]
    provider = name.partition(":")[0].upper()
    with Sandbox(World()) as sandbox:
        sandbox.models.model.truth = demo_truth()
        url = str(getattr(sandbox.models, address))
        analyst = analyst_named(name, {f"{provider}_API_KEY": "any", f"{provider}_BASE_URL": url})
        reading = analyst.extract(transcript)
    assert analyst.name == name
    assert truth.segment_index in {quote.segment_index for item in reading.candidates for quote in item.quotes}
    assert reading.usage.requests >= 1
    assert reading.usage.cost_usd is None or reading.usage.cost_usd > 0
