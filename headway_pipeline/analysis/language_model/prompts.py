"""The instructions of each stage: files beside this code, whose hash is their version."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from headway_pipeline.analysis.language_model.shapes import (
    ExtractionAnswer,
    MatchingAnswer,
    RelevanceAnswer,
    canonical,
    schema_of,
)
from headway_pipeline.llm.contract import Stage

__all__ = ["FORMS", "Prompt", "prompt_of", "version_of"]

#: How data is laid out in requests; raised by hand where `numbered.py` and its like change what a model is shown.
LAYOUT = "1"
FORMS: dict[Stage, type[BaseModel]] = {
    Stage.RELEVANCE: RelevanceAnswer,
    Stage.EXTRACTION: ExtractionAnswer,
    Stage.MATCHING: MatchingAnswer,
}
#: Enough for a busy hour, thinking included; a longer answer is asked for in halves.
MOST_OUTPUT_TOKENS = {Stage.RELEVANCE: 2_000, Stage.EXTRACTION: 12_000, Stage.MATCHING: 6_000}
FOLDER = Path(__file__).with_name("prompts")
VERSION_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Prompt:
    """The instructions of one stage."""

    stage: Stage
    system: str
    version: str

    def most_output_tokens(self, context_tokens: int | None) -> int:
        """How long an answer may be: at most a third of a small model's context."""
        most = MOST_OUTPUT_TOKENS[self.stage]
        return most if context_tokens is None else min(most, context_tokens // 3)


@cache
def prompt_of(stage: Stage) -> Prompt:
    """Read a stage's instructions."""
    system = (FOLDER / f"{stage.value}.md").read_text(encoding="utf-8").strip()
    rests_on = "\n".join([LAYOUT, system, canonical(schema_of(FORMS[stage]))])
    return Prompt(stage, system, hashlib.sha256(rests_on.encode()).hexdigest()[:VERSION_DIGITS])


def version_of(*stages: Stage) -> str:
    """The version of one stage's instructions, or of several together."""
    versions = [prompt_of(stage).version for stage in stages]
    if len(versions) == 1:
        return versions[0]
    return hashlib.sha256("".join(versions).encode()).hexdigest()[:VERSION_DIGITS]
