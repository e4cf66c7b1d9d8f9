"""A language model as an analyst."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from headway_pipeline.analysis.contract import Matches, Reading, Relevance
from headway_pipeline.analysis.language_model.conversation import Asker, Conversation
from headway_pipeline.analysis.language_model.judging import Shown, judge_relevance
from headway_pipeline.analysis.language_model.matching import match
from headway_pipeline.analysis.language_model.numbered import numbered_lines
from headway_pipeline.analysis.language_model.prompts import version_of
from headway_pipeline.analysis.language_model.reading import read
from headway_pipeline.analysis.redaction import REDACTION_VERSION, Redaction
from headway_pipeline.llm.contract import Stage
from headway_pipeline.model.calls import Transcript
from headway_pipeline.model.features import ExtractedFeature, Theme

__all__ = ["LanguageModelAnalyst"]


@dataclass(frozen=True, slots=True)
class LanguageModelAnalyst:
    """Reads one call at a time, and knows nothing of where answers come from or what they cost.

    Attributes:
        key: makes the marks around what is shown; any bytes that speakers do not know.
        names: people whose names are taken out beside those of the speakers.
        is_redacting: whether personal data is taken out before a text leaves.
        context_tokens: how much the model takes at once, or None for what every current model does.
        stages: what this analyst is asked for; its version is that of their instructions.
    """

    asker: Asker
    provider: str
    model: str
    key: bytes = field(repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    is_redacting: bool = True
    context_tokens: int | None = None
    stages: tuple[Stage, ...] = tuple(Stage)

    @property
    def name(self) -> str:
        """As in HEADWAY_MODEL: "anthropic:claude-haiku-5-5"."""
        return f"{self.provider}:{self.model}"

    @property
    def version(self) -> str:
        """Of the instructions."""
        return version_of(*self.stages)

    def judge_relevance(self, transcript: Transcript, themes: Sequence[Theme]) -> Relevance:
        """See `Analyst.judge_relevance`; also raises what its asker raises."""
        shown, _ = self._shown(transcript)
        return judge_relevance(self._conversation(), shown, themes)

    def extract(self, transcript: Transcript) -> Reading:
        """See `Analyst.extract`; also raises what its asker raises."""
        shown, redaction = self._shown(transcript)
        return read(self._conversation(), shown, redaction)

    def match(self, items: Sequence[ExtractedFeature], themes: Sequence[Theme]) -> Matches:
        """See `Analyst.match`; also raises what its asker raises."""
        redaction = Redaction(self.names) if self.is_redacting else None
        return match(self._conversation(), items, themes, redaction, self.key)

    def _conversation(self) -> Conversation:
        identity = {"redaction": REDACTION_VERSION if self.is_redacting else "off"}
        return Conversation(self.asker, self.provider, self.model, identity, self.context_tokens)

    def _shown(self, transcript: Transcript) -> tuple[Shown, Redaction | None]:
        speakers = (segment.speaker for segment in transcript.segments if segment.speaker)
        names = tuple(dict.fromkeys((*speakers, *self.names)))
        redaction = Redaction(names) if self.is_redacting else None
        return Shown(transcript, numbered_lines(transcript, redaction), self.key), redaction
