"""Is a clause feedback, of which type, and how surely: the linear model over what the rules found.

Where a clause is not in the language the model was trained on, the rules decide alone.
"""

from collections.abc import Sequence
from enum import StrEnum

from headway_pipeline.analysis.offline.cues import flags_of
from headway_pipeline.analysis.offline.guards import clause_factor, is_resolved
from headway_pipeline.analysis.offline.linear import ROW_TYPES, Likelihoods, LinearModel, load_model
from headway_pipeline.analysis.offline.rules import CEILING, Findings, Verdict, find, judge_by_rules
from headway_pipeline.analysis.offline.sentences import Clause
from headway_pipeline.model.features import FeatureType

__all__ = ["By", "judge_all"]


class By(StrEnum):
    """What decides; either alone is a second opinion on the other."""

    BOTH = "both"
    RULES = "rules"
    WORDS = "words"


#: From this likelihood on a clause is worth keeping beside a surer one; `gathering.py` decides.
LIKELY = 0.35
#: A turn of no more words than this is one thought, however many sentences it is.
ONE_THOUGHT_WORDS = 30


def judge_all(clauses: Sequence[Clause], by: By = By.BOTH) -> list[Verdict | None]:
    """What each clause of a turn is, or None; a complaint that the next clause calls fixed is none."""
    heard = [find(clause) for clause in clauses]
    if by is By.RULES:
        verdicts = [judge_by_rules(clause, findings) for clause, findings in zip(clauses, heard, strict=True)]
    else:
        verdicts = _judge_turn(clauses, heard, by)
    return [
        None if verdict and verdict.type is not FeatureType.FEATURE_REQUEST and is_resolved(after.guards) else verdict
        for verdict, after in zip(verdicts, [*heard[1:], Findings((), ())], strict=True)
    ]


def _judge_turn(clauses: Sequence[Clause], heard: Sequence[Findings], by: By) -> list[Verdict | None]:
    model = load_model()
    thought = _thought(model, clauses, heard)
    verdicts: list[Verdict | None] = []
    for clause, findings in zip(clauses, heard, strict=True):
        if model.knows(clause.words):
            verdicts.append(_judge_by_model(model, clause, findings if by is By.BOTH else Findings((), ()), thought))
        else:
            verdicts.append(judge_by_rules(clause, findings) if by is By.BOTH else None)
    return verdicts


def _thought(model: LinearModel, clauses: Sequence[Clause], heard: Sequence[Findings]) -> Likelihoods | None:
    """What a short turn of several clauses says as a whole."""
    words = tuple(word for clause in clauses for word in clause.words)
    if len(clauses) < 2 or len(words) > ONE_THOUGHT_WORDS or not model.knows(words):
        return None
    phrases = [phrase for findings in heard for phrase in findings.phrases]
    guards = [guard for findings in heard for guard in findings.guards]
    return model.likelihoods(words, flags_of(words, phrases, guards, is_question=clauses[-1].is_question))


def _judge_by_model(
    model: LinearModel, clause: Clause, findings: Findings, thought: Likelihoods | None
) -> Verdict | None:
    flags = flags_of(clause.words, findings.phrases, findings.guards, is_question=clause.is_question)
    likely = model.likelihoods(clause.words, flags)
    if thought is not None:
        bug, request, pain = ((one + other) / 2 for one, other in zip(likely, thought, strict=True))
        likely = (bug, request, pain)
    confidence = sum(likely)
    if confidence < LIKELY:
        return None
    kind = ROW_TYPES[likely.index(max(likely))]
    if not clause_factor(clause, findings.guards, kind):
        return None
    phrases = [phrase for phrase in findings.phrases if phrase[0].label is kind]
    strongest = max(phrases, key=lambda phrase: phrase[1])[0] if phrases else None
    return Verdict(kind, round(min(confidence, CEILING), 2), strongest)
