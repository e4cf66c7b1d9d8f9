"""Gong, as the sandbox plays it."""

from collections.abc import Mapping
from typing import Any

from headway_pipeline.sandbox.addresses import long_id
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sources.gong import GongSource
from headway_pipeline_tests.sandbox_fixtures import ACCESS_KEY, SECRET_KEY
from headway_pipeline_tests.sources.harnesses import DIRTY_TITLE, LONG_ID, Oddity
from headway_pipeline_tests.sources.harnesses.over_http import OverHttp


class GongHarness(OverHttp):
    source = GongSource
    credentials = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}  # noqa: RUF012  # one harness, never written
    records = "calls"

    def address(self, sandbox: Sandbox) -> str:
        return sandbox.base_url

    def id_of(self, own_id: str) -> str:
        return own_id if own_id == str(LONG_ID) else long_id(own_id)

    def record_id(self, record: Mapping[str, Any]) -> str:
        return str(record["metaData"]["id"])

    def spoil(self, record: dict[str, Any], oddity: Oddity) -> None:
        meta = record["metaData"]
        match oddity:
            case Oddity.PRIVATE:
                meta["isPrivate"] = True
            case Oddity.NEW_FIELD:
                record["mood"] = "sunny"
            case Oddity.UNUSABLE:
                meta["started"] = "yesterday"
            case Oddity.DIRTY:
                meta["title"] = DIRTY_TITLE
            case Oddity.LONG:
                meta["id"] = LONG_ID


HARNESS = GongHarness()
