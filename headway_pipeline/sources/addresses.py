"""Which API addresses a connector may have: the credentials are sent there.

https and the vendor's own hosts only, no private address; but for hosts the operator names, and the loopback
address where the operator is at the keyboard (the sandbox).
"""

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from headway_pipeline.model.errors import InputError
from headway_pipeline.sources.contract import HttpSource

__all__ = ["LOOPBACK_NAMES", "clean_base_url", "is_loopback", "is_loopback_url", "trim_base_url"]

#: How an address that is given in words names this machine.
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def trim_base_url(source: type[HttpSource], url: str) -> str:
    """`url` without a trailing slash and without the path that the source's own requests begin with."""
    return url.strip().rstrip("/").removesuffix(source.base_url_suffix).rstrip("/")


def clean_base_url(
    source: type[HttpSource], url: str, *, allowed_hosts: Collection[str] = (), allow_loopback: bool = False
) -> str:
    """The address to store for a connector: scheme, host and path, in one spelling.

    Args:
        source: whose API it is.
        url: as a person typed it.
        allowed_hosts: hosts (`host` or `host:port`, lower case) the operator vouches for.
        allow_loopback: accept 127.0.0.0/8, ::1 and `localhost`, with or without TLS.

    Raises:
        InputError: the address is malformed, or the credentials should not be sent there.
    """
    parts, host, port = _split(source, trim_base_url(source, url))
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc = f"{netloc}:{port}"
    if not (_is_allowed(host, port, allowed_hosts) or (allow_loopback and is_loopback(host))):
        _require_vendor(source, parts.scheme, host)
    return f"{parts.scheme}://{netloc}{parts.path}"


def _split(source: type[HttpSource], url: str) -> tuple[SplitResult, str, int | None]:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        # The error quotes what it stumbles over, which may be half a password.
        raise _unusable(source, "its host or port is malformed") from None
    if "@" in parts.netloc:
        raise _unusable(source, "it holds a user name or a password")
    if parts.scheme not in ("http", "https") or not host:
        raise _unusable(source, "it does not begin with https:// and a host")
    if parts.query or parts.fragment or not PATH.fullmatch(parts.path):
        raise _unusable(source, "it holds more than a host and a plain path")
    if _ip_address(host) is None and not HOST.fullmatch(host):
        raise _unusable(source, "its host is no host name")
    return parts, host, port


def _unusable(source: type[HttpSource], why: str) -> InputError:
    return InputError(
        f"the base URL of the {source.label} connector is not usable: {why}",
        f"write it like {source.default_base_url}",
    )


def _is_allowed(host: str, port: int | None, allowed_hosts: Collection[str]) -> bool:
    return host in allowed_hosts or (port is not None and f"{host}:{port}" in allowed_hosts)


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    address = _ip_address(host)
    return host == "localhost" if address is None else address.is_loopback


def is_loopback_url(url: str) -> bool:
    """Whether an address is this machine's own: somebody at the keyboard gave it."""
    return is_loopback(urlsplit(url).hostname or "")


def _require_vendor(source: type[HttpSource], scheme: str, host: str) -> None:
    remedy = "an operator may allow a host by naming it in HEADWAY_ALLOWED_HOSTS"
    if not any(host == own or host.endswith(f".{own}") for own in source.vendor_hosts):
        hosts = ", ".join(source.vendor_hosts)
        raise InputError(f"{host} is no address of {source.label} ({hosts})", remedy)
    if scheme != "https":
        raise InputError(f"credentials are sent to {host} by https only", "write the base URL with https://")
