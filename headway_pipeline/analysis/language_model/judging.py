"""Relevance: is a call about any theme? A "no" must be sure, for it leaves the call unread."""

from collections.abc import Sequence
from typing import NamedTuple

from headway_pipeline.analysis.contract import Relevance
from headway_pipeline.analysis.language_model.condensed import condensed
from headway_pipeline.analysis.language_model.conversation import Conversation, TruncatedAnswerError
from headway_pipeline.analysis.language_model.numbered import Line, between_marks
from headway_pipeline.analysis.language_model.prompts import prompt_of
from headway_pipeline.analysis.language_model.shapes import (
    NO_THEME,
    ExtractionAnswer,
    RelevanceAnswer,
    canonical,
    schema_of,
)
from headway_pipeline.analysis.language_model.themes import numbered_themes, scores_of, themes_identity
from headway_pipeline.llm.contract import Stage
from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.features import Theme

__all__ = ["Shown", "judge_relevance"]

#: Of what reading the call would take; a little under the quarter it is allowed.
SHARE = 0.23
#: Shown of any call, however short: less says nothing.
LEAST_CHARS = 600
#: A "no" that is less sure than this is a doubt.
SURE = 0.7
EXCERPTS = "Excerpts of the call, `...` where something is left out:"


class Shown(NamedTuple):
    """A call as it was said and as it is shown, with the key of its marks."""

    transcript: Transcript
    lines: Sequence[Line]
    key: bytes


def judge_relevance(conversation: Conversation, shown: Shown, themes: Sequence[Theme]) -> Relevance:
    """Ask over a condensed view of the call.

    Raises:
        AnalysisError: the model's answers are of no use.
    """
    ordered, listed = numbered_themes(themes)
    schema = schema_of(RelevanceAnswer, {"theme": [str(number) for number in range(1, len(ordered) + 1)]})
    prompt = prompt_of(Stage.RELEVANCE)
    taken = len(prompt.system) + len(canonical(schema)) + len(listed)
    room = int(_chars_to_read(shown.lines) * SHARE) - taken
    excerpt = condensed(shown.lines, shown.transcript, themes, max(room, LEAST_CHARS))
    if not excerpt.text:
        return Relevance(True, 0.5, "no words that relevance could be judged by: read in any case")
    seed = f"{shown.transcript.text_hash} relevance"
    request = conversation.request(
        Stage.RELEVANCE,
        f"{listed}\n\n{EXCERPTS}\n{between_marks(excerpt.text, seed=seed, key=shown.key)}",
        schema,
        transcript=shown.transcript.text_hash,
        themes=themes_identity(themes),
    )
    try:
        answer, _ = conversation.answer(request, RelevanceAnswer)
    except TruncatedAnswerError:
        raise conversation.failed(request, "does not come to an end") from None
    named = [(found.theme, found.score) for found in answer.themes if found.theme != NO_THEME]
    return Relevance(
        is_relevant=answer.relevant or answer.confidence < SURE or excerpt.leaves_out_feedback,
        confidence=answer.confidence,
        reason=answer.reason or "the model gave no reason",
        best=scores_of(named, ordered),
        usage=conversation.usage,
    )


def _chars_to_read(lines: Sequence[Line]) -> int:
    """What an extraction of the whole call sends."""
    fixed = len(prompt_of(Stage.EXTRACTION).system) + len(canonical(schema_of(ExtractionAnswer)))
    return fixed + sum(len(str(line)) + 1 for line in lines)
