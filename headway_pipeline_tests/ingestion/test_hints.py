"""Hints lead to days, and days to at most one hydration of each call, whatever is delivered how often."""

import random
import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.ingestion.hints import HintedDays, hinted_days, receive_webhook
from headway_pipeline.ingestion.hydration import fetch_transcripts
from headway_pipeline.ingestion.listing import list_calls
from headway_pipeline.ingestion.run import Part
from headway_pipeline.model.errors import WebhookRefusedError
from headway_pipeline.model.windows import days_between
from headway_pipeline.sources.contract import Source
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.gong import GongSource
from headway_pipeline.sources.webhooks import WebhookDelivery, WebhookTrust
from headway_pipeline.store import Store
from headway_pipeline.store.hints import DueHint
from headway_pipeline_tests.ingestion.fakes import NOW, Bench, bench, call
from headway_pipeline_tests.webhooks import (
    fathom_body,
    fathom_delivery,
    fathom_trust,
    gong_body,
    gong_delivery,
    gong_trust,
)

WORKSPACE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
START, TODAY = date(2026, 11, 1), date(2026, 11, 20)


def hint(number: int, day: date | None, *, workspace: uuid.UUID = WORKSPACE, came: date = TODAY) -> DueHint:
    occurred_at = None if day is None else datetime(day.year, day.month, day.day, 23, tzinfo=UTC)
    received_at = datetime(came.year, came.month, came.day, tzinfo=UTC)
    return DueHint(uuid.UUID(int=number), workspace, uuid.UUID(int=9), str(number), occurred_at, received_at)


def stretches(*hints: DueHint) -> list[tuple[uuid.UUID, int, int, set[int]]]:
    found = hinted_days(hints, start=START, today=TODAY)
    return [(one.workspace_id, one.first.day, one.last.day, {key.int for key in one.hint_ids}) for one in found]


def test_hints_about_neighbouring_days_are_one_request_and_workspaces_have_their_own() -> None:
    assert stretches(
        hint(1, date(2026, 11, 3)),
        hint(2, date(2026, 11, 4)),
        hint(3, date(2026, 11, 3)),
        hint(4, date(2026, 11, 9)),
        hint(5, date(2026, 11, 3), workspace=OTHER),
    ) == [(WORKSPACE, 3, 4, {1, 2, 3}), (WORKSPACE, 9, 9, {4}), (OTHER, 3, 3, {5})]


def test_a_hint_without_a_day_is_about_the_day_it_came_and_the_one_before() -> None:
    assert stretches(hint(1, None, came=date(2026, 11, 10))) == [(WORKSPACE, 9, 10, {1})]


def test_days_outside_the_partitions_are_moved_into_them_so_that_no_hint_stays_for_ever() -> None:
    assert stretches(hint(1, date(2020, 1, 1)), hint(2, date(2027, 1, 1))) == [
        (WORKSPACE, 1, 1, {1}),
        (WORKSPACE, 20, 20, {2}),
    ]
    assert stretches() == []


DAYS = st.one_of(st.none(), st.dates(date(2026, 10, 1), date(2026, 12, 31)))


@given(st.lists(st.tuples(DAYS, st.sampled_from([WORKSPACE, OTHER]))))
def test_every_hint_is_settled_and_no_day_is_asked_for_twice(given_days: list[tuple[date | None, uuid.UUID]]) -> None:
    hints = [hint(number, day, workspace=workspace) for number, (day, workspace) in enumerate(given_days)]
    found: list[HintedDays] = [*hinted_days(hints, start=START, today=TODAY)]
    settled = {(one.workspace_id, key) for one in found for key in one.hint_ids}
    assert settled == {(each.workspace_id, each.id) for each in hints}
    days = Counter((one.workspace_id, day) for one in found for day in days_between(one.first, one.last))
    assert all(count == 1 for count in days.values())
    assert all(START <= day <= TODAY for _, day in days)


def run_over_what_is_due(made: Bench) -> None:
    """What a sensor and the run it requests do."""
    due = made.store.hints.due()
    for wanted in hinted_days(due, start=START, today=NOW.date()):
        part = Part(made.workspace, days_between(wanted.first, wanted.last))
        with made.store.leases.hold(made.workspace.id, owner="run", patience_s=1) as lease:
            list_calls(made.run, part, lease)
            fetch_transcripts(made.run, part, lease)
        made.store.hints.mark_handled(wanted.hint_ids, NOW)


def gong_deliveries(count: int) -> list[WebhookDelivery]:
    return [gong_delivery(gong_body(str(number))) for number in range(count)]


def fathom_deliveries(count: int) -> list[WebhookDelivery]:
    return [fathom_delivery(fathom_body(number), delivery_id=f"msg_{number}") for number in range(count)]


def signed_again(source: type[Source], number: int) -> WebhookDelivery:
    """The same news once more with another id or token, as after an edit at the source."""
    if source is GongSource:
        return gong_delivery(gong_body(str(number), edited=1))
    return fathom_delivery(fathom_body(number), delivery_id=f"msg_{number}_again")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("source", "trust"), [(GongSource, gong_trust()), (FathomSource, fathom_trust())], ids=["gong", "fathom"]
)
def test_acceptance_11_replayed_forged_and_reordered_deliveries_hydrate_each_call_at_most_once(
    source: type[Source], trust: WebhookTrust, seed: int, store: Store
) -> None:
    numbers = range(4)
    made = bench(store, *(replace(call(str(number)), occurred_at=NOW - timedelta(days=1)) for number in numbers))
    connector = store.connectors.find(made.workspace.id, "fake")
    genuine = gong_deliveries(4) if source is GongSource else fathom_deliveries(4)
    forged = [
        WebhookDelivery(delivery.headers, delivery.body.replace(b"Rollout", b"Payroll")) for delivery in genuine
    ]
    stream = [(delivery, True) for delivery in 3 * genuine] + [(delivery, False) for delivery in 2 * forged]
    stream += [(signed_again(source, number), True) for number in numbers]
    random.Random(seed).shuffle(stream)  # an order, no secret
    news = 0
    for delivery, is_genuine in stream:
        if is_genuine:
            news += receive_webhook(store, source, connector, delivery, trust, NOW)
        else:
            with pytest.raises(WebhookRefusedError):
                receive_webhook(store, source, connector, delivery, trust, NOW)
        run_over_what_is_due(made)
    assert news == 8
    hydrated = Counter(external_id for batch in made.script.hydrated for external_id in batch)
    assert hydrated == Counter(map(str, numbers))
    assert store.hints.due() == []
    # What was heard once is not heard again, not even after it was done.
    assert not receive_webhook(store, source, connector, genuine[0], trust, NOW)


def test_a_forged_delivery_leaves_nothing_in_the_store(store: Store) -> None:
    made = bench(store)
    connector = store.connectors.find(made.workspace.id, "fake")
    forged = gong_delivery(webhook_url="https://elsewhere.example")
    with pytest.raises(WebhookRefusedError):
        receive_webhook(store, GongSource, connector, forged, gong_trust(), NOW)
    assert store.hints.due() == []
