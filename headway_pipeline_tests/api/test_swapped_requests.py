"""Over the API another workspace's things are worth as much as what does not exist, whatever names them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from headway_pipeline.model.access import Role
from headway_pipeline.store import Store
from headway_pipeline_tests.api.swapping import ID, Asked, Attempts, neighbours
from headway_pipeline_tests.store.tenants import everything_of

#: `python -m benchmarks.swapped_requests` sends 10,000 to either database.
REQUESTS = 300


@pytest.fixture
def attempts(store: Store, tmp_path: Path) -> Iterator[Attempts]:
    with neighbours(store, tmp_path) as made:
        yield made


def test_requests_with_swapped_ids_and_tokens_read_and_change_nothing_of_the_neighbour(attempts: Attempts) -> None:
    tally = attempts.try_all(REQUESTS, seed=1)
    assert tally.foreign == []
    assert tally.requests == REQUESTS
    assert min(tally.writes, tally.twins) > REQUESTS / 4


def test_each_of_these_requests_reads_or_changes_something_of_its_own(attempts: Attempts) -> None:
    """Or the other test would prove nothing."""
    owner = attempts.both[0]
    own = {*ID.findall(repr(everything_of(attempts.store, owner.workspace_id))), owner.word.lower()}
    for number, route in enumerate(route for route in attempts.routes if route.is_declared):
        before = everything_of(attempts.store, owner.workspace_id)
        asked = Asked(route, frozenset(), (), owner.tokens[Role.ADMIN], False, "*", number)
        _, status, words = attempts.ask(asked, owner, owner)
        if re.search(r"/health|/openapi.json|/workspaces$", route.name):
            # They belong to no workspace.
            assert status == (403 if "workspaces" in route.name else 200), route.name
            continue
        assert status in (200, 201, 202, 204), (route.name, words)
        if route.method == "GET":
            assert [word for word in own if word in words.lower()], route.name
        else:
            assert everything_of(attempts.store, owner.workspace_id) != before, route.name
