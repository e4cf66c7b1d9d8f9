"""From what was heard to a candidate: its title, description, urgency and tone, in the customer's words."""

from collections.abc import Sequence
from dataclasses import dataclass

from headway_pipeline.analysis.contract import Candidate, Quote
from headway_pipeline.analysis.offline.phrases import PhraseBook
from headway_pipeline.analysis.offline.rules import REPORTING_THRESHOLD, Verdict
from headway_pipeline.analysis.offline.sentences import Clause
from headway_pipeline.analysis.offline.sentiment import tone_of
from headway_pipeline.analysis.offline.titles import asked_in, describe, tidy, title_of
from headway_pipeline.analysis.offline.urgency import is_more_urgent, urgency_of
from headway_pipeline.model.features import FeatureType, Origin, Urgency

__all__ = ["Heard", "candidate_of", "heard_title"]

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


@dataclass(frozen=True, slots=True)
class Heard:
    """A clause that is feedback, with what was said around it.

    Attributes:
        place: the number of the clause among all clauses that were read.
        following: the speaker's next clauses, which may state why it presses.
        question: the vendor's, right before.
        quote: the clause, with a neighbour where it is too short to be evidence.
    """

    place: int
    verdict: Verdict
    clause: Clause
    following: tuple[Clause, ...]
    question: Clause | None
    quote: str


def candidate_of(lead: Heard, others: Sequence[Heard]) -> Candidate:
    """One item: `lead` says what it is; the others are further evidence, and may press more.

    The lead's quote comes first, for it is the one that listings show; the others follow in the order said.
    """
    verdict = lead.verdict
    everything = [lead, *sorted(others, key=lambda one: one.place)]
    urgency, reason = _urgency(lead)
    for other in (one for one in others if one.verdict.confidence >= REPORTING_THRESHOLD):
        also = _urgency(other)
        if is_more_urgent(also[0], than=urgency):
            urgency, reason = also
    tone = tone_of(lead.clause.words)
    return Candidate(
        type=verdict.type,
        title=heard_title(lead),
        description=describe(lead.clause, lead.following[0] if lead.following else None),
        urgency=urgency,
        urgency_reason=tidy(reason),
        sentiment=tone.sentiment,
        sentiment_score=tone.score,
        confidence=max(one.verdict.confidence for one in everything),
        origin=Origin.ELICITED if _is_led(lead.question) else Origin.VOLUNTEERED,
        quotes=tuple(Quote(one.clause.segment_index, one.quote) for one in everything),
    )


def _urgency(heard: Heard) -> tuple[Urgency, str]:
    return urgency_of(heard.verdict.type, (heard.clause, *heard.following))


def heard_title(heard: Heard) -> str:
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
