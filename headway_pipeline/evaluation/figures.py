"""Figures with their intervals: shares by Wilson's formula, F1 and macro-F1 by the bootstrap.

A share (precision, recall, accuracy) gets the 95 % score interval of Wilson (1927), which holds for small samples
and shares near 0 or 1. F1 has no such formula: its interval is the middle 95 % of what resampled sets would give.
Rows of one cell of a confusion matrix are alike, so that resampling rows is drawing the cells' counts at once.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Confusion", "Figure", "Method", "f1_of_two_samples", "share"]

#: Two-sided 95 %.
Z = 1.959964
RESAMPLES = 2_000
#: So that the same set gives the same interval.
SEED = 20_261_124

Method = str
WILSON, BOOTSTRAP = "Wilson", "bootstrap"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its interval.

    Attributes:
        name: "precision", "recall", "F1", "accuracy", ...
        low: lower end of the 95 % interval; None where nothing was there to be measured.
        count: how many cases the figure rests on.
        method: how the interval was made.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    count: int
    method: Method = WILSON


def share(name: str, hits: int, count: int) -> Figure:
    """`hits` of `count`, with Wilson's interval."""
    if not count:
        return Figure(name, None, None, None, 0)
    value = hits / count
    scale = 1 + Z * Z / count
    centre = (value + Z * Z / (2 * count)) / scale
    spread = Z * math.sqrt(value * (1 - value) / count + Z * Z / (4 * count * count)) / scale
    return Figure(name, value, max(centre - spread, 0.0), min(centre + spread, 1.0), count)


class Confusion:
    """How often each true label was taken for each predicted one.

    Args:
        pairs: (true, predicted) of every case.
        labels: in the order they are shown; others that occur follow.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> None:
        self.counts = Counter(pairs)
        others = sorted({label for pair in pairs for label in pair} - set(labels))
        self.labels = (*labels, *others)
        self.size = len(pairs)

    @property
    def matrix(self) -> tuple[tuple[int, ...], ...]:
        """Rows are true labels, columns predicted ones."""
        return tuple(tuple(self.counts[true, taken] for taken in self.labels) for true in self.labels)

    def accuracy(self, name: str = "accuracy") -> Figure:
        """Share of cases on the diagonal."""
        return share(name, sum(self.counts[label, label] for label in self.labels), self.size)

    def precision(self, label: str, name: str = "precision") -> Figure:
        """Of what was taken for `label`, the share that is."""
        taken = sum(number for (_, predicted), number in self.counts.items() if predicted == label)
        return share(name, self.counts[label, label], taken)

    def recall(self, label: str, name: str = "recall") -> Figure:
        """Of what is `label`, the share that was taken for it."""
        true = sum(number for (gold, _), number in self.counts.items() if gold == label)
        return share(name, self.counts[label, label], true)

    def f1(self, label: str, name: str = "F1") -> Figure:
        """Harmonic mean of precision and recall, bootstrapped."""
        at = self.labels.index(label)
        return self._bootstrapped(name, lambda matrices: _f1_of(matrices, at))

    def macro_f1(self, labels: Sequence[str], name: str = "macro-F1") -> Figure:
        """Mean of the F1 of `labels`, each counting alike, bootstrapped."""
        import numpy as np

        places = [self.labels.index(label) for label in labels]

        def mean(matrices: "NDArray[np.float64]") -> "NDArray[np.float64]":
            scores: NDArray[np.float64] = np.mean([_f1_of(matrices, at) for at in places], axis=0)
            return scores

        return self._bootstrapped(name, mean)

    def _bootstrapped(self, name: str, score: Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]) -> Figure:
        # Imported here: pandas and matplotlib bring numpy, and most commands need none of them.
        import numpy as np

        if not self.size:
            return Figure(name, None, None, None, 0, BOOTSTRAP)
        cells = np.array(self.matrix, dtype=np.float64)
        shape = (-1, *cells.shape)
        drawn = np.random.default_rng(SEED).multinomial(self.size, (cells / self.size).ravel(), size=RESAMPLES)
        resampled = score(drawn.astype(np.float64).reshape(shape))
        low, high = np.percentile(resampled, [2.5, 97.5])
        return Figure(name, float(score(cells[None])[0]), float(low), float(high), self.size, BOOTSTRAP)


def _f1_of(matrices: "NDArray[np.float64]", at: int) -> "NDArray[np.float64]":
    """F1 of the label `at` in each of many confusion matrices; 0 where it neither is nor was predicted."""
    import numpy as np

    hits = matrices[:, at, at]
    asked = matrices[:, at, :].sum(axis=1) + matrices[:, :, at].sum(axis=1)
    scores: NDArray[np.float64] = np.divide(2 * hits, asked, out=np.zeros_like(hits), where=asked > 0)
    return scores


def f1_of_two_samples(precise: Figure, recalled: Figure, name: str = "F1") -> Figure:
    """F1 where precision and recall rest on different cases (outputs, references); both are resampled."""
    import numpy as np

    if precise.value is None or recalled.value is None:
        return Figure(name, None, None, None, 0, BOOTSTRAP)
    rng = np.random.default_rng(SEED)
    precision = rng.binomial(precise.count, precise.value, size=RESAMPLES) / precise.count
    recall = rng.binomial(recalled.count, recalled.value, size=RESAMPLES) / recalled.count
    both = precision + recall
    scores = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    low, high = np.percentile(scores, [2.5, 97.5])
    total = precise.value + recalled.value
    value = 2 * precise.value * recalled.value / total if total else 0.0
    return Figure(name, value, float(low), float(high), precise.count + recalled.count, BOOTSTRAP)
