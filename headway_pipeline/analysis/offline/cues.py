"""What the linear model looks at in a clause: its words, pairs of neighbours, and what the rules found.

The same functions serve training and reading, so that both see the same. A flag is a name that begins with "#", which
no word does.
"""

from collections.abc import Sequence

from headway_pipeline.analysis.offline.guards import Guard
from headway_pipeline.analysis.offline.phrases import Found
from headway_pipeline.analysis.offline.sentiment import Tone
from headway_pipeline.model.features import FeatureType

__all__ = ["Pair", "flags_of", "pairs_of"]

Pair = tuple[str, str]

#: Stand before the first word and after the last.
_START, _END = ("<",), (">",)
#: Clauses are told apart by length in steps of so many words, up to the last step.
_LENGTH_STEP, _LAST_STEP = 5, 3
#: The rules' strengths are told apart in fifths.
_STRENGTH_STEPS = 5


def pairs_of(words: tuple[str, ...]) -> set[Pair]:
    """Neighbours, the ends of the clause among them."""
    return set(zip(_START + words, words + _END, strict=True))


def flags_of(
    words: Sequence[str],
    phrases: Sequence[tuple[Found[FeatureType], float]],
    guards: Sequence[Found[Guard]],
    tone: Tone,
    *,
    is_question: bool,
) -> set[str]:
    """Everything but the words themselves.

    Args:
        words: the clause's words, see `sentences.words_of`.
        phrases: what the rules found, with what is left of its strength.
        guards: what takes it back.
        tone: how much is praised and complained of.
    """
    flags = {f"#length {min(len(words) // _LENGTH_STEP, _LAST_STEP)}"}
    for found, strength in phrases:
        flags.add(f"#{found.label} {int(strength * _STRENGTH_STEPS)}")
        flags.add(f"#{found.label}")
    for guard in guards:
        flags.add(f"#{guard.label}")
    if tone.praise != tone.complaint:
        flags.add("#praise more" if tone.praise > tone.complaint else "#complaint more")
    if is_question:
        flags.add("#question")
    return flags
