"""Signing at a remote service: the real client against the sandbox's real server, over HTTP on this machine."""

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from sandbox.csc import Csc, CscSettings
from sandbox.csc_api import csc_app
from sandbox.csc_keys import AUTHORITY
from sandbox.serving import Server
from sandbox.state import Ground, State
from signing.errors import (
    BadSignature,
    Expired,
    ForbiddenAlgorithm,
    Malformed,
    Refused,
    SignerAway,
    SigningError,
)
from signing.keys import verify_document
from signing.remote import Info, RemoteService, RemoteSettings, RemoteSigner
from signing.remote_wire import failure_of, read_credential, read_info, read_object, read_signature
from signing.signer import Scheme, Signer, public_key_of

SECRET, PIN = "bí mật của cổng", "135790"
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def the_time_of_each_test() -> None:
    """Keys and certificates are made now: a run of all tests lasts longer than their first minutes."""
    globals()["NOW"] = datetime.now(UTC)


DATA = "Kết quả giải quyết thủ tục".encode()
BY_PHONE, BY_PIN, RSA = "can-bo-dien-thoai", "can-bo-pin", "con-dau-rsa"


def call(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        line.request(method, parts.path, body, {**headers, "Connection": "close"})
        answer = line.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise SignerAway("no answer") from error
    finally:
        line.close()


@dataclass
class Waiting:
    """Time that passes only when somebody waits, and what happens meanwhile."""

    now_s: float = 0.0
    pauses: list[float] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def pause(self, seconds: float) -> None:
        self.now_s += seconds
        self.pauses.append(seconds)
        self.meanwhile()

    def clock(self) -> float:
        return self.now_s


@dataclass
class Side:
    """The server, its address, and a client of it with its clock."""

    csc: Csc
    settings: RemoteSettings
    waiting: Waiting
    calls: list[str] = field(default_factory=list)

    def service(self, **changes: str | float | None) -> RemoteService:
        def counted(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
            self.calls.append(urlsplit(url).path)
            return call(method, url, headers, body)

        settings = replace(self.settings, **changes)
        return RemoteService(settings, counted, pause=self.waiting.pause, clock=self.waiting.clock)

    def signer(self, credential: str, **changes: str | float | None) -> RemoteSigner:
        return self.service(**changes).signer(credential, now=NOW)

    def is_told(self, **order: str) -> None:
        assert self.csc.control(order)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Csc, str]]:
    state = State(None)
    csc = Csc(CscSettings(port=0, client_id="cong4", client_secret=SECRET, pin=PIN), Ground(state))
    server = Server(csc_app(csc), 0)
    server.start()
    yield csc, server.url
    server.stop()
    state.close()


@pytest.fixture
def side(running: tuple[Csc, str]) -> Side:
    csc, url = running
    csc.control({"fault": "none"})
    csc.control({"owner": "confirms"})
    return Side(csc, RemoteSettings(url, "cong4", SECRET, pin=PIN), Waiting())


def check(signer: Signer, data: bytes, signature: bytes) -> None:
    verify_document(public_key_of(signer.certificate), signature, data)


# --- signing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credential", "scheme"),
    [(BY_PHONE, Scheme.ECDSA_SHA256), (BY_PIN, Scheme.ECDSA_SHA256), (RSA, Scheme.RSA_SHA256)],
)
def test_what_the_service_signs_holds_under_its_certificate(
    side: Side, credential: str, scheme: Scheme
) -> None:
    signer = side.signer(credential)
    assert scheme is signer.scheme
    check(signer, DATA, signer.sign(DATA))
    with pytest.raises(BadSignature):
        check(signer, DATA + b"0", signer.sign(DATA))
    names = [each.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value for each in signer.chain]
    assert [AUTHORITY] == names


def test_the_service_says_what_it_is_and_whose_keys_it_keeps(side: Side) -> None:
    info = side.service().info()
    assert isinstance(info, Info)
    assert ("2.0.0.2", True) == (info.specs, "signatures/signHash" in info.methods)
    assert {BY_PHONE, BY_PIN, RSA} == set(side.service().credentials())


def test_the_owner_is_waited_for_until_the_phone_says_yes(side: Side) -> None:
    signer = side.signer(BY_PHONE, poll_s=3.0)
    side.is_told(owner="waits")

    def confirm_at_the_third_look() -> None:
        if len(side.waiting.pauses) == 3:
            side.csc.phone(side.csc.waiting()[-1]["handle"], "confirmed")

    side.waiting.meanwhile = confirm_at_the_third_look
    check(signer, DATA, signer.sign(DATA))
    assert [3.0, 3.0, 3.0] == side.waiting.pauses


