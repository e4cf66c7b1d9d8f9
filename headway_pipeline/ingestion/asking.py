"""Asking a language model for one run: what was answered before is free, what is new is claimed and paid once.

The order is always the same: look in the store, check the budgets, claim, ask with patience, record with its price.
Nothing of it happens inside another transaction, and everything may be called from many threads.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from headway_pipeline.analysis.language_model.conversation import Answer
from headway_pipeline.analysis.language_model.numbered import estimated_tokens
from headway_pipeline.analysis.language_model.shapes import canonical
from headway_pipeline.ingestion.run import Effects
from headway_pipeline.llm.contract import LLMRequest, LLMResponse, LLMUsage, Provider, Stop
from headway_pipeline.llm.discovery import connect, find_provider
from headway_pipeline.llm.patience import Patience
from headway_pipeline.llm.prices import price_usd
from headway_pipeline.model.errors import (
    AnalysisError,
    AnswerPendingError,
    BudgetSpentError,
    RunBudgetSpentError,
)
from headway_pipeline.model.usage import Usage
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.store import Store
from headway_pipeline.store.answers import (
    Claimed,
    Exhausted,
    MonthlyBudget,
    NewAnswer,
    OverBudget,
    Pending,
    Question,
    StoredAnswer,
)

__all__ = ["CallAsker", "Desk", "exhausted", "expected_tokens", "month_start"]

#: The longest wait for one answer; a long reading takes minutes.
TIMEOUT_S = 300.0
#: A claim outlives its request, not by much: what a crash leaves behind is waited for.
CLAIM_S = TIMEOUT_S + 60.0
#: How long somebody else's answer is waited for.
PENDING_PATIENCE_S = 30.0
PENDING_LOOK_S = 1.0

Connect = Callable[[str], Provider]


def month_start(now: datetime) -> datetime:
    """The instant (UTC) at which a workspace's budget began anew."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def expected_tokens(request: LLMRequest) -> LLMUsage:
    """What a request and the longest answer to it take; rather too many."""
    said = [part for objection in request.objections for part in (objection.answer, objection.problem)]
    sent = estimated_tokens(request.system, request.user, canonical(request.schema), *said)
    return LLMUsage(sent, request.max_output_tokens)


@dataclass(slots=True)
class _Spending:
    """What one run has spent and may still have to pay for what it asks."""

    most_usd: float | None
    usd: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, price: float | None) -> bool:
        """Set the price of one answer aside; False where it might go beyond the budget."""
        with self.lock:
            if self.most_usd is not None and (price is None or self.usd + price > self.most_usd):
                return False
            self.usd += price or 0.0
            return True

    def settle(self, reserved: float | None, paid: float | None) -> None:
        """What was set aside becomes what was paid."""
        with self.lock:
            self.usd += (paid or 0.0) - (reserved or 0.0)


