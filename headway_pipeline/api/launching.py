"""How the API asks Dagster for a run."""

from datetime import date
from typing import Protocol

__all__ = ["Launcher"]


class Launcher(Protocol):
    """Starts runs somewhere else; nothing runs within a request."""

    def launch(self, slug: str, since: date, until: date) -> str | None:
        """Ask for one run over the days, both included; the run's id, or None where nobody is there to ask."""
