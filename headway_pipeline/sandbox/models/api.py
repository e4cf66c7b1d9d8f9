"""Both APIs over one model, as a part of the sandbox's server."""

from collections.abc import Callable, Sequence
from datetime import datetime

from headway_pipeline.sandbox.exchange import Reply, Request
from headway_pipeline.sandbox.models import anthropic_api, openai_api
from headway_pipeline.sandbox.models.anthropic_api import AnthropicApi
from headway_pipeline.sandbox.models.model import LocalModel
from headway_pipeline.sandbox.models.openai_api import OpenAIApi
from headway_pipeline.sandbox.models.rules import ModelRules
from headway_pipeline.sandbox.models.truth import Planted

__all__ = ["ModelApis", "demo_truth"]


class ModelApis:
    """The local models at one address.

    Attributes:
        model: what both ask; its rules, its truth and its log.
        openai: the local GPT; its files.
    """

    def __init__(
        self,
        base_url: str,
        clock: Callable[[], datetime],
        truth: Sequence[Planted] = (),
        rules: ModelRules | None = None,
    ) -> None:
        self.model = LocalModel(truth, clock, rules or ModelRules())
        self._anthropic = AnthropicApi(self.model, base_url)
        self.openai = OpenAIApi(self.model)
        #: What to set `ANTHROPIC_BASE_URL` to.
        self.anthropic_url = base_url + anthropic_api.PREFIX
        #: What to set `OPENAI_BASE_URL` or `OPENAI_COMPATIBLE_BASE_URL` to.
        self.openai_url = base_url + openai_api.PREFIX

    def answer(self, request: Request) -> Reply | None:
        """The reply to a request for a model, or None for any other."""
        if request.path.startswith(f"{anthropic_api.PREFIX}/"):
            return self._anthropic.answer(request)
        if request.path.startswith(f"{openai_api.PREFIX}/"):
            return self.openai.answer(request)
        return None


def demo_truth() -> tuple[Planted, ...]:
    """What is planted in the demo's calls."""
    # Imported here: its calls are read and put together only for those who want them.
    from headway_pipeline.sandbox.expansion import planted_truth

    return tuple(Planted(truth.quote, truth.type, truth.theme) for truth in planted_truth())
