"""A phrase book: what to listen for, written as people say it, found in time linear in the text.

A phrase is words between spaces. `a|b` is either, `word?` may be missing, `..` stands for up to four words and `..2`
for up to two, `!to|you` for anything but "to" and "you", `crash~` for crash, crashes, crashed and crashing. An
apostrophe may be missing in what was said. Each phrase is filed under its rarest word, so that a clause is only
searched for phrases whose rare word it holds.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

__all__ = ["Found", "PhraseBook", "inflections"]

Label = TypeVar("Label")

#: Too frequent to file a phrase under.
_FREQUENT_WORDS = """
a an any be can could do for have had has i i'd i'm if in is isn't are it it's it'd let me my no not of on or
our so some that the there there's this to too us was we we'd we're were when which will with would you your
very really just get got getting go going all al as at by de el en es la las lo los me nos no para por que se
si un una y ser muy
"""
_FREQUENT = frozenset(_FREQUENT_WORDS.split())
_DEFAULT_GAP = 4
_GAP = re.compile(r"\.\.(\d?)")


@dataclass(frozen=True, slots=True)
class Found(Generic[Label]):
    """A phrase that was said: words `[first, end)` of the clause."""

    label: Label
    strength: float
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class _Phrase(Generic[Label]):
    label: Label
    strength: float
    pattern: re.Pattern[str]


class PhraseBook(Generic[Label]):
    """Phrases by label and strength.

    Args:
        entries: label, strength, phrases (one a line; blank lines and what follows a "#" do not count).
    """

    def __init__(self, entries: Iterable[tuple[Label, float, str]]) -> None:
        self._by_word: dict[str, list[_Phrase[Label]]] = {}
        for label, strength, lines in entries:
            for line in lines.splitlines():
                written = line.partition("#")[0].split()
                if written:
                    self._file(label, strength, written)

    def _file(self, label: Label, strength: float, written: Sequence[str]) -> None:
        phrase = _Phrase(label, strength, _pattern(written))
        for word in _anchor(written):
            self._by_word.setdefault(word, []).append(phrase)

    def find(self, words: Sequence[str], line: str) -> list[Found[Label]]:
        """Every phrase said in a clause, in the order said; the first place of each.

        Args:
            words: the clause's lower-case words.
            line: the same words between single spaces, and one at each end.
        """
        rare = self._by_word.keys() & set(words)
        if not rare:
            return []
        found: dict[tuple[int, int, int], Found[Label]] = {}
        for phrase in (phrase for word in rare for phrase in self._by_word[word]):
            match = phrase.pattern.search(line)
            if match:
                first = line.count(" ", 0, match.start() + 1) - 1
                end = first + match.group().count(" ")
                found[first, end, id(phrase)] = Found(phrase.label, phrase.strength, first, end)
        return sorted(found.values(), key=lambda one: (one.first, one.end, -one.strength, str(one.label)))


def _pattern(written: Sequence[str]) -> re.Pattern[str]:
    return re.compile("".join(_part(part) for part in written) + "(?= )")


def _part(part: str) -> str:
    gap = _GAP.fullmatch(part)
    if gap:
        return rf"(?: \S++){{0,{gap.group(1) or _DEFAULT_GAP}}}?"
    if part.startswith("!"):
        return rf"(?! (?:{'|'.join(map(re.escape, part[1:].split('|')))}) )"
    spelt = "|".join(re.escape(word).replace("'", "'?") for word in _alternatives(part))
    return f"(?: (?:{spelt}))?" if part.endswith("?") else f" (?:{spelt})"


def _alternatives(part: str) -> list[str]:
    return [form for word in part.removesuffix("?").split("|") for form in inflections(word)]


def _anchor(written: Sequence[str]) -> frozenset[str]:
    """The words of the part least likely to be said for another reason, with and without apostrophes."""
    required = [
        _alternatives(part)
        for part in written
        if not (_GAP.fullmatch(part) or part.startswith("!") or part.endswith("?"))
    ]
    rarest = min(required, key=lambda words: (any(word in _FREQUENT for word in words), -min(map(len, words))))
    return frozenset(form for word in rarest for form in (word, word.replace("'", "")))


@lru_cache(maxsize=2048)
def inflections(word: str) -> tuple[str, ...]:
    """The forms that `word~` stands for; a word without "~" stands for itself."""
    if not word.endswith("~"):
        return (word,)
    stem = word[:-1]
    if stem.endswith("e"):
        return (stem, f"{stem}s", f"{stem}d", f"{stem[:-1]}ing")
    if stem.endswith("y") and stem[-2] not in "aeiou":
        return (stem, f"{stem[:-1]}ies", f"{stem[:-1]}ied", f"{stem}ing")
    plural = f"{stem}es" if stem.endswith(("s", "x", "ch", "sh")) else f"{stem}s"
    doubled = stem + stem[-1] if re.fullmatch(r"[^aeiou]*[aeiou][bdgmnprt]", stem) else stem
    return (stem, plural, f"{doubled}ed", f"{doubled}ing")
