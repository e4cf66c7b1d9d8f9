"""The talk between the hand-written parts of a demo call: a vendor explaining, a customer keeping up.

It lets a two-hour call be written on one page. It holds nothing to extract, and what customers say in it never
occurs in two calls, because each of their lines mentions a detail of its own call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.scripts import CallScript, Line

__all__ = ["Filler", "parse_filler", "small_talk", "words_in"]

Card = TypeVar("Card")

SECTION = "== "
#: How many sentences in a row a vendor speaks, taken in turn.
TURN_LENGTHS = (3, 5, 4, 6, 3, 4)
#: How many known lines in a row are passed over in the hope of a new one.
PATIENCE = 50


@dataclass(frozen=True, slots=True)
class Filler:
    """What can be said in one language.

    Attributes:
        topics: sentences of the vendor's, grouped by what they explain, in an order that can be skipped through.
        frames: sentences of a customer's, each with one `{detail}`.
        openers: what a customer says first.
    """

    topics: tuple[tuple[str, ...], ...] = ()
    frames: tuple[str, ...] = ()
    openers: tuple[str, ...] = ()

    def __add__(self, other: "Filler") -> "Filler":
        return Filler(self.topics + other.topics, self.frames + other.frames, self.openers + other.openers)


def parse_filler(text: str) -> Filler:
    """Read a filler file: sections `== topic`, `== frames` and `== openers`, one sentence a line."""
    topics: list[tuple[str, ...]] = []
    other: dict[str, tuple[str, ...]] = {}
    for section in text.split(SECTION)[1:]:
        heading, *sentences = filter(None, map(str.strip, section.splitlines()))
        if heading.startswith("topic"):
            topics.append(tuple(sentences))
        else:
            other[heading] = tuple(sentences)
    return Filler(tuple(topics), other.get("frames", ()), other.get("openers", ()))


def small_talk(script: CallScript, filler: Filler) -> Iterator[Line]:
    """Endless turns for the gaps of `script`: the same for the same id, whatever the other calls are.

    Ends at once where the call has no details, or lacks a vendor or a customer.
    """
    vendors = [speaker.id for speaker in script.speakers if speaker.side is Side.VENDOR]
    customers = [speaker.id for speaker in script.speakers if speaker.side is Side.CUSTOMER]
    if not (script.details and vendors and customers):
        return
    explained = _unrepeated(_explanations(script.id, filler.topics))
    remarks = _unrepeated(_remarks(script, filler))
    vendor, customer = _dealt(vendors, f"{script.id} vendor"), _dealt(customers, f"{script.id} customer")
    while True:
        yield Line(next(vendor), next(explained))
        yield Line(next(customer), next(remarks))


def words_in(lines: Sequence[Line]) -> int:
    """Words over all lines."""
    return sum(len(line.text.split()) for line in lines)


def _explanations(seed: str, topics: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    """Passages of a few sentences of one topic, kept in the order they are written in."""
    decks = [_dealt(range(len(topic)), f"{seed} topic {n}") for n, topic in enumerate(topics)]
    turn = _dealt(range(len(topics)), f"{seed} topics")
    lengths = _dealt(TURN_LENGTHS, f"{seed} lengths")
    while True:
        topic = next(turn)
        places = sorted({next(decks[topic]) for _ in range(next(lengths))})
        yield " ".join(topics[topic][place] for place in places)


def _remarks(script: CallScript, filler: Filler) -> Iterator[str]:
    """A customer's lines, each about a detail of the call."""
    openers = _dealt(filler.openers, f"{script.id} openers")
    frames = _dealt(filler.frames, f"{script.id} frames")
    details = _dealt(script.details, f"{script.id} details")
    while True:
        yield f"{next(openers)} {next(frames).format(detail=next(details))}"


def _unrepeated(lines: Iterator[str]) -> Iterator[str]:
    """The lines without those that came before, as long as `lines` has new ones to give."""
    said: set[str] = set()
    repeats = 0
    for line in lines:
        # A short filler file runs out of new lines; going round again beats never answering.
        repeats = repeats + 1 if line in said else 0
        if repeats in (0, PATIENCE):
            said.add(line)
            repeats = 0
            yield line


def _dealt(cards: Sequence[Card], seed: str) -> Iterator[Card]:
    """All the cards in a shuffled order, then all again in another, without end.

    The order comes from a hash, not from `random`, whose shuffle may change between Python versions: the same
    call must have the same words everywhere.
    """
    deal = 0
    while True:
        yield from sorted(cards, key=lambda card: blake2b(f"{seed} {deal} {card}".encode()).digest())
        deal += 1
