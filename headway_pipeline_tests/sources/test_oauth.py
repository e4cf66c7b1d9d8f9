"""What an OAuth connection may do differently from a key, over real HTTP."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from headway_pipeline.model.errors import (
    BadCredentialsError,
    InputError,
    TransientSourceError,
    WrongHostError,
)
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sandbox.exchange import Reply, html_reply, json_reply
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sources.contract import Absence, CallRef, Connection, HttpSource, Hydration, NotHydrated, Source
from headway_pipeline.sources.discovery import connect, read_credentials
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.gate import CostClass
from headway_pipeline.sources.gong import GongSource
from headway_pipeline.sources.oauth import is_due
from headway_pipeline_tests.sandbox_fixtures import NOW, Instead, MovableClock, OpenGate, world_of

OAUTH = {"client_id": "id", "client_secret": "hush-secret", "refresh_token": "hush-refresh"}
TRANSCRIPT = "/external/v1/recordings/77/transcript"
SPOKEN = [{"speaker": {"display_name": "Tomas"}, "text": "The map freezes.", "timestamp": "00:00:04"}]


class Recordings:
    """A Fathom that is connected by OAuth, and a recording of it.

    Attributes:
        created_at: when the recording was created.
    """

    def __init__(self, sandbox: Sandbox, clock: MovableClock) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.gate = OpenGate()
        self.created_at = NOW - timedelta(hours=2)
        connection = Connection(sandbox.fathom_url, Credentials({**OAUTH, "access_token": "access"}))
        self.source = connect(FathomSource, connection, gate=self.gate, timeout_s=5, now=clock)

    def ref(self) -> CallRef:
        started = self.created_at - timedelta(hours=1)
        invitee = {"name": "Tomas", "email": "t@brackwater.example", "is_external": True}
        raw = {"created_at": self.created_at.isoformat(), "calendar_invitees": [invitee]}
        return CallRef("77", started, 60, raw)

    def ask(self, reply: Reply) -> Hydration | NotHydrated:
        self.sandbox.faults[:] = [Instead(reply, path=TRANSCRIPT)]
        (answer,) = self.source.hydrate([self.ref()])
        return answer

    def absence(self, reply: Reply) -> Absence:
        answer = self.ask(reply)
        assert isinstance(answer, NotHydrated)
        return answer.absence


@pytest.fixture
def recordings() -> Iterator[Recordings]:
    clock = MovableClock()
    with Sandbox(world_of(), clock=clock) as sandbox:
        yield Recordings(sandbox, clock)


def test_f6_oauth_takes_transcripts_one_by_one_and_never_asks_the_list_for_them(recordings: Recordings) -> None:
    answer = recordings.ask(json_reply(200, {"transcript": SPOKEN}))
    assert isinstance(answer, Hydration)
    (segment,) = answer.transcript.segments
    assert (segment.speaker, segment.side.value, segment.start_ms) == ("Tomas", "customer", 4000)
    assert recordings.source.batch_size == 1
    assert [logged.path for logged in recordings.sandbox.requests] == [TRANSCRIPT]
    assert recordings.gate.admitted == [CostClass.HEAVY]


def test_f6_a_key_takes_ten_at_a_time() -> None:
    made = connect(
        FathomSource, Connection("http://127.0.0.1:1", Credentials({"api_token": "t"})), gate=OpenGate(), timeout_s=1
    )
    assert made.batch_size == 10


def test_requests_for_recordings_are_counted_under_one_endpoint(recordings: Recordings) -> None:
    recordings.ask(json_reply(200, {"transcript": SPOKEN}))
    assert [answer.endpoint for answer in recordings.gate.answers] == ["/recordings/{id}/transcript"]


@pytest.mark.parametrize("transcript", [None, []])
def test_f4_an_empty_transcript_is_not_there_yet(recordings: Recordings, transcript: object) -> None:
    assert recordings.absence(json_reply(200, {"transcript": transcript})) == Absence.NOT_READY


@pytest.mark.parametrize(("status", "later"), [(404, Absence.ABSENT), (403, Absence.FORBIDDEN)])
@pytest.mark.parametrize("body", [{"error": "no"}, {"message": "no"}, {}])
def test_f4_a_refusal_within_a_day_means_not_yet_and_later_what_it_says(
    recordings: Recordings, status: int, later: Absence, body: dict[str, str]
) -> None:
    recordings.created_at = NOW - timedelta(hours=23, minutes=59)
    assert recordings.absence(json_reply(status, body)) == Absence.NOT_READY
    recordings.created_at = NOW - timedelta(hours=24, minutes=1)
    assert recordings.absence(json_reply(status, body)) == later


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (json_reply(401, {}), BadCredentialsError),
        (json_reply(500, {}), TransientSourceError),
        (html_reply(200, "<html>welcome</html>"), WrongHostError),
    ],
)
def test_other_answers_stay_what_they_are(recordings: Recordings, reply: Reply, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        recordings.ask(reply)


def test_f4_a_refusal_may_be_a_web_page(recordings: Recordings) -> None:
    assert recordings.absence(html_reply(404, "<html>no such page</html>")) == Absence.NOT_READY


def test_an_id_cannot_leave_its_place_in_the_address(recordings: Recordings) -> None:
    ref = recordings.ref()
    tricky = CallRef("../meetings?x=", ref.occurred_at, None, ref.raw)
    recordings.sandbox.faults[:] = [Instead(json_reply(200, {"transcript": []}))]
    list(recordings.source.hydrate([tricky]))
    assert [logged.path for logged in recordings.sandbox.requests] == [
        "/external/v1/recordings/..%2Fmeetings%3Fx%3D/transcript"
    ]


@pytest.mark.parametrize("source", [GongSource, FathomSource])
def test_either_set_of_credentials_is_taken(source: type[Source]) -> None:
    assert dict(read_credentials(source, OAUTH)) == OAUTH
    full = {**OAUTH, "access_token": " a\n", "expires_at": 1_795_000_000, "token_url": "https://app.gong.io/token"}
    read = read_credentials(source, full)
    assert read["access_token"] == "a"
    assert datetime.fromisoformat(read["expires_at"]).timestamp() == 1_795_000_000
    key = {field.name: "k" for field in source.credential_fields}
    assert dict(read_credentials(source, key)) == key


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({**OAUTH, "refresh_token": ""}, "refresh_token"),
        ({"refresh_token": "hush-refresh"}, "client_id, client_secret"),
        ({**OAUTH, "expires_at": "soon"}, "expires_at"),
        ({**OAUTH, "client_id": ["x"]}, "client_id"),
        ({**OAUTH, "api_token": "hush-token", "access_key": "hush-key"}, "no field"),
    ],
)
def test_unusable_oauth_credentials_are_refused_by_field_and_never_by_value(
    given: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=named) as raised:
        read_credentials(GongSource, given)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("source", [GongSource, FathomSource])
def test_every_source_with_oauth_sends_the_token_and_shows_nothing(source: type[HttpSource]) -> None:
    credentials = Credentials({**OAUTH, "access_token": "hush-access"})
    assert dict(source.authorization(credentials)) == {"Authorization": "Bearer hush-access"}
    assert source.quota_owner(credentials) is None
    made = connect(source, Connection(source.default_base_url, credentials), gate=OpenGate(), timeout_s=1)
    assert isinstance(made, HttpSource)
    assert "hush" not in " ".join(map(repr, (made, made.rest, made.connection)))
    assert made.batch_size >= 1


@pytest.mark.parametrize(
    ("values", "due"),
    [
        ({}, True),
        ({"access_token": "a"}, False),
        ({"access_token": "a", "expires_at": (NOW + timedelta(minutes=1)).isoformat()}, True),
        ({"access_token": "a", "expires_at": (NOW + timedelta(minutes=3)).isoformat()}, False),
        ({"access_token": "a", "expires_at": (NOW - timedelta(days=3)).isoformat()}, True),
    ],
)
def test_an_access_token_is_due_before_it_ends(values: dict[str, str], due: bool) -> None:
    assert is_due(Credentials({**OAUTH, **values}), NOW) is due