def test_an_owner_who_declines_refuses(side: Side) -> None:
    signer = side.signer(BY_PHONE)
    side.is_told(owner="declines")
    with pytest.raises(Refused, match="does not confirm"):
        signer.sign(DATA)


def test_an_owner_who_does_nothing_is_away_after_the_time_that_is_set(side: Side) -> None:
    signer = side.signer(BY_PHONE, patience_s=10.0, poll_s=4.0)
    side.is_told(owner="waits")
    with pytest.raises(SignerAway, match="in time"):
        signer.sign(DATA)
    assert 12.0 == side.waiting.now_s


def test_each_hash_is_consented_to_by_itself(side: Side) -> None:
    signer = side.signer(BY_PIN)
    side.calls.clear()
    for text in (b"1", b"2"):
        check(signer, text, signer.sign(text))
    assert ["/csc/v2/credentials/authorize", "/csc/v2/signatures/signHash"] * 2 == side.calls


def test_several_threads_sign_at_once(side: Side) -> None:
    signer = side.signer(BY_PIN)
    texts = [f"{number}".encode() for number in range(24)]
    with ThreadPoolExecutor(6) as pool:
        for text, signature in zip(texts, pool.map(signer.sign, texts), strict=True):
            check(signer, text, signature)


# --- tokens and PINs ------------------------------------------------------------------------------


def test_a_token_is_asked_for_once_and_again_when_it_is_over_or_forgotten(side: Side) -> None:
    service = side.service()
    for _ in range(3):
        service.credentials()
    assert 1 == side.calls.count("/oauth2/token")
    side.waiting.now_s += 3600
    service.credentials()
    assert 2 == side.calls.count("/oauth2/token")
    side.is_told(fault="forgets_tokens")
    service.credentials()
    assert 3 == side.calls.count("/oauth2/token")


def test_a_client_that_the_service_does_not_know_is_refused(side: Side) -> None:
    with pytest.raises(Refused):
        side.service(client_secret="khác").credentials()


def test_a_token_that_is_refused_at_once_is_not_asked_for_for_ever(side: Side) -> None:
    asked: list[str] = []

    def never_content(_: str, url: str, __: Mapping[str, str], ___: bytes) -> tuple[int, bytes]:
        asked.append(urlsplit(url).path)
        return (200, b'{"access_token": "t", "expires_in": 60}') if url.endswith("/token") else (401, b"")

    with pytest.raises(Refused, match="the token"):
        RemoteService(side.settings, never_content).credentials()
    assert ["/oauth2/token", "/csc/v2/credentials/list"] * 2 == asked


def test_a_wrong_pin_is_refused_and_never_tried_again(side: Side) -> None:
    service = side.service(pin="000000")
    signer = service.signer(BY_PIN, now=NOW)
    side.calls.clear()
    for _ in range(3):
        with pytest.raises(Refused, match="PIN"):
            signer.sign(DATA)
    assert ["/csc/v2/credentials/authorize"] == side.calls


def test_what_only_the_owner_can_give_is_not_signed_with(side: Side) -> None:
    with pytest.raises(Refused, match="only the owner"):
        side.signer(BY_PIN, pin=None).sign(DATA)
    signer = side.signer(BY_PHONE)
    for change in ({"mode": "oauth2code"}, {"mode": "explicit", "asks": (("OTP", "OTP"),)}):
        with pytest.raises(Refused, match="only the owner"):
            RemoteSigner(side.service(), replace(signer.credential, **change)).sign(DATA)


def test_no_secret_is_in_a_repr(side: Side) -> None:
    shown = repr(side.settings) + repr(side.service()) + repr(side.signer(BY_PIN))
    assert [] == [each for each in (SECRET, PIN, "Thử Nghiệm") if each in shown]


# --- a service in trouble -------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["down", "unavailable", "fail", "garbage"])
def test_a_service_in_trouble_is_away_and_signs_when_it_is_back(side: Side, fault: str) -> None:
    signer = side.signer(BY_PIN)
    side.is_told(fault=fault)
    with pytest.raises(SignerAway):
        signer.sign(DATA)
    with pytest.raises(SignerAway):
        side.signer(BY_PIN)
    side.is_told(fault="none")
    check(signer, DATA, signer.sign(DATA))


