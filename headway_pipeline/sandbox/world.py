"""The calls a sandbox serves: who spoke, what, when. All dates are aware UTC, offsets seconds from the start."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from headway_pipeline.model.calls import Side

__all__ = ["SOURCES", "Company", "SandboxCall", "Speaker", "Utterance", "World", "in_turn"]

#: Where calls may be recorded; each is served by the API of one.
SOURCES = ("gong", "fathom")


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
        source: which of `SOURCES` recorded it; the other one knows nothing of it.
        is_private: its recorder shares it with nobody.
    """

    id: str
    title: str
    started_at: datetime
    speakers: tuple[Speaker, ...]
    utterances: tuple[Utterance, ...]
    language: str = "en"
    account: str | None = None
    source: str = "gong"
    is_private: bool = False

    @property
    def scheduled_at(self) -> datetime:
        """When the meeting was to begin: the quarter of an hour before it did."""
        return self.started_at.replace(minute=self.started_at.minute // 15 * 15, second=0, microsecond=0)

    @property
    def ended_at(self) -> datetime:
        """When the last word was said."""
        return self.started_at + timedelta(seconds=self.duration_s)

    @property
    def duration_s(self) -> float:
        """Seconds from the first word to the last."""
        return max((utterance.end_s for utterance in self.utterances), default=0.0)


@dataclass(frozen=True, slots=True)
class Company:
    """A vendor whose people hold the calls; it has keys of its own and sees its own calls only.

    Attributes:
        access_key: of its Gong, with `secret_key`.
        email_domain: where its people write from.
        api_token: of its Fathom; named after the access key where it is left out.
    """

    name: str
    access_key: str
    secret_key: str
    email_domain: str
    calls: tuple[SandboxCall, ...] = ()
    api_token: str = ""

    def __post_init__(self) -> None:
        if not self.api_token:
            object.__setattr__(self, "api_token", f"{self.access_key.removesuffix('-access-key')}-api-token")

    def calls_in(self, source: str) -> tuple[SandboxCall, ...]:
        """Its calls that were recorded there."""
        return tuple(call for call in self.calls if call.source == source)


@dataclass(frozen=True, slots=True)
class World:
    """Everything one sandbox serves."""

    companies: tuple[Company, ...] = field(default=())


def in_turn(calls: Sequence[SandboxCall]) -> tuple[SandboxCall, ...]:
    """The calls in their order, the first in Gong, the second in Fathom, and so on in turn."""
    return tuple(replace(call, source=SOURCES[number % len(SOURCES)]) for number, call in enumerate(calls))
