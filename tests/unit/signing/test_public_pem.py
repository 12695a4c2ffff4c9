import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import SigningError
from signing.keys import Kind, kind_of
from signing.public_pem import load_public


def pem_of(key: object) -> str:
    return (
        key.public_key()  # type: ignore[attr-defined]
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


ED25519 = ed25519.Ed25519PrivateKey.generate()
PEM = pem_of(ED25519)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (ED25519, Kind.ED25519),
        (ec.generate_private_key(ec.SECP256R1()), Kind.P256),
        (rsa.generate_private_key(65537, 2048), Kind.RSA),
    ],
    ids=["ed25519", "p256", "rsa"],
)
def test_the_kinds_that_are_signed_with_are_loaded(key: object, kind: Kind) -> None:
    assert kind == kind_of(load_public(pem_of(key)))


def test_a_key_is_loaded_once() -> None:
    assert load_public(PEM) is load_public(PEM)


def test_line_ends_and_text_around_a_key_do_no_harm() -> None:
    raw = ED25519.public_key().public_bytes_raw()
    for text in (PEM.replace("\n", "\r\n"), PEM + "\n\n", PEM.strip(), f"Hòa Bình 2026\n{PEM}"):
        key = load_public(text)
        assert isinstance(key, ed25519.Ed25519PublicKey)
        assert raw == key.public_bytes_raw()


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed448.Ed448PrivateKey.generate(),
        x25519.X25519PrivateKey.generate(),
        dsa.generate_private_key(2048),
        rsa.generate_private_key(65537, 1024),
    ],
    ids=["p384", "secp256k1", "ed448", "x25519", "dsa", "short rsa"],
)
def test_a_key_that_nothing_is_signed_with_is_refused(key: object) -> None:
    with pytest.raises(SigningError):
        load_public(pem_of(key))


PRIVATE = ED25519.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n",
        PEM.replace("PUBLIC KEY", "CERTIFICATE"),
        PEM[:-30],
        PRIVATE,
        PEM.replace("M", "\ud800", 1),
        "\x00" * 100,
        "A" * 100_000,
    ],
    ids=lambda each: ascii(each[:20]),
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(SigningError):
        load_public(text)


def test_a_private_key_is_not_quoted_in_the_refusal() -> None:
    with pytest.raises(SigningError) as caught:
        load_public(PRIVATE)
    assert PRIVATE.splitlines()[1] not in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_is_refused(text: str) -> None:
    with pytest.raises(SigningError):
        load_public(text)


@given(st.binary(max_size=120))
def test_any_bytes_in_the_armour_are_a_key_or_are_refused(inside: bytes) -> None:
    armoured = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(inside).decode()}\n-----END PUBLIC KEY-----\n"
    with pytest.raises(SigningError):
        load_public(armoured)


@given(st.integers(min_value=0, max_value=len(PEM) - 1), st.characters())
def test_one_changed_character_is_another_key_or_is_refused(position: int, other: str) -> None:
    changed = PEM[:position] + other + PEM[position + 1 :]
    try:
        key = load_public(changed)
    except SigningError:
        return
    assert Kind.ED25519 == kind_of(key)
