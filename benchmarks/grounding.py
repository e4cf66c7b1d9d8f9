"""CPU time and truth of grounding on a 25,000-word call: quotes altered as analysts alter them, and made-up ones.

    python -m benchmarks.grounding

Made-up quotes speak in the sentences of the call, about things it never names.
"""

import random
import sys
import time
from collections.abc import Callable

from benchmarks.synthetic_calls import spoken_sentence, synthetic_call
from headway_pipeline.analysis.grounding import Grounded, GroundingIndex
from headway_pipeline.model.calls import Segment, Side, Transcript

WORDS = 25_000
QUOTES = 200
MADE_UP = 100
#: A found span counts where it and the true span share this much of their union.
HIT_OVERLAP = 0.7

Alteration = Callable[[list[str], random.Random], list[str]]


def _without_fillers(words: list[str], _rng: random.Random) -> list[str]:
    return [word for word in words if word.strip(",.").lower() not in {"um", "well", "like", "right", "you", "know"}]


def _word_dropped(words: list[str], rng: random.Random) -> list[str]:
    at = rng.randrange(len(words))
    return words[:at] + words[at + 1 :]


def _word_replaced(words: list[str], rng: random.Random) -> list[str]:
    at = rng.randrange(len(words))
    return [*words[:at], "something", *words[at + 1 :]]


def _letters_swapped(words: list[str], rng: random.Random) -> list[str]:
    at = rng.randrange(len(words))
    return [*words[:at], words[at][::-1], *words[at + 1 :]]


def _shouted(words: list[str], _rng: random.Random) -> list[str]:
    return [f"{word.upper()}!" for word in words]


def _middle_elided(words: list[str], _rng: random.Random) -> list[str]:
    if len(words) < 12:
        return words
    third = len(words) // 3
    return [*words[:third], "...", *words[-third:]]


ALTERATIONS: tuple[Alteration, ...] = (
    lambda words, _rng: words,
    _without_fillers,
    _word_dropped,
    _word_replaced,
    _letters_swapped,
    _shouted,
    _middle_elided,
)


def _true_quote(segment: Segment, rng: random.Random) -> tuple[int, int]:
    starts = [at for at, char in enumerate(segment.text) if at == 0 or segment.text[at - 1] == " " != char]
    length = min(rng.randint(8, 35), len(starts))
    first = rng.randint(0, len(starts) - length)
    after = first + length
    return starts[first], starts[after] - 1 if after < len(starts) else len(segment.text)


def _overlap(found: Grounded, segment: Segment, span: tuple[int, int]) -> float:
    evidence = found.evidence
    if evidence.segment_index != segment.index:
        return 0.0
    shared = min(evidence.char_end, span[1]) - max(evidence.char_start, span[0])
    return shared / (max(evidence.char_end, span[1]) - min(evidence.char_start, span[0]))


def measure_found(transcript: Transcript, index: GroundingIndex, rng: random.Random) -> tuple[float, float]:
    """Share of altered quotes found where they stand, and CPU milliseconds a quote."""
    said = [segment for segment in transcript.segments if segment.side is Side.CUSTOMER]
    hits, spent = 0, 0.0
    for number in range(QUOTES):
        segment = rng.choice([segment for segment in said if len(segment.text.split()) >= 8])
        span = _true_quote(segment, rng)
        altered = ALTERATIONS[number % len(ALTERATIONS)](segment.text[slice(*span)].split(), rng)
        began = time.process_time()
        # Analysts miscount: a third of the quotes come with another segment's number.
        found = index.ground(" ".join(altered), segment.index + rng.choice([0, 1, 40]))
        spent += time.process_time() - began
        hits += isinstance(found, Grounded) and _overlap(found, segment, span) >= HIT_OVERLAP
    return hits / QUOTES, 1000 * spent / QUOTES


def measure_made_up(index: GroundingIndex, rng: random.Random) -> tuple[float, float]:
    """Share of made-up quotes that were accepted, and CPU milliseconds a quote."""
    quotes = [spoken_sentence(rng, never_said=True) for _ in range(MADE_UP)]
    began = time.process_time()
    accepted = sum(isinstance(index.ground(quote, rng.randrange(400)), Grounded) for quote in quotes)
    return accepted / MADE_UP, 1000 * (time.process_time() - began) / MADE_UP


def main() -> None:
    """Measure and print."""
    rng = random.Random(11)  # a benchmark that repeats itself
    transcript = synthetic_call(WORDS, seed=3, telling=0.0)
    index = GroundingIndex(transcript)
    began = time.process_time()
    index.ground("words that nobody on this call has ever said", 0)
    prepared_ms = 1000 * (time.process_time() - began)
    found, found_ms = measure_found(transcript, index, rng)
    accepted, made_up_ms = measure_made_up(index, rng)
    sys.stdout.write(
        f"{WORDS} words, {len(transcript.segments)} segments, prepared in {prepared_ms:.1f} CPU ms\n"
        f"altered quotes:  {found:.1%} found, {found_ms:.2f} CPU ms each\n"
        f"made-up quotes:  {accepted:.1%} accepted, {made_up_ms:.2f} CPU ms each\n"
    )


if __name__ == "__main__":
    main()
