"""A folder with one file of calls in the JSON form, one a line."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sandbox.world import SandboxCall
from headway_pipeline.sources.contract import Connection, Source
from headway_pipeline.sources.discovery import connect
from headway_pipeline.sources.files import FilesSource
from headway_pipeline_tests.sandbox_fixtures import OpenGate
from headway_pipeline_tests.sources.harnesses import AS_IT_IS, DIRTY_TITLE, LONG_ID, Harness, Oddity


class FilesHarness(Harness):
    @contextmanager
    def holding(self, *calls: SandboxCall, odd: Mapping[str, Oddity] = AS_IT_IS) -> Iterator[Source]:
        with tempfile.TemporaryDirectory() as folder:
            records = [spoilt(record_of(call), odd.get(call.id)) for call in calls]
            Path(folder, "calls.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
            yield files_at(Path(folder))

    @contextmanager
    def gone(self) -> Iterator[Source]:
        with tempfile.TemporaryDirectory() as folder:
            pass
        yield files_at(Path(folder))

    def id_of(self, own_id: str) -> str:
        return f"calls.jsonl#{own_id}"


def files_at(path: Path, **settings: list[str]) -> Source:
    """The source over a folder or an archive."""
    connection = Connection("", Credentials({}), settings={"path": [str(path)], **settings})
    return connect(FilesSource, connection, gate=OpenGate(), timeout_s=1.0)


def record_of(call: SandboxCall) -> dict[str, Any]:
    """A call in the JSON form."""
    return {
        "id": call.id,
        "title": call.title,
        "started_at": call.started_at.isoformat(),
        "duration_s": call.duration_s,
        "language": call.language,
        "account": call.account,
        "speakers": [
            {"id": speaker.id, "name": speaker.name, "side": speaker.side.value, "email": speaker.email}
            for speaker in call.speakers
        ],
        "utterances": [
            {"speaker_id": said.speaker_id, "start_s": said.start_s, "end_s": said.end_s, "text": said.text}
            for said in call.utterances
        ],
    }


def spoilt(record: dict[str, Any], oddity: Oddity | None) -> dict[str, Any]:
    match oddity:
        case Oddity.PRIVATE:
            return record | {"private": True}
        case Oddity.NEW_FIELD:
            return record | {"mood": "sunny"}
        case Oddity.UNUSABLE:
            return record | {"utterances": "lost"}
        case Oddity.DIRTY:
            return record | {"title": DIRTY_TITLE}
        case Oddity.LONG:
            return record | {"id": LONG_ID}
        case None:
            return record


HARNESS = FilesHarness()
