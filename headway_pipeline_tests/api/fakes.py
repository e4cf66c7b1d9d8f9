"""Stands in for Dagster."""

from datetime import date


class FakeLauncher:
    """Keeps what it is asked; there is no Dagster unless a run's id is set."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, date, date]] = []
        self.run_id: str | None = None

    def launch(self, slug: str, since: date, until: date) -> str | None:
        self.asked.append((slug, since, until))
        return self.run_id
