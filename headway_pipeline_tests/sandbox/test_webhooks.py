"""What webhook senders of the sandbox sign (G-S26, F-S11), verified with libraries' primitives."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from headway_pipeline.sandbox.addresses import call_number
from headway_pipeline.sandbox.fathom.webhooks import Webhook
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.webhooks import (
    Delivery,
    FathomForgery,
    GongForgery,
    GongSender,
    fathom_delivery,
    forged_fathom_delivery,
    gong_payload,
    sample_delivery,
    webhook_delivery,
)
from headway_pipeline.sandbox.world import Course, SandboxCall
from headway_pipeline_tests.sandbox_fixtures import ACCESS_KEY, NOW, SECRET_KEY, call, company, world_of

URL = "https://headway.example/webhooks/gong"
SECRET = f"whsec_{base64.b64encode(b'a secret of twenty-four.').decode()}"
KNOWN_SIGNATURE = "v1,zIAQjVMLTSw9vOgCD5qwEGSslz0tYmUg3ICzHZLoTEw="
INCLUDES = frozenset({"include_transcript", "include_summary"})
HOOK = Webhook("wh_1", URL, SECRET, "fathom/Larkspur/x", ("my_recordings",), INCLUDES, NOW)


@pytest.fixture(scope="module")
def sender() -> GongSender:
    return GongSender()


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def is_genuine_gong(delivery: Delivery, public_key: str) -> bool:
    """Whether a receiver that does everything right would believe it."""
    token = delivery.headers.get("Authorization", "").removeprefix("Bearer ")
    if token.count(".") != 2:
        return False
    header, claims, signature = token.split(".")
    key = load_der_public_key(base64.b64decode(public_key))
    assert isinstance(key, RSAPublicKey)
    try:
        signed = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        key.verify(signed, f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    told = decoded(claims)
    return bool(
        decoded(header)["alg"] == "RS256"
        and told["exp"] > NOW.timestamp()
        and told["webhook_url"] == URL
        and told["body_sha256"] == hashlib.sha256(delivery.body).hexdigest()
    )


def is_genuine_fathom(delivery: Delivery, secret: str = SECRET) -> bool:
    headers = delivery.headers
    if abs(NOW.timestamp() - int(headers["webhook-timestamp"])) > 300:
        return False
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + delivery.body
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}" in headers.get("webhook-signature", "").split()


class TestGong:
    def test_a_genuine_delivery_verifies_g_s26(self, sender: GongSender) -> None:
        assert is_genuine_gong(sender.delivery(b"{}", URL, NOW), sender.public_key)
        assert "BEGIN" not in sender.public_key

    @pytest.mark.parametrize("forgery", GongForgery)
    def test_a_forged_one_does_not_g_s26(self, sender: GongSender, forgery: GongForgery) -> None:
        assert not is_genuine_gong(sender.forged(forgery, b"{}", URL, NOW), sender.public_key)

    def test_some_forgeries_name_another_algorithm_g_s26(self, sender: GongSender) -> None:
        found = []
        for forgery in (GongForgery.HS256, GongForgery.NO_ALGORITHM):
            token = sender.forged(forgery, b"{}", URL, NOW).headers["Authorization"].removeprefix("Bearer ")
            found.append(decoded(token.split(".")[0])["alg"])
        assert found == ["HS256", "none"]

    @pytest.mark.parametrize("is_wrapped", [True, False])
    def test_the_body_has_two_shapes_and_never_a_transcript_g_s26(self, is_wrapped: bool) -> None:
        body = json.loads(gong_payload(company(), call(), "http://x", NOW, is_wrapped=is_wrapped, is_test=True))
        data = body["callData"] if is_wrapped else body
        assert data["metaData"]["title"] == "Rollout review"
        assert len(data["parties"]) == 2
        assert "transcript" not in json.dumps(body)
        assert body.get("isTest") == (True if is_wrapped else None)

    def test_a_call_may_be_delivered_before_it_is_readable_g_s26(self) -> None:
        made = replace(call(), course=Course(visible_at=NOW + timedelta(hours=1)))
        assert json.loads(gong_payload(company(made), made, "http://x", NOW))["callData"]["metaData"]["id"]
        with Sandbox(world_of(made), clock=lambda: NOW) as sandbox:
            answer = requests.get(
                f"{sandbox.base_url}/v2/calls/{call_number(made)}", auth=(ACCESS_KEY, SECRET_KEY), timeout=5
            )
        assert answer.status_code == 404


class TestFathom:
    def test_a_genuine_delivery_verifies_with_either_secret_f_s11(self) -> None:
        other = f"whsec_{base64.b64encode(b'the next one').decode()}"
        delivery = fathom_delivery(b"{}", URL, (other, SECRET), "msg_1", NOW)
        assert len(delivery.headers["webhook-signature"].split()) == 2
        assert is_genuine_fathom(delivery)
        assert is_genuine_fathom(delivery, other)

    def test_the_signature_is_that_of_standard_webhooks_f_s11(self) -> None:
        # Computed once with `openssl dgst -sha256 -hmac`, apart from any code here.
        delivery = fathom_delivery(b'{"a":1}', URL, (SECRET,), "msg_1", NOW)
        assert delivery.headers["webhook-signature"] == KNOWN_SIGNATURE

    @pytest.mark.parametrize("forgery", FathomForgery)
    def test_a_forged_one_does_not_f_s11(self, forgery: FathomForgery) -> None:
        genuine = fathom_delivery(b"{}", URL, (SECRET,), "msg_1", NOW)
        assert not is_genuine_fathom(forged_fathom_delivery(forgery, genuine, SECRET, NOW))

    def fired(self, made: SandboxCall, at: timedelta = timedelta(0)) -> Delivery | None:
        return webhook_delivery(HOOK, company(made), made, "http://x", NOW + at)

    def test_a_meeting_is_sent_with_what_the_hook_includes_f_s11(self) -> None:
        delivery = self.fired(call(source="fathom"))
        assert delivery is not None
        body = json.loads(delivery.body)
        assert len(body["transcript"]) == 3
        assert body["default_summary"]
        assert "crm_matches" not in body

    def test_a_retry_has_the_same_id_f_s11(self) -> None:
        made = call(source="fathom")
        first, second = self.fired(made), self.fired(replace(made, title="Renamed"), timedelta(minutes=5))
        assert first is not None
        assert second is not None
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]

    def test_the_test_button_sends_a_sample_that_verifies_f_s11(self) -> None:
        delivery = sample_delivery(HOOK, NOW)
        assert is_genuine_fathom(delivery)
        assert json.loads(delivery.body)["title"] == "Sample meeting"

    def test_nothing_is_sent_without_a_summary_f_s11(self) -> None:
        assert self.fired(call(said=[], source="fathom")) is None
        assert self.fired(call(source="fathom", started_at=NOW)) is None


def test_a_delivery_shows_no_signature() -> None:
    assert "v1," not in repr(fathom_delivery(b"{}", URL, (SECRET,), "msg_1", NOW))
