"""WordPiece, as BERT's uncased models were trained with it, in pure Python.

Text is cleaned, lower-cased, freed of accents and cut at space and punctuation; each word is then taken apart into
the longest pieces that the vocabulary holds (https://arxiv.org/abs/1609.08144). `vocab.txt` beside this file is the
vocabulary of BERT base uncased, which MiniLM shares (Apache-2.0, see NOTICE); a line's number is its piece's id.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources

__all__ = ["CLS", "PAD", "SEP", "encode", "pieces_of", "vocabulary"]

PAD, UNKNOWN, CLS, SEP = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
#: A longer word is unknown: nobody says it, and looking for its pieces takes time in the square of its length.
LONGEST_WORD = 100
_CONTINUED = "##"
#: First and last code point of the blocks of Chinese characters, which are words of their own.
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip
_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


@cache
def vocabulary() -> Mapping[str, int]:
    """Every piece with its id."""
    text = (resources.files(__package__) / "vocab.txt").read_text(encoding="utf-8")
    return {piece: number for number, piece in enumerate(text.removesuffix("\n").split("\n"))}


def encode(text: str, longest: int) -> list[int]:
    """Ids of a text between the marks of its beginning and end, at most `longest` in all."""
    known = vocabulary()
    inner = pieces_of(text, known)[: longest - 2]
    return [known[CLS], *(known[piece] for piece in inner), known[SEP]]


def pieces_of(text: str, known: Mapping[str, int]) -> list[str]:
    """The pieces of a text, in order."""
    return [piece for word in _words(text) for piece in _apart(word, known)]


def _words(text: str) -> Iterator[str]:
    spaced = "".join(map(_cleaned, text))
    plain = unicodedata.normalize("NFD", spaced.lower())
    for word in plain.split():
        yield from _at_punctuation("".join(char for char in word if unicodedata.category(char) != "Mn"))


@cache
def _cleaned(char: str) -> str:
    """A character as it counts: a space for any space, nothing for controls, space around an ideograph."""
    if char in "\t\n\r" or unicodedata.category(char) == "Zs":
        return " "
    if char in "\x00\ufffd" or unicodedata.category(char).startswith("C"):
        return ""
    point = ord(char)
    return f" {char} " if any(first <= point <= last for first, last in _IDEOGRAPHS) else char


def _at_punctuation(word: str) -> Iterator[str]:
    start = 0
    for at, char in enumerate(word):
        if _is_punctuation(char):
            if at > start:
                yield word[start:at]
            yield char
            start = at + 1
    if start < len(word):
        yield word[start:]


@cache
def _is_punctuation(char: str) -> bool:
    return char in _ASCII_PUNCTUATION or unicodedata.category(char).startswith("P")


def _apart(word: str, known: Mapping[str, int]) -> Sequence[str]:
    if len(word) > LONGEST_WORD:
        return (UNKNOWN,)
    pieces: list[str] = []
    start = 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = word[start:end] if start == 0 else _CONTINUED + word[start:end]
            if piece in known:
                pieces.append(piece)
                start = end
                break
        else:
            return (UNKNOWN,)
    return pieces
