"""Tokens: a secret that is shown once, and what opens with it."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from headway_pipeline.model.access import Role
from headway_pipeline.model.errors import InputError, UnknownThingError
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.tables import api_tokens
from headway_pipeline_tests.conftest import TEST_KEY

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(database_url: str, clock: Clock, open_test_store: Callable[[], Store]) -> Store:
    return open_store(database_url, sealing=lambda: CredentialSealer([TEST_KEY]), now=clock)


def test_a_secret_opens_what_it_was_made_for_and_is_nowhere_in_the_database(timed: Store) -> None:
    acme = timed.workspaces.add("Acme")
    token, secret = timed.api_tokens.create("ci", Role.EDITOR, workspace_id=acme.id)
    caller = timed.api_tokens.caller(secret)
    assert caller is not None
    assert (caller.token_id, caller.role, caller.workspace_id) == (token.id, Role.EDITOR, acme.id)
    with timed.database.reading() as connection:
        rows = connection.execute(sa.select(api_tokens)).all()
    assert secret.removeprefix("headway_") not in str(rows)
    assert secret.startswith("headway_")
    timed.close()


def test_secrets_are_long_and_never_the_same(timed: Store) -> None:
    secrets = {timed.api_tokens.create("x", Role.OPERATOR)[1] for _ in range(20)}
    assert len(secrets) == 20
    assert {len(secret) for secret in secrets} == {len("headway_") + 43}
    timed.close()


@pytest.mark.parametrize("guess", ["", "headway_", "x" * 43, "headway_\ud800", "é" * 60])
def test_what_is_no_token_opens_nothing(timed: Store, guess: str) -> None:
    assert timed.api_tokens.caller(guess) is None
    timed.close()


def test_a_revoked_token_opens_nothing_and_revoking_again_changes_nothing(timed: Store, clock: Clock) -> None:
    token, secret = timed.api_tokens.create("ci", Role.OPERATOR)
    first = timed.api_tokens.revoke(str(token.id))
    clock.at += timedelta(hours=1)
    assert timed.api_tokens.revoke(str(token.id)) == first
    assert first.revoked_at == NOON
    assert timed.api_tokens.caller(secret) is None
    for unknown in (str(uuid.uuid4()), "ci"):
        with pytest.raises(UnknownThingError):
            timed.api_tokens.revoke(unknown)
    timed.close()


def test_a_token_opens_nothing_from_its_end_on(timed: Store, clock: Clock) -> None:
    _, secret = timed.api_tokens.create("ci", Role.OPERATOR, expires_at=NOON + timedelta(days=1))
    clock.at += timedelta(days=1) - timedelta(seconds=1)
    assert timed.api_tokens.caller(secret) is not None
    clock.at += timedelta(seconds=1)
    assert timed.api_tokens.caller(secret) is None
    timed.close()


def test_the_last_use_is_written_at_most_once_a_minute(timed: Store, clock: Clock) -> None:
    _, secret = timed.api_tokens.create("ci", Role.OPERATOR)
    seen = []
    for _ in range(6):
        timed.api_tokens.caller(secret)
        seen.append(timed.api_tokens.list()[0].last_used_at)
        clock.at += timedelta(seconds=25)
    assert seen == [NOON] * 3 + [NOON + timedelta(seconds=75)] * 3
    timed.close()


def test_a_role_and_its_reach_belong_together(timed: Store) -> None:
    acme = timed.workspaces.add("Acme")
    for role, workspace_id in ((Role.OPERATOR, acme.id), (Role.ADMIN, None)):
        with pytest.raises(InputError):
            timed.api_tokens.create("x", role, workspace_id=workspace_id)
    timed.close()
