"""The portal: what it signs, what it believes, and what it keeps."""

import base64
import hashlib
import hmac
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Response, request
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import Untrusted, WorldMisconfigured
from sandbox.portal_client import PortalClient
from sandbox.serving import Server, new_app
from sandbox.world import read_private_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Gateway:
    """Stands where the gateway would: publishes a key, keeps each request, answers as told."""

    def __init__(self) -> Any:
        self.key = Ed25519PrivateKey.generate()
        self.requests = []
        self.sign_with = None
        self.body = b'{"state":"pending"}'
        self.signed_body = self.body
        app = new_app("gateway")

        @app.get("/.well-known/jwks.json")
        def jwks() -> Any:
            x = base64.urlsafe_b64encode(self.key.public_key().public_bytes_raw()).rstrip(b"=").decode()
            return {
                "keys": [
                    {"kty": "RSA", "kid": "r"},
                    {"kty": "OKP", "crv": "Ed25519", "kid": "gw", "x": x},
                    {"kty": "OKP", "crv": "Ed25519", "kid": "bad", "x": "AA"},
                ]
            }

        @app.route("/v1/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
        def answer(path: str) -> Any:
            self.requests.append(
                (request.method, request.url, dict(request.headers.items()), request.get_data())
            )
            return Response(self.body, 201, content_type="application/json", headers=self.signature())

        self.server = Server(app, 0)
        self.server.start()

    def signature(self) -> Any:
        if self.sign_with is None:
            return {}
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(self.signed_body).digest()).decode()}:"
        params = f'("@status" "content-digest");created={int(time.time())};keyid="gw"'
        base = f'"@status": 201\n"content-digest": {digest}\n"@signature-params": {params}'
        signature = base64.b64encode(self.sign_with.sign(base.encode())).decode()
        return {
            "Content-Digest": digest,
            "Signature-Input": f"gw={params}",
            "Signature": f"gw=:{signature}:",
        }


@pytest.fixture
def gateway() -> Any:
    made = Gateway()
    yield made
    made.server.stop()


@pytest.fixture
def client(gateway: Any, setting: Any) -> Any:
    made = PortalClient(gateway.server.url, "hoabinh-2026", setting.portal_key)
    yield made
    made.close()


def check_request(seen: Any, public_key: Any, *, with_body: Any) -> Any:
    """Recompute the signature base of RFC 9421 by hand."""
    method, url, headers, body = seen
    match = re.fullmatch(
        r"sig1=(\(.*\);created=\d+;keyid=\"([^\"]*)\";nonce=\"[^\"]{20,}\")", headers["Signature-Input"]
    )
    assert match is not None
    lines = [f'"@method": {method}', f'"@target-uri": {url}']
    if with_body:
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        assert digest == headers["Content-Digest"]
        lines += [f'"content-digest": {digest}', f'"content-type": {headers["Content-Type"]}']
    lines.append(f'"@signature-params": {match[1]}')
    signature = base64.b64decode(headers["Signature"].removeprefix("sig1=:").removesuffix(":"))
    public_key.verify(signature, "\n".join(lines).encode())
    return match[2]


def test_requests_are_signed_over_method_address_digest_and_type(
    client: Any, gateway: Any, setting: Any
) -> None:
    status, body, headers = client.post("/v1/payments", {"reference": "r1", "name": "Lệ phí"})
    client.get("/v1/payments?state=pending&cursor=a%2Bb")
    public = setting.portal_key.public_key()
    assert "hoabinh-2026" == check_request(gateway.requests[0], public, with_body=True)
    assert "hoabinh-2026" == check_request(gateway.requests[1], public, with_body=False)
    assert (201, {"state": "pending"}, "application/json") == (status, body, headers["content-type"])
    assert "Lệ phí" == json.loads(gateway.requests[0][3])["name"]
    nonces = {seen[2]["Signature-Input"].split("nonce=")[1] for seen in gateway.requests}
    assert 2 == len(nonces)


