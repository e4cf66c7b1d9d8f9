"""How the tests put calls into a source. One file a source, named as the source, that sets `HARNESS`.

With it a source gets every test of `test_conduct.py`; a discovered source without one fails there.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from types import MappingProxyType

from headway_pipeline.sandbox.world import SandboxCall
from headway_pipeline.sources.contract import Source

__all__ = ["AS_IT_IS", "DIRTY_TITLE", "LONG_ID", "Harness", "Oddity", "harness_of"]

#: Beyond 2**53, and odd: a float would lose its last digit.
LONG_ID = 2**53 + 1
#: NUL, half a surrogate pair, and something to be kept.
DIRTY_TITLE = "Rollout\x00 review \ud800 part 2"


class Oddity(StrEnum):
    """What a listed record may be like."""

    PRIVATE = "private"
    #: It has a field, `mood`, that no version of ours knows.
    NEW_FIELD = "new_field"
    #: It lacks what it cannot do without.
    UNUSABLE = "unusable"
    #: Its title is `DIRTY_TITLE`.
    DIRTY = "dirty"
    #: Its own id is the number `LONG_ID`.
    LONG = "long"


AS_IT_IS: Mapping[str, Oddity] = MappingProxyType({})


class Harness(ABC):
    """A source for tests."""

    @abstractmethod
    def holding(self, *calls: SandboxCall, odd: Mapping[str, Oddity] = AS_IT_IS) -> AbstractContextManager[Source]:
        """The source, connected, with these calls in it; `odd` says by their ids which are odd."""

    @abstractmethod
    def gone(self) -> AbstractContextManager[Source]:
        """The source, connected to a place that is not there."""

    @abstractmethod
    def id_of(self, own_id: str) -> str:
        """The external id of the sandbox call or, where it is `LONG_ID`, of the record with that id."""


def harness_of(name: str) -> Harness:
    """The harness of the source of that name."""
    module = importlib.import_module(f"{__name__}.{name}")
    harness = module.HARNESS
    assert isinstance(harness, Harness)
    return harness
