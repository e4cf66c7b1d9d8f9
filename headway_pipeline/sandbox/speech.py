"""Speech that is made up when somebody reads it, the same for the same seed: for worlds of many or long calls."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

from headway_pipeline.sandbox.world import Speech, Utterance

__all__ = ["MadeUpSpeech"]

WORDS_A_TURN = 40
#: At 150 words a minute.
TURN_S = 16.0
KEPT = 512
CHAT = (
    "We moved the weekly meeting to Tuesday because the warehouse team is short of people right now.",
    "The numbers for last month came in a little higher than we had planned for.",
    "I will send the notes around this afternoon so that everybody is on the same page.",
    "Our new colleague starts in two weeks and will take over the northern accounts.",
    "That went live before the holidays and nobody has complained since.",
    "Let me share my screen so you can see what I am looking at.",
    "The drivers use it on their phones, the office uses it on large screens.",
    "We compared both quotes and decided to stay with what we know.",
    "Somebody from finance will join us for the last ten minutes.",
    "It took a while to get used to, but most people like it by now.",
    "The audit is over and there were only small remarks.",
    "Could you tell me how many people log in on an ordinary day?",
    "We have about forty sites, and each of them does it a little differently.",
    "Thanks for the patience while we sorted out the invoices.",
)
ASKS = (
    "It would be a great help if we could export the whole list as a spreadsheet.",
    "The map keeps freezing whenever more than a hundred stops are on it.",
    "We really need a way to give the night shift its own view.",
    "Every morning we copy the totals by hand, and that takes an hour.",
)
#: One turn in so many asks for something.
ASKING = 6


@dataclass(frozen=True, slots=True)
class MadeUpSpeech(Speech):
    """Turns of about 40 words, the speakers by turns.

    Attributes:
        seed: another one says something else; the first turn names it.
        words: about how many, at least a turn's.
        speakers: the ids of those who speak.
    """

    seed: int
    words: int
    speakers: tuple[str, ...]

    def __len__(self) -> int:
        return max(1, self.words // WORDS_A_TURN)

    @overload
    def __getitem__(self, index: int) -> Utterance: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Utterance, ...]: ...
    def __getitem__(self, index: int | slice) -> Utterance | tuple[Utterance, ...]:
        return _made(self)[index]

    def __iter__(self) -> Iterator[Utterance]:
        return iter(_made(self))

    @property
    def duration_s(self) -> float:
        """When the last turn ends."""
        return TURN_S * len(self)

    @property
    def voices(self) -> frozenset[str]:
        """The ids of those whose turn comes."""
        return frozenset(self.speakers[: len(self)])


@lru_cache(maxsize=KEPT)
def _made(speech: MadeUpSpeech) -> tuple[Utterance, ...]:
    chance = random.Random(speech.seed)  # noqa: S311  # speech is to be repeated, not to be secret
    return tuple(
        Utterance(
            speech.speakers[number % len(speech.speakers)],
            TURN_S * number,
            TURN_S * (number + 1),
            _said(chance, number, speech.seed),
        )
        for number in range(len(speech))
    )


def _said(chance: random.Random, number: int, seed: int) -> str:
    """One turn; the first names the seed, so that no two calls say the same."""
    sentences = chance.sample(CHAT, 3)
    if number % ASKING == 1:
        sentences[1] = chance.choice(ASKS)
    if number == 0:
        sentences[0] = f"For the record, this is call number {seed} of ours."
    return " ".join(sentences)
