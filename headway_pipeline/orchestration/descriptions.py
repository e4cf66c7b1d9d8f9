"""How what Dagster shows is described: plain words, and the page of the documentation that says more."""

__all__ = ["GUIDE", "described"]

#: The page all of Dagster's pages point at, in the project's folder; a test holds the headings against it.
GUIDE = "docs/assets.md"


def described(words: str, heading: str) -> str:
    """The words, and under which heading of the guide there is more.

    Args:
        heading: as it stands in the guide's addresses, e.g. "a-red-run".
    """
    return f"{words}\n\nMore: {GUIDE}#{heading}"
