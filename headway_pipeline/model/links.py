"""Addresses that may be given as links. What a source says is untrusted: `javascript:` is an address, too."""

from urllib.parse import urlsplit

__all__ = ["known_address", "web_address"]


def web_address(told: str | None) -> str | None:
    """The address, if it is one of the web; None for anything else."""
    return told if told and _scheme(told) in ("http", "https") else None


def known_address(told: str | None) -> str | None:
    """The address, if it is one of the web or of a file, which people on its machine may open; else None."""
    return told if told and _scheme(told) in ("http", "https", "file") else None


def _scheme(told: str) -> str | None:
    """The scheme of what has the form of an address; a file has no host."""
    try:
        parts = urlsplit(told)
    except ValueError:
        return None
    has_place = bool(parts.path if parts.scheme == "file" else parts.netloc)
    return parts.scheme if has_place and told.isprintable() and " " not in told else None
