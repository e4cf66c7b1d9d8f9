"""From when to when Gong knows a call, and its transcript."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime

from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sandbox.gong.shapes import host_number, workspace_number
from headway_pipeline.sandbox.world import ALWAYS, NEVER, SandboxCall

__all__ = ["DetailsView", "GongView", "TranscriptsView"]


@dataclass(frozen=True, slots=True)
class GongView(ABC):
    """A company's calls through a filter; every key that sees calls sees all of them.

    Attributes:
        access_key: the company's first.
        workspace: the id of the one workspace to show; None: all.
        hosts: the ids of the hosts to show; None: all.
    """

    access_key: str
    workspace: str | None = None
    hosts: frozenset[str] | None = None

    def seen(self, call: SandboxCall, /) -> TimeWindow | None:
        """From when to when the call is there; None: never, or it is filtered out."""
        if self.workspace not in (None, workspace_number(self.access_key, call.workspace)):
            return None
        if self.hosts is not None and host_number(self.access_key, call) not in self.hosts:
            return None
        start, end = self._start(call), call.course.deleted_at or NEVER
        return TimeWindow(start, end) if start < end else None

    def sees(self, call: SandboxCall, now: datetime) -> bool:
        """Whether the call is there now."""
        seen = self.seen(call)
        return seen is not None and seen.start <= now < seen.end

    @abstractmethod
    def _start(self, call: SandboxCall) -> datetime: ...


@dataclass(frozen=True, slots=True)
class DetailsView(GongView):
    """The calls that are listed."""

    def _start(self, call: SandboxCall) -> datetime:
        return call.course.visible_at or ALWAYS


@dataclass(frozen=True, slots=True)
class TranscriptsView(GongView):
    """The calls that have a transcript, which one may have before it is listed."""

    def _start(self, call: SandboxCall) -> datetime:
        if not call.utterances:
            return NEVER
        return call.course.transcript_at or call.course.visible_at or ALWAYS
