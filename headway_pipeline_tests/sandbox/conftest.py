from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import World
from headway_pipeline_tests.sandbox.clients import FathomClient, GongClient
from headway_pipeline_tests.sandbox_fixtures import MovableClock


@pytest.fixture
def start() -> Iterator[Callable[[World], tuple[Sandbox, MovableClock]]]:
    """Starts sandboxes with a clock of their own, and stops them."""
    with ExitStack() as running:

        def start_one(world: World) -> tuple[Sandbox, MovableClock]:
            clock = MovableClock()
            return running.enter_context(Sandbox(world, clock=clock)), clock

        yield start_one


@pytest.fixture
def gong(start: Callable[[World], tuple[Sandbox, MovableClock]]) -> Callable[[World], GongClient]:
    """A client of a Gong that serves a world."""
    return lambda world: GongClient(*start(world))


@pytest.fixture
def fathom(start: Callable[[World], tuple[Sandbox, MovableClock]]) -> Callable[[World], FathomClient]:
    """A client of a Fathom that serves a world."""
    return lambda world: FathomClient(*start(world))
