from datetime import UTC, datetime

import pytest

from headway_pipeline.llm.anthropic import AnthropicProvider
from headway_pipeline.llm.contract import LLMUsage, Provider
from headway_pipeline.llm.discovery import discover
from headway_pipeline.llm.openai import OpenAIProvider
from headway_pipeline.llm.openai_compatible import OpenAICompatibleProvider
from headway_pipeline.llm.prices import listed_context_tokens, price_usd

NOW = datetime(2026, 11, 24, tzinfo=UTC)
HOUR_LONG_CALL = LLMUsage(input_tokens=20_000, output_tokens=2_000)


@pytest.mark.parametrize(
    "provider", [provider for provider in discover().values() if provider.default_model is not None]
)
def test_every_default_model_has_a_price_and_a_batch_costs_half(provider: type[Provider]) -> None:
    assert provider.default_model is not None
    price = price_usd(provider, provider.default_model, HOUR_LONG_CALL, at=NOW)
    assert price == pytest.approx(0.003)
    half = price_usd(provider, provider.default_model, HOUR_LONG_CALL, at=NOW, is_batch=True)
    assert half == pytest.approx(0.0015)


def test_a_long_prompt_is_priced_by_its_step() -> None:
    long = LLMUsage(input_tokens=200_000, output_tokens=0)
    assert price_usd(AnthropicProvider, "claude-haiku-5-5", long, at=NOW) == pytest.approx(0.1)


def test_what_comes_from_the_cache_costs_less_and_what_goes_into_it_more() -> None:
    mixed = LLMUsage(input_tokens=20_000, output_tokens=2_000, cached_input_tokens=5_000, cache_write_tokens=1_000)
    assert price_usd(AnthropicProvider, "claude-haiku-5-5", mixed, at=NOW) == pytest.approx(0.002575)


@pytest.mark.parametrize(
    ("provider", "model", "usage"),
    [
        (OpenAIProvider, "gpt-of-tomorrow", HOUR_LONG_CALL),
        (OpenAICompatibleProvider, "gpt-6-luna", HOUR_LONG_CALL),
        (OpenAIProvider, "gpt-6-luna", LLMUsage(input_tokens=20_000)),
        (OpenAIProvider, "gpt-6-luna", LLMUsage(output_tokens=20)),
        (OpenAIProvider, "gpt-6-luna", LLMUsage(input_tokens=0, output_tokens=0)),
        (OpenAIProvider, "gpt-6-luna", LLMUsage(input_tokens=10, output_tokens=1, cached_input_tokens=20)),
    ],
    ids=[
        "unknown model",
        "own server",
        "no output count",
        "no input count",
        "a prompt of nothing",
        "counts that contradict each other",
    ],
)
def test_an_unknown_price_is_none_and_never_nothing(provider: type[Provider], model: str, usage: LLMUsage) -> None:
    assert price_usd(provider, model, usage, at=NOW) is None


def test_the_length_of_a_context_is_listed_or_unknown() -> None:
    assert listed_context_tokens("anthropic", "claude-haiku-5-5") == 1_000_000
    assert listed_context_tokens("openai", "gpt-of-tomorrow") is None
