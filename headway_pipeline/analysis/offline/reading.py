"""One call read from its first word to its last: what its customers ask for, report and suffer from, and the tone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from headway_pipeline.analysis.contract import Candidate, Quote, Reading
from headway_pipeline.analysis.grounding import MIN_WORDS
from headway_pipeline.analysis.offline.judging import By, judge_all
from headway_pipeline.analysis.offline.phrases import PhraseBook
from headway_pipeline.analysis.offline.rules import Verdict
from headway_pipeline.analysis.offline.sentences import Clause, clauses_of
from headway_pipeline.analysis.offline.sentiment import Tone, tone_of
from headway_pipeline.analysis.offline.terms import stems_of
from headway_pipeline.analysis.offline.titles import asked_in, describe, tidy, title_of
from headway_pipeline.analysis.offline.urgency import is_more_urgent, urgency_of
from headway_pipeline.model.calls import Side, Transcript
from headway_pipeline.model.features import FeatureType, Origin

__all__ = ["read"]

#: How many clauses into a turn an answer to the question before it still reaches.
_ANSWER_CLAUSES = 2
#: How many of the speaker's next clauses may state why it presses.
_REASON_CLAUSES = 2

_PROPOSALS = PhraseBook(
    [
        (
            FeatureType.FEATURE_REQUEST,
            1.0,
            """
            would|does|will it|that help if|when|to
            would|do|are you ..1 like|want|need|interested|looking
            would ..2 be useful|helpful|interesting|valuable|nice|good|great
            should|shall|could|can we
            what|how if|about we?
            is|are ..4 problem|issue|painful|important|priority
            """,
        )
    ]
)
#: A yes-or-no question begins with one of these.
_AUXILIARY_WORDS = """
do does did is are was were would will can could should shall have has am
"""
_AUXILIARIES = frozenset(_AUXILIARY_WORDS.split())
#: A weaker phrase right after a finding of the same type goes on about it.
_FRESH_STRENGTH = 0.6
_BACK_REFERENCES = frozenset(["it", "it's", "that", "that's", "this", "these", "those", "they", "he", "she"])


@dataclass(frozen=True, slots=True)
class _Heard:
    """A clause that is feedback, with what was said around it."""

    verdict: Verdict
    clause: Clause
    following: tuple[Clause, ...]
    question: Clause | None
    quote: str


def read(transcript: Transcript, by: By = By.BOTH) -> Reading:
    """Read everybody but known vendors; a vendor's question is context for the answer."""
    candidates: list[Candidate] = []
    known: dict[tuple[FeatureType, frozenset[str]], int] = {}
    tones: list[Tone] = []
    for question, clauses in _turns(transcript):
        tones += [tone_of(clause.words) for clause in clauses]
        for candidate in _candidates(question, clauses, by):
            key = candidate.type, frozenset(stems_of(candidate.title.lower().split()))
            if key in known:
                earlier = candidates[known[key]]
                candidates[known[key]] = _with_more(earlier, candidate)
            else:
                known[key] = len(candidates)
                candidates.append(candidate)
    tone = Tone.of_all(tones).per(len(tones))
    return Reading(tuple(candidates), tone.sentiment, tone.score)


def _turns(transcript: Transcript) -> Iterator[tuple[Clause | None, list[Clause]]]:
    """The clauses of each turn that is not a vendor's, with the vendor's question right before it."""
    question: Clause | None = None
    for segment in transcript.segments:
        clauses = list(clauses_of(segment))
        if segment.side is Side.VENDOR:
            question = clauses[-1] if clauses and clauses[-1].is_question else None
        elif clauses:
            yield question, clauses
            question = None


