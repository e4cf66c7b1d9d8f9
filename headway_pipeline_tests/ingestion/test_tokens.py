"""OAuth connectors: one renewal at a time, stored before it is used; over real HTTP, on both databases."""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from headway_pipeline.ingestion.run import Effects, Run, SourceTuning
from headway_pipeline.ingestion.sessions import Session, open_session
from headway_pipeline.model.errors import (
    BadCredentialsError,
    SourceContractError,
    SourceError,
    TransientSourceError,
    WrongHostError,
)
from headway_pipeline.model.workspaces import Connector, Credentials, Workspace
from headway_pipeline.sandbox.exchange import Reply, Request, json_reply
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sources.contract import HttpSource, Page
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.gong import GongSource
from headway_pipeline.store import Store
from headway_pipeline_tests.ingestion.fakes import FakeAnalyst
from headway_pipeline_tests.oauth_vendor import TOKEN_PATH, OAuthVendor
from headway_pipeline_tests.sandbox_fixtures import NOW, WINDOW, MovableClock, world_of

NOTHING_LISTED = {"fathom": {"limit": 10, "next_cursor": None, "items": []}, "gong": {"calls": [], "records": {}}}


@dataclass
class Desk:
    """A workspace with an OAuth connector."""

    store: Store
    workspace: Workspace
    connector: Connector
    vendor: OAuthVendor
    sandbox: Sandbox
    clock: MovableClock
    run: Run

    def session(self, store: Store | None = None) -> Session:
        """As the next process would open it."""
        connector = self.store.connectors.find(self.workspace.id, str(self.connector.id))
        run = replace(self.run, store=store or self.store, allowances={})
        return open_session(run, self.workspace, connector)

    def list(self, session: Session | None = None) -> Page:
        return (session or self.session()).list(WINDOW, None)

    @property
    def stored(self) -> Credentials:
        return self.store.connectors.credentials(self.connector)


def desk_of(
    source: type[HttpSource], store: Store, sandbox: Sandbox, clock: MovableClock, **credentials: str
) -> Desk:
    assert source.oauth is not None
    vendor = OAuthVendor(clock, in_query=source.oauth.grant_in_query, in_header=source.oauth.client_in_header)
    vendor.instead = lambda _request: json_reply(200, NOTHING_LISTED[source.name])
    sandbox.faults.append(vendor)
    workspace = store.workspaces.add(source.label)
    given = vendor.credentials(sandbox.base_url, **credentials)
    base_url = sandbox.fathom_url if source is FathomSource else sandbox.base_url
    connector = store.connectors.add(workspace.id, source.name, base_url=base_url, credentials=given)

    def sleep(seconds: float) -> None:
        clock.pass_by(timedelta(seconds=seconds))
        time.sleep(0.01)

    run = Run(
        id="run-1",
        store=store,
        analyst=FakeAnalyst(),
        sources={source.name: source},
        tuning={source.name: SourceTuning.of(source)},
        until=NOW,
        effects=Effects(now=clock, sleep=sleep, jitter=lambda: 0.5),
        environment={},
    )
    return Desk(store, workspace, connector, vendor, sandbox, clock, run)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(world_of()) as running:
        yield running


@pytest.fixture
def fathom(store: Store, sandbox: Sandbox) -> Desk:
    return desk_of(FathomSource, store, sandbox, MovableClock())


@pytest.fixture
def gong(store: Store, sandbox: Sandbox) -> Desk:
    return desk_of(GongSource, store, sandbox, MovableClock())


@pytest.mark.parametrize("source", [FathomSource, GongSource])
def test_a_connection_without_an_access_token_gets_one_and_keeps_it(
    source: type[HttpSource], store: Store, sandbox: Sandbox
) -> None:
    desk = desk_of(source, store, sandbox, MovableClock())
    for _ in range(3):
        assert desk.list().calls == ()
    assert desk.vendor.renewals == [("refresh-0", True)]
    assert desk.vendor.seen == [("Bearer access-1", 200)] * 3
    assert (desk.stored["refresh_token"], desk.stored["access_token"]) == ("refresh-1", "access-1")


