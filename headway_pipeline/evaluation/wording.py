"""Words in common between what an analyst says and what a reference says."""

from headway_pipeline.analysis.offline.sentences import words_of
from headway_pipeline.analysis.offline.terms import stems_of

__all__ = ["content_words"]


def content_words(text: str) -> frozenset[str]:
    """The stems of the words that mean something by themselves."""
    return frozenset(stems_of(words_of(text)))
