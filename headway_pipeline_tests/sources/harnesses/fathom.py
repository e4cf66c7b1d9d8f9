"""Fathom, as the sandbox plays it."""

from collections.abc import Mapping
from typing import Any

from headway_pipeline.sandbox.fathom.shapes import recording_id
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline_tests.sandbox_fixtures import API_TOKEN, call
from headway_pipeline_tests.sources.harnesses import DIRTY_TITLE, LONG_ID, Oddity
from headway_pipeline_tests.sources.harnesses.over_http import OverHttp


class FathomHarness(OverHttp):
    source = FathomSource
    credentials = {"api_token": API_TOKEN}  # noqa: RUF012  # one harness, never written
    records = "items"

    def address(self, sandbox: Sandbox) -> str:
        return sandbox.fathom_url

    def id_of(self, own_id: str) -> str:
        return own_id if own_id == str(LONG_ID) else str(recording_id(call(own_id)))

    def record_id(self, record: Mapping[str, Any]) -> str:
        return str(record["recording_id"])

    def spoil(self, record: dict[str, Any], oddity: Oddity) -> None:
        match oddity:
            case Oddity.PRIVATE:
                record["shared_with"] = "no_teams"
            case Oddity.NEW_FIELD:
                record["mood"] = "sunny"
            case Oddity.UNUSABLE:
                times = ("recording_start_time", "scheduled_start_time", "created_at")
                record.update(dict.fromkeys(times, "yesterday"))
            case Oddity.DIRTY:
                record["title"] = DIRTY_TITLE
            case Oddity.LONG:
                record["recording_id"] = LONG_ID


HARNESS = FathomHarness()
