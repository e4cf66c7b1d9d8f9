"""A workspace of Rosa and others, from which Rosa is erased; and a look into everything that is kept."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import sqlalchemy as sa

from headway_pipeline.ingestion.erasure import ErasureRequest, Receipt, erase
from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.model.calls import Call, Participant, Segment, Side, TimeMark, Transcript
from headway_pipeline.model.erasure import ErasureScope
from headway_pipeline.sources.contract import CallRef, Hydration, NotHydrated
from headway_pipeline.store import Store
from headway_pipeline.store.tables import METADATA
from headway_pipeline_tests.ingestion.fakes import ASK, NOW, Bench, FakeSource, bench

STAGES = (list_calls, fetch_transcripts, score_relevance, extract_features, file_features)

NAME = "Rosa Lindgren"
MAIL = "rosa@buyer.example"
ROSA = Participant(NAME, MAIL, Side.CUSTOMER, "s1")
IVO = Participant("Ivo Castellan", "ivo@other.example", Side.CUSTOMER, "s2")
VERA = Participant("Vera Vendor", "vera@vendor.example", Side.VENDOR, "s3")
#: What Rosa said, by a word that nobody else says.
HERS = "kumquat"
WORDS = (NAME, MAIL, "rosa", "lindgren", HERS)
ROSA_SAYS = f"Honestly {ASK} because our {HERS} reports are pulled by hand. " * 5
IVO_SAYS = f"On our side {ASK} as well, the month end is a pain for all of us here. " * 5


def call(
    external_id: str, *people: Participant, title: str = "Sync", days_ago: int = 1, content_hash: str = "v1"
) -> Call:
    parties = [
        {"name": person.name, "emailAddress": person.email, "speakerId": person.speaker_key, "title": "Chief"}
        for person in people
    ]
    return Call(
        source="fake",
        external_id=external_id,
        occurred_at=NOW - timedelta(days=days_ago),
        title=title,
        participants=people,
        metadata={"hosts": [person.name for person in people]},
        raw={"id": external_id, "title": title, "parties": parties},
        content_hash=content_hash,
    )


def said(*turns: tuple[str | None, Side, str]) -> Transcript:
    return Transcript(
        tuple(
            Segment(index, name, side, index * 1000, index * 1000 + 900, text, (TimeMark(0, index * 1000),))
            for index, (name, side, text) in enumerate(turns)
        )
    )


def rosa_and_ivo() -> Transcript:
    return said(
        (NAME, Side.CUSTOMER, ROSA_SAYS),
        ("Ivo Castellan", Side.CUSTOMER, IVO_SAYS),
        ("Vera Vendor", Side.VENDOR, f"Thanks, {NAME}, we heard you. Write me from {MAIL}, please."),
    )


class SpeakingSource(FakeSource):
    """Gives each call the transcript its test wrote."""

    spoken: ClassVar[dict[str, Transcript]]

    def hydrate(self, refs: Sequence[CallRef]) -> Iterator[Hydration | NotHydrated]:
        self.script.hydrated.append([ref.external_id for ref in refs])
        for ref in refs:
            yield Hydration(ref.external_id, self.spoken[ref.external_id])


def speaking_bench(store: Store, *calls: tuple[Call, Transcript]) -> Bench:
    at = bench(store, *(made for made, _ in calls))
    spoken = {made.external_id: transcript for made, transcript in calls}
    kind = type("Spoken", (SpeakingSource,), {"script": at.script, "spoken": spoken})
    at.run = at.with_run(sources={"fake": kind})
    return at


def ingest(at: Bench) -> None:
    with at.store.leases.hold(at.workspace.id, at.run.id) as lease:
        for stage in STAGES:
            stage(at.run, at.part(), lease)


def erase_from(
    at: Bench, home: Path, named: str = MAIL, scope: ErasureScope = ErasureScope.CALLS, actor: str = "tester"
) -> Receipt:
    request = ErasureRequest(at.workspace, scope, named, home / "exports")
    return erase(at.store, request, actor=actor, now=lambda: NOW)


def kept(store: Store) -> str:
    """Every row of every table, as text."""
    with store.database.reading() as connection:
        rows = {
            table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for table in METADATA.sorted_tables
        }
    return json.dumps(rows, ensure_ascii=False, default=str)


def found_in(text: str, words: Sequence[str] = WORDS) -> list[str]:
    """Which of the words stand in a text, whatever their case.

    As words: in the letters of sealed credentials a short one turns up once in a thousand times.
    """
    return [word for word in words if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text, re.IGNORECASE)]


def stored_rows(store: Store, table: str) -> list[dict[str, object]]:
    with store.database.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(METADATA.tables[table])).mappings()]


def as_rows(people: Sequence[Participant]) -> list[dict[str, object]]:
    return [asdict(person) for person in people]