def _candidates(question: Clause | None, clauses: list[Clause], by: By) -> Iterator[Candidate]:
    verdicts = judge_all(clauses, by)
    last: Candidate | None = None
    for at, (clause, verdict) in enumerate(zip(clauses, verdicts, strict=True)):
        if verdict is None:
            continue
        soon = slice(at + 1, at + 1 + _REASON_CLAUSES)
        following = _until_next_finding(clauses[soon], verdicts[soon])
        quote = _long_enough(clauses, at)
        if quote is None:
            continue
        heard = _Heard(verdict, clause, following, question if at < _ANSWER_CLAUSES else None, quote)
        candidate = _candidate(heard)
        if last and at and verdicts[at - 1] and _goes_on(last, heard):
            last = _with_more(last, candidate)
            continue
        if last:
            yield last
        last = candidate
    if last:
        yield last


def _with_more(first: Candidate, more: Candidate) -> Candidate:
    """The first, with the other's words as further evidence, and its reason where that presses more."""
    quotes = first.quotes + more.quotes
    if is_more_urgent(more.urgency, than=first.urgency):
        return replace(first, quotes=quotes, urgency=more.urgency, urgency_reason=more.urgency_reason)
    return replace(first, quotes=quotes)


def _long_enough(clauses: Sequence[Clause], at: int) -> str | None:
    """The clause, with a neighbour where it is too short to be evidence alone ("It crashes."), or None."""
    if len(clauses[at].words) >= MIN_WORDS:
        return clauses[at].text
    for pair in (clauses[at : at + 2], clauses[max(at - 1, 0) : at + 1]):
        if sum(len(clause.words) for clause in pair) >= MIN_WORDS:
            return " ".join(clause.text for clause in pair)
    return None


def _until_next_finding(clauses: Sequence[Clause], verdicts: Sequence[Verdict | None]) -> tuple[Clause, ...]:
    """The clauses that may still be about what was just said; another finding has reasons of its own."""
    pairs = zip(clauses, verdicts, strict=True)
    return tuple(clause for clause, _ in takewhile(lambda pair: pair[1] is None, pairs))


def _goes_on(last: Candidate, heard: _Heard) -> bool:
    """Whether the clause right after another says more of the same ("it also loses ...").

    It does unless it starts afresh: with a phrase of its own that asks for something, or says what is wrong, and
    without pointing back.
    """
    if heard.verdict.type is not last.type:
        return False
    phrase = heard.verdict.phrase
    points_back = not _BACK_REFERENCES.isdisjoint(heard.clause.words[:3])
    if last.type is FeatureType.FEATURE_REQUEST:
        return not asked_in(heard.clause, phrase) and (points_back or phrase is None)
    return points_back or phrase is None or phrase.strength < _FRESH_STRENGTH


def _candidate(heard: _Heard) -> Candidate:
    verdict, clause = heard.verdict, heard.clause
    urgency, reason = urgency_of(verdict.type, (clause, *heard.following))
    tone = tone_of(clause.words)
    return Candidate(
        type=verdict.type,
        title=_title(heard),
        description=describe(clause, heard.following[0] if heard.following else None),
        urgency=urgency,
        urgency_reason=tidy(reason),
        sentiment=tone.sentiment,
        sentiment_score=tone.score,
        confidence=verdict.confidence,
        origin=Origin.ELICITED if _is_led(heard.question) else Origin.VOLUNTEERED,
        quotes=(Quote(clause.segment_index, heard.quote),),
    )


def _title(heard: _Heard) -> str:
    """The clause's own; where it only agrees ("yes, that would be great"), what the vendor proposed."""
    if heard.question and heard.verdict.type is FeatureType.FEATURE_REQUEST:
        proposals = _PROPOSALS.find(heard.question.words, heard.question.line)
        if proposals and not asked_in(heard.clause, heard.verdict.phrase):
            return title_of(heard.question, proposals[0])
    return title_of(heard.clause, heard.verdict.phrase)


def _is_led(question: Clause | None) -> bool:
    """Whether the vendor put the thing itself in the question, so that the customer only had to agree."""
    if question is None:
        return False
    opening = tuple(tidy(question.text).lower().split(maxsplit=1)[:1])
    return bool(_PROPOSALS.find(question.words, question.line)) or not _AUXILIARIES.isdisjoint(opening)
