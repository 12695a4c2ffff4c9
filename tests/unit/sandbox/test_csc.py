"""The remote signing service: what it keeps to of the standard, and what goes wrong with it on demand."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.config import SIGNING_SERVERS, read_world
from sandbox.csc import OWNERS, Csc, CscFault, CscSettings
from sandbox.csc_api import csc_app
from sandbox.csc_keys import PEOPLE
from sandbox.errors import WorldMisconfigured
from sandbox.state import Ground, State
from sandbox.world import World

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text("utf-8")
SECTION = PAGE.partition("## Remote signing")[2].partition("\n## ")[0]
SHOWN: dict[str, Any] = json.loads(SECTION.split("```json\n")[1].partition("```")[0])

SETTINGS = CscSettings(port=0, client_id="cong4", client_secret="bí mật", pin="135790")
SHA256 = "2.16.840.1.101.3.4.2.1"
BY_PHONE, BY_PIN, RSA = "can-bo-dien-thoai", "can-bo-pin", "con-dau-rsa"
DIGEST = hashlib.sha256(b"x").digest()


@dataclass
class Caller:
    """A client of the service, at a time of its own."""

    now: datetime = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    client: FlaskClient = field(init=False)
    token: str = ""

    def log_in(self, **changes: str) -> tuple[int, dict[str, Any]]:
        form = {"grant_type": "client_credentials", "client_id": "cong4", "client_secret": "bí mật"}
        reply = self.client.post("/oauth2/token", data={**form, **changes})
        self.token = (reply.get_json() or {}).get("access_token", "")
        return reply.status_code, reply.get_json()

    def ask(self, method: str, **body: object) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.token}"}
        reply = self.client.post(f"/csc/v2/{method}", json=body, headers=headers)
        return reply.status_code, reply.get_json(silent=True) or {}

    def authorize(
        self, credential: str, *digests: bytes, pin: str = "135790", **more: object
    ) -> tuple[int, dict[str, Any]]:
        body = {
            "credentialID": credential,
            "numSignatures": len(digests),
            "hashes": [base64.b64encode(each).decode() for each in digests],
            "hashAlgorithmOID": SHA256,
            "authData": [{"id": "PIN", "value": pin}],
        }
        return self.ask("credentials/authorize", **{**body, **more})

    def sign(self, credential: str, sad: str, *digests: bytes, algorithm: str) -> tuple[int, dict[str, Any]]:
        return self.ask(
            "signatures/signHash",
            credentialID=credential,
            SAD=sad,
            hashes=[base64.b64encode(each).decode() for each in digests],
            hashAlgorithmOID=SHA256,
            signAlgo=algorithm,
        )

    def control(self, **order: object) -> int:
        return self.client.post("/_control", json=order).status_code


@pytest.fixture(scope="module")
def state() -> Iterator[State]:
    made = State(None)
    yield made
    made.close()


@pytest.fixture
def caller(state: State) -> Caller:
    made = Caller()
    csc = Csc(SETTINGS, Ground(state, clock=lambda: made.now))
    made.client = csc_app(csc).test_client()
    csc.control({"fault": "none"})
    csc.control({"owner": "confirms"})
    assert 200 == made.log_in()[0]
    return made


def certificate(caller: Caller, credential: str) -> x509.Certificate:
    _, told = caller.ask("credentials/info", credentialID=credential, certificates="chain")
    return x509.load_der_x509_certificate(base64.b64decode(told["cert"]["certificates"][0]))


# --- by the standard ------------------------------------------------------------------------------


def test_it_says_what_it_is_without_a_token(caller: Caller) -> None:
    caller.token = ""
    status, told = caller.ask("info")
    assert (200, "2.0.0.2") == (status, told["specs"])
    assert {"credentials/authorize", "credentials/authorizeCheck", "signatures/signHash"} <= {
        *told["methods"]
    }


@pytest.mark.parametrize("method", ["credentials/list", "credentials/info", "signatures/signHash"])
def test_nothing_else_is_answered_without_a_token_or_with_one_that_is_over(
    caller: Caller, method: str
) -> None:
    caller.now += timedelta(seconds=3600)
    assert (401, "invalid_token") == (caller.ask(method)[0], caller.ask(method)[1]["error"])
    caller.token = "made up"
    assert 401 == caller.ask(method)[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"client_secret": "khác"}, (401, "invalid_client")),
        ({"client_id": "khác"}, (401, "invalid_client")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
    ],
)
def test_a_token_is_for_the_client_alone(
    caller: Caller, change: dict[str, str], expected: tuple[int, str]
) -> None:
    status, told = caller.log_in(**change)
    assert expected == (status, told["error"])


def test_each_credential_has_a_certificate_under_the_authority(caller: Caller) -> None:
    assert list(PEOPLE) == caller.ask("credentials/list")[1]["credentialIDs"]
    for each in PEOPLE:
        told = caller.ask("credentials/info", credentialID=each, certificates="chain")[1]
        leaf, above = (
            x509.load_der_x509_certificate(base64.b64decode(text)) for text in told["cert"]["certificates"]
        )
        leaf.verify_directly_issued_by(above)
        assert ("enabled", "valid", "2") == (told["key"]["status"], told["cert"]["status"], told["SCAL"])


def test_a_pin_gives_a_signature_as_two_halves(caller: Caller) -> None:
    status, told = caller.authorize(BY_PIN, DIGEST)
    assert 200 == status
    status, made = caller.sign(BY_PIN, told["SAD"], DIGEST, algorithm="1.2.840.10045.4.3.2")
    raw = base64.b64decode(made["signatures"][0])
    assert (200, 64) == (status, len(raw))
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = certificate(caller, BY_PIN).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(der, b"x", ec.ECDSA(hashes.SHA256()))


def test_rsa_signs_by_pkcs1(caller: Caller) -> None:
    sad = caller.authorize(RSA, DIGEST)[1]["SAD"]
    made = caller.sign(RSA, sad, DIGEST, algorithm="1.2.840.113549.1.1.11")[1]["signatures"]
    public: Any = certificate(caller, RSA).public_key()
    public.verify(base64.b64decode(made[0]), b"x", padding.PKCS1v15(), hashes.SHA256())


def test_a_wrong_pin_gives_nothing(caller: Caller) -> None:
    status, told = caller.authorize(BY_PIN, DIGEST, pin="000000")
    assert (400, "invalid_pin") == (status, told["error"])


def test_a_phone_is_waited_for_until_its_owner_confirms(caller: Caller) -> None:
    caller.control(owner="waits")
    status, told = caller.authorize(BY_PHONE, DIGEST)
    handle = told["handle"]
    assert (202, None) == (status, told.get("SAD"))
    assert (202, {"handle": handle}) == caller.ask("credentials/authorizeCheck", handle=handle)
    assert handle in [each["handle"] for each in caller.client.get("/phone").get_json()["waiting"]]
    assert 200 == caller.client.post(f"/phone/{handle}/confirm").status_code
    status, told = caller.ask("credentials/authorizeCheck", handle=handle)
    assert (200, True) == (status, bool(told["SAD"]))
    assert 404 == caller.client.post(f"/phone/{handle}/decline").status_code


@pytest.mark.parametrize("by_control", [True, False])
def test_an_owner_may_say_no(caller: Caller, *, by_control: bool) -> None:
    caller.control(owner="declines" if by_control else "waits")
    handle = caller.authorize(BY_PHONE, DIGEST)[1]["handle"]
    if not by_control:
        caller.client.post(f"/phone/{handle}/decline")
    status, told = caller.ask("credentials/authorizeCheck", handle=handle)
    assert (400, "access_denied") == (status, told["error"])


def test_a_phone_that_nobody_touches_is_given_up(caller: Caller) -> None:
    caller.control(owner="waits")
    handle = caller.authorize(BY_PHONE, DIGEST)[1]["handle"]
    caller.now += timedelta(seconds=601)
    assert "expired_request" == caller.ask("credentials/authorizeCheck", handle=handle)[1]["error"]


def test_an_activation_is_for_its_hash_once_and_for_a_while(caller: Caller) -> None:
    algorithm = "1.2.840.10045.4.3.2"
    other = hashlib.sha256(b"y").digest()
    sad = caller.authorize(BY_PIN, DIGEST)[1]["SAD"]
    assert 400 == caller.sign(BY_PIN, sad, other, algorithm=algorithm)[0]
    assert 400 == caller.sign(BY_PHONE, sad, DIGEST, algorithm=algorithm)[0]
    assert 400 == caller.sign(BY_PIN, "", DIGEST, algorithm=algorithm)[0]
    assert 200 == caller.sign(BY_PIN, sad, DIGEST, algorithm=algorithm)[0]
    assert 400 == caller.sign(BY_PIN, sad, DIGEST, algorithm=algorithm)[0]
    late = caller.authorize(BY_PIN, DIGEST)[1]["SAD"]
    caller.now += timedelta(seconds=301)
    assert 400 == caller.sign(BY_PIN, late, DIGEST, algorithm=algorithm)[0]


def test_another_algorithm_is_not_signed_by(caller: Caller) -> None:
    sad = caller.authorize(BY_PIN, DIGEST)[1]["SAD"]
    assert 400 == caller.sign(BY_PIN, sad, DIGEST, algorithm="1.2.840.113549.1.1.11")[0]


@pytest.mark.parametrize(
    "change",
    [
        {"hashes": ["AAAA"]},
        {"hashes": ["không"]},
        {"hashes": []},
        {"hashes": "x"},
        {"numSignatures": 2},
        {"hashAlgorithmOID": "1.3.14.3.2.26"},
        {"credentialID": "không có"},
    ],
)
def test_what_is_no_sha256_digest_is_not_consented_to(caller: Caller, change: dict[str, object]) -> None:
    status, told = caller.authorize(BY_PIN, DIGEST, **change)
    assert (400, "invalid_request") == (status, told["error"])


def test_keys_and_consents_outlive_a_restart(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        state = State(tmp_path / "state.sqlite3")
        caller = Caller()
        caller.client = csc_app(Csc(SETTINGS, Ground(state, clock=lambda now=caller.now: now))).test_client()
        caller.log_in()
        found.append(certificate(caller, BY_PIN))
        state.close()
    assert found[0] == found[1]


# --- what goes wrong on demand --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("unavailable", (503, "")), ("fail", (500, "server_error")), ("garbage", (200, ""))],
)
def test_every_call_meets_the_fault_until_another_word(
    caller: Caller, fault: str, expected: tuple[int, str]
) -> None:
    assert 200 == caller.control(fault=fault)
    for method in ("info", "credentials/list"):
        status, told = caller.ask(method)
        assert expected == (status, told.get("error", ""))
    caller.control(fault="none")
    assert 200 == caller.ask("credentials/list")[0]


def test_a_wrong_hash_is_signed_on_demand(caller: Caller) -> None:
    caller.control(fault="wrong_hash")
    sad = caller.authorize(RSA, DIGEST)[1]["SAD"]
    made = caller.sign(RSA, sad, DIGEST, algorithm="1.2.840.113549.1.1.1")[1]["signatures"]
    public: Any = certificate(caller, RSA).public_key()
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(made[0]), b"x", padding.PKCS1v15(), hashes.SHA256())


def test_a_credential_expires_or_is_disabled_on_demand(caller: Caller) -> None:
    sad = caller.authorize(BY_PIN, DIGEST)[1]["SAD"]
    caller.control(fault="expired_credential")
    assert "expired" == caller.ask("credentials/info", credentialID=BY_PIN)[1]["cert"]["status"]
    assert 400 == caller.sign(BY_PIN, sad, DIGEST, algorithm="1.2.840.10045.4.3.2")[0]
    caller.control(fault="disabled_key")
    assert "disabled" == caller.ask("credentials/info", credentialID=BY_PIN)[1]["key"]["status"]


@pytest.mark.parametrize("order", [{}, {"fault": "other"}, {"owner": 5}, {"fault": ["none"]}])
def test_an_order_that_is_none_is_refused(caller: Caller, order: dict[str, object]) -> None:
    assert 400 == caller.control(**order)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "value"]), inner),
    max_leaves=6,
)
NAMES = ["credentialID", "hashes", "authData", "numSignatures", "handle", "SAD", "signAlgo", "certificates"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["credentials/info", "credentials/authorize", "credentials/authorizeCheck", "x"]),
    body=st.dictionaries(st.sampled_from(NAMES), JSON),
    named=st.booleans(),
)
def test_no_question_breaks_it(caller: Caller, method: str, body: dict[str, Any], *, named: bool) -> None:
    if named:
        body = {"hashAlgorithmOID": SHA256, **body, "credentialID": BY_PIN}
    assert caller.ask(method, **body)[0] in {200, 400, 404}


# --- a part of the world ---


def whole(**sections: Any) -> dict[str, Any]:
    account = {"bin": "970418", "number": "0123456789", "name": "TTPVHCC"}
    common = {"gateway_url": "http://gateway.test", "state_dir": ":memory:"}
    return {**common, "bank": {"port": 0, "accounts": [account]}, **sections}


def test_the_page_shows_the_section_of_the_world_file() -> None:
    assert set(SIGNING_SERVERS) == set(SHOWN)
    settings = read_world(whole(**SHOWN)).csc
    assert settings is not None
    defaults = dict(re.findall(r"^\| `(confirm_s|token_s)` \| (\d+) \|", SECTION, re.MULTILINE))
    assert {"confirm_s": "0", "token_s": "3600"} == defaults
    assert (0.0, 3600) == (settings.confirm_s, settings.token_s)


@pytest.mark.parametrize("name", ["client_id", "client_secret", "pin"])
def test_a_setting_that_is_absent_is_named(name: str) -> None:
    less = {part: value for part, value in SHOWN["csc"].items() if part != name}
    with pytest.raises(WorldMisconfigured, match=f"csc.{name} must be"):
        read_world(whole(csc=less))


def test_the_page_names_every_person_owner_and_fault() -> None:
    assert set(PEOPLE) == set(re.findall(r"^\| `([a-z-]+)` \| (?:P-256|RSA)", SECTION, re.MULTILINE))
    words = set(re.findall(r"`\"?([a-z_]+)\"?`", SECTION)) | set(re.findall(r'"owner":\s"(\w+)"', SECTION))
    assert set(OWNERS) | set(CscFault) <= words


def test_it_stands_on_the_ground_of_its_world() -> None:
    moment = datetime(2031, 1, 1, tzinfo=UTC)
    world = World(read_world(whole(**SHOWN)), listen=False, clock=lambda: moment, send=lambda _: None)
    try:
        client = world.apps["csc"].test_client()
        form = {"grant_type": "client_credentials", "client_id": SHOWN["csc"]["client_id"]}
        form["client_secret"] = SHOWN["csc"]["client_secret"]
        token = client.post("/oauth2/token", data=form).get_json()["access_token"]
        told = client.post(
            "/csc/v2/credentials/info",
            json={"credentialID": BY_PIN},
            headers={"Authorization": f"Bearer {token}"},
        ).get_json()
    finally:
        world.stop()
    certificate = x509.load_der_x509_certificate(base64.b64decode(told["cert"]["certificates"][0]))
    assert timedelta(minutes=5) == moment - certificate.not_valid_before_utc
