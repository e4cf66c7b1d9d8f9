"""Deliveries: what a source signed is taken, and nothing else, by errors of ours and none of a library's."""

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_pipeline.model.errors import ConfigurationError, Refusal, WebhookRefusedError
from headway_pipeline.sandbox.addresses import long_id
from headway_pipeline.sandbox.webhooks import (
    Delivery,
    FathomForgery,
    GongForgery,
    GongSender,
    forged_fathom_delivery,
    gong_payload,
)
from headway_pipeline.sandbox.webhooks import fathom_delivery as sandbox_delivery
from headway_pipeline.sources import webhooks
from headway_pipeline.sources.contract import Source
from headway_pipeline.sources.discovery import discover
from headway_pipeline.sources.fathom import FathomSource
from headway_pipeline.sources.files import FilesSource
from headway_pipeline.sources.gong import GongSource
from headway_pipeline.sources.webhooks import Hint, WebhookDelivery, WebhookTrust, require_standard_signature
from headway_pipeline_tests.sandbox_fixtures import call, company
from headway_pipeline_tests.webhooks import (
    FATHOM_SECRET,
    KEY_BITS,
    NOW,
    STARTED,
    URL,
    fathom_body,
    fathom_delivery,
    fathom_trust,
    gong_body,
    gong_claims,
    gong_delivery,
    gong_trust,
    private_key,
    shown_key,
)

VECTOR = Path(os.environ.get("HEADWAY_SPECS", "/nowhere")) / "examples" / "fathom_webhook_signature_vector.json"


def refusal(source: type[Source], delivery: WebhookDelivery, trust: WebhookTrust, now: datetime = NOW) -> Refusal:
    with pytest.raises(WebhookRefusedError) as raised:
        source.verify_webhook(delivery, trust, now)
    assert raised.value.remedy
    assert raised.value.__cause__ is None
    return raised.value.reason


def of_gong(delivery: WebhookDelivery, now: datetime = NOW) -> Refusal:
    return refusal(GongSource, delivery, gong_trust(), now)


def of_fathom(delivery: WebhookDelivery, now: datetime = NOW) -> Refusal:
    return refusal(FathomSource, delivery, fathom_trust(), now)


def bearing(token: str, body: bytes) -> WebhookDelivery:
    return WebhookDelivery([("Authorization", f"Bearer {token}")], body)


def with_header(delivery: WebhookDelivery, name: str, value: str) -> WebhookDelivery:
    kept = [(given, held) for given, held in delivery.headers if given.lower() != name.lower()]
    return WebhookDelivery([*kept, (name, value)], delivery.body)


def test_what_gong_signed_is_a_hint_about_its_call() -> None:
    body = gong_body()
    hint = GongSource.verify_webhook(gong_delivery(body), gong_trust(), NOW)
    assert hint == Hint(hashlib.sha256(body).hexdigest(), "7782342274025937895", STARTED)


def test_gongs_bare_call_is_taken_like_the_wrapped_one() -> None:
    bare = json.dumps(json.loads(gong_body())["callData"]).encode()
    hint = GongSource.verify_webhook(gong_delivery(bare), gong_trust(), NOW)
    assert (hint.external_id, hint.occurred_at, hint.is_test) == ("7782342274025937895", STARTED, False)


def test_gongs_test_button_is_told_apart_whether_it_names_a_call_or_not() -> None:
    assert GongSource.verify_webhook(gong_delivery(gong_body(isTest=True)), gong_trust(), NOW).is_test
    empty = b'{"isTest": true, "callData": null}'
    assert GongSource.verify_webhook(gong_delivery(empty), gong_trust(), NOW).external_id is None


def test_an_id_beyond_2_to_the_53_keeps_its_last_digit() -> None:
    body = b'{"callData": {"metaData": {"id": 9007199254740993}}}'
    assert GongSource.verify_webhook(gong_delivery(body), gong_trust(), NOW).external_id == "9007199254740993"


def test_gongs_key_is_taken_as_pem_too() -> None:
    lines = [shown_key()[at : at + 64] for at in range(0, len(shown_key()), 64)]
    pem = "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])
    assert GongSource.verify_webhook(gong_delivery(), WebhookTrust(pem, URL), NOW).external_id


def test_a_token_expires_at_the_second_it_says() -> None:
    expires_at = NOW + timedelta(minutes=5)
    assert GongSource.verify_webhook(gong_delivery(), gong_trust(), expires_at - timedelta(seconds=1))
    assert of_gong(gong_delivery(), expires_at) is Refusal.EXPIRED


