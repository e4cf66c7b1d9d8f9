"""Is a clause feedback, of which type, and how surely: the linear model over what the rules found.

Where a clause is not in the language the model was trained on, the rules decide alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from headway_pipeline.analysis.offline.cues import flags_of
from headway_pipeline.analysis.offline.guards import clause_factor, is_resolved
from headway_pipeline.analysis.offline.linear import ROW_TYPES, LinearModel, load_model
from headway_pipeline.analysis.offline.rules import CEILING, Findings, Verdict, find, judge_by_rules
from headway_pipeline.analysis.offline.sentences import Clause
from headway_pipeline.analysis.offline.sentiment import Tone
from headway_pipeline.model.features import FeatureType

__all__ = ["By", "judge_all"]


class By(StrEnum):
    """What decides; either alone is a second opinion on the other."""

    BOTH = "both"
    RULES = "rules"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class _Heard:
    """A clause with what its phrases and its words of feeling say."""

    clause: Clause
    findings: Findings
    tone: Tone


#: From this likelihood on a clause is worth keeping beside a surer one; `gathering.py` decides.
LIKELY = 0.35
#: Fewer words than this say nothing unless a phrase is among them ("Keeps crashing.").
TELLING_WORDS = 4


def judge_all(clauses: Sequence[Clause], tones: Sequence[Tone], by: By = By.BOTH) -> list[Verdict | None]:
    """What each clause of a turn is, or None; a complaint that the next clause calls fixed is none.

    Args:
        tones: of each clause.
    """
    heard = [_Heard(clause, find(clause), tone) for clause, tone in zip(clauses, tones, strict=True)]
    if by is By.RULES:
        verdicts = [judge_by_rules(one.clause, one.findings) for one in heard]
    else:
        verdicts = _judge_turn(heard, by)
    return [
        None if verdict and verdict.type is not FeatureType.FEATURE_REQUEST and after else verdict
        for verdict, after in zip(
            verdicts, [*(is_resolved(one.findings.guards) for one in heard[1:]), False], strict=True
        )
    ]


def _judge_turn(heard: Sequence[_Heard], by: By) -> list[Verdict | None]:
    model = load_model()
    verdicts: list[Verdict | None] = []
    for one in heard:
        if model.knows(one.clause.words):
            verdicts.append(_judge_by_model(model, one, by))
        else:
            verdicts.append(judge_by_rules(one.clause, one.findings) if by is By.BOTH else None)
    return verdicts


def _judge_by_model(model: LinearModel, one: _Heard, by: By) -> Verdict | None:
    clause, findings = one.clause, one.findings if by is By.BOTH else Findings((), ())
    if len(clause.words) < TELLING_WORDS and not findings.phrases:
        return None
    flags = flags_of(clause.words, findings.phrases, findings.guards, one.tone, is_question=clause.is_question)
    likely = model.likelihoods(clause.words, flags)
    confidence = sum(likely)
    kind = ROW_TYPES[likely.index(max(likely))]
    factor = clause_factor(clause, findings.guards, kind)
    # The model has seen the guards, too, but too few of each to know what they mean.
    confidence *= factor
    if not factor or confidence < LIKELY:
        return None
    phrases = [phrase for phrase in findings.phrases if phrase[0].label is kind]
    strongest = max(phrases, key=lambda phrase: phrase[1])[0] if phrases else None
    return Verdict(kind, round(min(confidence, CEILING), 2), strongest)
