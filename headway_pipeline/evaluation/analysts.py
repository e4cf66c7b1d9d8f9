"""Analysts by name, to be measured: the offline one, its parts, and whatever the caller can build."""

from collections.abc import Callable, Mapping

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.offline import By, OfflineAnalyst
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


def analyst_named(name: str, build_other: Callable[[str], Analyst | None] = lambda _: None) -> Analyst:
    """The analyst of that name.

    Args:
        build_other: builds analysts that are not offline, e.g. "anthropic:claude-haiku-5-5"; None for a name it does
            not know.

    Raises:
        InputError: nobody knows the name.
        ConfigurationError: it needs something that is not installed or not set.
    """
    if name in OFFLINE_ANALYSTS:
        return OFFLINE_ANALYSTS[name]()
    other = build_other(name)
    if other is None:
        raise InputError(f"no analyst is called {name!r}", f"one of {', '.join(OFFLINE_ANALYSTS)}")
    return other
