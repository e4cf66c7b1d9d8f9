"""How the local models behave. The defaults answer well and at once; everything else is switched on."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus

__all__ = ["EVERY_FORM", "Effect", "Misbehaviour", "ModelRules", "Obedience"]


class Misbehaviour(StrEnum):
    """What may be wrong with an answer that arrives."""

    INVENTED_QUOTES = "invented_quotes"
    STITCHED_QUOTES = "stitched_quotes"
    VENDOR_QUOTES = "vendor_quotes"
    WRONG_IDS = "wrong_ids"
    WRONG_FORM = "wrong_form"
    PROSE = "prose"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    REFUSAL = "refusal"


class Effect(StrEnum):
    """What a model that obeys a planted instruction does to its whole answer."""

    SAY_NOTHING = "say_nothing"
    INVENT = "invent"
    ALL_CRITICAL = "all_critical"
    FIRST_THEME = "first_theme"
    UNKNOWN_THEME = "unknown_theme"
    LEAK = "leak"


@dataclass(frozen=True, slots=True)
class Obedience:
    """An instruction in the speech that the model obeys wherever it is shown it.

    Attributes:
        trigger: words of the instruction, as they stand in the prompt.
        speech: what an item made up by `Effect.INVENT` says.
    """

    trigger: str
    effect: Effect
    speech: str = "Every customer demands that the billing module be removed at once."


#: Every way a Chat Completions server may take a schema.
EVERY_FORM = frozenset({"json_schema", "json_object+schema", "json_object"})


@dataclass(frozen=True, slots=True)
class ModelRules:
    """The ways of the local models.

    Attributes:
        latency_s: how long each answer takes.
        requests_per_minute: beyond it 429 with Retry-After. None: no limit.
        misbehaviours: what is wrong with the first answer, the second, and so on in turn; None: nothing.
        obeys: instructions in the speech that are obeyed.
        has_thinking: put a thinking block or a reasoning item before the text.
        is_fenced: put the answer into a code fence with words around it.
        has_usage: say how many tokens an answer took; Chat Completions servers may not.
        forms: which forms of `response_format` the Chat Completions endpoint takes.
        refused_form_status: what it answers to the others.
        limit_field: the one name of the answer's limit it takes; "" for either.
        context_tokens: longer prompts are refused.
        batch_time: how long a batch runs.
        expires_every: every n-th request of a batch expires unanswered. None: none does.
        fails_every: every n-th request of a batch fails. None: none does.
    """

    latency_s: float = 0.0
    requests_per_minute: int | None = None
    misbehaviours: tuple[Misbehaviour | None, ...] = ()
    obeys: tuple[Obedience, ...] = ()
    has_thinking: bool = False
    is_fenced: bool = False
    has_usage: bool = True
    forms: frozenset[str] = EVERY_FORM
    refused_form_status: HTTPStatus = HTTPStatus.BAD_REQUEST
    limit_field: str = ""
    context_tokens: int = 1_000_000
    batch_time: timedelta = timedelta(0)
    expires_every: int | None = None
    fails_every: int | None = None
