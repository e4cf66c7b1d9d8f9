"""Titles and descriptions people can read, made of the speaker's own words."""

import re
from itertools import takewhile

from headway_pipeline.analysis.offline.phrases import Found
from headway_pipeline.analysis.offline.sentences import Clause, words_of
from headway_pipeline.analysis.offline.terms import stems_of
from headway_pipeline.model.features import FeatureType

__all__ = ["LONGEST_TITLE", "asked_in", "describe", "tidy", "title_of"]

LONGEST_TITLE = 90
#: Two sentences of this much together still read as a description.
_LONGEST_DESCRIPTION = 400

_FILLERS = re.compile(r"(?:,\s*)?\b(?:um+|uh+|erm?|hmm+|mm+)\b,?", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
# A word said again at once ("the the"), as speech recognition writes stutters.
_STUTTER = re.compile(r"\b([^\W\d_]{1,12})(?:,? \1\b)+", re.IGNORECASE)
_LEAD = re.compile(
    r"(?:(?:so|yeah|yes|yep|no|nope|well|like|and|but|because|cause|okay|ok|right|sure|exactly|actually|honestly|basically"
    r"|also|then|oh|just|anyway|look|listen|sometimes|i mean|you know|i think|i guess|i feel like|sort of|kind of"
    r"|the thing is|to be honest|at the moment|right now|one thing is|what i'd say is|y|pero|bueno|pues|o sea)\b"
    r"(?:[\s,;:.\u2026\u2014\u2013-]+|\Z))+",
    re.IGNORECASE,
)
# What stands between a request and what is requested: "(if) we could (be able to) export".
_COMPLEMENT = re.compile(
    r"(?:(?:if|that|to|for|when|si|que)\s+)?"
    r"(?:(?:we|you|i|it)\s+(?:(?:all|also|just|actually|maybe|only|somehow)\s+)?(?:could|can|would|might|will|had|have)\s+"
    r"|there\s+(?:was|were|is|are)\s+|(?:pudi\u00e9ramos|pudieran|podamos|pueda)\s+)?"
    r"(?:(?:just|also)\s+)?(?:(?:be\s+)?able\s+to\s+|to\s+)?",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_REASON = re.compile(r",? (?:because|cause|so that|otherwise|but then|you know|porque)\b|[;:]\s| [\u2014\u2013-] ")
_ENDS = " \t\n,;:.!?\u2026\u2014\u2013-\"'\u201c\u201d"
#: With fewer words of meaning than this, what is asked for is only pointed at ("that", "find out").
_SHORTEST_TITLE_STEMS = 2
_SHORTEST_HEAD_WORDS = 5
_HANGING_WORDS = """
a an the to of and or but with for in on at by from that which if so because is are our my
"""
_HANGING = frozenset(_HANGING_WORDS.split())


def title_of(clause: Clause, phrase: Found[FeatureType] | None) -> str:
    """A trimmed clause: for a request what is asked for, else what is wrong; at most `LONGEST_TITLE` characters."""
    if phrase is not None and phrase.label is FeatureType.FEATURE_REQUEST:
        asked = asked_in(clause, phrase)
        if asked:
            return _shortened(asked)
    return _shortened(_before_reason(tidy(clause.text), _SHORTEST_HEAD_WORDS))


def asked_in(clause: Clause, phrase: Found[FeatureType] | None) -> str:
    """What stands behind the words of asking, or "" where that is nothing, or only "that" and the like."""
    if phrase is None:
        return ""
    tokens = list(_TOKEN.finditer(clause.text))
    if len(tokens) != len(clause.words) or phrase.end >= len(tokens):
        return ""
    rest = tidy(clause.text[tokens[phrase.end].start() :])
    asked = _before_reason(rest[_complement_end(rest) :].strip(_ENDS), _SHORTEST_TITLE_STEMS)
    return asked if len(stems_of(words_of(asked))) >= _SHORTEST_TITLE_STEMS else ""


def _complement_end(rest: str) -> int:
    match = _COMPLEMENT.match(rest)
    return match.end() if match else 0


def tidy(spoken: str) -> str:
    """The words without fillers, stutters and the openings of spoken sentences."""
    plain = _SPACES.sub(" ", _FILLERS.sub("", spoken)).strip(_ENDS)
    plain = _STUTTER.sub(r"\1", plain)
    return plain[_lead_end(plain) :].strip(_ENDS) or plain


def _lead_end(plain: str) -> int:
    match = _LEAD.match(plain)
    return match.end() if match else 0


def _before_reason(text: str, shortest: int) -> str:
    """What stands before the reason given, where that is at least `shortest` words."""
    match = _REASON.search(text)
    if match and len(words_of(text[: match.start()])) >= shortest:
        return text[: match.start()]
    return text


def _shortened(text: str) -> str:
    """Capitalised, without punctuation at its end; cut between words, with an ellipsis, where it is too long."""
    text = text.strip(_ENDS)
    if len(text) > LONGEST_TITLE:
        words = text[: LONGEST_TITLE - 1].split(" ")[:-1] or [text[: LONGEST_TITLE - 1]]
        hanging = len(list(takewhile(lambda word: word.lower().strip(_ENDS) in _HANGING, reversed(words))))
        text = " ".join(words[: len(words) - hanging] or words).rstrip(_ENDS) + "\u2026"
    return text[:1].upper() + text[1:]


def describe(clause: Clause, after: Clause | None) -> str:
    """The clause as a sentence, with the speaker's next one where both are short enough."""
    sentences = [_sentence(one) for one in (clause, after) if one is not None]
    if len(sentences) > 1 and sum(map(len, sentences)) > _LONGEST_DESCRIPTION:
        sentences.pop()
    return " ".join(sentences)


def _sentence(clause: Clause) -> str:
    plain = tidy(clause.text)
    return f"{plain[:1].upper()}{plain[1:]}{'?' if clause.is_question else '.'}"
