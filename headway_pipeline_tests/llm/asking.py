"""Requests to ask local models with, and providers connected to them. Plain functions: any test may use them."""

from collections.abc import Mapping
from typing import Any

from headway_pipeline.llm.contract import Access, LLMRequest, Objection, Provider, Stage
from headway_pipeline.sandbox.exchange import Reply, json_reply
from headway_pipeline.sandbox.models.anthropic_api import anthropic_error
from headway_pipeline.sandbox.models.openai_api import openai_error
from headway_pipeline.sandbox.server import Sandbox

KEY = "sk-hush-1234567890"
MODELS = {"anthropic": "claude-haiku-5-5", "openai": "gpt-6-luna", "openai_compatible": "local-model"}
PATHS = {
    "anthropic": "/anthropic/v1/messages",
    "openai": "/openai/v1/responses",
    "openai_compatible": "/openai/v1/chat/completions",
}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "mood": {"type": "string", "enum": ["calm", "cross"]},
        "wishes": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["mood", "wishes"],
    "additionalProperties": False,
}
ANSWER = '{"mood": "calm", "wishes": []}'
SYSTEM = "You listen to customers and write down what they wish for."
USER = "[0] C: The conveyor at dock seven halts whenever a pallet is wrapped in black foil."


def request_to(
    provider: str,
    *,
    model: str | None = None,
    user: str = USER,
    schema: Mapping[str, Any] = SCHEMA,
    objections: tuple[Objection, ...] = (),
    stage: Stage = Stage.EXTRACTION,
) -> LLMRequest:
    """A question that any of the local models can answer."""
    return LLMRequest(
        provider=provider,
        model=model or MODELS[provider],
        stage=stage,
        system=SYSTEM,
        user=user,
        schema_name="wishes",
        schema=schema,
        max_output_tokens=2_000,
        objections=objections,
        identity={"prompt_version": "1"},
    )


def base_url_of(provider: type[Provider], sandbox: Sandbox) -> str:
    """Where the local model of that provider is."""
    return sandbox.models.anthropic_url if provider.name == "anthropic" else sandbox.models.openai_url


def connected(provider: type[Provider], sandbox: Sandbox, *, key: str = KEY, timeout_s: float = 5.0) -> Provider:
    """The provider, asking the sandbox."""
    return provider(Access(key, base_url_of(provider, sandbox), timeout_s))


def failing(provider: str, status: int, words: str = "no", code: str | None = None, **named: Any) -> Reply:
    """An error in the provider's own form."""
    if provider == "anthropic":
        return anthropic_error(status, words, **named)
    return openai_error(status, words, code, **named)


def out_of_quota(provider: str) -> Reply:
    """How the provider says that there is no money left."""
    if provider == "anthropic":
        return anthropic_error(400, "Your credit balance is too low to access the Anthropic API.")
    return json_reply(429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}})
