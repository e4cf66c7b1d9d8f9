"""Webhook deliveries as Gong and Fathom send them, and forged ones: headers and bodies, nothing is sent.

Gong signs a JSON Web Token (RFC 7519) with RS256 over the address, the body's hash and an expiry. Fathom follows
Standard Webhooks: HMAC-SHA256 over id, time and body.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from headway_pipeline.model.calls import Side
from headway_pipeline.sandbox.addresses import long_id
from headway_pipeline.sandbox.fathom.shapes import (
    meeting,
    recording_id,
    summary_of,
    transcript_at,
    transcript_of,
)
from headway_pipeline.sandbox.fathom.webhooks import Webhook
from headway_pipeline.sandbox.gong.shapes import call_data
from headway_pipeline.sandbox.world import Company, SandboxCall, Speaker, Utterance

__all__ = [
    "Delivery",
    "FathomForgery",
    "GongForgery",
    "GongSender",
    "fathom_delivery",
    "fathom_payload",
    "forged_fathom_delivery",
    "gong_payload",
    "sample_delivery",
    "webhook_delivery",
]

GONG_SELECTOR = {
    "context": "Extended",
    "exposedFields": {
        "parties": True,
        "content": {"brief": True, "topics": True, "trackers": True},
        "interaction": {"speakers": True},
        "collaboration": {"publicComments": True},
    },
}
GONG_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A POST to make."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(repr=False)


class GongForgery(Enum):
    """Deliveries of Gong's form that must not be believed."""

    EXPIRED = "the token's time is over"
    WRONG_BODY = "the token is of another body"
    WRONG_URL = "the token is for another address"
    OTHER_KEY = "signed with somebody else's key"
    HS256 = "signed with HS256, the public key as its secret"
    NO_ALGORITHM = "alg: none, no signature"
    NO_TOKEN = "no token at all"  # noqa: S105  # says what is wrong


class FathomForgery(Enum):
    """Deliveries of Fathom's form that must not be believed."""

    OLD = "signed an hour ago"
    FUTURE = "signed an hour ahead"
    WRONG_BODY = "the signature is of another body"
    OTHER_SECRET = "signed with another secret"  # noqa: S105  # says what is wrong
    UNKNOWN_VERSION = "a signature of an unknown version alone"
    NO_SIGNATURE = "no signature at all"


def gong_payload(
    company: Company,
    call: SandboxCall,
    base_url: str,
    now: datetime,
    *,
    is_wrapped: bool = True,
    is_test: bool = False,
) -> bytes:
    """What a rule of Gong's posts of a call: the call in a wrapper, or bare; never its transcript."""
    data = call_data(company, call.at(now), base_url, GONG_SELECTOR, now=now)
    return _json({"callData": data, "isTest": is_test} if is_wrapped else data)


class GongSender:
    """Signs deliveries of one automation rule.

    Attributes:
        public_key: as the rule shows it: bare base64 of the DER form, without PEM lines.
    """

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public_key = base64.b64encode(der).decode()

    def delivery(self, body: bytes, url: str, now: datetime) -> Delivery:
        """A genuine one."""
        return self._signed(body, url, _claims(body, url, now + GONG_LIFETIME))

    def forged(self, forgery: GongForgery, body: bytes, url: str, now: datetime) -> Delivery:
        """One that looks like it."""
        claims = _claims(body, url, now + GONG_LIFETIME)
        match forgery:
            case GongForgery.EXPIRED:
                return self._signed(body, url, _claims(body, url, now - GONG_LIFETIME))
            case GongForgery.WRONG_BODY:
                return self._signed(body, url, _claims(body + b" ", url, now + GONG_LIFETIME))
            case GongForgery.WRONG_URL:
                return self._signed(body, url, claims | {"webhook_url": f"{url}/other"})
            case GongForgery.OTHER_KEY:
                return GongSender().delivery(body, url, now)
            case GongForgery.HS256:
                return self._hmac_signed(body, url, claims)
            case GongForgery.NO_ALGORITHM:
                return Delivery(url, body, _bearer(f"{_unsigned('none', claims)}."))
            case GongForgery.NO_TOKEN:
                return Delivery(url, body, {"Content-Type": "application/json"})

    def _signed(self, body: bytes, url: str, claims: Mapping[str, Any]) -> Delivery:
        unsigned = _unsigned("RS256", claims)
        signature = self._key.sign(unsigned.encode(), padding.PKCS1v15(), hashes.SHA256())
        return Delivery(url, body, _bearer(f"{unsigned}.{_url_safe(signature)}"))

    def _hmac_signed(self, body: bytes, url: str, claims: Mapping[str, Any]) -> Delivery:
        """A verifier that takes the algorithm from the token would take the public key for its secret."""
        secret = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        unsigned = _unsigned("HS256", claims)
        return Delivery(
            url, body, _bearer(f"{unsigned}.{_url_safe(hmac.digest(secret, unsigned.encode(), 'sha256'))}")
        )