def test_a_good_access_token_is_used_as_it_was_given(store: Store, sandbox: Sandbox) -> None:
    desk = desk_of(FathomSource, store, sandbox, MovableClock(), access_token="access-0")
    desk.list()
    assert desk.vendor.renewals == []


def test_an_access_token_is_renewed_before_it_ends_and_where_it_is_refused(fathom: Desk) -> None:
    session = fathom.session()
    fathom.list(session)
    fathom.clock.pass_by(timedelta(minutes=59))
    fathom.list(session)
    assert fathom.vendor.taken == ["refresh-0", "refresh-1"]
    # Withdrawn long before its end.
    fathom.vendor.access_token = "another"
    fathom.list(session)
    assert fathom.vendor.taken == ["refresh-0", "refresh-1", "refresh-2"]
    assert [status for _, status in fathom.vendor.seen] == [200, 200, 401, 200]


def test_the_new_pair_is_stored_before_it_is_used(fathom: Desk) -> None:
    """A process that is killed at its first request with the new token has lost nothing."""
    stored_at_use: list[str] = []

    def look(_request: Request) -> Reply:
        stored_at_use.append(fathom.stored["refresh_token"])
        return json_reply(200, NOTHING_LISTED["fathom"])

    fathom.vendor.instead = look
    fathom.list()
    assert stored_at_use == ["refresh-1"]


def test_f14_two_workers_renew_one_connection_and_exactly_one_token_request_is_made(
    fathom: Desk, open_test_store: Callable[[], Store]
) -> None:
    both_there = threading.Barrier(2)
    fathom.vendor.before_answer = lambda _number: time.sleep(0.3)
    pages: list[Page] = []
    errors: list[SourceError] = []
    sessions = [fathom.session(open_test_store()) for _ in range(2)]

    def work(session: Session) -> None:
        both_there.wait()
        try:
            pages.append(fathom.list(session))
        except SourceError as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(session,)) for session in sessions]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    assert len(pages) == 2
    assert fathom.vendor.renewals == [("refresh-0", True)]
    assert fathom.vendor.seen == [("Bearer access-1", 200)] * 2
    assert fathom.stored["refresh_token"] == "refresh-1"


def test_f14_a_refused_refresh_looks_once_more_at_the_store_before_it_fails(fathom: Desk) -> None:
    """A process of another machine, that saw no lease, was quicker."""
    session = fathom.session()
    elsewhere = Credentials({**fathom.stored, "refresh_token": "refresh-9", "access_token": "access-9"})

    def another_was_quicker(_number: int) -> Reply:
        fathom.store.connectors.readdress(
            fathom.connector.id, base_url=fathom.sandbox.fathom_url, credentials=elsewhere
        )
        fathom.vendor.access_token = "access-9"
        return json_reply(400, {"error": "invalid_grant"})

    fathom.vendor.before_answer = another_was_quicker
    assert fathom.list(session).calls == ()
    assert fathom.vendor.seen == [("Bearer access-9", 200)]
    assert dict(fathom.stored) == dict(elsewhere)


