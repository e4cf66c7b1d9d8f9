"""Invented calls of any length: customers who ask, report and suffer between much that is beside the point."""

import random
from collections.abc import Iterator

from headway_pipeline.model.calls import Segment, Side, Transcript

__all__ = ["spoken_sentence", "synthetic_call"]


def _either(written: str) -> list[str]:
    return written.split("|")


_WHO = _either(
    "we|our finance team|the support agents|my manager|people in the warehouse|the new hires|our auditors|I"
)
_DO = _either(
    "opened|reviewed|compared|printed|moved|renamed|checked|copied|approved|shared|collected|sorted|discussed|loaded"
)
_WHAT = _either(
    "the weekly report|three invoices|every dashboard|the delivery list|last year's budget|a pile of tickets|"
    "the training videos|two contracts|the shift plan|customer addresses|the price sheet|stock levels|old drafts"
)
_WHERE = _either(
    "on Monday|before lunch|in the Berlin office|after the call|during onboarding|at the end of the quarter|"
    "on a train|with the regional lead|from a phone|in a shared folder|over the weekend|while travelling"
)
#: What is never said on a synthetic call; only made-up quotes speak of it.
_NEVER_DONE = _either(
    "painted|repaired|borrowed|measured|watered|tasted|carried|planted|folded|polished|wrapped|tuned"
)
_NEVER_SEEN = _either(
    "the garden fence|a wooden boat|seven lanterns|the kitchen shelves|an old bicycle|the choir's piano|fresh bread|"
    "winter coats|a broken clock|the village map|silver spoons|some tall ladders"
)
_LINK = _either("and then|because|so|although|which meant that|while|but|after that")
_FILLER = ["um", "you know", "I mean", "well", "like", "right"]
_TELLING = (
    "It would be great if we could export that to a spreadsheet.",
    "Is there a way to filter the list by region?",
    "The upload crashes whenever the file is larger than ten megabytes.",
    "It takes us four hours every week to put the numbers together manually.",
    "Honestly the permissions page is confusing for new people.",
    "We are blocked until the import works, our renewal is in March.",
)
_ASKING = ("How does that work for you today?", "Would it help if we sent a summary?", "Thanks, that makes sense.")


def spoken_sentence(rng: random.Random, *, never_said: bool = False) -> str:
    """A sentence of 8 to 40 words, as people talk; `never_said` makes one that no synthetic call holds."""
    done, seen = (_NEVER_DONE, _NEVER_SEEN) if never_said else (_DO, _WHAT)
    clauses = [_clause(rng, done, seen) for _ in range(rng.randint(1, 3))]
    spoken = f" {rng.choice(_LINK)} ".join(clauses)
    return f"{spoken[0].upper()}{spoken[1:]}."


def _clause(rng: random.Random, done: list[str], seen: list[str]) -> str:
    filler = f"{rng.choice(_FILLER)} " if rng.random() < 0.3 else ""
    return f"{filler}{rng.choice(_WHO)} {rng.choice(done)} {rng.choice(seen)} {rng.choice(_WHERE)}"


def synthetic_call(words: int, seed: int, telling: float = 0.1) -> Transcript:
    """A call of about `words` words; `telling` of the customer's sentences ask, report or complain."""
    return Transcript(tuple(_segments(words, random.Random(seed), telling)))  # invented speech


def _segments(words: int, rng: random.Random, telling: float) -> Iterator[Segment]:
    spoken = index = 0
    while spoken < words:
        side = Side.VENDOR if index % 3 == 0 else Side.CUSTOMER
        text = " ".join(_sentence(rng, side, telling) for _ in range(rng.randint(1, 4)))
        start_ms = spoken * 400
        spoken += len(text.split())
        yield Segment(index, side.value.title(), side, start_ms, spoken * 400, text)
        index += 1


def _sentence(rng: random.Random, side: Side, telling: float) -> str:
    if rng.random() >= telling:
        return spoken_sentence(rng)
    return rng.choice(_ASKING if side is Side.VENDOR else _TELLING)
