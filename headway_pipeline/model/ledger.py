"""The states of a message, and which may follow which (design: nothing is lost).

::

    listed -> awaiting_transcript -> transcribed -> not_relevant
                                  |              -> analysed
                                  -> too_short | no_transcript
    private | forbidden | deleted       everything derived is purged
    quarantined                         from any stage, returns to it
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ENDED_REASONS", "TRANSITIONS", "MessageState", "Presence", "Reason", "ReasonCode", "may_follow"]


class MessageState(StrEnum):
    """Where a message stands. "Out of date" is derived from hashes and never a state."""

    LISTED = "listed"
    AWAITING_TRANSCRIPT = "awaiting_transcript"
    TRANSCRIBED = "transcribed"
    NOT_RELEVANT = "not_relevant"
    ANALYSED = "analysed"
    TOO_SHORT = "too_short"
    NO_TRANSCRIPT = "no_transcript"
    PRIVATE = "private"
    FORBIDDEN = "forbidden"
    DELETED = "deleted"
    QUARANTINED = "quarantined"


_S = MessageState
_PURGED = {_S.PRIVATE, _S.FORBIDDEN, _S.DELETED}
_HYDRATED = {_S.TRANSCRIBED, _S.TOO_SHORT}

#: From each state, the states that may follow it. A state may always follow itself.
TRANSITIONS: dict[MessageState, frozenset[MessageState]] = {
    _S.LISTED: frozenset({_S.AWAITING_TRANSCRIPT, _S.QUARANTINED, _S.NO_TRANSCRIPT} | _HYDRATED | _PURGED),
    _S.AWAITING_TRANSCRIPT: frozenset({_S.NO_TRANSCRIPT, _S.QUARANTINED} | _HYDRATED | _PURGED),
    _S.TRANSCRIBED: frozenset({_S.NOT_RELEVANT, _S.ANALYSED, _S.QUARANTINED} | _HYDRATED | _PURGED),
    _S.NOT_RELEVANT: frozenset({_S.TRANSCRIBED, _S.QUARANTINED, _S.TOO_SHORT} | _PURGED),
    _S.ANALYSED: frozenset({_S.TRANSCRIBED, _S.QUARANTINED, _S.TOO_SHORT} | _PURGED),
    _S.TOO_SHORT: frozenset({_S.TRANSCRIBED, _S.QUARANTINED} | _PURGED),
    # A transcript that comes after all is welcome, whatever was given up before.
    _S.NO_TRANSCRIPT: frozenset({_S.AWAITING_TRANSCRIPT, _S.QUARANTINED} | _HYDRATED | _PURGED),
    # A call made public again, or restored, starts over.
    _S.PRIVATE: frozenset({_S.LISTED, _S.DELETED}),
    _S.FORBIDDEN: frozenset({_S.LISTED, _S.PRIVATE, _S.DELETED}),
    _S.DELETED: frozenset({_S.LISTED, _S.PRIVATE}),
    _S.QUARANTINED: frozenset(set(_S) - {_S.QUARANTINED}),
}


def may_follow(before: MessageState, after: MessageState) -> bool:
    """Whether a message in state `before` may be moved to state `after`."""
    return before == after or after in TRANSITIONS[before]


class Presence(StrEnum):
    """What a second look at a call found that its source no longer lists."""

    PRESENT = "present"
    GONE = "gone"
    UNKNOWN = "unknown"


class ReasonCode(StrEnum):
    """Why a message waits, ended or was set aside; the first word of its `reason`."""

    LIMIT = "limit"
    NO_THEMES = "no_themes"
    SOURCE_FAILED = "source_failed"
    SOURCE_PAUSED = "source_paused"
    NOT_READY = "not_ready"
    GAVE_UP = "gave_up"
    TOO_SHORT = "too_short"
    OFF_TOPIC = "off_topic"
    MARKED_PRIVATE = "marked_private"
    ERASED = "erased"
    REFUSED = "refused"
    GONE = "gone"
    ANALYSIS_FAILED = "analysis_failed"
    BAD_RECORD = "bad_record"
    #: Of a workspace's month.
    BUDGET = "budget"
    #: Of one run: whoever bounded it, no other run goes on by itself.
    RUN_BUDGET = "run_budget"
    MODEL_PAUSED = "model_paused"
    MODEL_FAILED = "model_failed"
    ANSWER_PENDING = "answer_pending"


#: Waiting for one of these leaves a partition key incomplete: the run that meets it ends red.
INCOMPLETE_REASONS = frozenset(
    {
        ReasonCode.NO_THEMES,
        ReasonCode.SOURCE_FAILED,
        ReasonCode.SOURCE_PAUSED,
        ReasonCode.MODEL_FAILED,
        ReasonCode.MODEL_PAUSED,
    }
)

#: What ended as it should.
ENDED_REASONS = frozenset(
    {
        ReasonCode.TOO_SHORT,
        ReasonCode.OFF_TOPIC,
        ReasonCode.MARKED_PRIVATE,
        ReasonCode.GONE,
        ReasonCode.ERASED,
    }
)

#: Somebody bounded a run: what it left is for the next run somebody asks for, or that comes over its day anyway.
LEFT_OUT_REASONS = (ReasonCode.LIMIT, ReasonCode.RUN_BUDGET)


@dataclass(frozen=True, slots=True)
class Reason:
    """A code for programs and words for people, stored together as `code: words`."""

    code: ReasonCode
    words: str

    def __str__(self) -> str:
        return f"{self.code.value}: {self.words}"

    @classmethod
    def parse(cls, stored: str | None) -> "Reason | None":
        """Read a stored reason back; None for None."""
        if not stored:
            return None
        code, _, words = stored.partition(": ")
        return cls(ReasonCode(code), words)
