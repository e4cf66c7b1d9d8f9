"""One call read from its first word to its last: what its customers ask for, report and suffer from, and the tone."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from headway_pipeline.analysis.contract import Reading
from headway_pipeline.analysis.grounding import MIN_UTTERANCE_WORDS, MIN_WORDS
from headway_pipeline.analysis.offline.candidates import Heard
from headway_pipeline.analysis.offline.gathering import SURE, gather
from headway_pipeline.analysis.offline.judging import By, judge_all
from headway_pipeline.analysis.offline.rules import REPORTING_THRESHOLD, Verdict
from headway_pipeline.analysis.offline.sentences import QUESTION_MARKS, Clause, clauses_of
from headway_pipeline.analysis.offline.sentiment import Tone, tone_of
from headway_pipeline.model.calls import Side, Transcript

__all__ = ["read"]

#: How many clauses into a turn an answer to the question before it still reaches.
_ANSWER_CLAUSES = 2
#: How many of the speaker's next clauses may state why it presses.
_REASON_CLAUSES = 2


def read(transcript: Transcript, by: By = By.BOTH) -> Reading:
    """Read everybody but known vendors; a vendor's question is context for the answer."""
    heard: list[Heard] = []
    tones: list[Tone] = []
    for question, clauses in _turns(transcript):
        felt = [tone_of(clause.words) for clause in clauses]
        verdicts = judge_all(clauses, felt, by)
        heard += _heard(question, clauses, verdicts, first=len(tones))
        tones += felt
    # The rules are sure of less, and of that rightly: their confidence is a scale of its own.
    sure = REPORTING_THRESHOLD if by is By.RULES else SURE
    tone = Tone.of_all(tones).per(len(tones))
    return Reading(gather(heard, len(tones), sure), tone.sentiment, tone.score)


def _turns(transcript: Transcript) -> Iterator[tuple[Clause | None, list[Clause]]]:
    """The clauses of each turn that is not a vendor's, with the vendor's question right before it."""
    question: Clause | None = None
    for segment in transcript.segments:
        if segment.side is Side.VENDOR and not any(mark in segment.text for mark in QUESTION_MARKS):
            # Half of a call: cutting it up would be in vain.
            question = None
            continue
        clauses = list(clauses_of(segment))
        if segment.side is Side.VENDOR:
            question = clauses[-1] if clauses and clauses[-1].is_question else None
        elif clauses:
            yield question, clauses
            question = None


def _heard(
    question: Clause | None, clauses: Sequence[Clause], verdicts: Sequence[Verdict | None], first: int
) -> Iterator[Heard]:
    """What a turn holds; `first` is the number of its first clause."""
    quoted = ""
    for at, (clause, verdict) in enumerate(zip(clauses, verdicts, strict=True)):
        # The clause before may have been too short and taken this one along.
        quote = _long_enough(clauses, at) if verdict and not quoted.endswith(f" {clause.text}") else None
        quoted = quote or ""
        if verdict and quote:
            soon = slice(at + 1, at + 1 + _REASON_CLAUSES)
            following = _until_next_finding(clauses[soon], verdicts[soon])
            yield Heard(first + at, verdict, clause, following, question if at < _ANSWER_CLAUSES else None, quote)


def _long_enough(clauses: Sequence[Clause], at: int) -> str | None:
    """The clause, with a neighbour where it is too short to be evidence alone ("It crashes."), or None."""
    if len(clauses[at].words) >= MIN_WORDS:
        return clauses[at].text
    for pair in (clauses[at : at + 2], clauses[max(at - 1, 0) : at + 1]):
        if sum(len(clause.words) for clause in pair) >= MIN_WORDS:
            return " ".join(clause.text for clause in pair)
    # An utterance may be as short as that, where it is all that was said.
    said = " ".join(clause.text for clause in clauses)
    return said if sum(len(clause.words) for clause in clauses) >= MIN_UTTERANCE_WORDS else None


def _until_next_finding(clauses: Sequence[Clause], verdicts: Sequence[Verdict | None]) -> tuple[Clause, ...]:
    """The clauses that may still be about what was just said; another finding has reasons of its own."""
    pairs = zip(clauses, verdicts, strict=True)
    return tuple(clause for clause, _ in takewhile(lambda pair: pair[1] is None, pairs))
