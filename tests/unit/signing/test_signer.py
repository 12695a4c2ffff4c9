import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import BadSignature, ForbiddenAlgorithm, Malformed
from signing.keys import Kind, generate, sign, verify_document
from signing.signer import KeySigner, Scheme, Signer, public_key_of, scheme_of

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
OPENSSL = "/usr/bin/openssl"
DATA = "Biên lai số 0000123".encode()
P256 = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = Ed25519PrivateKey.generate()
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey | ed448.Ed448PrivateKey


def certificate(key: Private) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Nguyễn Thị Bí Mật")])
    algorithm = hashes.SHA256() if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) else None
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, algorithm)
    )


def signers() -> dict[str, KeySigner]:
    return {"p256": KeySigner(P256, certificate(P256)), "rsa": KeySigner(RSA, certificate(RSA))}


SIGNERS = signers()
SCHEMES = {"p256": Scheme.ECDSA_SHA256, "rsa": Scheme.RSA_SHA256}


@pytest.mark.parametrize("name", SIGNERS)
def test_the_scheme_follows_from_the_key_and_what_is_signed_holds(name: str) -> None:
    signer: Signer = SIGNERS[name]
    assert SCHEMES[name] is signer.scheme
    verify_document(public_key_of(signer.certificate), signer.sign(DATA), DATA)


@pytest.mark.parametrize("name", SIGNERS)
def test_openssl_takes_what_is_signed_and_refuses_it_for_other_data(name: str, tmp_path: Path) -> None:
    public = (
        SIGNERS[name].certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "public.pem").write_bytes(public)
    (tmp_path / "signature").write_bytes(SIGNERS[name].sign(DATA))
    command = [OPENSSL, "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature"]
    said = [
        subprocess.run(command, check=False, input=data, cwd=tmp_path, capture_output=True, timeout=30).stdout
        for data in (DATA, DATA + b"0")
    ]
    assert [b"Verified OK\n", b"Verification failure\n"] == said


@pytest.mark.parametrize("name", SIGNERS)
def test_one_changed_byte_is_refused(name: str) -> None:
    signer = SIGNERS[name]
    key, signature = public_key_of(signer.certificate), signer.sign(DATA)
    with pytest.raises(BadSignature):
        verify_document(key, signature, DATA + b"0")
    for at in range(len(signature)):
        with pytest.raises(BadSignature):
            verify_document(key, signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :], DATA)


def test_the_two_halves_that_tokens_have_are_no_signature_of_a_document() -> None:
    with pytest.raises(BadSignature):
        verify_document(P256.public_key(), sign(P256, DATA), DATA)
    with pytest.raises(BadSignature):
        verify_document(RSA.public_key(), sign(RSA, DATA), DATA)  # RSA-PSS, as for messages


@given(st.binary(max_size=300))
def test_an_arbitrary_signature_is_refused_and_nothing_else(signature: bytes) -> None:
    for key in (P256.public_key(), RSA.public_key()):
        with pytest.raises(BadSignature):
            verify_document(key, signature, DATA)


def test_documents_are_not_signed_with_other_keys() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for key in (ED25519, ec.generate_private_key(ec.SECP384R1()), small):
        with pytest.raises(ForbiddenAlgorithm):
            scheme_of(key.public_key())
        with pytest.raises(ForbiddenAlgorithm):
            verify_document(key.public_key(), b"", DATA)


def test_a_certificate_with_a_key_of_no_use_here_is_forbidden() -> None:
    with pytest.raises(ForbiddenAlgorithm):
        public_key_of(certificate(ed448.Ed448PrivateKey.generate()))


def test_a_key_signs_only_under_its_own_certificate() -> None:
    with pytest.raises(Malformed, match="not the one of the private key"):
        KeySigner(P256, certificate(RSA))
    with pytest.raises(Malformed):
        KeySigner(ec.generate_private_key(ec.SECP256R1()), certificate(P256))


def test_neither_key_nor_name_is_in_a_repr() -> None:
    signer = KeySigner(P256, certificate(P256), (certificate(RSA),))
    assert "KeySigner(scheme=<Scheme.ECDSA_SHA256: 'ecdsa-sha256'>)" == repr(signer)


def test_several_threads_sign_at_once() -> None:
    texts = [bytes([number]) * 10 for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        for text, signature in zip(texts, pool.map(SIGNERS["p256"].sign, texts), strict=True):
            verify_document(P256.public_key(), signature, text)


def test_a_held_p256_key_signs_for_no_more_than_a_few_times_the_bare_library() -> None:
    key, signer, many = generate(Kind.P256), SIGNERS["p256"], 300
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    algorithm = ec.ECDSA(hashes.SHA256())

    def best_of_five(work: object) -> float:
        assert callable(work)
        found = []
        for _ in range(5):
            begin = time.perf_counter()
            for _ in range(many):
                work()
            found.append(time.perf_counter() - begin)
        return min(found)

    bare = best_of_five(lambda: key.sign(DATA, algorithm))
    assert best_of_five(lambda: signer.sign(DATA)) < 3 * bare
