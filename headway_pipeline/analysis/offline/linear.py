"""A small linear model over a clause's cues: `weights.json`, made by `training/train.py`, scored in pure Python.

The weights of a type are relative to "no feedback", so three numbers tell four answers apart. A word brings two rows:
what it says by itself, where the training lines hold it, and what words of its kind say, on average over the clause:
that second row was worked out from the word's embedding, for the commonest words of English, so that "lorry" is read
like "truck" though nobody wrote "lorry".

Weights are whole numbers (thousandths), so that their sums are the same in whatever order they are taken.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from headway_pipeline.analysis.offline.cues import Pair, pairs_of
from headway_pipeline.model.features import FeatureType

__all__ = ["ROW_TYPES", "SCALE", "Likelihoods", "LinearModel", "Row", "load_model"]

#: The types a row of weights speaks of, in its order.
ROW_TYPES = (FeatureType.BUG_REPORT, FeatureType.FEATURE_REQUEST, FeatureType.PAIN_POINT)
#: A clause is in the model's language when at least this share of its words stands in the training lines.
KNOWN_SHARE = 0.5
#: What a stored weight is divided by.
SCALE = 1_000

Row = tuple[int, int, int]
Likelihoods = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Weights by cue.

    Attributes:
        version: changes with the weights.
        words: for a word of the training lines, what it says; by these the language is known, too.
        kinds: for a common word, what words of its kind say.
        flags: for what is not a word, see `cues.flags_of`.
    """

    version: str
    bias: Row
    words: Mapping[str, Row]
    pairs: Mapping[Pair, Row]
    kinds: Mapping[str, Row]
    flags: Mapping[str, Row]

    def knows(self, words: tuple[str, ...]) -> bool:
        """Whether the words are mostly of the language the model was trained on."""
        return sum(map(self.words.__contains__, words)) >= KNOWN_SHARE * len(words)

    def likelihoods(self, words: tuple[str, ...], flags: set[str]) -> Likelihoods:
        """How likely each of `ROW_TYPES` is; what is missing to 1 is that it is no feedback."""
        rows = [self.bias, *map(self.flags.get, flags), *map(self.words.get, set(words))]
        rows += map(self.pairs.get, pairs_of(words))
        bug, request, pain = _total(rows)
        kinds = list(filter(None, map(self.kinds.get, words)))
        if kinds:
            also, share = _total(kinds), 1 / len(kinds)
            scores = (bug + share * also[0], request + share * also[1], pain + share * also[2])
        else:
            scores = (float(bug), float(request), float(pain))
        # Shifted by the greatest, so that no score overflows.
        top = max(*scores, 0.0)
        odds = [math.exp((score - top) / SCALE) for score in scores]
        total = sum(odds) + math.exp(-top / SCALE)
        return odds[0] / total, odds[1] / total, odds[2] / total


def _total(rows: list[Row | None]) -> Row:
    bug = request = pain = 0
    for row in rows:
        if row:
            bug += row[0]
            request += row[1]
            pain += row[2]
    return bug, request, pain


@cache
def load_model() -> LinearModel:
    """The model shipped with this version, read once a process."""
    stored: dict[str, Any] = json.loads((resources.files(__package__) / "weights.json").read_text(encoding="utf-8"))
    return LinearModel(
        version=stored["version"],
        bias=stored["bias"],
        words=stored["words"],
        pairs={_pair(written): row for written, row in stored["pairs"].items()},
        kinds=stored["kinds"],
        flags=stored["flags"],
    )


def _pair(written: str) -> Pair:
    first, _, second = written.partition(" ")
    return first, second
