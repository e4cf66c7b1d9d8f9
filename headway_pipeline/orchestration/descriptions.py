"""How what Dagster shows is described: plain words, and the page of the documentation that says more."""

import inspect
from typing import TypeVar

__all__ = ["GUIDE", "described", "explained"]

Resource = TypeVar("Resource", bound=type)

#: The page all of Dagster's pages point at, in the project's folder; a test holds the headings against it.
GUIDE = "docs/assets.md"


def described(words: str, heading: str) -> str:
    """The words, and under which heading of the guide there is more.

    Args:
        heading: as it stands in the guide's addresses, e.g. "a-red-run".
    """
    return f"{words}\n\nMore: {GUIDE}#{heading}"


def explained(resource: Resource) -> Resource:
    """A resource whose docstring Dagster shows: without its indent, which would read as code, and with the guide."""
    resource.__doc__ = described(inspect.cleandoc(resource.__doc__ or ""), "resources")
    return resource