def test_a_document_is_put_whole_with_its_digest(client: Any, gateway: Any, setting: Any) -> None:
    client.put("/v1/cases/H28/documents/d1", b"%PDF-1.7", "application/pdf")
    check_request(gateway.requests[0], setting.portal_key.public_key(), with_body=True)
    digest = base64.b64encode(hashlib.sha256(b"%PDF-1.7").digest()).decode()
    assert f"sha-256=:{digest}:" == gateway.requests[0][2]["Repr-Digest"]


def test_a_signed_answer_is_believed_when_the_published_key_signed_it(client: Any, gateway: Any) -> None:
    gateway.sign_with = gateway.key
    assert (201, {"state": "pending"}) == client.get("/v1/payments/pay_1")[:2]


def test_an_answer_signed_by_another_key_is_not_believed(client: Any, gateway: Any) -> None:
    gateway.sign_with = Ed25519PrivateKey.generate()
    with pytest.raises(Untrusted):
        client.get("/v1/payments/pay_1")


def test_an_answer_whose_body_was_changed_is_not_believed(client: Any, gateway: Any) -> None:
    gateway.sign_with, gateway.signed_body = gateway.key, b'{"state":"success"}'
    with pytest.raises(Untrusted):
        client.get("/v1/payments/pay_1")


def test_an_answer_in_bytes_is_checked_and_given_as_it_is(client: Any, gateway: Any) -> None:
    gateway.sign_with, gateway.body = gateway.key, b"%PDF-1.7"
    gateway.signed_body = gateway.body
    response = client.send("GET", "/v1/payments/pay_1/receipt", accept="application/pdf")
    assert (b"%PDF-1.7", "application/pdf") == (response.content, gateway.requests[0][2]["Accept"])


def test_the_portals_key_is_read_from_its_file(setting: Any, tmp_path: Path) -> None:
    key = read_private_key(tmp_path / "portal.pem")
    assert setting.portal_key.public_key() == key.public_key()
    (tmp_path / "other.pem").write_text("no key")
    for name in ("other.pem", "absent.pem"):
        with pytest.raises(WorldMisconfigured, match=name):
            read_private_key(tmp_path / name)


class Sender:
    """Signs webhooks as the specification of Standard Webhooks says, with its own arithmetic."""

    def __init__(self, url: str, key: Any) -> None:
        self.url = url
        self.key = key

    def send(
        self,
        webhook_id: Any = "msg_1",
        *,
        body: Any = None,
        at: Any = None,
        v1: Any = True,
        v1a: Any = True,
        secret: Any = SECRET,
        altered: Any = None,
    ) -> Any:
        data = (
            body
            or json.dumps({"type": "payment.succeeded", "id": "pay_1", "version": 3, "data": {}}).encode()
        )
        stamp = str(int(time.time() if at is None else at))
        signed = f"{webhook_id}.{stamp}.".encode() + data
        raw = base64.b64decode(secret.removeprefix("whsec_"))
        parts = []
        if v1a:
            parts.append("v1a," + base64.b64encode(self.key.sign(signed)).decode())
        if v1:
            parts.append("v1," + base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode())
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": stamp,
            "webhook-signature": " ".join(parts),
            "Content-Type": "application/json",
        }
        return self.post(headers, altered or data).status_code

    def post(self, headers: Any, body: Any) -> Any:
        return requests.post(f"{self.url}/webhooks", data=body, headers=headers, timeout=5)

    def received(self, **filters: Any) -> Any:
        return requests.get(f"{self.url}/received", params=filters, timeout=5).json()["received"]


@pytest.fixture
def sender(gateway: Any, setting: Any) -> Any:
    setting.values["gateway_url"] = gateway.server.url
    return Sender(setting.start().urls["portal"], gateway.key)


