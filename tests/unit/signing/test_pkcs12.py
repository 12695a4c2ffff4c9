import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import pkcs12 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.errors import ForbiddenAlgorithm, Malformed, Refused, SignerAway, SigningError
from signing.keys import verify_document
from signing.pkcs12 import MAX_BYTES, Pkcs12Settings, open_pkcs12, read_pkcs12
from signing.signer import Scheme, public_key_of

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
OPENSSL = "/usr/bin/openssl"
PASSWORD = "Mật khẩu-1"
ROOT_KEY, CA_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey
KEYS: Mapping[str, Private] = {
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ed25519": Ed25519PrivateKey.generate(),
    "p384": ec.generate_private_key(ec.SECP384R1()),
}


def issued(name: str, key: Private, above: tuple[Private, str]) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, above[1])]))
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=365))
        .public_key(key.public_key())
        .sign(above[0], hashes.SHA256())
    )


ROOT = issued("Root", ROOT_KEY, (ROOT_KEY, "Root"))
CA = issued("CA", CA_KEY, (ROOT_KEY, "Root"))
LEAVES = {name: issued("Con dấu", key, (CA_KEY, "CA")) for name, key in KEYS.items()}


def container(name: str, password: str = PASSWORD, *, leaf: x509.Certificate | None = None) -> bytes:
    key = KEYS[name]
    encryption = BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(b"ky so", key, leaf or LEAVES[name], [ROOT, CA], encryption)