@pytest.mark.parametrize("exp", [None, "soon", True, [], {}])
def test_a_token_without_a_readable_expiry_is_malformed(exp: Any) -> None:
    # True is a number in Python, of the second 1.
    assert of_gong(gong_delivery(exp=exp)) in (Refusal.MALFORMED, Refusal.EXPIRED)


def test_a_token_that_never_expires_is_refused() -> None:
    body = gong_body()
    token = jwt.encode(gong_claims(body) | {"exp": float("nan")}, private_key(KEY_BITS), algorithm="RS256")
    assert of_gong(bearing(token, body)) in (Refusal.MALFORMED, Refusal.EXPIRED)


@pytest.mark.parametrize("url", [f"{URL}/", URL.upper(), URL.replace("https", "http"), "", f"{URL}?x=1"])
def test_a_token_for_another_address_is_refused(url: str) -> None:
    assert of_gong(gong_delivery(webhook_url=url)) is Refusal.WRONG_URL


def test_a_token_of_another_body_is_refused() -> None:
    signed = gong_delivery()
    assert of_gong(WebhookDelivery(signed.headers, signed.body + b" ")) is Refusal.WRONG_BODY
    assert of_gong(gong_delivery(body_sha256=hashlib.sha256(gong_body()).hexdigest().upper())) is Refusal.WRONG_BODY


def test_a_token_signed_with_another_key_is_refused() -> None:
    token = jwt.encode(gong_claims(gong_body()), private_key(3072), algorithm="RS256")
    assert of_gong(bearing(token, gong_body())) is Refusal.BAD_SIGNATURE


def handmade(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    def part(content: bytes) -> bytes:
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    signed = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(sign(signed))).decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "PS256", "RS384", "ES256", "", None, 7])
def test_the_algorithm_is_pinned_and_the_public_key_is_no_shared_secret(algorithm: Any) -> None:
    body = gong_body()
    for secret in (shown_key().encode(), base64.b64decode(shown_key())):
        token = handmade(
            {"alg": algorithm, "typ": "JWT"},
            gong_claims(body),
            lambda signed, secret=secret: hmac.digest(secret, signed, "sha256"),  # type: ignore[misc]
        )
        assert of_gong(bearing(token, body)) in (Refusal.BAD_SIGNATURE, Refusal.MALFORMED)
    unsigned = handmade({"alg": algorithm}, gong_claims(body), lambda _signed: b"")
    assert of_gong(bearing(unsigned, body)) in (Refusal.BAD_SIGNATURE, Refusal.MALFORMED)


NO_TOKENS = ["", "Bearer", "Bearer ", "Basic abc", "Bearer a.b", "Bearer a.b.c", "Bearer ...", "Bearer \ud800.é.✓"]


@pytest.mark.parametrize("authorization", NO_TOKENS)
def test_what_is_no_token_is_malformed(authorization: str) -> None:
    assert of_gong(WebhookDelivery([("authorization", authorization)], gong_body())) is Refusal.MALFORMED


def test_repeated_missing_and_endless_headers_are_malformed() -> None:
    for delivery, judge in ((gong_delivery(), of_gong), (fathom_delivery(), of_fathom)):
        for name, value in delivery.headers:
            if name != "Content-Type":
                kept = [pair for pair in delivery.headers if pair[0] != name]
                assert judge(WebhookDelivery(kept, delivery.body)) is Refusal.MALFORMED
                twice = [*delivery.headers, (name.upper(), value)]
                assert judge(WebhookDelivery(twice, delivery.body)) is Refusal.MALFORMED
                endless = with_header(delivery, name, value + " " * 20_000)
                assert judge(endless) is Refusal.MALFORMED


def test_a_huge_body_is_refused_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "LARGEST_BODY_BYTES", 10)
    assert of_gong(gong_delivery()) is Refusal.TOO_LARGE
    assert of_fathom(fathom_delivery()) is Refusal.TOO_LARGE


NO_CALLS = [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"{}", b'{"callData": 5}', b'{"metaData": 5}']


@pytest.mark.parametrize("body", NO_CALLS)
def test_a_signed_body_that_names_no_call_is_malformed(body: bytes) -> None:
    assert of_gong(gong_delivery(body)) is Refusal.MALFORMED
    assert of_fathom(fathom_delivery(body)) is Refusal.MALFORMED


def test_what_fathom_signed_is_a_hint_about_its_meeting() -> None:
    hint = FathomSource.verify_webhook(fathom_delivery(), fathom_trust(), NOW)
    assert hint == Hint("msg_2ZQ9", "123456789", STARTED)