@pytest.mark.parametrize("credential", [BY_PIN, RSA])
def test_a_signature_over_another_hash_is_not_used(side: Side, credential: str) -> None:
    signer = side.signer(credential)
    side.is_told(fault="wrong_hash")
    with pytest.raises(BadSignature):
        signer.sign(DATA)


def test_an_expired_or_disabled_credential_makes_no_signer(side: Side) -> None:
    signer = side.signer(BY_PIN)
    side.is_told(fault="expired_credential")
    with pytest.raises(Expired):
        side.signer(BY_PIN)
    with pytest.raises(Refused):
        signer.sign(DATA)
    side.is_told(fault="disabled_key")
    with pytest.raises(Refused, match="disabled"):
        side.signer(BY_PIN)


@pytest.mark.parametrize("days", [-2, 2000])
def test_a_certificate_out_of_its_time_makes_no_signer_whatever_the_service_says(
    side: Side, days: int
) -> None:
    with pytest.raises(Expired):
        side.service().signer(BY_PIN, now=NOW + timedelta(days=days))


def test_a_credential_that_is_not_there_is_refused(side: Side) -> None:
    with pytest.raises(Refused):
        side.signer("không có")


def test_an_answer_that_says_neither_yes_nor_wait_is_no_signature(side: Side) -> None:
    signer = side.signer(BY_PIN)

    def evasive(_: str, url: str, __: Mapping[str, str], ___: bytes) -> tuple[int, bytes]:
        return 200, b'{"access_token": "t"}' if url.endswith("/token") else b"{}"

    with pytest.raises(SignerAway, match="neither"):
        RemoteSigner(RemoteService(side.settings, evasive), signer.credential).sign(DATA)


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (500, "", SignerAway),
        (503, "access_denied", SignerAway),
        (429, "", SignerAway),
        (400, "temporarily_unavailable", SignerAway),
        (400, "expired_request", SignerAway),
        (400, "access_denied", Refused),
        (400, "invalid_pin", Refused),
        (400, "a word that nobody knows", Refused),
        (404, "", Refused),
    ],
)
def test_each_error_means_what_the_caller_can_do(
    status: int, error: str, expected: type[SigningError]
) -> None:
    told = failure_of(status, error)
    assert (expected, True) == (type(told), "nobody knows" not in str(told))


def answer_of(side: Side, credential: str) -> dict[str, dict[str, object]]:
    told: dict[str, dict[str, object]] = json.loads(
        json.dumps(side.csc.credential({"credentialID": credential, "certificates": "chain"})[0])
    )
    return told


@pytest.mark.parametrize(
    ("part", "change", "expected"),
    [
        ("cert", {"status": "revoked"}, Refused),
        ("cert", {"status": "suspended"}, Refused),
        ("cert", {"status": "expired"}, Expired),
        ("cert", {"certificates": []}, Malformed),
        ("cert", {"certificates": ["AAAA"]}, Malformed),
        ("cert", {"certificates": ["?"]}, Malformed),
        ("cert", {"certificates": "AAAA"}, Malformed),
        ("key", {"status": ""}, Refused),
        ("key", {"status": 1}, Malformed),
        ("key", {"algo": ["1.2.840.113549.1.1.11"]}, ForbiddenAlgorithm),
        ("auth", {"objects": {}}, Malformed),
        ("auth", {"objects": [1]}, Malformed),
    ],
)
def test_a_credential_that_does_not_fit_is_not_signed_with(
    side: Side, part: str, change: dict[str, object], expected: type[SigningError]
) -> None:
    answer = answer_of(side, BY_PIN)
    assert BY_PIN == read_credential(BY_PIN, answer).id
    with pytest.raises(expected):
        read_credential(BY_PIN, {**answer, part: {**answer[part], **change}})


@given(st.binary(max_size=60) | st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"{}", b"9" * 5000]))
def test_an_answer_of_any_bytes_is_an_object_or_malformed(body: bytes) -> None:
    try:
        assert isinstance(read_object(body), dict)
    except Malformed:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["status", "certificates", "algo", "objects", "mode", "id"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["key", "cert", "auth", "specs", "name", "methods"]), JSON))
def test_an_answer_of_any_shape_raises_nothing_but_the_tree(answer: dict[str, object]) -> None:
    for read in (read_info, lambda given: read_credential("x", given)):
        try:
            read(answer)
        except SigningError:
            continue


@given(st.lists(st.text(max_size=12), max_size=3))
def test_signatures_of_any_text_raise_nothing_but_the_tree(texts: list[str]) -> None:
    try:
        read_signature(tuple(texts))
    except Malformed:
        return
