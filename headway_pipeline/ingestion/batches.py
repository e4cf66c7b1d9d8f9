"""Batches from their handing in to their last answer: asked after, landed, and given up where they are lost.

Every step may be interrupted and taken again, by this process or another. A batch whose handing in was interrupted is
looked for at the provider before its questions are free again, so that nothing is paid twice.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from headway_pipeline.ingestion.asking import stored_of
from headway_pipeline.ingestion.run import Effects
from headway_pipeline.llm.contract import (
    BatchFailure,
    BatchProvider,
    BatchState,
    BatchStatus,
    LLMResponse,
    Provider,
    Submission,
)
from headway_pipeline.llm.discovery import find_provider
from headway_pipeline.llm.prices import price_usd
from headway_pipeline.model.errors import ConfigurationError, HeadwayError, ModelError, UnknownBatchError
from headway_pipeline.store import Store
from headway_pipeline.store.answers import NewAnswer
from headway_pipeline.store.batches import Batch

__all__ = ["SETTLED", "Advanced", "advance_batches", "due_batches"]

logger = logging.getLogger(__name__)

#: After this nobody is still handing in a batch: longer than the time-outs of the requests that takes.
SETTLED = timedelta(minutes=20)

Connect = Callable[[str], Provider]


@dataclass(frozen=True, slots=True)
class Advanced:
    """How far a batch has come.

    Attributes:
        state: "waiting", or the end it came to: "finished", "failed", "cancelled".
        answered: answers that landed now.
        unanswered: questions that are free to be asked anew.
    """

    batch: Batch
    state: str
    words: str = ""
    answered: int = 0
    unanswered: int = 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state != "waiting"


def due_batches(store: Store, connect: Connect, effects: Effects) -> list[Batch]:
    """The open batches that a look would bring further: they have ended, or may be lost.

    A provider that cannot be asked has none.
    """
    with ExitStack() as closing:
        provider_of = cache(lambda name: _connected(connect, name, closing))
        return [batch for batch in store.batches.open() if _is_due(provider_of, effects, batch)]


def _is_due(provider_of: Callable[[str], BatchProvider], effects: Effects, batch: Batch) -> bool:
    if batch.external_id is None:
        return effects.now() - batch.prepared_at >= SETTLED
    try:
        return provider_of(batch.provider).poll(batch.external_id).state is not BatchState.RUNNING
    except UnknownBatchError:
        return True
    except (ModelError, ConfigurationError) as error:
        logger.warning("batch %s cannot be asked after: %s", batch.id, error)
        return False


def advance_batches(store: Store, connect: Connect, effects: Effects) -> list[Advanced]:
    """Ask after every open batch once, and land what is there.

    A provider that cannot be asked leaves its batches waiting, with the reason.

    Args:
        connect: makes a provider ready, by its name; it is closed here.
    """
    with ExitStack() as closing:
        provider_of = cache(lambda name: _connected(connect, name, closing))
        return [_advance(store, provider_of, effects, batch) for batch in store.batches.open()]


def _connected(connect: Connect, name: str, closing: ExitStack) -> BatchProvider:
    provider = connect(name)
    closing.callback(provider.close)
    if not isinstance(provider, BatchProvider):
        raise ConfigurationError(f"{name} takes no batches any more", "install it as it was")
    return provider


def _advance(store: Store, provider_of: Callable[[str], BatchProvider], effects: Effects, batch: Batch) -> Advanced:
    try:
        return _Step(store, provider_of(batch.provider), effects, batch).take()
    except (ModelError, ConfigurationError) as error:
        store.batches.note(batch.id, str(error))
        return Advanced(batch, "waiting", str(error))


@dataclass(frozen=True, slots=True)
class _Step:
    """One look at one batch."""

    store: Store
    provider: BatchProvider
    effects: Effects
    batch: Batch

    def take(self) -> Advanced:
        """Find, ask after and land the batch, as far as that goes now."""
        external_id = self.batch.external_id
        if external_id is None:
            found = self._found()
            if isinstance(found, Advanced):
                return found
            external_id = found
            self.store.batches.submitted(self.batch.id, external_id)
        try:
            status = self.provider.poll(external_id)
            if status.state is BatchState.RUNNING:
                return Advanced(self.batch, "waiting")
            return self._land(status)
        except UnknownBatchError as error:
            return self._end("failed", str(error))

    def _found(self) -> str | Advanced:
        """The provider's id of a batch whose id was never learned, or how it stands without."""
        if self.effects.now() - self.batch.prepared_at < SETTLED:
            return Advanced(self.batch, "waiting", "it is being handed in")
        submission = Submission(str(self.batch.id), self.batch.request_count, self.batch.prepared_at)
        known = self.store.batches.known_external_ids(self.batch.provider)
        candidates = [status for status in self.provider.find(submission) if status.external_id not in known]
        own = next((status for status in candidates if self._is_own(status)), None)
        if own is not None:
            return own.external_id
        if any(status.state is BatchState.RUNNING for status in candidates):
            words = "it may be one of the batches that run at the provider; their results will tell"
            self.store.batches.note(self.batch.id, words)
            return Advanced(self.batch, "waiting", words)
        return self._end("failed", "the provider never got it")

    def _is_own(self, status: BatchStatus) -> bool:
        if self.provider.keeps_marker:
            return True
        if status.state is BatchState.RUNNING:
            return False
        asked = self.store.batches.fingerprints(self.batch)
        try:
            return any(result.fingerprint in asked for result in self.provider.results(status.external_id))
        except UnknownBatchError:
            # Somebody else's, deleted since.
            return False

    def _land(self, status: BatchStatus) -> Advanced:
        """Keep every outcome; questions without one are free again."""
        answered = unanswered = 0
        for result in self.provider.results(status.external_id):
            match result.outcome:
                case LLMResponse() as response:
                    answered += self._keep(result.fingerprint, response)
                case BatchFailure(words, is_final):
                    self.store.batches.unanswered(self.batch, result.fingerprint, words, is_final=is_final)
                    unanswered += 1
        self._discard(status.external_id)
        state = {BatchState.ENDED: "finished", BatchState.CANCELLED: "cancelled"}.get(status.state, "failed")
        if status.state is BatchState.EXPIRED and answered:
            state = "finished"
        words = status.words or (status.state.value if state != "finished" else "")
        return self._end(state, words, answered, unanswered)

    def _keep(self, fingerprint: str, response: LLMResponse) -> bool:
        kind, now = find_provider(self.batch.provider), self.effects.now()
        cost = price_usd(kind, self.batch.model, response.usage, at=now, is_batch=True)
        return self.store.batches.land(self.batch, fingerprint, NewAnswer(stored_of(response), cost))

    def _discard(self, external_id: str) -> None:
        """Leave nothing of what customers said at the provider; it deletes it itself some day where this fails."""
        try:
            self.provider.discard(external_id)
        except HeadwayError as error:
            logger.warning("batch %s could not be deleted at %s: %s", external_id, self.batch.provider, error)

    def _end(self, state: str, words: str, answered: int = 0, unanswered: int = 0) -> Advanced:
        left = self.store.batches.end(self.batch.id, state, words or None)
        return Advanced(self.batch, state, words, answered, unanswered + left)
