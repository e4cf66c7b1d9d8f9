"""A ledger full of invented calls that wait to be read, on the embedded database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from headway_pipeline.ingestion.run import Part
from headway_pipeline.model.calls import Call, Segment, Side, Transcript
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.settings import load_settings
from headway_pipeline.store import Store
from headway_pipeline.store.configured import open_configured_store

__all__ = ["ASK", "full_ledger"]

ASK = "it would be great if the export could run by itself every Monday"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAGE = 100
DAYS = 28


@contextmanager
def full_ledger(calls: int) -> Iterator[tuple[Store, Part]]:
    """`calls` transcribed calls of a few turns, each with a request of its own words."""
    with TemporaryDirectory() as folder:
        store = open_configured_store(load_settings({}, Path(folder)))
        workspace = store.workspaces.add("Measured")
        credentials = Credentials({"access_key": "k", "secret_key": "s"})
        connector = store.connectors.add(workspace.id, "gong", credentials=credentials)
        store.themes.add(workspace.id, "Exports", description="Getting data out")
        with store.leases.hold(workspace.id, "fill") as lease:
            for start in range(0, calls, PAGE):
                page = [_call(number) for number in range(start, min(start + PAGE, calls))]
                for listed in store.listings.record_page(lease, connector.id, page, NOW):
                    transcript = _transcript(str(listed.message_id))
                    store.transcripts.record(lease, listed.message_id, transcript, content_hash="v1")
        yield store, Part(workspace, [(NOW - timedelta(days=n)).date() for n in range(DAYS)])
        store.close()


def _call(number: int) -> Call:
    started = NOW - timedelta(days=number % DAYS, minutes=number // DAYS)
    return Call("gong", str(number), started, title=f"Call {number}", content_hash="v1")


def _transcript(mark: str) -> Transcript:
    said = [
        (Side.VENDOR, "Thanks for joining, how has the month been for you and your team so far?"),
        (Side.CUSTOMER, f"Mostly fine. To be honest {ASK}, and in our case {mark} is the one to begin with."),
        (Side.VENDOR, "I hear you, let me take that back to the people here who can do something about it."),
        (Side.CUSTOMER, "The rest is as it was, the new office has a garden with three old apple trees."),
    ]
    return Transcript(
        tuple(Segment(n, None, side, n * 9_000, n * 9_000 + 8_000, t) for n, (side, t) in enumerate(said))
    )
