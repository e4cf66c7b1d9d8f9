"""What people decide about an extracted feature. No run overwrites it, every run respects it.

A verdict (accept or dismiss) and a move stand beside each other, at most one of each: deciding anew replaces the
older one, undoing removes it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

__all__ = ["Aspect", "Decision", "DecisionKind"]


class Aspect(StrEnum):
    """What a decision is about."""

    VERDICT = "verdict"
    THEME = "theme"


class DecisionKind(StrEnum):
    """What was decided.

    `accept`: the ask is real, and filed where it belongs. `dismiss`: it is none, and nobody wants to see it.
    `move`: it belongs under another theme, or under none of them.
    """

    ACCEPT = "accept"
    DISMISS = "dismiss"
    MOVE = "move"

    @property
    def aspect(self) -> Aspect:
        """What it is about."""
        return Aspect.THEME if self is DecisionKind.MOVE else Aspect.VERDICT


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision that stands.

    Attributes:
        theme_id: where it was moved to, or where it stood when it was accepted; None for the inbox.
        theme: that theme's name.
        decided_by: a person or a token, by name.
    """

    kind: DecisionKind
    theme_id: UUID | None
    theme: str | None
    decided_by: str
    decided_at: datetime
    note: str | None
