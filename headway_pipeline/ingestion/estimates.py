"""What reading will cost, before anything is spent: tokens and price, rather too much than too little."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from uuid import UUID

from headway_pipeline.analysis.language_model.judging import SHARE
from headway_pipeline.analysis.language_model.numbered import CHARS_PER_TOKEN
from headway_pipeline.analysis.language_model.prompts import FORMS, prompt_of
from headway_pipeline.analysis.language_model.shapes import canonical, schema_of
from headway_pipeline.ingestion.run import Part, Run
from headway_pipeline.llm.contract import LLMUsage, Stage
from headway_pipeline.model.features import themes_hash
from headway_pipeline.model.ledger import MessageState
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.store.rereading import ReadCall

__all__ = ["Estimate", "estimate_reading", "estimate_rereading"]

#: What line numbers and sides add to speech: an utterance is seldom shorter than eighty characters.
NUMBERED = 1.15
#: Characters of themes and items that a request shows, for a workspace of ten themes and a call of six items.
THEMES_CHARS, ITEMS_CHARS = 1_200, 3_600
#: Tokens of an answer; measured answers are shorter, thinking makes them longer.
OUTPUT_TOKENS = {Stage.RELEVANCE: 150, Stage.EXTRACTION: 1_500, Stage.MATCHING: 400}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What reading some calls takes; `cost_usd` is None where a price is unknown."""

    calls: int = 0
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0

    def __add__(self, other: "Estimate") -> "Estimate":
        """Both together."""
        known = self.cost_usd is not None and other.cost_usd is not None
        return Estimate(
            self.calls + other.calls,
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            (self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
        )


@cache
def _fixed_chars(stage: Stage) -> int:
    return len(prompt_of(stage).system) + len(canonical(schema_of(FORMS[stage])))


def expected_usage(stage: Stage, speech_chars: int) -> LLMUsage:
    """The tokens of one call at one stage."""
    read = _fixed_chars(Stage.EXTRACTION) + speech_chars * NUMBERED
    match stage:
        case Stage.RELEVANCE:
            chars = max(read * SHARE, _fixed_chars(stage) + THEMES_CHARS)
        case Stage.EXTRACTION:
            chars = read
        case Stage.MATCHING:
            chars = _fixed_chars(stage) + THEMES_CHARS + ITEMS_CHARS
    return LLMUsage(int(chars / CHARS_PER_TOKEN), OUTPUT_TOKENS[stage])


def estimate_reading(run: Run, part: Part) -> Mapping[date, Estimate]:
    """By day, what the calls of `part` that await a judgement, a reading or a filing will take.

    Every call is taken to be relevant. A call whose question was answered before costs nothing, though it counts.
    """
    store, workspace, now = run.store, part.workspace, run.effects.now()
    themes = store.themes.current(workspace.id)
    current = themes_hash(themes)
    judged = store.relevance_scores.awaiting(workspace.id, part.days, current, now) if themes else []
    read = store.extractions.awaiting(workspace.id, part.days, now)
    filed = store.filings.awaiting(workspace.id, part.days, current, now)
    stages: dict[UUID, tuple[Stage, ...]] = {call.id: (Stage.MATCHING,) for call in filed if call.items}
    stages |= {call.id: (Stage.EXTRACTION, Stage.MATCHING) for call in read}
    stages |= {call.id: tuple(Stage) for call in judged}
    days = {call.id: call.occurred_at.date() for call in filed}
    days |= {call.id: call.occurred_at.date() for call in (*read, *judged)}
    chars = store.transcripts.speech_chars(workspace.id, list(stages))
    found: dict[date, Estimate] = {}
    for call_id, asked in stages.items():
        estimate = _of_call(run, workspace, asked, chars[call_id], now)
        found[days[call_id]] = found.get(days[call_id], Estimate()) + estimate
    return found


def estimate_rereading(run: Run, workspace: Workspace, calls: Sequence[ReadCall]) -> Estimate:
    """What reading these calls again will take."""
    now = run.effects.now()
    return _sum(_of_call(run, workspace, _stages_again(call), call.speech_chars, now) for call in calls)


def _stages_again(call: ReadCall) -> tuple[Stage, ...]:
    if call.is_read:
        return (Stage.MATCHING,)
    return (Stage.EXTRACTION, Stage.MATCHING) if call.state is MessageState.ANALYSED else tuple(Stage)


def _of_call(run: Run, workspace: Workspace, stages: Iterable[Stage], speech_chars: int, now: datetime) -> Estimate:
    """What one call takes at these stages; nothing where the rules read."""
    asked = [stage for stage in stages if run.models is not None and run.models.read_by(stage, workspace) is not None]
    usages = [expected_usage(stage, speech_chars) for stage in asked]
    prices = [_price(run, workspace, stage, usage, now) for stage, usage in zip(asked, usages, strict=True)]
    counted: Counter[str] = Counter()
    for usage in usages:
        counted.update(input=usage.input_tokens or 0, output=usage.output_tokens or 0)
    cost = None if None in prices else sum(price for price in prices if price is not None)
    return Estimate(1, len(asked), counted["input"], counted["output"], cost)


def _price(run: Run, workspace: Workspace, stage: Stage, usage: LLMUsage, now: datetime) -> float | None:
    return 0.0 if run.models is None else run.models.price_usd(stage, workspace, usage, now)


def _sum(estimates: Iterable[Estimate]) -> Estimate:
    total = Estimate()
    for estimate in estimates:
        total += estimate
    return total
