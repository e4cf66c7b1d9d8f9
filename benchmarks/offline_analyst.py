"""How many one-hour calls a CPU second reads, offline.

python -m benchmarks.offline_analyst
"""

import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.synthetic_calls import synthetic_call
from headway_pipeline.analysis.extraction import extract
from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.model.calls import Transcript

CALLS = 20
#: An hour at 150 words a minute.
WORDS_AN_HOUR = 9_000


def calls_per_second(read: Callable[[Transcript], Any], calls: list[Transcript]) -> float:
    """One-hour calls read in a second of CPU time."""
    began = time.process_time()
    for call in calls:
        read(call)
    return len(calls) / (time.process_time() - began)


def main() -> None:
    """Measure and print."""
    analyst = OfflineAnalyst()
    calls = [synthetic_call(WORDS_AN_HOUR, seed) for seed in range(CALLS)]
    extract(analyst, calls[0])
    sys.stdout.write(
        f"{CALLS} calls of {WORDS_AN_HOUR} words\n"
        f"read:               {calls_per_second(analyst.extract, calls):.0f} a CPU second\n"
        f"read and grounded:  {calls_per_second(lambda call: extract(analyst, call), calls):.0f} a CPU second\n"
    )


if __name__ == "__main__":
    main()
