"""For sources behind an HTTP API that the sandbox plays: real requests, and answers that are edited on their way."""

import io
import json
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import requests

from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import SandboxCall
from headway_pipeline.sources.contract import Connection, HttpSource, Source
from headway_pipeline.sources.discovery import connect
from headway_pipeline_tests.sandbox_fixtures import MovableClock, OpenGate, world_of
from headway_pipeline_tests.sources.harnesses import AS_IT_IS, Harness, Oddity


class OverHttp(Harness):
    """A subclass says where the sandbox plays the API, and how its records are made odd."""

    source: ClassVar[type[HttpSource]]
    credentials: ClassVar[Mapping[str, str]]
    #: Under which key a listing holds its records.
    records: ClassVar[str]

    @abstractmethod
    def address(self, sandbox: Sandbox) -> str:
        """The base URL."""

    @abstractmethod
    def record_id(self, record: Mapping[str, Any]) -> str:
        """The external id of a listed record."""

    @abstractmethod
    def spoil(self, record: dict[str, Any], oddity: Oddity) -> None:
        """Make a listed record odd."""

    @contextmanager
    def holding(self, *calls: SandboxCall, odd: Mapping[str, Oddity] = AS_IT_IS) -> Iterator[Source]:
        own = [replace(call, source=self.source.name) for call in calls]
        oddities = {self.id_of(own_id): oddity for own_id, oddity in odd.items()}

        def edit(answer: dict[str, Any]) -> None:
            for record in answer.get(self.records) or ():
                oddity = oddities.get(self.record_id(record))
                if oddity is not None:
                    self.spoil(record, oddity)

        with Sandbox(world_of(*own), clock=MovableClock()) as sandbox:
            yield self._connected(self.address(sandbox), EditingSession(edit))

    @contextmanager
    def gone(self) -> Iterator[Source]:
        with Sandbox(world_of(), clock=MovableClock()) as sandbox:
            address = self.address(sandbox)
        yield self._connected(address, requests.Session())

    def _connected(self, address: str, session: requests.Session) -> Source:
        connection = Connection(address, Credentials(self.credentials))
        return connect(self.source, connection, gate=OpenGate(), timeout_s=5.0, session=session)


#: Where a vendor's pages would be: not at a port that differs from one sandbox to the next.
PAGES = "https://calls.example"


class EditingSession(requests.Session):
    """Sends as it is told, and edits the JSON of what comes back."""

    def __init__(self, edit: Any) -> None:
        super().__init__()
        self._edit = edit

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        answer = super().request(*arguments, **options)
        body = answer.json()
        self._edit(body)
        edited = requests.Response()
        edited.status_code, edited.headers = answer.status_code, answer.headers
        edited.raw = io.BytesIO(re.sub(r"http://127\.0\.0\.1:\d+", PAGES, json.dumps(body)).encode("ascii"))
        return edited
