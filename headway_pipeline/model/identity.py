"""Hashes and derived ids: equal things have equal names, on every machine and in every run."""

import hashlib
import json
import uuid
from typing import Any

__all__ = ["content_hash", "derived_id"]

#: The namespace of every id this project derives; it must never change.
NAMESPACE = uuid.UUID("6f0d0c7e-5d8e-5f0a-9a53-3f1f5f6f8a10")


def derived_id(kind: str, *key: str) -> uuid.UUID:
    """The UUIDv5 of a business key, e.g. `derived_id("message", workspace_id, "gong", "778")`."""
    # JSON keeps ("a", "bc") and ("ab", "c") apart.
    return uuid.uuid5(NAMESPACE, json.dumps([kind, *key], ensure_ascii=False))


def content_hash(value: Any) -> str:
    """SHA-256 (hex) of a JSON-like value in canonical form: sorted keys, no spaces, UTF-8."""
    canonical = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()
