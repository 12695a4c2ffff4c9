import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import BadSignature, SigningError
from signing.rsa import load_private, load_public, sign_base64, verify_base64

VECTORS = json.loads(
    (Path(__file__).parents[1] / "adapters" / "vectors_collection.json").read_text(encoding="utf-8")
)
PEM = VECTORS["rsa_test_key"]
OURS, THEIRS = load_private(PEM["private_pem"]), load_public(PEM["public_pem"])
TEXT = "TX000200Thành công".encode()
SIGNATURE = VECTORS["vietinbank_notify_response_ok"]["expected"]
SIGNED = [name for name in VECTORS if name.startswith("vietinbank_")] + ["bank_etax_envelope"]


def private_pem(key: object) -> str:
    return key.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(key: object) -> str:
    return (
        key.public_key()  # type: ignore[attr-defined]
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.mark.parametrize("name", SIGNED)
def test_the_worked_examples_are_signed_as_published(name: str) -> None:
    vector = VECTORS[name]
    assert vector["expected"] == sign_base64(OURS, vector["string_to_sign"].encode())
    verify_base64(THEIRS, vector["expected"], vector["string_to_sign"].encode())


def test_a_certificate_gives_the_key_that_it_certifies() -> None:
    verify_base64(load_public(PEM["certificate_pem"]), SIGNATURE, TEXT)


def test_other_bytes_another_key_and_another_padding_do_not_fit() -> None:
    other = rsa.generate_private_key(65537, 2048)
    pss = OURS.sign(TEXT, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    sha1 = OURS.sign(TEXT, padding.PKCS1v15(), hashes.SHA1())
    wrong = (SIGNATURE, base64.b64encode(pss).decode(), base64.b64encode(sha1).decode())
    for signature, key, data in (
        (wrong[0], THEIRS, TEXT + b" "),
        (wrong[0], other.public_key(), TEXT),
        (wrong[1], THEIRS, TEXT),
        (wrong[2], THEIRS, TEXT),
    ):
        with pytest.raises(BadSignature):
            verify_base64(key, signature, data)


def test_one_changed_character_of_a_signature_is_refused_also_where_base64_has_spare_bits() -> None:
    for at, character in enumerate(SIGNATURE):
        other = "B" if character == "A" else "A"
        with pytest.raises(BadSignature):
            verify_base64(THEIRS, SIGNATURE[:at] + other + SIGNATURE[at + 1 :], TEXT)
    spare = chr(ord(SIGNATURE[-3]) + 1)
    assert base64.b64decode(SIGNATURE) == base64.b64decode(SIGNATURE[:-3] + spare + "==")
    with pytest.raises(BadSignature):
        verify_base64(THEIRS, SIGNATURE[:-3] + spare + "==", TEXT)


@pytest.mark.parametrize("spelt", [SIGNATURE + "\n", " " + SIGNATURE, SIGNATURE + "=", SIGNATURE[:-2], ""])
def test_another_spelling_of_a_signature_is_refused(spelt: str) -> None:
    with pytest.raises(BadSignature):
        verify_base64(THEIRS, spelt, TEXT)


@given(signature=st.text(max_size=400), data=st.binary(max_size=50))
def test_any_text_is_refused_as_a_signature(signature: str, data: bytes) -> None:
    with pytest.raises(BadSignature):
        verify_base64(THEIRS, signature, data)


ED25519 = ed25519.Ed25519PrivateKey.generate()
SHORT = rsa.generate_private_key(65537, 1024)
P256 = ec.generate_private_key(ec.SECP256R1())
LOCKED = OURS.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        PEM["public_pem"],
        PEM["private_pem"][:-60],
        PEM["private_pem"].replace("M", "\ud800", 1),
        LOCKED,
        private_pem(ED25519),
        private_pem(P256),
        private_pem(SHORT),
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_what_is_no_private_key_of_rsa_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(SigningError) as caught:
        load_private(text)
    lines = text.splitlines()
    assert len(lines) < 2 or lines[1] not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        PEM["private_pem"],
        PEM["certificate_pem"][:-60],
        PEM["public_pem"].replace("PUBLIC KEY", "CERTIFICATE"),
        public_pem(ED25519),
        public_pem(P256),
        public_pem(SHORT),
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_what_is_no_public_key_of_rsa_is_refused(text: str) -> None:
    with pytest.raises(SigningError):
        load_public(text)


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_is_refused(text: str) -> None:
    for load in (load_private, load_public):
        with pytest.raises(SigningError):
            load(text)
        with pytest.raises(SigningError):
            load(f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