class Desk:
    """Gets answers for one run."""

    def __init__(
        self,
        store: Store,
        owner: str,
        environment: Mapping[str, str],
        *,
        effects: Effects,
        run_budget_usd: float | None = None,
        monthly_budget_usd: float | None = None,
        connect_to: Connect | None = None,
    ) -> None:
        """Prepares; nobody is connected before the first question.

        Args:
            owner: the run's id, under which it claims.
            environment: where providers find keys and addresses.
            run_budget_usd: the most that this run may spend, or None.
            monthly_budget_usd: of workspaces that have no budget of their own.
            connect_to: makes a provider ready, by its name.
        """
        self._store = store
        self._owner = owner
        self._effects = effects
        self._connect = connect_to or (lambda name: connect(name, environment, timeout_s=TIMEOUT_S))
        self._monthly_budget_usd = monthly_budget_usd
        self._spending = _Spending(run_budget_usd)
        self._lock = threading.Lock()
        self._providers: dict[str, tuple[Provider, Patience]] = {}

    @property
    def owner(self) -> str:
        """Under which the run claims."""
        return self._owner

    def provider(self, name: str) -> Provider:
        """The connected provider.

        Raises:
            ConfigurationError: its key or address is missing.
        """
        return self._provider(name)[0]

    def _provider(self, name: str) -> tuple[Provider, Patience]:
        with self._lock:
            if name not in self._providers:
                patience = Patience(
                    clock=lambda: self._effects.now().timestamp(),
                    sleep=self._effects.sleep,
                    jitter=self._effects.jitter,
                )
                self._providers[name] = (self._connect(name), patience)
            return self._providers[name]

    def close(self) -> None:
        """Give the providers' connections back."""
        with self._lock:
            for provider, _ in self._providers.values():
                provider.close()
            self._providers.clear()

    def ask(self, workspace: Workspace, message_id: UUID | None, request: LLMRequest) -> Answer:
        """The answer to `request`, paid for at most once.

        Raises:
            ModelError: the provider did not answer.
            HeldBackError: the budget does not allow it, or somebody else is asking.
            AnalysisError: the answers so far were of no use, too often.
        """
        question = self._question(workspace, message_id, request)
        waited_s = 0.0
        while True:
            standing = self._claim(workspace, question)
            match standing:
                case StoredAnswer():
                    return Answer(response_of(standing), Usage(cached=1))
                case Claimed():
                    return self._pay(question, request)
                case Exhausted(why):
                    raise exhausted(question, why)
                case OverBudget(spent):
                    raise self._month_is_spent(workspace, spent, question)
                case Pending(until):
                    if until is None or waited_s >= PENDING_PATIENCE_S:
                        raise AnswerPendingError(_pending(until), "a later run takes the answer from the store")
            self._effects.sleep(PENDING_LOOK_S)
            waited_s += PENDING_LOOK_S

    def hand_in(self) -> None:
        """Hand in what was collected to be asked together: nothing, at a desk that asks at once."""

    def disown(self, workspace: Workspace, request: LLMRequest, why: str) -> None:
        """The answer to `request` was of no use."""
        self._store.answers.disown(workspace.id, request.fingerprint, why)

    def _question(self, workspace: Workspace, message_id: UUID | None, request: LLMRequest) -> Question:
        return Question(
            workspace_id=workspace.id,
            fingerprint=request.fingerprint,
            stage=request.stage.value,
            provider=request.provider,
            model=request.model,
            prompt_version=request.identity.get("prompt", ""),
            message_id=message_id,
            price_usd=self._price(request, expected_tokens(request)),
        )

    def _price(self, request: LLMRequest, usage: LLMUsage) -> float | None:
        return price_usd(find_provider(request.provider), request.model, usage, at=self._effects.now())

    def _claim(
        self, workspace: Workspace, question: Question
    ) -> StoredAnswer | Claimed | Pending | Exhausted | OverBudget:
        budget = self._budget(workspace)
        return self._store.answers.claim(question, self._owner, lasts_s=CLAIM_S, budget=budget)

    def _budget(self, workspace: Workspace) -> MonthlyBudget | None:
        """What the workspace may spend this month, or None."""
        own = workspace.reading.monthly_budget_usd
        most = self._monthly_budget_usd if own is None else own
        return None if most is None else MonthlyBudget(most, month_start(self._effects.now()))

    def _pay(self, question: Question, request: LLMRequest) -> Answer:
        """Ask the provider; the claim is ours."""
        answers, key = self._store.answers, (question.workspace_id, question.fingerprint)
        if not self._spending.reserve(question.price_usd):
            answers.release(*key, self._owner, "the run's budget is spent")
            raise self._run_is_spent(question)
        try:
            response = self._ask_provider(question, request)
        except BaseException as error:
            self._spending.settle(question.price_usd, 0.0)
            # The type alone where it is not ours: its words may hold anything.
            answers.release(*key, self._owner, type(error).__name__)
            raise
        cost = self._price(request, response.usage)
        # An answer without a count of tokens is taken to have cost what it may.
        self._spending.settle(question.price_usd, question.price_usd if cost is None else cost)
        answers.record(question, NewAnswer(stored_of(response), cost))
        used = response.usage
        return Answer(response, Usage(1, 0, used.input_tokens or 0, used.output_tokens or 0, cost))

    def _ask_provider(self, question: Question, request: LLMRequest) -> LLMResponse:
        provider, patience = self._provider(request.provider)
        is_again = False

        def once() -> LLMResponse:
            nonlocal is_again
            if is_again:
                key = (question.workspace_id, question.fingerprint, self._owner)
                self._store.answers.extend(*key, lasts_s=CLAIM_S)
            is_again = True
            return provider.complete(request)

        return patience.ask(once)

    def _month_is_spent(self, workspace: Workspace, spent: float, question: Question) -> BudgetSpentError:
        if question.price_usd is None:
            return BudgetSpentError(*_unpriced(question))
        return BudgetSpentError(
            f"the month's budget of workspace {workspace.slug} leaves no room for one more answer "
            f"({spent:.4f} USD spent or being spent)",
            f"the next month brings it again; `headway workspace edit --workspace-id {workspace.slug} "
            "--monthly-budget-usd` changes it",
        )

    def _run_is_spent(self, question: Question) -> RunBudgetSpentError:
        if question.price_usd is None:
            return RunBudgetSpentError(*_unpriced(question))
        return RunBudgetSpentError(
            f"the run's budget of {self._spending.most_usd:g} USD leaves no room for one more answer",
            "run again with more, or without a budget",
        )


@dataclass(frozen=True, slots=True)
class CallAsker:
    """A desk, for the questions about one call."""

    desk: Desk
    workspace: Workspace
    message_id: UUID | None

    def ask(self, request: LLMRequest) -> Answer:
        """See `Desk.ask`."""
        return self.desk.ask(self.workspace, self.message_id, request)

    def disown(self, request: LLMRequest, why: str) -> None:
        """See `Desk.disown`."""
        self.desk.disown(self.workspace, request, why)


def stored_of(response: LLMResponse) -> StoredAnswer:
    """A response in the store's words."""
    used = response.usage
    return StoredAnswer(
        text=response.text,
        stop_reason=response.stop.value,
        answered_model=response.model,
        request_id=response.request_id,
        usage={
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "cached_input_tokens": used.cached_input_tokens,
            "cache_write_tokens": used.cache_write_tokens,
        },
        latency_ms=response.latency_ms,
    )


def response_of(stored: StoredAnswer) -> LLMResponse:
    """The inverse, without the provider's own JSON, which is not kept."""
    return LLMResponse(
        text=stored.text,
        stop=Stop(stored.stop_reason),
        usage=LLMUsage(**stored.usage),
        model=stored.answered_model,
        request_id=stored.request_id,
        latency_ms=stored.latency_ms,
    )


def exhausted(question: Question, why: str) -> AnalysisError:
    """Nothing more is paid for this question by itself."""
    return AnalysisError(
        f"{question.provider}:{question.model} {why}, too often to ask by itself",
        "`headway reanalyse` asks again; another model may do better",
    )


def _pending(until: datetime | None) -> str:
    if until is None:
        return "the answer comes with a batch"
    return f"another run is asking the same, at the latest until {until:%H:%M:%S} UTC"


def _unpriced(question: Question) -> tuple[str, str]:
    """The words and the remedy."""
    return (
        f"there is a budget, and nobody knows the price of {question.provider}:{question.model}",
        "take the budget away, or name a model with a known price",
    )
