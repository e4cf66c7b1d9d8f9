"""Extraction: what the customers of one call want changed, whole or in overlapping parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headway_pipeline.analysis.contract import Candidate, Quote, Reading
from headway_pipeline.analysis.grounding import GroundingIndex, Refusal, RefusalReason
from headway_pipeline.analysis.language_model.conversation import Conversation, TruncatedAnswerError, objected
from headway_pipeline.analysis.language_model.judging import Shown
from headway_pipeline.analysis.language_model.numbered import CHARS_PER_TOKEN, Line, between_marks, parts_of
from headway_pipeline.analysis.language_model.prompts import prompt_of
from headway_pipeline.analysis.language_model.shapes import ExtractionAnswer, ItemAnswer, canonical, schema_of
from headway_pipeline.analysis.language_model.suspicion import is_suspicious
from headway_pipeline.analysis.redaction import Redaction
from headway_pipeline.llm.contract import LLMRequest, LLMResponse, Stage
from headway_pipeline.model.calls import Side
from headway_pipeline.model.errors import AnalysisError, RequestTooLargeError
from headway_pipeline.model.features import Sentiment

__all__ = ["read"]

#: What is not known to be longer; every current model of the two vendors is.
DEFAULT_CONTEXT_TOKENS = 100_000
#: How much of a model's context prompt and answer may fill.
FILLED = 0.8
LEAST_PART_CHARS = 2_000
#: A part that is too long for a request or an answer is halved this often.
MOST_HALVINGS = 4


@dataclass(frozen=True, slots=True)
class _PartRead:
    """What one part of the call gave; its length weighs its tone."""

    candidates: list[Candidate]
    sentiment: Sentiment
    score: float
    chars: int


def read(conversation: Conversation, shown: Shown, redaction: Redaction | None) -> Reading:
    """Every item the model finds; those whose quotes were not spoken are asked for once more and left to grounding.

    Raises:
        AnalysisError: the model refuses, or its answers are of no use.
    """
    reader = _Reader(conversation, shown, redaction)
    most_chars = _part_chars(conversation.context_tokens)
    # What reads like an instruction is read apart, so that it can change nothing else.
    plain: list[Line] = []
    apart: list[Line] = []
    for line in shown.lines:
        (apart if is_suspicious(line.text) else plain).append(line)
    found = [done for part in parts_of(plain, most_chars) if _may_be_quoted(part) for done in reader.read_part(part)]
    sentiment, score = _tone(found)
    unread = 0
    for part in parts_of(apart, most_chars):
        try:
            found += reader.read_part(part) if _may_be_quoted(part) else ()
        except AnalysisError:
            # The model did as it was told, or refused: that costs these turns and not the call.
            unread += len(part)
    candidates = tuple(candidate for done in found for candidate in done.candidates)
    return Reading(candidates, sentiment, score, conversation.usage, unread)


def _part_chars(context_tokens: int | None) -> int:
    prompt = prompt_of(Stage.EXTRACTION)
    fixed = len(prompt.system) + len(canonical(schema_of(ExtractionAnswer)))
    tokens = (context_tokens or DEFAULT_CONTEXT_TOKENS) * FILLED - prompt.most_output_tokens(context_tokens)
    return max(int(tokens * CHARS_PER_TOKEN) - fixed, LEAST_PART_CHARS)


def _may_be_quoted(part: Sequence[Line]) -> bool:
    return any(line.side is not Side.VENDOR for line in part)


class _Reader:
    """Reads the parts of one call."""

    def __init__(self, conversation: Conversation, shown: Shown, redaction: Redaction | None) -> None:
        self._conversation = conversation
        self._shown = shown
        self._redaction = redaction
        self._index = GroundingIndex(shown.transcript)
        self._schema = schema_of(ExtractionAnswer)

    def read_part(self, part: Sequence[Line], halvings: int = 0) -> Iterator[_PartRead]:
        """One part; in halves where it, or the answer to it, is too long."""
        request = self._request(part)
        try:
            yield self._read_whole(request, part)
        except (TruncatedAnswerError, RequestTooLargeError) as error:
            if halvings == MOST_HALVINGS:
                raise self._conversation.failed(request, "cannot read the call, however short its parts") from error
            length = sum(len(str(line)) for line in part)
            for half in parts_of(part, max(length * 2 // 3, 200)):
                if _may_be_quoted(half):
                    yield from self.read_part(half, halvings + 1)

    def _request(self, part: Sequence[Line]) -> LLMRequest:
        text = "\n".join(map(str, part))
        seed = f"{self._shown.transcript.text_hash} {text}"
        return self._conversation.request(
            Stage.EXTRACTION,
            between_marks(text, seed=seed, key=self._shown.key),
            self._schema,
            transcript=self._shown.transcript.text_hash,
        )

    def _read_whole(self, request: LLMRequest, part: Sequence[Line]) -> _PartRead:
        answer, response = self._conversation.answer(request, ExtractionAnswer)
        candidates = [self._candidate(item) for item in answer.items]
        unspoken = [number for number, candidate in enumerate(candidates) if self._is_unspoken(candidate)]
        if unspoken:
            grounded = [candidate for number, candidate in enumerate(candidates) if number not in unspoken]
            again = self._asked_again(request, response, answer, unspoken)
            candidates = grounded + again if again is not None else candidates
        chars = sum(len(line.text) for line in part)
        return _PartRead(candidates, answer.call_sentiment, answer.call_sentiment_score, chars)

    def _asked_again(
        self, request: LLMRequest, response: LLMResponse, answer: ExtractionAnswer, unspoken: Sequence[int]
    ) -> list[Candidate] | None:
        """The items of a second answer; None where that is of no use."""
        quotes = "; ".join(
            f'item {number + 1}: "{quote.quote}"'
            for number in unspoken
            for quote in answer.items[number].evidence[:3]
        )
        problem = (
            f"These quotes stand word for word in no C or U line: {quotes or 'some items have none'}. Give the whole "
            "list again: copy each quote from its line, or leave out an item that no customer's words carry."
        )
        try:
            mended, _ = self._conversation.answer(objected(request, response, problem), ExtractionAnswer)
        except (AnalysisError, TruncatedAnswerError):
            return None
        return [self._candidate(item) for item in mended.items]

    def _is_unspoken(self, candidate: Candidate) -> bool:
        """None of its quotes is a customer's, and not because the vendor said them."""
        verdicts = [self._index.ground(quote.text, quote.segment_index) for quote in candidate.quotes]
        reasons = {verdict.reason for verdict in verdicts if isinstance(verdict, Refusal)}
        return (
            len(reasons) > 0
            and RefusalReason.VENDOR not in reasons
            and all(isinstance(verdict, Refusal) for verdict in verdicts)
        )

    def _candidate(self, item: ItemAnswer) -> Candidate:
        return Candidate(
            type=item.type,
            title=self._restored(item.title),
            description=self._restored(item.description),
            urgency=item.urgency,
            urgency_reason=self._restored(item.urgency_reason),
            sentiment=item.sentiment,
            sentiment_score=item.sentiment_score,
            confidence=item.confidence,
            origin=item.origin,
            quotes=tuple(Quote(quote.segment, self._restored(quote.quote)) for quote in item.evidence),
        )

    def _restored(self, text: str) -> str:
        return text if self._redaction is None else self._redaction.restore(text)


def _tone(parts: Sequence[_PartRead]) -> tuple[Sentiment, float]:
    """The tone of the call: of its parts by their length."""
    if not parts:
        return Sentiment.NEUTRAL, 0.0
    total = sum(part.chars for part in parts) or 1
    score = sum(part.score * part.chars for part in parts) / total
    weights: dict[Sentiment, int] = {}
    for part in parts:
        weights[part.sentiment] = weights.get(part.sentiment, 0) + part.chars
    if {Sentiment.POSITIVE, Sentiment.NEGATIVE} <= set(weights):
        return Sentiment.MIXED, score
    return max(weights, key=lambda label: (weights[label], label.value)), score
