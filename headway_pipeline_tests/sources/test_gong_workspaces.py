"""G23: a connector may be limited to Gong workspaces by name; a name that is none never widens what is listed."""

from collections.abc import Iterator

import pytest

from headway_pipeline.model.errors import ConfigurationError, InputError, MissingPermissionError
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sandbox.exchange import Reply, Request, json_reply
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sources.contract import Connection, Page, Source
from headway_pipeline.sources.discovery import connect, read_settings
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.gong import GongSource
from headway_pipeline.sources.gong.source import LISTING, WORKSPACES
from headway_pipeline_tests.sandbox_fixtures import WINDOW, Instead, OpenGate, world_of

NAMED = {"workspaces": [{"id": "11", "name": "Sales"}, {"id": "12", "name": "Support"}, {"id": "13", "name": "Lab"}]}
NO_MATCH = "No calls found corresponding to the provided filters"


class Company:
    """A Gong with three workspaces, two pages of calls in each but `Lab`, which has none."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.asked: list[tuple[str | None, str | None]] = []
        sandbox.faults.append(self)

    def __call__(self, request: Request, /) -> Reply | None:
        if request.path == WORKSPACES:
            return json_reply(200, NAMED)
        body = request.json_object() or {}
        workspace, cursor = body["filter"].get("workspaceId"), body.get("cursor")
        self.asked.append((workspace, cursor))
        if workspace == "13":
            return json_reply(404, {"errors": [NO_MATCH]})
        page = 0 if cursor is None else 1
        records = {"totalRecords": 2, "currentPageSize": 1, "currentPageNumber": page}
        call = {"metaData": {"id": f"{workspace}{page}", "started": "2026-11-19T08:00:00Z"}}
        return json_reply(200, {"records": records | ({"cursor": "c:1"} if page == 0 else {}), "calls": [call]})

    def source(self, *names: str) -> Source:
        settings = {"workspace": [*names]} if names else {}
        credentials = Credentials({"access_key": "the-access-key", "secret_key": "the-secret-key"})
        connection = Connection(self.sandbox.base_url, credentials, settings=settings)
        return connect(GongSource, connection, gate=OpenGate(), timeout_s=5)

    def walk(self, *names: str) -> list[str]:
        source = self.source(*names)
        pages: list[Page] = [source.list(WINDOW, None)]
        while pages[-1].next_token is not None:
            pages.append(source.list(WINDOW, pages[-1].next_token))
        return [call.external_id for page in pages for call in page.calls]


@pytest.fixture
def company() -> Iterator[Company]:
    with Sandbox(world_of()) as sandbox:
        yield Company(sandbox)


def test_g23_without_names_all_workspaces_are_listed_and_none_is_asked_for(company: Company) -> None:
    company.walk()
    assert {workspace for workspace, _ in company.asked} == {None}
    assert company.sandbox.count(WORKSPACES) == 0


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["Support"], ["120", "121"]),
        (["Sales", "Support"], ["110", "111", "120", "121"]),
        (["Sales", "Lab", "Support"], ["110", "111", "120", "121"]),
        (["Lab", "Sales"], ["110", "111"]),
        (["Support", "Support"], ["120", "121"]),
        (["Lab"], []),
    ],
)
def test_g23_named_workspaces_are_walked_one_after_the_other(
    company: Company, names: list[str], ids: list[str]
) -> None:
    assert company.walk(*names) == ids
    assert company.sandbox.count(WORKSPACES) == 1


@pytest.mark.parametrize("names", [["Suport"], ["Sales", "sales"], ["11"]])
def test_g23_an_unknown_name_is_a_configuration_error_and_lists_nothing(company: Company, names: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="Lab, Sales, Support"):
        company.walk(*names)
    with pytest.raises(ConfigurationError):
        company.source(*names).check()
    assert company.asked == []


def test_g23_a_missing_scope_for_the_names_is_told(company: Company) -> None:
    company.sandbox.faults[:] = [Instead(json_reply(403, {"errors": ["no"]}), path=WORKSPACES)]
    with pytest.raises(MissingPermissionError, match="api:workspaces:read"):
        company.walk("Sales")
    assert company.sandbox.count(LISTING) == 0


def test_settings_are_read_by_name_and_unknown_ones_refused() -> None:
    given = [("workspace", "Sales"), ("workspace", " Support ")]
    assert read_settings(GongSource, given) == {"workspace": ["Sales", "Support"]}
    with pytest.raises(InputError, match=r"no setting 'team'.*workspace"):
        read_settings(GongSource, [("team", "x")])
    with pytest.raises(InputError, match="they have: none"):
        read_settings(FathomSource, [("workspace", "x")])
    with pytest.raises(InputError, match="is empty"):
        read_settings(GongSource, [("workspace", " ")])
