"""Questions that may take a day, collected for batches at half the price.

A stage runs as ever; a question without an answer is set down instead of asked, and its call waits. At the end of the
stage what was set down is claimed in the store, then handed in. When the answers have landed (`batches.py`) the same
stages find them and go on, and set down what they ask next.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from headway_pipeline.analysis.language_model.conversation import Answer
from headway_pipeline.ingestion.asking import Desk, exhausted, response_of
from headway_pipeline.llm.contract import BatchProvider, LLMRequest, LLMUsage
from headway_pipeline.llm.discovery import find_provider
from headway_pipeline.llm.prices import price_usd
from headway_pipeline.model.errors import AnswerPendingError, ModelError, TransientModelError
from headway_pipeline.model.usage import Usage
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.store.answers import Exhausted, MonthlyBudget, Pending, Question, StoredAnswer

__all__ = ["CollectingDesk", "HandedIn"]

#: Well below what providers take: one that fails as a whole costs little time.
MOST_REQUESTS = 5_000
MOST_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A batch this run handed in.

    Attributes:
        external_id: the provider's id of it; None where the provider's answer was lost on the way.
    """

    id: UUID
    provider: str
    model: str
    request_count: int
    external_id: str | None


@dataclass(slots=True)
class _SetDown:
    """What is set down for one workspace, provider and model."""

    provider: BatchProvider
    budget: MonthlyBudget | None
    questions: dict[str, Question] = field(default_factory=dict)
    requests: dict[str, LLMRequest] = field(default_factory=dict)
    weight: int = 0

    def add(self, question: Question, request: LLMRequest) -> None:
        """Set one more down."""
        self.questions[question.fingerprint] = question
        self.requests[question.fingerprint] = request
        self.weight += self.provider.weigh(request)

    @property
    def is_full(self) -> bool:
        """Whether it is time to hand it in."""
        limits = self.provider.batch_limits
        # One more request must fit, however long.
        most_bytes = min(MOST_BYTES, limits.megabytes * 1_000_000 // 2)
        return len(self.requests) >= min(MOST_REQUESTS, limits.requests) or self.weight >= most_bytes


class CollectingDesk(Desk):
    """Gets answers out of the store and sets down what is not there; providers without batches are asked at once.

    Attributes:
        handed_in: the batches, in order.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        """As a desk."""
        super().__init__(*args, **named)
        self.handed_in: list[HandedIn] = []
        self._collecting = threading.Lock()
        self._set_down: dict[tuple[UUID, str, str], _SetDown] = {}
        self._left_usd: dict[UUID, float] = {}

    def ask(self, workspace: Workspace, message_id: UUID | None, request: LLMRequest) -> Answer:
        """The answer to `request`, if it is in the store.

        Raises:
            AnswerPendingError: it comes with a batch.
            BudgetSpentError: a budget leaves no room for it.
            ModelError: a batch that became full could not be handed in.
            AnalysisError: the answers so far were of no use, too often.
        """
        provider = self.provider(request.provider)
        if not isinstance(provider, BatchProvider):
            return super().ask(workspace, message_id, request)
        question = self._question(workspace, message_id, request)
        match self._store.answers.look(workspace.id, question.fingerprint):
            case StoredAnswer() as stored:
                return Answer(response_of(stored), Usage(cached=1))
            case Exhausted(why):
                raise exhausted(question, why)
            case Pending():
                raise _pending()
        self._collect(workspace, provider, question, request)
        raise _pending()

    def hand_in(self) -> None:
        """Hand in everything that is set down.

        Raises:
            ModelError: a provider does not take it; the questions are free again.
        """
        with self._collecting:
            waiting = list(self._set_down.values())
            self._set_down.clear()
        for set_down in waiting:
            self._submit(set_down)

    def _price(self, request: LLMRequest, usage: LLMUsage) -> float | None:
        provider = find_provider(request.provider)
        is_batch = issubclass(provider, BatchProvider)
        return price_usd(provider, request.model, usage, at=self._effects.now(), is_batch=is_batch)

    def _collect(
        self, workspace: Workspace, provider: BatchProvider, question: Question, request: LLMRequest
    ) -> None:
        key = (workspace.id, request.provider, request.model)
        with self._collecting:
            set_down = self._set_down.setdefault(key, _SetDown(provider, self._budget(workspace)))
            if question.fingerprint not in set_down.requests:
                self._spend(workspace, set_down.budget, question)
                set_down.add(question, request)
            if not set_down.is_full:
                return
            del self._set_down[key]
        self._submit(set_down)

    def _spend(self, workspace: Workspace, budget: MonthlyBudget | None, question: Question) -> None:
        """Keep what the question may cost within the budgets of the month and of the run."""
        if budget is not None:
            if workspace.id not in self._left_usd:
                spent = self._store.answers.spent_usd(workspace.id, budget.since)
                self._left_usd[workspace.id] = budget.usd - spent
            if question.price_usd is None or question.price_usd > self._left_usd[workspace.id]:
                raise self._month_is_spent(workspace, budget.usd - self._left_usd[workspace.id], question)
            self._left_usd[workspace.id] -= question.price_usd
        if not self._spending.reserve(question.price_usd):
            raise self._run_is_spent(question)

    def _submit(self, set_down: _SetDown) -> None:
        """Claim, hand in, and keep the provider's id: a crash in between is noticed by `batches.advance`."""
        batches, provider = self._store.batches, set_down.provider
        questions = list(set_down.questions.values())
        prepared = batches.prepare(questions, budget=set_down.budget) if questions else None
        if prepared is None:
            return
        chosen = [set_down.requests[one.fingerprint] for one in questions if one.fingerprint in prepared.fingerprints]
        external_id = self._handed_in_as(provider, chosen, prepared.id)
        if external_id is not None and not batches.submitted(prepared.id, external_id):
            # It took so long that it was given up, and its questions are free.
            provider.cancel(external_id)
        self.handed_in.append(HandedIn(prepared.id, provider.name, chosen[0].model, len(chosen), external_id))

    def _handed_in_as(self, provider: BatchProvider, requests: Sequence[LLMRequest], batch_id: UUID) -> str | None:
        """The provider's id; None where nobody knows whether it has the batch."""
        try:
            return provider.submit(requests, str(batch_id))
        except TransientModelError as error:
            # Not tried again: the first try may have arrived.
            self._store.batches.note(batch_id, str(error))
            return None
        except ModelError as error:
            self._store.batches.end(batch_id, "failed", str(error))
            raise


def _pending() -> AnswerPendingError:
    return AnswerPendingError("the answer comes with a batch", "a later run takes it from the store")
