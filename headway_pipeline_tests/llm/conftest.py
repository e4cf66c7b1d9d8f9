"""A sandbox with local models, and each provider in turn."""

from collections.abc import Iterator

import pytest

from headway_pipeline.llm.contract import BatchProvider, Provider
from headway_pipeline.llm.discovery import discover
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import World
from headway_pipeline_tests.llm.asking import connected
from headway_pipeline_tests.sandbox_fixtures import MovableClock


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def sandbox(clock: MovableClock) -> Iterator[Sandbox]:
    with Sandbox(World(), clock) as running:
        yield running


@pytest.fixture(params=sorted(discover()))
def kind(request: pytest.FixtureRequest) -> type[Provider]:
    return discover()[request.param]


@pytest.fixture
def provider(kind: type[Provider], sandbox: Sandbox) -> Iterator[Provider]:
    made = connected(kind, sandbox)
    yield made
    made.close()


@pytest.fixture(params=sorted(name for name, kind in discover().items() if issubclass(kind, BatchProvider)))
def batcher(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[BatchProvider]:
    made = connected(discover()[request.param], sandbox)
    assert isinstance(made, BatchProvider)
    yield made
    made.close()
