"""Webhooks, verified before a byte of them is read. They are hints: what is listed stays the truth.

Two ways that sources sign, as functions of what came, what is trusted and the time:

* Standard Webhooks (https://www.standardwebhooks.com): an HMAC over id, timestamp and body.
* An RS256 token (RFC 7519) whose claims hold the hash of the body and the address it is meant for.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from headway_pipeline.model.errors import ConfigurationError, Refusal, WebhookRefusedError
from headway_pipeline.sources.normalise import clean_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from jwt.types import Options

__all__ = [
    "LARGEST_BODY_BYTES",
    "Hint",
    "RegisteredWebhook",
    "WebhookDelivery",
    "WebhookSetup",
    "WebhookTrust",
    "require_public_key",
    "require_signed_token",
    "require_standard_signature",
]

#: A meeting with its transcript is about a megabyte, and what we register brings none. Whoever sends is unknown until
#: the whole of it is here: it must fit many times into memory.
LARGEST_BODY_BYTES = 4 * 1024 * 1024
LARGEST_HEADER_CHARS = 16 * 1024
#: How old a delivery may be, and how far ahead its clock.
TOLERANCE = timedelta(minutes=5)
DELIVERY_ID = re.compile(r"[A-Za-z0-9_:-]{1,200}")
TIMESTAMP = re.compile(r"[0-9]{1,12}")
SECRET_PREFIX = "whsec_"  # noqa: S105  # a mark, no secret
SIGNATURE_VERSION = "v1,"
ALGORITHM = "RS256"
SHORTEST_KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """What came, untouched.

    Attributes:
        headers: in their order, repeated ones repeated.
        body: before any decoding: a signature is of bytes.
    """

    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """The one header of that name.

        Raises:
            WebhookRefusedError: there is none, or several, of which somebody else might read another one.
        """
        found = [value for given, value in self.headers if given.lower() == name]
        if len(found) != 1 or len(found[0]) > LARGEST_HEADER_CHARS:
            raise WebhookRefusedError(f"the header {name} is not there exactly once", Refusal.MALFORMED)
        return found[0].strip()

    def json_object(self) -> dict[str, Any]:
        """The body.

        Raises:
            WebhookRefusedError: it is no JSON object.
        """
        try:
            body = json.loads(self.body, parse_constant=lambda _name: None)
        except (ValueError, RecursionError):
            # The error would carry the whole body along.
            raise WebhookRefusedError("the body is no JSON", Refusal.MALFORMED) from None
        if not isinstance(body, dict):
            raise WebhookRefusedError("the body is no JSON object", Refusal.MALFORMED)
        cleaned: dict[str, Any] = clean_json(body)
        return cleaned


@dataclass(frozen=True, slots=True)
class WebhookTrust:
    """What a delivery is held against; from our configuration, never from the request.

    Attributes:
        secret: the signing secret, or the public key, as the source shows it.
        url: the address the source was told to deliver to.
    """

    secret: str = field(repr=False)
    url: str = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """That something is new about a call.

    Attributes:
        delivery_id: equal for deliveries of the same news.
        external_id: of the call; None in a test that names none.
        occurred_at: when the call started, aware UTC, where the delivery tells it.
        is_test: somebody tried the webhook out; there is nothing to do.
    """

    delivery_id: str
    external_id: str | None
    occurred_at: datetime | None = None
    is_test: bool = False


class WebhookSetup(StrEnum):
    """How a source is told where to deliver."""

    NONE = "none"
    #: The source has an API for it, and tells the secret once.
    BY_API = "by_api"
    #: A person enters the address at the source and brings back what its deliveries are held against.
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class RegisteredWebhook:
    """What a source's API answers to a registration.

    Attributes:
        id: the source's own, to remove it by.
        secret: what its deliveries are held against.
    """

    id: str
    secret: str = field(repr=False)


def require_standard_signature(delivery: WebhookDelivery, secret: str, now: datetime) -> str:
    """The id of a delivery that is signed as Standard Webhooks are.

    Args:
        delivery: what came.
        secret: `whsec_` and the key in base64.
        now: aware UTC.

    Raises:
        WebhookRefusedError: it is not signed with that secret, or not lately.
        ConfigurationError: the secret is unusable.
    """
    _require_bounded(delivery)
    delivery_id, written = delivery.header("webhook-id"), delivery.header("webhook-timestamp")
    if not DELIVERY_ID.fullmatch(delivery_id) or not TIMESTAMP.fullmatch(written):
        raise WebhookRefusedError("the delivery's id or time is unreadable", Refusal.MALFORMED)
    if abs(now.timestamp() - int(written)) > TOLERANCE.total_seconds():
        raise WebhookRefusedError("the delivery is not of now", Refusal.EXPIRED)
    signed = f"{delivery_id}.{written}.".encode() + delivery.body
    expected = base64.b64encode(hmac.digest(_secret_key(secret), signed, "sha256"))
    given = delivery.header("webhook-signature").split()
    # Texts are compared, not bytes: one signature has many spellings in base64.
    own = [entry.removeprefix(SIGNATURE_VERSION) for entry in given if entry.startswith(SIGNATURE_VERSION)]
    # Every one is compared, and all of each, so that the time taken tells nothing.
    if sum([hmac.compare_digest(entry.encode("utf-8", "replace"), expected) for entry in own]) == 0:
        raise WebhookRefusedError("the delivery is not signed with our secret", Refusal.BAD_SIGNATURE)
    return delivery_id


def require_signed_token(delivery: WebhookDelivery, trust: WebhookTrust, now: datetime) -> str:
    """The SHA-256 (hex) of the body of a delivery that carries a token for exactly this body and address.

    Args:
        delivery: what came; `Authorization: Bearer` holds the token.
        trust: the public key (PEM, or the bare base64 of its DER) and the address.
        now: aware UTC.

    Raises:
        WebhookRefusedError: the token is not signed with the key, is expired, or is of another body or address.
        ConfigurationError: the key is unusable.
    """
    _require_bounded(delivery)
    scheme, _, token = delivery.header("authorization").partition(" ")
    if scheme.lower() != "bearer":
        raise WebhookRefusedError("the delivery carries no token", Refusal.MALFORMED)
    claims = _claims(token.strip(), _public_key(trust.secret))
    expires_at, url, written = (claims.get(name) for name in ("exp", "webhook_url", "body_sha256"))
    if not isinstance(expires_at, (int, float)) or not isinstance(url, str) or not isinstance(written, str):
        raise WebhookRefusedError("the token lacks a claim", Refusal.MALFORMED)
    # A comparison with NaN is never true.
    if not expires_at > now.timestamp():
        raise WebhookRefusedError("the token is expired", Refusal.EXPIRED)
    if url != trust.url:
        raise WebhookRefusedError("the token is for another address", Refusal.WRONG_URL)
    body_hash = hashlib.sha256(delivery.body).hexdigest()
    if written != body_hash:
        raise WebhookRefusedError("the token is of another body", Refusal.WRONG_BODY)
    return body_hash


def require_public_key(written: str) -> str:
    """The key as it is to be stored, once it is known to be usable.

    Args:
        written: PEM, or the bare base64 of its DER.

    Raises:
        ConfigurationError: it is no RSA public key of at least 2048 bits.
    """
    _public_key(written)
    return written.strip()


def _require_bounded(delivery: WebhookDelivery) -> None:
    if len(delivery.body) > LARGEST_BODY_BYTES:
        raise WebhookRefusedError(f"the body is longer than {LARGEST_BODY_BYTES} bytes", Refusal.TOO_LARGE)


def _secret_key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.strip().removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        # Neither shown nor chained: it is a secret.
        raise ConfigurationError("the webhook's secret is unusable", "store it as the source shows it: whsec_...")
    return key


def _public_key(written: str) -> "RSAPublicKey":
    """The key from PEM, or from the bare base64 that Gong shows."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    bare = "".join(re.sub(r"-----[A-Z ]+-----", "", written).split())
    try:
        key = load_der_public_key(base64.b64decode(bare, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < SHORTEST_KEY_BITS:
        raise ConfigurationError(
            "the webhook's public key is unusable", "store the RSA public key as the source shows it"
        )
    return key


def _claims(token: str, key: "RSAPublicKey") -> Mapping[str, Any]:
    """What a token says, once its signature is found to be the key's. Times are judged by the caller's clock."""
    import jwt

    # One signature has many spellings in base64; only the one that encoding gives is taken.
    written = token.rpartition(".")[2].encode("utf-8", "replace")
    options: Options = {
        "verify_signature": True,
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_aud": False,
        "verify_iss": False,
    }
    try:
        decoded = base64.urlsafe_b64decode(written + b"=" * (-len(written) % 4))
        if base64.urlsafe_b64encode(decoded).rstrip(b"=") != written:
            raise WebhookRefusedError("the token's signature is misspelt", Refusal.MALFORMED)
        claims = jwt.decode(token, key, algorithms=[ALGORITHM], options=options)
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError, jwt.InvalidKeyError):
        raise WebhookRefusedError("the token is not signed with the key", Refusal.BAD_SIGNATURE) from None
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise WebhookRefusedError("the token is unreadable", Refusal.MALFORMED) from None
    return claims if isinstance(claims, Mapping) else {}
