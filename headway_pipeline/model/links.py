"""Addresses that a page may give as links. What a source says is untrusted: `javascript:` is an address, too."""

from urllib.parse import urlsplit

__all__ = ["web_address"]


def web_address(told: str | None) -> str | None:
    """The address, if it is one of the web; None for anything else."""
    if told is None:
        return None
    try:
        parts = urlsplit(told)
    except ValueError:
        return None
    is_web = parts.scheme in ("http", "https") and bool(parts.netloc)
    return told if is_web and told.isprintable() and " " not in told else None