def test_a_signature_is_made_as_the_specification_says() -> None:
    """Worked out with `openssl dgst -sha256 -hmac`, apart from any code here."""
    delivery = WebhookDelivery(
        [
            ("Webhook-Id", "msg_own"),
            ("Webhook-Timestamp", "1795176000"),
            ("Webhook-Signature", "v1,DsyJV48SJhGB5ibjgQ+uaYx/XGXxqPCzbxRwjwDH+JU="),
        ],
        b'{"recording_id":1}',
    )
    secret = "whsec_b3duIHZlY3RvciBvZiB0aGlzIHByb2plY3Q="
    assert require_standard_signature(delivery, secret, datetime.fromtimestamp(1795176000, UTC)) == "msg_own"


@pytest.mark.skipif(not VECTOR.exists(), reason="HEADWAY_SPECS names no folder with Fathom's example")
def test_fathoms_own_example_is_taken() -> None:
    vector = json.loads(VECTOR.read_text(encoding="utf-8"))
    delivery = WebhookDelivery(list(vector["headers"].items()), vector["raw_body"].encode())
    at = datetime.fromtimestamp(int(vector["headers"]["webhook-timestamp"]), UTC)
    assert require_standard_signature(delivery, vector["secret"], at) == vector["headers"]["webhook-id"]


def test_one_good_signature_among_others_will_do_and_unknown_versions_are_skipped() -> None:
    old = base64.b64encode(b"x" * 32).decode()
    for beside in (f"v1,{old}", f"v2,{old} v1a,{old}", "v1, garbage v1,"):
        assert FathomSource.verify_webhook(fathom_delivery(beside=beside), fathom_trust(), NOW)
    signed = fathom_delivery()
    for other in ("", "v1,", "v1", f"v1,{old}", signed.header("webhook-signature").replace("v1,", "v2,"), "v1,é"):
        assert of_fathom(with_header(signed, "webhook-signature", other)) is Refusal.BAD_SIGNATURE


@pytest.mark.parametrize("minutes", [-6, 6, -60 * 24 * 365])
def test_a_delivery_of_another_time_is_refused_though_it_is_signed(minutes: int) -> None:
    assert of_fathom(fathom_delivery(at=NOW + timedelta(minutes=minutes))) is Refusal.EXPIRED
    assert FathomSource.verify_webhook(fathom_delivery(at=NOW + timedelta(minutes=5)), fathom_trust(), NOW)


@pytest.mark.parametrize("written", ["", "now", "-1", "1e9", "١٧٩٥", "9" * 400, "1795176000.5"])
def test_an_unreadable_time_is_malformed(written: str) -> None:
    assert of_fathom(with_header(fathom_delivery(), "webhook-timestamp", written)) is Refusal.MALFORMED


def test_an_id_that_could_be_cut_elsewhere_is_malformed() -> None:
    # "a.1" at the second 2 would be signed like "a" at the second 1 with a body that begins with "2.".
    assert of_fathom(fathom_delivery(delivery_id="msg.1")) is Refusal.MALFORMED
    assert of_fathom(fathom_delivery(delivery_id="m" * 201)) is Refusal.MALFORMED


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64", "whsec_é"])
def test_an_unusable_secret_is_our_mistake_and_is_not_shown(secret: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        FathomSource.verify_webhook(fathom_delivery(), WebhookTrust(secret), NOW)
    assert "base64" not in str(raised.value)


@pytest.mark.parametrize("key", ["", "bm90IGEga2V5", "not base64", shown_key(1024)])
def test_an_unusable_or_short_key_is_our_mistake(key: str) -> None:
    with pytest.raises(ConfigurationError, match="public key"):
        GongSource.verify_webhook(gong_delivery(), WebhookTrust(key, URL), NOW)


def test_no_repr_shows_what_is_signed_or_trusted() -> None:
    shown = repr((gong_delivery(), fathom_delivery(), gong_trust(), fathom_trust()))
    assert FATHOM_SECRET not in shown
    assert "Bearer" not in shown
    assert "Rollout" not in shown


@pytest.mark.parametrize("name", sorted(discover()))
def test_no_source_believes_a_delivery_without_a_signature(name: str) -> None:
    source = discover()[name]
    trust = gong_trust() if source is GongSource else fathom_trust()
    assert refusal(source, WebhookDelivery([], gong_body()), trust) in (Refusal.MALFORMED, Refusal.UNSUPPORTED)


def test_a_source_without_webhooks_says_so() -> None:
    assert refusal(FilesSource, gong_delivery(), gong_trust()) is Refusal.UNSUPPORTED


@given(st.data())
def test_any_flipped_bit_of_fathoms_delivery_is_refused(data: st.DataObject) -> None:
    flipped_somewhere(data, fathom_delivery(), of_fathom)


@given(st.data())
def test_any_flipped_bit_of_gongs_delivery_is_refused(data: st.DataObject) -> None:
    flipped_somewhere(data, gong_delivery(), of_gong)


def flipped_somewhere(
    data: st.DataObject, delivery: WebhookDelivery, judge: Callable[[WebhookDelivery], Refusal]
) -> None:
    """Flip one bit of the body, or of a header's value behind its scheme or version."""
    signed = [number for number, (name, _) in enumerate(delivery.headers) if name != "Content-Type"]
    where = data.draw(st.sampled_from([None, *signed]))
    content = delivery.body if where is None else delivery.headers[where][1].encode()
    start = 0 if where is None else max(content.find(b" "), content.find(b",")) + 1
    at, bit = data.draw(st.integers(start, len(content) - 1)), data.draw(st.integers(0, 6))
    changed = content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]
    if where is None:
        assert judge(WebhookDelivery(delivery.headers, changed))
    elif changed.strip() == changed:
        headers = [*delivery.headers]
        headers[where] = (headers[where][0], changed.decode("latin-1"))
        assert judge(WebhookDelivery(headers, delivery.body))


