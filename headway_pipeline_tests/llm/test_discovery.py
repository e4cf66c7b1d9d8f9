import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from headway_pipeline.llm.anthropic import AnthropicProvider
from headway_pipeline.llm.discovery import (
    ModelChoice,
    choose_model,
    connect,
    discover,
    find_provider,
    providers_by_name,
    read_choice,
)
from headway_pipeline.model.errors import ConfigurationError, InputError, UnknownThingError


class ClaimingToBeAnthropic(AnthropicProvider):
    """Another provider of the same name."""


class InstalledProvider(AnthropicProvider):
    """What an installed package might bring."""

    name = "murmur"


def entry(name: str) -> EntryPoint:
    return EntryPoint(name.lower(), f"{__name__}:{name}", "headway_pipeline.llm")


def test_the_providers_of_the_folder_are_found() -> None:
    assert list(discover()) == ["anthropic", "openai", "openai_compatible"]
    assert find_provider("anthropic") is AnthropicProvider


def test_an_installed_provider_stands_beside_them() -> None:
    assert set(providers_by_name([entry("InstalledProvider")])) == {*discover(), "murmur"}


def test_two_providers_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="two providers are named 'anthropic'"):
        providers_by_name([entry("ClaimingToBeAnthropic")])


@pytest.mark.parametrize("name", ["NoSuchThing", "entry", "EntryPoint"])
def test_an_entry_point_that_brings_no_provider_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name.lower()):
        providers_by_name([entry(name)])


def test_finding_providers_does_not_pay_for_their_libraries() -> None:
    script = (
        "import sys; from headway_pipeline.llm.discovery import discover; discover(); "
        "sys.exit(any(name in sys.modules for name in ('anthropic', 'openai', 'genai_prices', 'httpx2')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    ("named", "choice"),
    [
        ("anthropic:claude-sonnet-5-5", ModelChoice("anthropic", "claude-sonnet-5-5")),
        ("anthropic", ModelChoice("anthropic", "claude-haiku-5-5")),
        (" openai : gpt-6.1-sol ", ModelChoice("openai", "gpt-6.1-sol")),
        ("openai_compatible:qwen3:8b", ModelChoice("openai_compatible", "qwen3:8b")),
    ],
)
def test_a_model_is_named_by_provider_and_model(named: str, choice: ModelChoice) -> None:
    assert read_choice(named) == choice
    assert read_choice(str(choice)) == choice


def test_a_provider_without_a_default_model_asks_for_one() -> None:
    with pytest.raises(InputError, match="openai_compatible:<model>"):
        read_choice("openai_compatible")


def test_an_unknown_provider_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownThingError, match="take one of: anthropic, openai"):
        read_choice("gemini:pro")
    with pytest.raises(ConfigurationError, match="HEADWAY_MODEL is 'gemini:pro'"):
        choose_model({"HEADWAY_MODEL": "gemini:pro"})


def test_the_model_is_the_named_one_else_that_of_a_key_else_none() -> None:
    assert choose_model({}) is None
    assert choose_model({"OPENAI_API_KEY": "k"}) == ModelChoice("openai", "gpt-6-luna")
    both = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    assert choose_model(both) == ModelChoice("anthropic", "claude-haiku-5-5")
    assert choose_model({**both, "HEADWAY_MODEL": "openai"}) == ModelChoice("openai", "gpt-6-luna")
    assert choose_model({"OPENAI_API_KEY": " "}) is None


def test_keys_and_addresses_come_from_variables_of_the_provider() -> None:
    provider = connect(
        "anthropic", {"ANTHROPIC_API_KEY": " hush\n", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1/anthropic/v1/"}
    )
    assert provider.access.api_key == "hush"
    assert provider.access.base_url == "http://127.0.0.1:1/anthropic/v1"
    own = connect(
        "openai_compatible",
        {"OPENAI_COMPATIBLE_BASE_URL": "http://127.0.0.1:1/v1", "HEADWAY_MODEL_CONTEXT_TOKENS": "8192"},
    )
    assert own.access.api_key == ""
    assert own.context_tokens("any") == 8192


@pytest.mark.parametrize(
    ("name", "environment", "named"),
    [
        ("anthropic", {}, "ANTHROPIC_API_KEY is not set"),
        ("anthropic", {"ANTHROPIC_API_KEY": "two words"}, "ANTHROPIC_API_KEY holds no key"),
        ("openai", {"OPENAI_API_KEY": "schlüssel"}, "OPENAI_API_KEY holds no key"),
        ("openai", {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "ftp://x"}, "OPENAI_BASE_URL holds no address"),
        ("openai_compatible", {}, "OPENAI_COMPATIBLE_BASE_URL is not set"),
        (
            "openai",
            {"OPENAI_API_KEY": "k", "HEADWAY_MODEL_CONTEXT_TOKENS": "many"},
            "HEADWAY_MODEL_CONTEXT_TOKENS",
        ),
    ],
)
def test_what_cannot_be_used_is_named_by_its_variable(name: str, environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as raised:
        connect(name, environment)
    assert "two words" not in str(raised.value)
    assert "schlüssel" not in str(raised.value)


def test_the_environment_of_the_libraries_themselves_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    for name, host in (("anthropic", "api.anthropic.com"), ("openai", "api.openai.com")):
        provider = connect(name, {find_provider(name).key_variable: "k"})
        assert vars(provider)["_base_url"].startswith(f"https://{host}")