def of_openssl(folder: Path, name: str, *options: str) -> bytes:
    """A container as `openssl pkcs12 -export` writes it with the options."""
    pem = KEYS[name].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    (folder / "leaf.pem").write_bytes(LEAVES[name].public_bytes(Encoding.PEM))
    (folder / "above.pem").write_bytes(ROOT.public_bytes(Encoding.PEM) + CA.public_bytes(Encoding.PEM))
    command = [OPENSSL, "pkcs12", "-export", "-inkey", "key.pem", "-in", "leaf.pem", "-certfile", "above.pem"]
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    done = [*command, "-passout", "file:password", "-out", "out.p12", *options]
    subprocess.run(done, cwd=folder, check=True, capture_output=True, timeout=30)
    return (folder / "out.p12").read_bytes()


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "scheme"), [("p256", Scheme.ECDSA_SHA256), ("rsa", Scheme.RSA_SHA256)])
def test_a_container_gives_a_signer_with_the_certificates_above_it_in_order(
    name: str, scheme: Scheme
) -> None:
    signer = read_pkcs12(container(name), PASSWORD)
    assert (scheme, LEAVES[name], (CA, ROOT)) == (signer.scheme, signer.certificate, signer.chain)
    verify_document(public_key_of(signer.certificate), signer.sign(b"x"), b"x")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-legacy",),  # RC2-40 around the certificates, triple DES around the key, MAC with SHA-1
        ("-legacy", "-descert"),
        ("-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"),
        ("-iter", "1", "-maciter"),
        ("-keypbe", "NONE", "-certpbe", "NONE"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("name", ["p256", "rsa"])
def test_old_and_new_containers_of_openssl_are_read(
    name: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    signer = read_pkcs12(of_openssl(tmp_path, name, *options), PASSWORD)
    assert (LEAVES[name], (CA, ROOT)) == (signer.certificate, signer.chain)
    with pytest.raises(Refused):
        read_pkcs12((tmp_path / "out.p12").read_bytes(), "khác")


def test_a_container_that_does_not_say_which_certificate_is_the_keys_is_read_all_the_same() -> None:
    key = KEYS["p256"]
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    encryption = BestAvailableEncryption(PASSWORD.encode())
    content = pkcs12.serialize_key_and_certificates(None, key, None, [ROOT, LEAVES["p256"], CA], encryption)
    assert LEAVES["p256"] == read_pkcs12(content, PASSWORD).certificate


# --- passwords ------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["", "mật khẩu-1", PASSWORD + " ", "Mật khẩu", "\ud800"])
def test_a_wrong_password_is_refused(password: str) -> None:
    with pytest.raises(Refused, match="password"):
        read_pkcs12(container("p256"), password)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_is_given_itself_or_in_a_file_of_one_line(tmp_path: Path, end: str) -> None:
    path, password_file = tmp_path / "a.p12", tmp_path / "password"
    path.write_bytes(container("p256"))
    password_file.write_bytes(f"{PASSWORD}{end}".encode())
    expected = LEAVES["p256"]
    assert expected == open_pkcs12(Pkcs12Settings(path, PASSWORD)).certificate
    assert expected == open_pkcs12(Pkcs12Settings(path, password_file=password_file)).certificate
    with pytest.raises(Malformed, match="one password"):
        open_pkcs12(Pkcs12Settings(path, PASSWORD, password_file))
    with pytest.raises(Refused):
        open_pkcs12(Pkcs12Settings(path))


def test_a_file_that_cannot_be_read_is_away_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.p12"
    with pytest.raises(SignerAway, match=r"a\.p12 cannot be read: No such file"):
        open_pkcs12(Pkcs12Settings(path, PASSWORD))
    path.write_bytes(container("p256"))
    with pytest.raises(SignerAway, match=r"secret cannot be read"):
        open_pkcs12(Pkcs12Settings(path, password_file=tmp_path / "secret"))


def test_a_password_file_that_is_no_text_or_no_line_is_malformed(tmp_path: Path) -> None:
    path, password_file = tmp_path / "a.p12", tmp_path / "password"
    path.write_bytes(container("p256"))
    for content in (b"\xff", b"x" * 1001):
        password_file.write_bytes(content)
        with pytest.raises(Malformed, match="password"):
            open_pkcs12(Pkcs12Settings(path, password_file=password_file))


def test_the_password_is_not_in_a_repr(tmp_path: Path) -> None:
    assert PASSWORD not in repr(Pkcs12Settings(tmp_path, PASSWORD))


# --- what is no such container --------------------------------------------------------------------


def test_a_container_without_a_mac_is_malformed(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="no MAC"):
        read_pkcs12(of_openssl(tmp_path, "p256", "-nomac"), PASSWORD)


@pytest.mark.parametrize("rounds", [2_000_001, 2**31 - 1, 0, -1])
def test_a_mac_that_asks_for_rounds_out_of_bounds_is_not_computed(rounds: int) -> None:
    pfx = asn1.Pfx.load(container("p256"))
    pfx["mac_data"]["iterations"] = rounds
    with pytest.raises(Malformed, match="rounds"):
        read_pkcs12(pfx.dump(force=True), PASSWORD)


@pytest.mark.parametrize("part", [0, 1], ids=["the certificates", "the key"])
@pytest.mark.parametrize("rounds", [2_000_001, 2**31 - 1, 0])
def test_what_is_encrypted_with_rounds_out_of_bounds_is_not_opened(part: int, rounds: int) -> None:
    pfx = asn1.Pfx.load(container("p256"))
    parts = asn1.AuthenticatedSafe.load(pfx["auth_safe"]["content"].native)
    kinds = [each["content_type"].native for each in parts]
    changed = parts[kinds.index(("encrypted_data", "data")[part])]
    if part == 0:
        algorithm = changed["content"]["encrypted_content_info"]["content_encryption_algorithm"]
        algorithm["parameters"]["key_derivation_func"]["parameters"]["iteration_count"] = rounds
    else:
        bags = asn1.SafeContents.load(changed["content"].native)
        algorithm = bags[0]["bag_value"]["encryption_algorithm"]
        algorithm["parameters"]["key_derivation_func"]["parameters"]["iteration_count"] = rounds
        changed["content"] = bags.dump(force=True)
    pfx["auth_safe"]["content"] = parts.dump(force=True)
    with pytest.raises(Malformed, match="rounds"):
        read_pkcs12(pfx.dump(force=True), PASSWORD)


@pytest.mark.parametrize("name", ["ed25519", "p384"])
def test_a_key_that_documents_are_not_signed_with_is_forbidden(name: str) -> None:
    with pytest.raises(ForbiddenAlgorithm):
        read_pkcs12(container(name), PASSWORD)


def test_a_container_without_a_key_is_forbidden() -> None:
    encryption = BestAvailableEncryption(PASSWORD.encode())
    content = pkcs12.serialize_key_and_certificates(None, None, None, [ROOT], encryption)
    with pytest.raises(ForbiddenAlgorithm, match="no key"):
        read_pkcs12(content, PASSWORD)


def test_a_container_without_the_certificate_of_its_key_is_malformed() -> None:
    key = KEYS["p256"]
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    encryption = BestAvailableEncryption(PASSWORD.encode())
    content = pkcs12.serialize_key_and_certificates(None, key, None, [ROOT, CA], encryption)
    with pytest.raises(Malformed, match="no certificate"):
        read_pkcs12(content, PASSWORD)


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"0" * 100, b"\x30\x03\x02\x01\x03", ROOT.public_bytes(Encoding.DER), b"0" * (MAX_BYTES + 1)],
)
def test_what_is_no_container_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        read_pkcs12(content, PASSWORD)


WHOLE = container("p256")


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=100)
    | st.builds(
        lambda at, byte: WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :],
        st.integers(0, len(WHOLE) - 1),
        st.integers(0, 255),
    )
    | st.builds(lambda at: WHOLE[:at], st.integers(0, len(WHOLE)))
)
def test_a_changed_container_raises_nothing_but_the_tree(content: bytes) -> None:
    try:
        assert LEAVES["p256"] == read_pkcs12(content, PASSWORD).certificate
    except SigningError:
        assert WHOLE != content
