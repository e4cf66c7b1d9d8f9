"""The gate every request to a source passes: within its buckets, within the budgets, shut while a wait is on.

What is left of the limits is kept in the store for every quota owner, so that it holds for the next process and for
the process beside this one, too: a wait the source asked for is stored with the answer that named it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from headway_pipeline.ingestion.quota import Verdict, admit, closed, learn, read_quota, stored_quota
from headway_pipeline.ingestion.run import Allowance, Effects, SourceTuning
from headway_pipeline.model.errors import Failing, RateLimitedError, RequestsSpentError
from headway_pipeline.model.windows import day_end
from headway_pipeline.model.workspaces import Connector
from headway_pipeline.sources.gate import Answer, CostClass
from headway_pipeline.store.quotas import Decide, RequestMade

__all__ = ["Limiter", "QuotaBook"]

Result = TypeVar("Result")

#: Below this, a clock's rounding would make a wait of nothing.
SHORTEST_WAIT_S = 0.001


class QuotaBook(Protocol):
    """Where the states of quota owners are kept; `store.quotas` is one."""

    def change(self, owner: str, decide: Decide[Result], *, made: RequestMade | None = None) -> Result:
        """Give the owner's state to `decide` and keep what it makes of it, as one step."""
        ...


class Limiter:
    """Paces the requests of one connector. Implements `sources.gate.Gate`."""

    def __init__(
        self,
        connector: Connector,
        tuning: SourceTuning,
        effects: Effects,
        *,
        book: QuotaBook,
        owner: str,
        allowance: Allowance,
    ) -> None:
        """Sends nothing.

        Args:
            owner: who holds the quota at the source; several connectors may have one owner.
            allowance: what the connector has waited and asked in this run so far.
        """
        self._connector = connector
        self._tuning = tuning
        self._effects = effects
        self._book = book
        self._owner = owner
        self._allowance = allowance
        self._buckets = tuning.all_buckets

    def admit(self, cost: CostClass) -> None:
        """Count the next request and return when it may go.

        Raises:
            RequestsSpentError: the day's or the run's budget is.
            RateLimitedError: the source asked for a longer wait than the run has patience for.
        """
        if self._allowance.requests >= self._tuning.requests_per_run:
            raise self._run_is_spent()
        now = self._effects.now()
        while (verdict := self._try(cost, now)).wait_s > 0:
            if verdict.is_asked:
                self._wait(verdict.wait_s)
            else:
                self._effects.sleep(verdict.wait_s)
            now = self._after(now, verdict.wait_s)
        if verdict.is_spent:
            raise self._day_is_spent()
        self._allowance.requests += 1

    def _after(self, before: datetime, slept_s: float) -> datetime:
        """The present; a clock that was set back meanwhile holds up nothing."""
        return max(self._effects.now(), before + timedelta(seconds=slept_s))

    def _try(self, cost: CostClass, now: datetime) -> Verdict:
        def decide(stored: Mapping[str, Any]) -> tuple[Mapping[str, Any], Verdict]:
            quota, verdict = admit(read_quota(stored), self._buckets, cost, now, self._tuning.requests_per_day)
            return stored_quota(quota), verdict

        return self._book.change(self._owner, decide)

    def observe(self, answer: Answer) -> None:
        """Count the answer and learn from it; a wait the source asks for holds from now on, for every process."""
        now = self._effects.now()
        made = RequestMade(
            self._connector.workspace_id,
            self._connector.id,
            now.date(),
            answer.endpoint,
            answer.status or 0,
        )
        self._book.change(
            self._owner,
            lambda stored: (stored_quota(learn(read_quota(stored), self._buckets, answer, now)), None),
            made=made,
        )

    def shut(self, wait_s: float) -> None:
        """No request for so long: the source said so where no answer of ours shows it."""
        until = self._effects.now().timestamp() + wait_s
        self._book.change(self._owner, lambda stored: (stored_quota(closed(read_quota(stored), until)), None))

    def wait_until_open(self) -> None:
        """Sleep through a wait the source asked for.

        Raises:
            RateLimitedError: it is longer than the run has patience for.
        """
        now = self._effects.now()
        while (rest_s := self._shut_until() - now.timestamp()) > 0:
            wait_s = max(rest_s, SHORTEST_WAIT_S)
            self._wait(wait_s)
            now = self._after(now, wait_s)

    def shut_for_s(self) -> float:
        """How long the gate stays shut; 0 while it is open."""
        return max(0.0, self._shut_until() - self._effects.now().timestamp())

    def _shut_until(self) -> float:
        return self._book.change(self._owner, lambda stored: (stored, read_quota(stored).closed_until))

    def wait_for_failure(self, wait_s: float) -> bool:
        """Sleep before another try, if the run has patience for it; else at once False."""
        if not self._has_patience_for(wait_s):
            return False
        self._sleep(wait_s)
        return True

    def _wait(self, wait_s: float) -> None:
        if not self._has_patience_for(wait_s):
            until = datetime.fromtimestamp(self._effects.now().timestamp() + wait_s, tz=UTC)
            raise RateLimitedError(
                f"{self._connector.connector_type} asked for a pause until {until:%Y-%m-%d %H:%M} UTC",
                "run again after that; nothing is lost",
                at=Failing(self._connector.connector_type),
                retry_after_s=wait_s,
            )
        self._sleep(wait_s)

    def _has_patience_for(self, wait_s: float) -> bool:
        return self._allowance.waited_s + wait_s <= self._tuning.patience_s

    def _sleep(self, wait_s: float) -> None:
        self._allowance.waited_s += wait_s
        self._effects.sleep(wait_s)

    def _day_is_spent(self) -> RequestsSpentError:
        now = self._effects.now()
        return RequestsSpentError(
            f"{self._connector.connector_type}: the budget of {self._tuning.requests_per_day} requests for today is "
            "spent",
            "the rest follows tomorrow; raise requests_per_day on the source's resource if the vendor allows it",
            at=Failing(self._connector.connector_type),
            retry_after_s=(day_end(now.date()) - now) / timedelta(seconds=1),
        )

    def _run_is_spent(self) -> RequestsSpentError:
        return RequestsSpentError(
            f"{self._connector.connector_type}: the budget of {self._tuning.requests_per_run} requests for one run "
            "is spent",
            "the next run goes on; raise requests_per_run on the source's resource for longer runs",
            at=Failing(self._connector.connector_type),
            retry_after_s=0.0,
        )
