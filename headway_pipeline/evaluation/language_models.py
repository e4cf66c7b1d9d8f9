"""Language models as analysts to be measured: asked at once, paid each time, and nothing of it is stored."""

from collections.abc import Mapping
from datetime import UTC, datetime

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.language_model import LanguageModelAnalyst
from headway_pipeline.analysis.language_model.conversation import Answer
from headway_pipeline.llm.contract import LLMRequest, Provider
from headway_pipeline.llm.discovery import connect, read_choice
from headway_pipeline.llm.patience import Patience
from headway_pipeline.llm.prices import price_usd
from headway_pipeline.model.usage import Usage

__all__ = ["model_analyst"]

#: Labelled sets are public: the marks around their texts need no secret.
MARK_KEY = b"labelled sets are public"


class DirectAsker:
    """Asks a provider and keeps nothing. Implements `analysis.language_model.Asker`."""

    def __init__(self, provider: Provider, patience: Patience) -> None:
        self._provider = provider
        self._patience = patience

    def ask(self, request: LLMRequest) -> Answer:
        """The provider's answer, with what it cost.

        Raises:
            ModelError: it did not answer.
        """
        response = self._patience.ask(lambda: self._provider.complete(request))
        used = response.usage
        cost = price_usd(type(self._provider), request.model, used, at=datetime.now(tz=UTC))
        return Answer(response, Usage(1, 0, used.input_tokens or 0, used.output_tokens or 0, cost))

    def disown(self, request: LLMRequest, why: str) -> None:
        """An answer of no use counts against the model, as it is; nothing is asked in its place."""


def model_analyst(named: str, environment: Mapping[str, str]) -> Analyst:
    """The language model that `provider:model` names.

    Args:
        environment: holds the provider's key and address.

    Raises:
        InputError: there is no such provider.
        ConfigurationError: its key is missing.
    """
    choice = read_choice(named)
    provider = connect(choice.provider, environment)
    return LanguageModelAnalyst(
        asker=DirectAsker(provider, Patience()), provider=choice.provider, model=choice.model, key=MARK_KEY
    )
