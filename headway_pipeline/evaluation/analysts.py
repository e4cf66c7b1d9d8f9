"""Analysts by name, to be measured: the offline one, its parts, and language models."""

from collections.abc import Callable, Mapping

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.offline import By, OfflineAnalyst
from headway_pipeline.llm.discovery import discover
from headway_pipeline.model.errors import InputError

__all__ = ["OFFLINE_ANALYSTS", "analyst_named"]


def _with_embeddings() -> Analyst:
    from headway_pipeline.analysis.offline.local import load_minilm

    return OfflineAnalyst(embedder=load_minilm())


OFFLINE_ANALYSTS: Mapping[str, Callable[[], Analyst]] = {
    "offline": OfflineAnalyst,
    "offline:local": _with_embeddings,
    "offline:rules": lambda: OfflineAnalyst(By.RULES),
    "offline:words": lambda: OfflineAnalyst(By.WORDS),
}


def analyst_named(name: str, environment: Mapping[str, str]) -> Analyst:
    """The analyst of that name: an offline one, or a language model such as "anthropic:claude-haiku-5-5".

    Args:
        environment: holds the keys and addresses of language models.

    Raises:
        InputError: nobody knows the name.
        ConfigurationError: it needs something that is not installed or not set.
    """
    if name in OFFLINE_ANALYSTS:
        return OFFLINE_ANALYSTS[name]()
    provider, _, model = name.partition(":")
    if not model or provider not in discover():
        known = ", ".join((*OFFLINE_ANALYSTS, *(f"{found}:MODEL" for found in discover())))
        raise InputError(f"no analyst is called {name!r}", f"one of {known}")
    # Imported here: the libraries behind it take a second, and most measurements are of the offline analyst.
    from headway_pipeline.evaluation.language_models import model_analyst

    return model_analyst(name, environment)
