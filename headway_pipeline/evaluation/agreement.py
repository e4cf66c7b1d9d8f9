"""What two analysts together miss, estimated from what they find of each other's: capture and recapture.

Two independent readers of the same calls are like two catches of fish: of what the first finds, the share that the
second finds too tells how much of everything the second finds. Chapman's estimator of everything (1951) with the
log-normal interval of Chao (1987). An utterance is the unit: it is found when an item rests on it.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.extraction import extract
from headway_pipeline.evaluation.figures import Z
from headway_pipeline.evaluation.measure import or_failed
from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.features import ExtractedFeature

__all__ = ["ASSUMPTIONS", "Agreement", "Place", "agreement_of", "places_found"]

ASSUMPTIONS = (
    "Assumed: the two find independently (if they miss the same hard ones, more is missed than estimated), "
    "everything is equally easy to find (otherwise the same), and nothing found is false (each false finding of one "
    "alone raises the estimate)."
)

#: A call and the index of one of its utterances.
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two catches and what follows from them.

    Attributes:
        both: found by both, `only_first` and `only_second` by one.
        estimated: everything there is to be found, `low` and `high` its 95 % interval.
    """

    both: int
    only_first: int
    only_second: int
    estimated: float
    low: float
    high: float

    @property
    def found(self) -> int:
        """What at least one of them found."""
        return self.both + self.only_first + self.only_second

    @property
    def missed(self) -> float:
        """What neither found, as estimated."""
        return max(self.estimated - self.found, 0.0)


def places_found(analyst: Analyst, calls: Mapping[str, Transcript]) -> frozenset[Place]:
    """Every utterance that an item of `analyst` rests on; a call it cannot read holds none."""
    return frozenset(
        (call_id, index) for call_id, transcript in calls.items() for index in _cited(analyst, transcript)
    )


def _cited(analyst: Analyst, transcript: Transcript) -> frozenset[int]:
    items: tuple[ExtractedFeature, ...] = or_failed(lambda: extract(analyst, transcript).items, ())
    return frozenset(span.segment_index for item in items for span in item.evidence)


def agreement_of(first: Collection[Place], second: Collection[Place]) -> Agreement:
    """Chapman's estimate from two catches."""
    both = len(set(first) & set(second))
    caught, again = len(set(first)), len(set(second))
    estimated = (caught + 1) * (again + 1) / (both + 1) - 1
    variance = (caught + 1) * (again + 1) * (caught - both) * (again - both) / ((both + 1) ** 2 * (both + 2))
    found = caught + again - both
    unseen = estimated - found
    low = high = estimated
    if unseen > 0 and variance > 0:
        # What is unseen cannot be negative: its logarithm is taken for normal.
        factor = math.exp(Z * math.sqrt(math.log(1 + variance / unseen**2)))
        low, high = found + unseen / factor, found + unseen * factor
    return Agreement(both, caught - both, again - both, estimated, low, high)
