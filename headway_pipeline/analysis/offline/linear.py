"""A small linear model over a clause's cues: `weights.json`, made by `training/train.py`, scored in pure Python.

The weights of a type are relative to "no feedback", so three numbers tell four answers apart. A word brings two rows:
what it says by itself, where the training lines hold it, and what words of its kind say, on average over the clause:
that second row was worked out from the word's embedding, for the commonest words of English, so that "lorry" is read
like "truck" though nobody wrote "lorry".
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from headway_pipeline.analysis.offline.cues import Cue
from headway_pipeline.model.features import FeatureType

__all__ = ["ROW_TYPES", "LinearModel", "Row", "load_model"]

#: The types a row of weights speaks of, in its order.
ROW_TYPES = (FeatureType.BUG_REPORT, FeatureType.FEATURE_REQUEST, FeatureType.PAIN_POINT)
#: A clause is in the model's language when at least this share of its words stands in the training lines.
KNOWN_SHARE = 0.5

Row = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Weights by cue.

    Attributes:
        version: changes with the weights.
        spoken: words of the training lines, by which the language is known.
        kinds: for a common word, what words of its kind say.
    """

    version: str
    bias: Row
    cues: Mapping[Cue, Row]
    kinds: Mapping[str, Row]
    spoken: frozenset[str]

    def knows(self, words: Sequence[str]) -> bool:
        """Whether the words are mostly of the language the model was trained on."""
        return sum(map(self.spoken.__contains__, words)) >= KNOWN_SHARE * len(words)

    def likelihoods(self, words: Sequence[str], cues: Sequence[Cue]) -> Row:
        """How likely each of `ROW_TYPES` is; what is missing to 1 is that it is no feedback."""
        rows = [self.bias, *filter(None, map(self.cues.get, cues))]
        bug, request, pain = map(sum, zip(*rows, strict=True))
        kinds = [*filter(None, map(self.kinds.get, words))]
        if kinds:
            share = 1 / len(kinds)
            of_kind = [share * total for total in map(sum, zip(*kinds, strict=True))]
            bug, request, pain = bug + of_kind[0], request + of_kind[1], pain + of_kind[2]
        # Shifted by the greatest, so that no score overflows.
        top = max(bug, request, pain, 0.0)
        odds = math.exp(bug - top), math.exp(request - top), math.exp(pain - top)
        total = sum(odds) + math.exp(-top)
        return odds[0] / total, odds[1] / total, odds[2] / total


@cache
def load_model() -> LinearModel:
    """The model shipped with this version, read once a process."""
    stored: dict[str, Any] = json.loads((resources.files(__package__) / "weights.json").read_text(encoding="utf-8"))
    pairs = {tuple(pair.split(" ")): tuple(row) for pair, row in stored["pairs"].items()}
    singles = {single: tuple(row) for single, row in stored["singles"].items()}
    return LinearModel(
        version=stored["version"],
        bias=tuple(stored["bias"]),  # type: ignore[arg-type]
        cues=pairs | singles,
        kinds={word: tuple(row) for word, row in stored["kinds"].items()},
        spoken=frozenset(stored["spoken"].split(" ")),
    )