def test_f14_a_refresh_that_stays_refused_asks_a_person_and_shows_no_secret(
    fathom: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    fathom.vendor.refresh_token = "somebody used it"
    with caplog.at_level(logging.DEBUG), pytest.raises(BadCredentialsError, match="authorise it anew") as raised:
        fathom.list()
    shown = "".join(traceback.format_exception(raised.value)) + caplog.text
    assert not [secret for secret in ("refresh-0", "the-client-secret") if secret in shown]
    assert len(fathom.vendor.renewals) == 1


def test_a_worker_that_is_killed_in_a_renewal_is_followed_when_its_lease_is_over(fathom: Desk) -> None:
    connectors = fathom.store.connectors
    assert connectors.start_renewing(
        fathom.connector.id, "killed", fathom.clock(), fathom.clock() + timedelta(seconds=90)
    )
    started = fathom.clock()
    fathom.list()
    assert timedelta(seconds=90) <= fathom.clock() - started <= timedelta(seconds=95)
    assert fathom.vendor.taken == ["refresh-0"]


def test_credentials_that_a_person_gives_during_a_renewal_are_not_written_over(fathom: Desk) -> None:
    session = fathom.session()
    given = Credentials({**fathom.stored, "refresh_token": "given", "access_token": "given"})

    def a_person_comes(_number: int) -> None:
        fathom.store.connectors.readdress(fathom.connector.id, base_url=fathom.sandbox.fathom_url, credentials=given)
        fathom.vendor.access_token = "given"

    fathom.vendor.before_answer = a_person_comes
    fathom.list(session)
    assert dict(fathom.stored) == dict(given)
    assert fathom.vendor.seen == [("Bearer given", 200)]


def test_no_error_of_a_renewal_shows_its_address_which_holds_the_token(
    gong: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Gong takes the refresh token in the query, and what a transport raises quotes addresses."""
    failures: list[tuple[Reply, type[SourceError]]] = [
        (json_reply(503, {"was": "refresh-0"}), TransientSourceError),
        (Reply(200, b'{"access', cut_after=3), TransientSourceError),
        (json_reply(200, {"refresh_token": "refresh-0"}), SourceContractError),
    ]
    for reply, expected in failures:
        gong.vendor.before_answer = lambda _number, reply=reply: reply  # type: ignore[misc]
        with caplog.at_level(logging.DEBUG), pytest.raises(expected) as raised:
            gong.list()
        assert "refresh-0" not in "".join(traceback.format_exception(raised.value))
    gong.sandbox.stop()
    with caplog.at_level(logging.DEBUG), pytest.raises(TransientSourceError) as raised:
        gong.list()
    assert "refresh-0" not in "".join(traceback.format_exception(raised.value))
    assert "refresh-0" not in caplog.text


def test_gongs_address_for_the_customer_is_stored_and_used_from_then_on(gong: Desk) -> None:
    """Given as a name of the loopback address here; the customer's own host there."""
    address = gong.sandbox.base_url.replace("127.0.0.1", "localhost")
    gong.vendor.base_url_for_customer = f"{address}/v2/"
    session = gong.session()
    gong.list(session)
    assert isinstance(session.source, HttpSource)
    assert session.source.rest.base_url == address
    assert gong.store.connectors.find(gong.workspace.id, "gong").base_url == address
    gong.list()


@pytest.mark.parametrize(
    "address", ["https://evil.example", "http://company-17.api.gong.io", "https://10.0.0.8", "no"]
)
def test_an_address_of_somebody_else_is_not_used_and_the_new_pair_is_kept(gong: Desk, address: str) -> None:
    gong.vendor.base_url_for_customer = address
    with pytest.raises(WrongHostError):
        gong.list()
    assert gong.store.connectors.find(gong.workspace.id, "gong").base_url == gong.sandbox.base_url
    assert gong.stored["refresh_token"] == "refresh-1"
    assert gong.vendor.seen == []


def test_the_client_and_the_grant_go_where_the_source_wants_them(gong: Desk, fathom: Desk) -> None:
    seen: list[Request] = []

    def spy(request: Request, /) -> None:
        if request.path == TOKEN_PATH:
            seen.append(request)

    gong.sandbox.faults[:] = [spy, gong.vendor]
    gong.list()
    gong.sandbox.faults[:] = [spy, fathom.vendor]
    fathom.list()
    first, second = seen
    assert first.query == {"grant_type": "refresh_token", "refresh_token": "refresh-0"}
    assert first.headers["authorization"].startswith("Basic ")
    assert first.body == b""
    assert second.query == {}
    assert b"client_secret=the-client-secret" in second.body
    assert "authorization" not in second.headers
