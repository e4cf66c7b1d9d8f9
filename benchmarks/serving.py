"""A local Gong and Fathom in a process of its own, so that a measured process pays nothing for them."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import World

__all__ = ["served"]


def _serve(world: World, address: Any) -> None:
    with Sandbox(world) as sandbox:
        address.send(sandbox.base_url)
        address.recv()


@contextmanager
def served(world: World) -> Iterator[str]:
    """The address of a local Gong with this world's calls."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(world, theirs))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()
