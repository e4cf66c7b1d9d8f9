"""Webhooks of the local Fathom: made and removed by the API, and never listed by it."""

import base64
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from headway_pipeline.sandbox.fathom.requests import RefusedError
from headway_pipeline.sandbox.fathom.shapes import written

__all__ = ["Webhook", "WebhookBook"]

INCLUDES = ("include_transcript", "include_summary", "include_action_items", "include_crm_matches")
KINDS = ("my_recordings", "shared_external_recordings", "my_shared_with_team_recordings", "shared_team_recordings")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registered webhook.

    Attributes:
        secret: `whsec_...`; the API tells it once.
        owner: names the key that made it.
    """

    id: str
    url: str
    secret: str = field(repr=False)
    owner: str
    triggered_for: tuple[str, ...]
    includes: frozenset[str]
    created_at: datetime


class WebhookBook:
    """Remembers webhooks, whatever world is served meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hooks: dict[str, Webhook] = {}

    @property
    def hooks(self) -> tuple[Webhook, ...]:
        """What is registered, oldest first."""
        with self._lock:
            return tuple(self._hooks.values())

    def create(self, owner: str, body: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
        """Register a webhook; the answer tells its secret.

        Raises:
            RefusedError: the body is malformed, names what is unknown, or includes nothing.
        """
        body = {} if body is None else body
        if set(body) - {"destination_url", "triggered_for", *INCLUDES}:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "unknown properties")
        url, kinds = body.get("destination_url"), body.get("triggered_for")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "destination_url is required")
        if not isinstance(kinds, list) or not kinds or any(kind not in KINDS for kind in kinds):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "triggered_for is required")
        includes = frozenset(name for name in INCLUDES if body.get(name) is True)
        if not includes:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "at least one include must be true")
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
        hook = Webhook(f"wh_{secrets.token_hex(8)}", url, secret, owner, tuple(kinds), includes, now)
        with self._lock:
            self._hooks[hook.id] = hook
        return {
            "id": hook.id,
            "url": url,
            "secret": secret,
            "created_at": written(now),
            "triggered_for": kinds,
            **{name: name in includes for name in INCLUDES},
        }

    def delete(self, owner: str, hook_id: str) -> None:
        """Remove a webhook.

        Raises:
            RefusedError: the owner has none of that id.
        """
        with self._lock:
            hook = self._hooks.get(hook_id)
            if hook is None or hook.owner != owner:
                raise RefusedError(HTTPStatus.NOT_FOUND, "Webhook not found")
            del self._hooks[hook_id]