SIGNED_HEADERS = st.sampled_from(["authorization", "webhook-id", "webhook-timestamp", "webhook-signature"])


@given(st.lists(st.tuples(SIGNED_HEADERS, st.text())), st.binary())
def test_nothing_made_up_is_ever_taken(headers: list[tuple[str, str]], body: bytes) -> None:
    assert of_gong(WebhookDelivery(headers, body))
    assert of_fathom(WebhookDelivery(headers, body))


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_what_the_sandbox_signs_as_gong_is_taken_and_each_of_its_forgeries_refused(is_wrapped: bool) -> None:
    sender, made = GongSender(), call()
    body = gong_payload(company(made), made, "http://127.0.0.1", NOW, is_wrapped=is_wrapped)
    trust = WebhookTrust(sender.public_key, URL)
    hint = GongSource.verify_webhook(received(sender.delivery(body, URL, NOW)), trust, NOW)
    assert (hint.external_id, hint.occurred_at) == (long_id(made.id), made.started_at)
    reasons = {
        forgery: refusal(GongSource, received(sender.forged(forgery, body, URL, NOW)), trust)
        for forgery in GongForgery
    }
    assert reasons == {
        GongForgery.EXPIRED: Refusal.EXPIRED,
        GongForgery.WRONG_BODY: Refusal.WRONG_BODY,
        GongForgery.WRONG_URL: Refusal.WRONG_URL,
        GongForgery.OTHER_KEY: Refusal.BAD_SIGNATURE,
        GongForgery.HS256: Refusal.BAD_SIGNATURE,
        GongForgery.NO_ALGORITHM: Refusal.BAD_SIGNATURE,
        GongForgery.NO_TOKEN: Refusal.MALFORMED,
    }


def test_what_the_sandbox_signs_as_fathom_is_taken_and_each_of_its_forgeries_refused() -> None:
    genuine = sandbox_delivery(fathom_body(), URL, (FATHOM_SECRET,), "msg_1", NOW)
    assert FathomSource.verify_webhook(received(genuine), fathom_trust(), NOW) == Hint("msg_1", "123456789", STARTED)
    reasons = {
        forgery: of_fathom(received(forged_fathom_delivery(forgery, genuine, FATHOM_SECRET, NOW)))
        for forgery in FathomForgery
    }
    assert reasons == {
        FathomForgery.OLD: Refusal.EXPIRED,
        FathomForgery.FUTURE: Refusal.EXPIRED,
        FathomForgery.WRONG_BODY: Refusal.BAD_SIGNATURE,
        FathomForgery.OTHER_SECRET: Refusal.BAD_SIGNATURE,
        FathomForgery.UNKNOWN_VERSION: Refusal.BAD_SIGNATURE,
        FathomForgery.NO_SIGNATURE: Refusal.MALFORMED,
    }


def received(sent: Delivery) -> WebhookDelivery:
    return WebhookDelivery([*sent.headers.items()], sent.body)


def test_another_spelling_of_the_signature_is_another_token() -> None:
    """The last character of a 256-byte signature holds four bits that decoding throws away."""
    delivery = gong_delivery()
    token = delivery.header("authorization")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [f"{token[:-1]}{last}" for last in alphabet if last != token[-1]]
    for other in (*others, f"{token}=", f"{token}==", token.replace("_", "/").replace("-", "+"), f"{token}\n"):
        if other.strip() != token:
            assert of_gong(with_header(delivery, "authorization", other)) in (
                Refusal.MALFORMED,
                Refusal.BAD_SIGNATURE,
            )
