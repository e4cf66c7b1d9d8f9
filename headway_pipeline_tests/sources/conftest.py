"""A sandbox with two calls, and the Gong source connected to it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sources.gong import GongSource
from headway_pipeline_tests.sandbox_fixtures import NOW, MovableClock, call, gong_of, world_of


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def sandbox(clock: MovableClock) -> Iterator[Sandbox]:
    calls = (call("call-1"), call("call-2", started_at=NOW - timedelta(days=2), account=None))
    with Sandbox(world_of(*calls), clock=clock) as running:
        yield running


@pytest.fixture
def gong(sandbox: Sandbox) -> GongSource:
    return gong_of(sandbox)
