"""What `headway backfill --batch` does with batches of questions: lands the answers, and says what is still open."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from headway_pipeline.cli.context import opened, ready_settings
from headway_pipeline.cli.output import plain, say
from headway_pipeline.model.workspaces import Workspace

if TYPE_CHECKING:
    from headway_pipeline.store.batches import Batch

__all__ = ["as_data", "land_answers", "open_batches", "words_on"]


def land_answers() -> bool:
    """Ask after every open batch once; says whether one came to its end."""
    from headway_pipeline.ingestion.batches import advance_batches
    from headway_pipeline.ingestion.run import Effects
    from headway_pipeline.llm.discovery import connect

    environment = ready_settings().environment
    with opened() as store:
        advanced = advance_batches(store, lambda name: connect(name, environment), Effects())
    for one in advanced:
        if one.has_ended or one.words:
            free = f", {one.unanswered} questions are asked again" if one.unanswered else ""
            words = f" ({one.words})" if one.words else ""
            say(plain(f"batch of {one.batch.slug}: {one.state}, {one.answered} answers landed{free}{words}"))
    return any(one.has_ended for one in advanced)


def open_batches(workspaces: Sequence[Workspace]) -> list["Batch"]:
    """The batches of these workspaces whose answers have not all come."""
    slugs = {workspace.slug for workspace in workspaces}
    with opened() as store:
        return [one for one in store.batches.open() if one.slug in slugs]


def as_data(batch: "Batch") -> dict[str, Any]:
    """An open batch for programs."""
    return {
        "id": str(batch.id),
        "workspace": batch.slug,
        "provider": batch.provider,
        "model": batch.model,
        "requests": batch.request_count,
    }


def words_on(batches: Sequence["Batch"]) -> Iterator[str]:
    """A line a batch, and how its calls go on."""
    for one in batches:
        yield f"{one.request_count} questions of {one.slug} are in a batch of {one.provider}:{one.model}"
    if batches:
        yield "their calls wait; `headway up` goes on when the answers have come, or repeat this command"