def _claims(body: bytes, url: str, expires_at: datetime) -> dict[str, Any]:
    return {
        "webhook_url": url,
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "exp": int(expires_at.timestamp()),
    }


def _unsigned(algorithm: str, claims: Mapping[str, Any]) -> str:
    return f"{_url_safe(_json({'alg': algorithm, 'typ': 'JWT'}))}.{_url_safe(_json(claims))}"


def _bearer(token: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def fathom_payload(hook: Webhook, company: Company, call: SandboxCall, base_url: str, now: datetime) -> bytes:
    """The meeting with what the webhook includes."""
    has_words = "include_transcript" in hook.includes
    present = call.at(now)
    with_crm = "include_crm_matches" in hook.includes
    data = meeting(company, present, base_url, with_speakers=has_words, with_crm=with_crm)
    if has_words:
        data["transcript"] = transcript_of(present)
    if "include_summary" in hook.includes:
        data["default_summary"] = summary_of(present)
    return _json(data)


def webhook_delivery(
    hook: Webhook, company: Company, call: SandboxCall, base_url: str, now: datetime
) -> Delivery | None:
    """What a registered webhook sends of a meeting, once, when its summary is there; None where there is none.

    Its id is the meeting's, however often it is sent and whatever has changed meanwhile.
    """
    if not call.utterances or now < transcript_at(call):
        return None
    body = fathom_payload(hook, company, call, base_url, now)
    return fathom_delivery(body, hook.url, (hook.secret,), f"msg_{long_id(hook.id, str(recording_id(call)))}", now)


def sample_delivery(hook: Webhook, now: datetime) -> Delivery:
    """What the test button sends: a meeting that never was, signed like any other."""
    host = Speaker("v", "Sample Host", Side.VENDOR, "host@sample.example")
    said = (Utterance("v", 0.0, 4.0, "This is only a sample."),)
    call = SandboxCall("sample", "Sample meeting", now - timedelta(hours=1), (host,), said, source="fathom")
    company = Company("Sample", "sample-access-key", "", "sample.example", (call,))
    body = fathom_payload(hook, company, call, "https://fathom.example", now)
    return fathom_delivery(body, hook.url, (hook.secret,), f"msg_{long_id(hook.id, 'sample')}", now)


def fathom_delivery(body: bytes, url: str, secrets: Sequence[str], delivery_id: str, now: datetime) -> Delivery:
    """A genuine one, signed with each of the secrets; a retry has the same id."""
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_fathom_signature(secret, delivery_id, timestamp, body) for secret in secrets),
    }
    return Delivery(url, body, headers)


def forged_fathom_delivery(forgery: FathomForgery, genuine: Delivery, secret: str, now: datetime) -> Delivery:
    """One that looks like a genuine one."""
    delivery_id = genuine.headers["webhook-id"]

    def signed_at(moment: datetime) -> Delivery:
        return fathom_delivery(genuine.body, genuine.url, (secret,), delivery_id, moment)

    match forgery:
        case FathomForgery.OLD:
            return signed_at(now - timedelta(hours=1))
        case FathomForgery.FUTURE:
            return signed_at(now + timedelta(hours=1))
        case FathomForgery.WRONG_BODY:
            return replace(genuine, body=genuine.body + b" ")
        case FathomForgery.OTHER_SECRET:
            other = f"whsec_{base64.b64encode(b'somebody else signed this').decode()}"
            return fathom_delivery(genuine.body, genuine.url, (other,), delivery_id, now)
        case FathomForgery.UNKNOWN_VERSION:
            signature = genuine.headers["webhook-signature"].replace("v1,", "v9,")
            return replace(genuine, headers={**genuine.headers, "webhook-signature": signature})
        case FathomForgery.NO_SIGNATURE:
            headers = {name: value for name, value in genuine.headers.items() if name != "webhook-signature"}
            return replace(genuine, headers=headers)


def _fathom_signature(secret: str, delivery_id: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.digest(key, f"{delivery_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"
