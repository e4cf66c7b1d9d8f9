"""Answers that are given once."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from headway_pipeline.model.errors import ConflictingRequestError
from headway_pipeline.store import open_store
from headway_pipeline.store.idempotency import CLAIM, KeptAnswer, OnceKey
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline_tests.conftest import TEST_KEY

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEY = OnceKey(uuid.uuid4(), "POST /things", "k" * 64, "r" * 64)
ANSWER = KeptAnswer(201, {"Location": "/things/1"}, {"id": "1"})


def test_who_died_at_it_is_followed_by_the_next_and_answers_are_kept_for_a_day(database_url: str) -> None:
    times = [NOON]
    store = open_store(database_url, sealing=lambda: CredentialSealer([TEST_KEY]), now=lambda: times[-1])
    kept = store.idempotency
    assert kept.claim(KEY) is None
    with pytest.raises(ConflictingRequestError):
        kept.claim(KEY)
    times.append(NOON + CLAIM)
    assert kept.claim(KEY) is None
    kept.keep(KEY, ANSWER)
    assert kept.claim(KEY) == ANSWER
    times.append(NOON + timedelta(hours=23))
    assert kept.claim(KEY) == ANSWER
    times.append(NOON + timedelta(hours=25))
    assert kept.claim(KEY) is None
    store.close()
