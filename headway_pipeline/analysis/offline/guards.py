"""What takes a clause's words back: negation, "if", things long fixed, other people's tools, chat about the call.

A guard is a factor on the strength of what was found: 0 drops it, .5 asks for a second phrase.
"""

from collections.abc import Sequence
from enum import StrEnum

from headway_pipeline.analysis.offline.phrases import Found, PhraseBook
from headway_pipeline.analysis.offline.sentences import Clause
from headway_pipeline.model.features import FeatureType

__all__ = ["NEGATIONS", "Guard", "clause_factor", "guards_in", "is_resolved", "phrase_factor"]

_NEGATION_WORDS = """
not never no without don't dont doesn't doesnt didn't didnt isn't isnt aren't arent wasn't wasnt won't wont
haven't havent hasn't hasnt wouldn't wouldnt nothing zero hardly barely cannot can't cant none nor neither
couldn't weren't nunca sin tampoco ningún ningun
"""
NEGATIONS = frozenset(_NEGATION_WORDS.split())
_ADVERBS = frozenset(["really", "actually", "even", "necessarily", "particularly", "currently", "just", "also"])
_CONDITIONALS = frozenset(["if", "unless", "whether", "suppose", "imagine", "lest", "si"])
_MODALS = frozenset(["might", "may", "could", "would", "can", "will", "should", "podría", "podria"])
#: How many words before a phrase can take it back.
_NEGATION_REACH, _CONDITION_REACH, _MODAL_REACH = 3, 3, 1


class Guard(StrEnum):
    """Why a clause may not be what its phrases say."""

    RESOLVED = "resolved"
    CHAT = "chat"
    ELSEWHERE = "elsewhere"
    PRAISE = "praise"
    HEDGE = "hedge"


_RESOLVED = """
fixed|resolved|solved|sorted|gone now|already|since|last|in|for|by
is|are|it's|that's|was|were now|already|since|all|both? been? fixed|resolved|solved|sorted|addressed
been|got|they've|you've|has|have now|already|since|all|both? been? fixed|resolved|solved|sorted|addressed
you|they|your ..2 fixed|resolved|solved|addressed it|that|this|them|the|those
works|working now|again|fine|great|perfectly|well|better|ok|okay
no longer|more a|an|happens|crashes|see|have|fails|breaks|get|problem|issue
not|isn't|doesn't|don't|haven't|hasn't|didn't ..4 anymore|any more
used to be|crash|fail|hang|take|have|break|struggle|annoy
ya ..2 funciona|está|esta|arreglado|resuelto
"""

_CHAT = """
can|could|do you|everybody|everyone|folks|people still? hear|see me|us|my|this|it|the
share|sharing|see my|your screen|slides
on mute
you're|i'm|was|were muted
i|i've|we|we've|you|they|he|she|who don't|didn't|never ..1 work|worked|working with|for|at|there|together
i|i've|we|we've|you|they|he|she|who haven't|hasn't|not ..1 work|worked|working with|for|at|there|together
next|last|this|another|today's meeting|call|session|agenda|speaker|slide
thank|thanks you|everybody|everyone|so|for|to|very|again
nice|good|great|lovely to meet|see|have|hear|talk|chat you|from|everyone|with
let|lets|let's me|us? move|start|go|jump|talk|begin|continue|wrap|discuss|get|take
would|i'd|we'd love|like|want to hear|thank|talk|ask|start|introduce|welcome|discuss|say|mention|invite
would|i'd|we'd love|like|want to point|go|hand|know|take|share|understand|learn|join|meet
why|should|shall|can don't? we|you introduce|start|begin|move
can|could you|we|i talk|tell|say|introduce|repeat|explain|walk|share|describe|elaborate|start|go|move|discuss|ask
need|want|have|going to go|run|drop|jump|talk|move|leave|hop|start|finish
need|want|have|going to say|mention|discuss|ask|introduce|wrap|admit|think|meet
question|questions for|about|from
wish|wishing you|everyone|me luck|a|all|happy|the|them ..2 best|luck|day|weekend|week
how|what is|was|about your weekend|vacation|trip|holiday
weather|lunch|dinner|coffee|kids
"""

_ELSEWHERE = """
old|previous|former|legacy|last ..1 vendor|tool|system|provider|supplier|solution|job|company|product
you|he|she|they mentioned|said|say|says|told|wrote|asked
competitor|competitor's|competitors|competing
another|different|other vendor|vendor's|company|product|provider
friend|cousin|neighbour|neighbor of|who|at|said
i|we|i've heard|read that|about|somewhere|somebody|someone|people
back then|when|in
years ago
"""

_PRAISE = """
love|loved|loving how|that|this|it|the|your|what
really|very|so|super|pretty|works|working|been well|great|nice|smooth|happy|impressed|helpful|fast|easy|pleased
no complaints|issues|problems
favourite|favorite
thank|thanks you|for
"""

_HEDGE = """
not sure|certain if|whether|that|it's|this
don't think|know if|whether
do not think|know if|whether
maybe|perhaps|possibly|probably
i guess
just curious|wondering
for|as an example
for instance
"""

_BOOK: PhraseBook[Guard] = PhraseBook(
    [
        (Guard.RESOLVED, 0.0, _RESOLVED),
        (Guard.CHAT, 0.0, _CHAT),
        (Guard.ELSEWHERE, 0.4, _ELSEWHERE),
        (Guard.PRAISE, 0.5, _PRAISE),
        (Guard.HEDGE, 0.9, _HEDGE),
    ]
)
_COMPLAINTS = frozenset({FeatureType.BUG_REPORT, FeatureType.PAIN_POINT})
_WHY = frozenset(["why", "how", "where", "porque"])


def guards_in(words: Sequence[str], line: str) -> list[Found[Guard]]:
    """Everything in a clause that takes its phrases back; see `PhraseBook.find`."""
    return _BOOK.find(words, line)


def clause_factor(clause: Clause, guards: Sequence[Found[Guard]], kind: FeatureType) -> float:
    """What is left of a finding of `kind`, given everything else the clause says."""
    is_request = kind is FeatureType.FEATURE_REQUEST
    factor = 1.0
    for guard in guards:
        if not (is_request and guard.label in (Guard.PRAISE, Guard.RESOLVED)):
            factor = min(factor, guard.strength)
    if clause.is_question and kind in _COMPLAINTS and not _WHY.intersection(clause.words[:3]):
        factor = min(factor, 0.5)
    return factor


def is_resolved(guards: Sequence[Found[Guard]]) -> bool:
    """Whether the clause of these guards says that something works again."""
    return any(guard.label is Guard.RESOLVED for guard in guards)


def phrase_factor(words: Sequence[str], found: Found[FeatureType]) -> float:
    """What is left of one phrase, given the words right before it."""
    is_request = found.label is FeatureType.FEATURE_REQUEST
    before = [word for word in words[: found.first][-_NEGATION_REACH:] if word not in _ADVERBS]
    # "Not bad, is there a way to ..." asks; only a negation right before the asking takes it back.
    if NEGATIONS.intersection(before[-1:] if is_request else before):
        return 0.0
    if is_request:
        return 1.0
    if _CONDITIONALS.intersection(words[max(found.first - _CONDITION_REACH, 0) : found.first]):
        return 0.4
    if _MODALS.intersection(words[max(found.first - _MODAL_REACH, 0) : found.first]):
        return 0.6
    return 1.0
