"""A book of quotas in memory, and limiters over it: as many processes as a test wants, without a database."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from headway_pipeline.ingestion.limiter import Limiter
from headway_pipeline.ingestion.run import Allowance, SourceTuning
from headway_pipeline.model.workspaces import Connector
from headway_pipeline.store.quotas import Decide, RequestMade
from headway_pipeline_tests.ingestion.fakes import Clock, FakeSource

Result = TypeVar("Result")
CONNECTOR = Connector(UUID(int=1), UUID(int=2), "fake", "fake")


class MemoryBook:
    """Keeps states as the store does: as JSON."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.made: Counter[tuple[str, int]] = Counter()

    def change(self, owner: str, decide: Decide[Result], *, made: RequestMade | None = None) -> Result:
        stored: Mapping[str, Any] = json.loads(self.states.get(owner, "{}"))
        after, result = decide(stored)
        self.states[owner] = json.dumps(after)
        if made is not None:
            self.made[made.endpoint, made.status] += 1
        return result


def limiter(
    clock: Clock,
    book: MemoryBook | None = None,
    *,
    owner: str = "owner",
    allowance: Allowance | None = None,
    **tuned: Any,
) -> Limiter:
    """A limiter as the next process would make it; `tuned` are fields of `SourceTuning`."""
    return Limiter(
        CONNECTOR,
        replace(SourceTuning.of(FakeSource), **tuned),
        clock.effects(),
        book=book or MemoryBook(),
        owner=owner,
        allowance=allowance or Allowance(),
    )
