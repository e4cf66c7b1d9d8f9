"""Deliveries as Gong and Fathom sign them, for tests."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from headway_pipeline.sources.webhooks import WebhookDelivery, WebhookTrust

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STARTED = NOW - timedelta(days=1)
URL = "https://headway.example/api/v1/webhooks/7"
FATHOM_SECRET = "whsec_" + base64.b64encode(b"a secret of no use outside tests").decode()


#: As long as Gong's.
KEY_BITS = 2048


@cache
def private_key(bits: int) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=bits)


def shown_key(bits: int = KEY_BITS) -> str:
    """The public key as Gong shows it: the bare base64 of its DER."""
    der = private_key(bits).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def gong_trust() -> WebhookTrust:
    return WebhookTrust(shown_key(), URL)


def fathom_trust() -> WebhookTrust:
    return WebhookTrust(FATHOM_SECRET)


def gong_body(call_id: str = "7782342274025937895", **beside: Any) -> bytes:
    meta = {"id": call_id, "started": STARTED.isoformat(), "title": "Rollout review"}
    return json.dumps({"callData": {"metaData": meta, "parties": []}, "isTest": False, **beside}).encode()


def gong_claims(body: bytes, **other: Any) -> dict[str, Any]:
    claims = {
        "exp": int((NOW + timedelta(minutes=5)).timestamp()),
        "webhook_url": URL,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    return claims | other


def gong_delivery(body: bytes | None = None, **other: Any) -> WebhookDelivery:
    """Signed by the key; `other` claims go before the right ones."""
    body = gong_body() if body is None else body
    token = jwt.encode(gong_claims(body, **other), private_key(KEY_BITS), algorithm="RS256")
    return WebhookDelivery([("Content-Type", "application/json"), ("Authorization", f"Bearer {token}")], body)


def fathom_body(recording_id: int = 123_456_789) -> bytes:
    started = STARTED.isoformat()
    return json.dumps({"recording_id": recording_id, "recording_start_time": started, "title": "Rollout"}).encode()


def fathom_delivery(
    body: bytes | None = None,
    *,
    delivery_id: str = "msg_2ZQ9",
    at: datetime = NOW,
    secret: str = FATHOM_SECRET,
    beside: str = "",
) -> WebhookDelivery:
    """Signed by the secret; `beside` are further signatures."""
    body = fathom_body() if body is None else body
    written = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"{delivery_id}.{written}.".encode() + body, "sha256")).decode()
    headers = [
        ("webhook-id", delivery_id),
        ("webhook-timestamp", written),
        ("webhook-signature", f"{beside} v1,{signature}".strip()),
    ]
    return WebhookDelivery(headers, body)
