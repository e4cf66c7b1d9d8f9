"""The worlds a sandbox is usually given: the demo's two companies, or one company with the calls of a file."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from headway_pipeline.sandbox.world import Company, World, in_turn

__all__ = ["ACCESS_KEY", "API_TOKEN", "SECRET_KEY", "demo_world", "world_from_file"]

#: Keys of the company whose calls come from a file; they open nothing but a sandbox.
ACCESS_KEY = "sandbox-access-key"
SECRET_KEY = "sandbox-secret-key"  # noqa: S105
API_TOKEN = "sandbox-api-token"  # noqa: S105


def world_from_file(path: Path, now: datetime, rebase_dates: bool, source: str | None = None) -> World:
    """One company with the calls of a file in normal form (`normal_form.py`), in turn in Gong and in Fathom.

    Args:
        path: JSON Lines.
        now: aware UTC; made-up dates lie in the 30 days before it.
        rebase_dates: make all dates up, in the order of those given.
        source: put all calls into this one instead.

    Raises:
        InputError: the file cannot be read; it names the line.
    """
    from headway_pipeline.sandbox.normal_form import load_calls

    calls = load_calls(path, now=now, rebase_dates=rebase_dates)
    placed = in_turn(calls) if source is None else tuple(replace(call, source=source) for call in calls)
    return World((Company("Sandbox", ACCESS_KEY, SECRET_KEY, "sandbox.example", placed, API_TOKEN),))


def demo_world(now: datetime) -> World:
    """Two vendors with a month of invented calls before `now`, each with keys of its own."""
    # Imported here: its calls are read and put together only for those who want them.
    from headway_pipeline.sandbox.expansion import demo_companies

    return World(demo_companies(now))
