"""The calls a sandbox serves: who spoke, what, when. All dates are aware UTC, offsets seconds from the start."""

from dataclasses import dataclass, field
from datetime import datetime

from headway_pipeline.model.calls import Side

__all__ = ["Company", "SandboxCall", "Speaker", "Utterance", "World"]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody on a call.

    Attributes:
        id: unique within the call; what utterances refer to.
    """

    id: str
    name: str
    side: Side
    email: str | None = None
    job_title: str | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """One speaker's turn."""

    speaker_id: str
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class SandboxCall:
    """One recorded call.

    Attributes:
        id: unique within its company; what the served API turns into its own kind of id.
        account: the customer's company, or None.
        language: ISO 639-1, e.g. "en".
    """

    id: str
    title: str
    started_at: datetime
    speakers: tuple[Speaker, ...]
    utterances: tuple[Utterance, ...]
    language: str = "en"
    account: str | None = None

    @property
    def duration_s(self) -> float:
        """Seconds from the first word to the last."""
        return max((utterance.end_s for utterance in self.utterances), default=0.0)


@dataclass(frozen=True, slots=True)
class Company:
    """A vendor whose people hold the calls; it has keys of its own and sees its own calls only.

    Attributes:
        email_domain: where its people write from.
    """

    name: str
    access_key: str
    secret_key: str
    email_domain: str
    calls: tuple[SandboxCall, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """Everything one sandbox serves."""

    companies: tuple[Company, ...] = field(default=())
