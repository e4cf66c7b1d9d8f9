"""Is a clause feedback, of which type, and how surely: the linear model over what the rules found.

Where a clause is not in the language the model was trained on, the rules decide alone.
"""

from enum import StrEnum

from headway_pipeline.analysis.offline.cues import cues_of
from headway_pipeline.analysis.offline.guards import clause_factor, is_resolved
from headway_pipeline.analysis.offline.linear import ROW_TYPES, LinearModel, load_model
from headway_pipeline.analysis.offline.rules import (
    CEILING,
    REPORTING_THRESHOLD,
    Findings,
    Verdict,
    find,
    judge_by_rules,
)
from headway_pipeline.analysis.offline.sentences import Clause
from headway_pipeline.model.features import FeatureType

__all__ = ["By", "judge_all"]


class By(StrEnum):
    """What decides; either alone is a second opinion on the other."""

    BOTH = "both"
    RULES = "rules"
    WORDS = "words"


def judge_all(clauses: list[Clause], by: By = By.BOTH) -> list[Verdict | None]:
    """What each clause of a turn is, or None; a complaint that the next clause calls fixed is none."""
    heard = [find(clause) for clause in clauses]
    verdicts: list[Verdict | None] = []
    for at, (clause, findings) in enumerate(zip(clauses, heard, strict=True)):
        verdict = _judge(clause, findings, by)
        if verdict and verdict.type is not FeatureType.FEATURE_REQUEST and at + 1 < len(heard):
            verdict = None if is_resolved(heard[at + 1].guards) else verdict
        verdicts.append(verdict)
    return verdicts


def _judge(clause: Clause, findings: Findings, by: By) -> Verdict | None:
    model = load_model()
    if by is By.RULES or not model.knows(clause.words):
        return None if by is By.WORDS else judge_by_rules(clause, findings)
    return _judge_by_model(model, clause, findings if by is By.BOTH else Findings((), ()))


def _judge_by_model(model: LinearModel, clause: Clause, findings: Findings) -> Verdict | None:
    cues = cues_of(clause.words, findings.phrases, findings.guards, is_question=clause.is_question)
    likely = model.likelihoods(clause.words, cues)
    confidence = sum(likely)
    if confidence < REPORTING_THRESHOLD:
        return None
    kind = ROW_TYPES[likely.index(max(likely))]
    if not clause_factor(clause, findings.guards, kind):
        return None
    phrases = [phrase for phrase in findings.phrases if phrase[0].label is kind]
    strongest = max(phrases, key=lambda phrase: phrase[1])[0] if phrases else None
    return Verdict(kind, round(min(confidence, CEILING), 2), strongest)
