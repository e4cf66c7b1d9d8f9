"""A small linear model over a clause's cues: `weights.json`, made by `training/train.py`, scored in pure Python.

The weights of a type are relative to "no feedback", so three numbers tell four answers apart. A word brings two rows:
what it says by itself, where the training lines hold it, and what words of its kind say, on average over the clause:
that second row was worked out from the word's embedding, for the commonest words of English, so that "lorry" is read
like "truck" though nobody wrote "lorry".

Weights are whole numbers (thousandths), so that their sums are the same in whatever order they are taken; and the
three of a row are packed into one, so that adding rows is adding numbers.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import repeat
from typing import Any

from headway_pipeline.analysis.offline.cues import Pair, pairs_of
from headway_pipeline.model.features import FeatureType

__all__ = ["ROW_TYPES", "SCALE", "Likelihoods", "LinearModel", "load_model"]

#: The types a row of weights speaks of, in its order.
ROW_TYPES = (FeatureType.BUG_REPORT, FeatureType.FEATURE_REQUEST, FeatureType.PAIN_POINT)
#: A clause is in the model's language when at least this share of its words stands in the training lines.
KNOWN_SHARE = 0.5
#: What a stored weight is divided by.
SCALE = 1_000

#: A row in one number: the first weight, the second times 2**32, the third times 2**64.
_BITS = 32
_HALF, _WHOLE = 1 << (_BITS - 1), 1 << _BITS

Packed = int
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
    bias: Packed
    words: Mapping[str, Packed]
    pairs: Mapping[Pair, Packed]
    kinds: Mapping[str, Packed]
    flags: Mapping[str, Packed]

    def knows(self, words: tuple[str, ...]) -> bool:
        """Whether the words are mostly of the language the model was trained on."""
        return sum(map(self.words.__contains__, words)) >= KNOWN_SHARE * len(words)

    def likelihoods(self, words: tuple[str, ...], flags: set[str]) -> Likelihoods:
        """How likely each of `ROW_TYPES` is; what is missing to 1 is that it is no feedback."""
        nothing = repeat(0)
        total = self.bias + sum(map(self.flags.get, flags, nothing)) + sum(map(self.words.get, set(words), nothing))
        scores: Sequence[float] = _unpacked(total + sum(map(self.pairs.get, pairs_of(words), nothing)))
        kinds = [row for row in map(self.kinds.get, words) if row is not None]
        if kinds:
            of_kind, share = _unpacked(sum(kinds)), 1 / len(kinds)
            scores = [score + share * also for score, also in zip(scores, of_kind, strict=True)]
        # Shifted by the greatest, so that no score overflows.
        top = max(*scores, 0.0)
        odds = [math.exp((score - top) / SCALE) for score in scores]
        everything = sum(odds) + math.exp(-top / SCALE)
        return odds[0] / everything, odds[1] / everything, odds[2] / everything


def _packed(row: Sequence[int]) -> Packed:
    return row[0] + (row[1] << _BITS) + (row[2] << 2 * _BITS)


def _unpacked(total: Packed) -> Sequence[float]:
    """The three sums in a sum of packed rows."""
    bug = (total + _HALF) % _WHOLE - _HALF
    rest = (total - bug) >> _BITS
    request = (rest + _HALF) % _WHOLE - _HALF
    return [bug, request, (rest - request) >> _BITS]


@cache
def load_model() -> LinearModel:
    """The model shipped with this version, read once a process."""
    stored: dict[str, Any] = json.loads((resources.files(__package__) / "weights.json").read_text(encoding="utf-8"))
    return LinearModel(
        version=stored["version"],
        bias=_packed(stored["bias"]),
        words=_rows(stored["words"]),
        pairs={_pair(written): row for written, row in _rows(stored["pairs"]).items()},
        kinds=_rows(stored["kinds"]),
        flags=_rows(stored["flags"]),
    )


def _rows(stored: Mapping[str, Any]) -> dict[str, Packed]:
    return {name: _packed(row) for name, row in stored.items()}


def _pair(written: str) -> Pair:
    first, _, second = written.partition(" ")
    return first, second