def test_a_webhook_with_both_signatures_is_kept_once_however_often_it_comes(sender: Any) -> None:
    assert [200, 200] == [sender.send(), sender.send()]
    kept = sender.received()
    assert [("msg_1", "payment.succeeded", "pay_1", 2)] == [
        (row["webhook_id"], row["type"], row["id"], row["times"]) for row in kept
    ]
    assert 3 == kept[0]["body"]["version"]


def test_a_webhook_whose_signature_does_not_hold_is_refused_and_not_kept(sender: Any, gateway: Any) -> None:
    altered = b'{"type":"payment.succeeded","id":"pay_2"}'
    other = "whsec_" + base64.b64encode(b"x" * 24).decode()
    assert [400] * 6 == [
        sender.send(altered=altered),
        sender.send(v1=False),
        sender.send(v1a=False),
        sender.send(secret=other),
        sender.send(at=time.time() - 301),
        sender.send(at=time.time() + 302),
    ]
    sender.key = Ed25519PrivateKey.generate()
    assert 400 == sender.send()
    assert [] == sender.received()


def test_a_key_that_the_gateway_changed_is_found_in_its_key_set(sender: Any, gateway: Any) -> None:
    assert 200 == sender.send("msg_1")
    gateway.key = sender.key = Ed25519PrivateKey.generate()
    assert 200 == sender.send("msg_2")


def test_what_came_is_found_by_type_and_by_id(sender: Any) -> None:
    sender.send("msg_1")
    sender.send("msg_2", body=b'{"type":"case.changed","id":"H28-1"}')
    assert ["msg_2"] == [row["webhook_id"] for row in sender.received(type="case.changed")]
    assert ["msg_1"] == [row["webhook_id"] for row in sender.received(id="pay_1")]
    assert ["msg_2"] == [row["webhook_id"] for row in sender.received(id="msg_2")]
    assert [] == sender.received(type="case.changed", id="pay_1")


def test_a_story_can_make_the_portal_refuse_and_change_its_secret(sender: Any, control: Any) -> None:
    other = "whsec_" + base64.b64encode(b"x" * 24).decode()
    assert 200 == control(sender.url, {"answer": 503, "times": 2})
    assert [503, 503, 200] == [sender.send(), sender.send(), sender.send()]
    assert [("msg_1", 1)] == [(row["webhook_id"], row["times"]) for row in sender.received()]
    assert 200 == control(sender.url, {"webhook_secret": other})
    assert [400, 200] == [sender.send("msg_2"), sender.send("msg_2", secret=other)]
    wrong = ({"answer": 200}, {"answer": 503, "times": 0}, {"webhook_secret": "x"}, [])
    assert [400] * 4 == [control(sender.url, order) for order in wrong]


def test_without_a_secret_the_ed25519_signature_alone_is_enough_and_needed(
    gateway: Any, setting: Any
) -> None:
    setting.values["gateway_url"] = gateway.server.url
    del setting.values["portal"]["webhook_secret"]
    sender = Sender(setting.start().urls["portal"], gateway.key)
    assert [200, 400] == [sender.send("msg_1", v1=False), sender.send("msg_2", v1a=False)]
    old, early = time.time() - 302, time.time() + 302
    assert [400, 400] == [sender.send("msg_3", v1=False, at=old), sender.send("msg_4", v1=False, at=early)]


def test_headers_and_bodies_of_any_kind_are_refused_calmly(sender: Any) -> None:
    header_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)
    names = st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"])

    @given(st.dictionaries(names, header_text), st.binary(max_size=60))
    def never_breaks(headers: Any, body: Any) -> None:
        now = {"webhook-id": "msg_1", "webhook-timestamp": str(int(time.time()))}
        for given_headers in (headers, {**headers, **now}):
            assert 400 == sender.post(given_headers, body).status_code

    never_breaks()
    stamp = str(int(time.time()))
    for signature in ("v1", "v1,", "v1,a,b", "v1a,=", ",", "v1a,AAAA v1,AAAA"):
        headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}
        assert 400 == sender.post(headers, b"{}").status_code
