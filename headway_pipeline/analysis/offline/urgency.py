"""How pressing a customer says it is. Only stated reasons count: being blocked, a date, a contract, hours lost."""

from collections.abc import Iterable

from headway_pipeline.analysis.offline.guards import NEGATIONS
from headway_pipeline.analysis.offline.phrases import PhraseBook
from headway_pipeline.analysis.offline.sentences import Clause
from headway_pipeline.model.features import FeatureType, Urgency

__all__ = ["is_more_urgent", "urgency_of"]

_CRITICAL = """
blocked|blocking|blocker|blockers|showstopper
deal breaker|breakers
dealbreaker
can't|cannot|couldn't go live|launch|ship|roll|renew|sign|continue|invoice|operate
won't|not|wouldn't ..2 renew|renewing
production is|was|went|goes down
churn|churning
cancel|cancelling|canceling|terminate|leave|leaving ..2 contract|subscription|account|plan|you
switch|switching|move|moving|migrate|migrating ..1 to another|a|your competitor|competitors|different
looking at|evaluating alternatives|competitors|other
lose|losing|lost|loses ..2 customers|customer|revenue|money|deal|deals|data|telemetry|patients
data loss
legal|regulatory|gdpr|compliance obligation|requirement|violation|breach|risk|issue
"""

_HIGH = """
renewal|renewals|renew|deadline|deadlines
before|by|until ..2 renewal|deadline|launch|audit|rollout|go-live|migration
by|before|until the? end of the|this? week|month|quarter|year
by|before january|february|march|april|june|july|august|september|october|november|december|monday
by|before tuesday|wednesday|thursday|friday|christmas|q1|q2|q3|q4|tomorrow|summer|easter
audit|auditors|auditor
urgent|urgently|asap|critical|crucial|urgente
as soon as possible
top|highest|number|biggest|main ..1 priority|one
high priority
hours|days ..1 a|per|every|each ..1 day|week|month|time|quarter
half a|the|my|our day|week
full time|day|week
every single time|day|week|one|morning
every day|time|morning
costs|costing|cost us|me ..3 money|hours|thousands|fortune|dollars|euros|customers
paying|pay for ..3 tool|person|consultant|contractor
all of our|the users|customers|people|team|agents|teams
nobody can ..1 work|log|login|use|access
no one can ..1 work|log|login|use|access
para el lunes|martes|viernes|cierre|lanzamiento
horas cada|al|por semana|día|dia|mes
"""

_MEDIUM = """
every week|month|quarter|other
each week|month|time|day|quarter
weekly|monthly|daily
hours|minutes ..1 a|per|every|each|to|just|on
takes|took|takes ..3 hours|days|weeks|hour|day|week
workaround|workarounds|work-around
important|importante
a lot of time|work|effort|money
waste|wasting|wasted ..2 time|hours
"""

_LOW = """
nice to have
nice-to-have
no rush|hurry
not urgent|critical|important|a ..1 blocker|priority|deal|showstopper
isn't ..2 urgent|critical|blocker|priority|showstopper
it's not ..2 urgent|critical|blocker|priority|showstopper
someday|eventually
at some point
minor|cosmetic
low priority
down the road
in the future
would be nice
not a high|top|big priority|deal
"""

_BOOK = PhraseBook(
    [
        (Urgency.CRITICAL, 1.0, _CRITICAL),
        (Urgency.HIGH, 1.0, _HIGH),
        (Urgency.MEDIUM, 1.0, _MEDIUM),
        (Urgency.LOW, 1.0, _LOW),
    ]
)
_RANK = {urgency: rank for rank, urgency in enumerate(Urgency)}
#: Without a stated reason: what is broken or hurts is of medium urgency, what is wished for of low.
_UNSTATED = {
    FeatureType.BUG_REPORT: Urgency.MEDIUM,
    FeatureType.PAIN_POINT: Urgency.MEDIUM,
    FeatureType.FEATURE_REQUEST: Urgency.LOW,
}
_REACH = 2


def is_more_urgent(one: Urgency, *, than: Urgency) -> bool:
    """Whether one urgency ranks above another."""
    return _RANK[one] > _RANK[than]


def urgency_of(kind: FeatureType, around: Iterable[Clause]) -> tuple[Urgency, str]:
    """The highest urgency stated, and the clause that states it word for word.

    Args:
        around: the clause itself and the speaker's clauses right after it.

    Returns:
        Without a stated reason, the default of the type and "". A clause that plays it down ("no rush") wins over
        what the others seem to say.
    """
    stated = [(urgency, clause.text) for clause in around if (urgency := _stated(clause)) is not None]
    played_down = [one for one in stated if one[0] is Urgency.LOW]
    if played_down:
        return played_down[0]
    # The first of the highest: the order in which people said it.
    return max(stated, key=lambda one: _RANK[one[0]], default=(_UNSTATED[kind], ""))


def _stated(clause: Clause) -> Urgency | None:
    levels = []
    for found in _BOOK.find(clause.words, clause.line):
        before = clause.words[max(found.first - _REACH, 0) : found.first]
        if found.label is Urgency.LOW or NEGATIONS.isdisjoint(before):
            levels.append(found.label)
    if Urgency.LOW in levels:
        return Urgency.LOW
    return max(levels, key=_RANK.__getitem__, default=None)
