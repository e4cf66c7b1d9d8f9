"""How text is made comparable: the same on both databases, whose own ideas of letters differ."""

from collections.abc import Iterable

__all__ = ["folded", "search_text"]


def folded(text: str) -> str:
    """Text without its case, and with single spaces."""
    return " ".join(text.casefold().split())


def search_text(title: str, description: str, quotes: Iterable[str]) -> str:
    """What a search through extracted features looks at: one line for each part, so that none runs into the next."""
    return "\n".join(map(folded, (title, description, *quotes)))
