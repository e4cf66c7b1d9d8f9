"""What the linear model looks at in a clause: its words, pairs of neighbours, and what the rules found.

The same function serves training and reading, so that both see the same. A cue is a word, a pair of words (a tuple),
or a name that begins with "#", which no word does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from headway_pipeline.analysis.offline.guards import Guard
from headway_pipeline.analysis.offline.phrases import Found
from headway_pipeline.analysis.offline.sentiment import tone_of
from headway_pipeline.model.features import FeatureType

__all__ = ["Cue", "cues_of"]

Cue = str | tuple[str, str]

#: Stand before the first word and after the last.
_START, _END = "<", ">"
#: Clauses are told apart by length in steps of so many words, up to the last step.
_LENGTH_STEP, _LAST_STEP = 5, 3
#: The rules' strengths are told apart in fifths.
_STRENGTH_STEPS = 5


def cues_of(
    words: Sequence[str],
    phrases: Sequence[tuple[Found[FeatureType], float]],
    guards: Sequence[Found[Guard]],
    *,
    is_question: bool,
) -> list[Cue]:
    """Every cue once.

    Args:
        words: the clause's words, see `sentences.words_of`.
        phrases: what the rules found, with what is left of its strength.
        guards: what takes it back.
    """
    # A dictionary keeps the order, so that sums over it come out the same in every process.
    cues: dict[Cue, None] = dict.fromkeys(words)  # type: ignore[arg-type]
    cues.update(dict.fromkeys(pairwise((_START, *words, _END))))
    for found, strength in phrases:
        cues[f"#{found.label} {int(strength * _STRENGTH_STEPS)}"] = None
        cues[f"#{found.label}"] = None
    for guard in guards:
        cues[f"#{guard.label}"] = None
    tone = tone_of(words)
    if tone.praise != tone.complaint:
        cues["#praise more" if tone.praise > tone.complaint else "#complaint more"] = None
    if is_question:
        cues["#question"] = None
    cues[f"#length {min(len(words) // _LENGTH_STEP, _LAST_STEP)}"] = None
    return list(cues)
