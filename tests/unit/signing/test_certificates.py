from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from signing.certificates import (
    CA_NAME,
    certify_next,
    chain_of,
    ensure_certificate,
    ensure_signer,
    scheme_of_certificate,
    signer_of,
)
from signing.errors import Expired, ForbiddenAlgorithm, Malformed, UnknownKey
from signing.keys import Kind, State, verify_document
from signing.keystore import LEAD, NEVER, Keystore, StoredKey
from signing.signer import Scheme, public_key_of

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@pytest.fixture
def store(tmp_path: Path) -> Keystore:
    return Keystore.open(tmp_path / "keys")


def test_a_certificate_is_made_once_and_leads_to_its_root(store: Keystore) -> None:
    made = ensure_certificate(store, "receipt", subject="Sở Tư pháp tỉnh A", now=NOW)
    again = ensure_certificate(Keystore.open(store.folder), "receipt", subject="other", now=NOW)
    assert made.certificate == again.certificate
    made.certificate.verify_directly_issued_by(made.root)
    made.root.verify_directly_issued_by(made.root)
    assert made.private_key.public_key() == made.certificate.public_key()


def test_the_certificate_is_for_signing_documents_and_nothing_else(store: Keystore) -> None:
    leaf = ensure_certificate(store, "receipt", subject="Sở Tư pháp tỉnh A", now=NOW).certificate
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.content_commitment) == (True, True)
    assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.key_agreement) == (
        False,
        False,
        False,
    )
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert [name.value for name in names] == ["Sở Tư pháp tỉnh A"]


def test_two_signers_share_one_root(store: Keystore) -> None:
    first = ensure_certificate(store, "receipt", subject="A", now=NOW)
    second = ensure_certificate(store, "result", subject="B", now=NOW)
    assert first.root == second.root
    assert first.certificate != second.certificate


@pytest.mark.parametrize("days", [-1, 3651])
def test_a_certificate_out_of_its_time_is_expired(store: Keystore, days: int) -> None:
    ensure_certificate(store, "receipt", subject="A", now=NOW)
    with pytest.raises(Expired):
        ensure_certificate(store, "receipt", subject="A", now=NOW + timedelta(days=days))


def test_a_certificate_of_another_key_is_refused(store: Keystore) -> None:
    ensure_certificate(store, "receipt", subject="A", now=NOW)
    ensure_certificate(store, "result", subject="B", now=NOW)
    (store.folder / "result.0001.crt").replace(store.folder / "receipt.0001.crt")
    with pytest.raises(Malformed, match="another key"):
        ensure_certificate(store, "receipt", subject="A", now=NOW)


def test_a_certificate_that_cannot_be_read_is_malformed(store: Keystore) -> None:
    ensure_certificate(store, "receipt", subject="A", now=NOW)
    (store.folder / "receipt.0001.crt").write_bytes(b"junk")
    with pytest.raises(Malformed):
        ensure_certificate(store, "receipt", subject="A", now=NOW)


# --- certificates of a licensed authority ---------------------------------------------------------


def issued(
    name: str,
    public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    above: tuple[Private, str],
    *,
    days: int = 365,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, above[1])]))
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=days))
        .public_key(public)
        .sign(above[0], hashes.SHA256())
    )


@pytest.fixture(scope="module")
def authority() -> dict[str, x509.Certificate | Private]:
    root, middle = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    return {
        "key": middle,
        "middle": issued("CA 2", middle.public_key(), (root, "Root CA")),
        "root": issued("Root CA", root.public_key(), (root, "Root CA")),
    }


def license(  # noqa: A001 - what an authority gives
    store: Keystore, key: StoredKey, authority: dict[str, x509.Certificate | Private], *, chain: bool = True
) -> None:
    """Put a certificate of the authority beside a key, with those above it in no order."""
    above = authority["key"]
    assert isinstance(above, ec.EllipticCurvePrivateKey)
    public = key.public_key
    assert isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    links = [authority["root"], authority["middle"]] if chain else []
    made = [issued("Sở Tư pháp", public, (above, "CA 2")), *links]
    text = b"".join(each.public_bytes(Encoding.PEM) for each in made if isinstance(each, x509.Certificate))
    (store.folder / key.file("crt")).write_bytes(text)


@pytest.mark.parametrize(
    ("kind", "scheme"), [(Kind.P256, Scheme.ECDSA_SHA256), (Kind.RSA, Scheme.RSA_SHA256)]
)
def test_a_licensed_certificate_signs_with_those_above_it_and_nothing_of_ours(
    store: Keystore, authority: dict[str, x509.Certificate | Private], kind: Kind, scheme: Scheme
) -> None:
    license(store, store.ensure("receipt", kind, now=NOW), authority)
    signer = ensure_signer(store, "receipt", subject="unused", now=NOW + timedelta(days=1))
    assert scheme is signer.scheme
    assert (authority["middle"], authority["root"]) == signer.chain
    verify_document(public_key_of(signer.certificate), signer.sign(b"x"), b"x")
    assert [] == list(store.folder.glob("test-ca*"))


def test_a_licensed_certificate_bounds_when_its_key_signs(
    store: Keystore, authority: dict[str, x509.Certificate | Private]
) -> None:
    license(store, store.ensure("receipt", Kind.P256, now=NOW), authority)
    (key,) = store.all_keys("receipt")
    assert (NOW, NOW + timedelta(days=365)) == (key.term.since, key.term.until)
    for days in (-1, 366):
        with pytest.raises(Expired):
            ensure_signer(store, "receipt", subject="unused", now=NOW + timedelta(days=days))


def test_a_licensed_certificate_without_those_above_it_is_malformed(
    store: Keystore, authority: dict[str, x509.Certificate | Private]
) -> None:
    license(store, store.ensure("receipt", Kind.P256, now=NOW), authority, chain=False)
    with pytest.raises(Malformed, match="above"):
        ensure_signer(store, "receipt", subject="unused", now=NOW + timedelta(days=1))


def test_a_key_that_signs_no_documents_gets_no_certificate(store: Keystore) -> None:
    store.ensure("http", Kind.ED25519, now=NOW)
    store.ensure("rsa", Kind.RSA, now=NOW)
    for purpose in ("http", "rsa"):
        with pytest.raises(Malformed, match="only P-256"):
            ensure_signer(store, purpose, subject="A", now=NOW)
    with pytest.raises(ForbiddenAlgorithm):
        signer_of(store, store.current("http", now=NOW))


def test_an_rsa_key_is_no_p256_certificate(
    store: Keystore, authority: dict[str, x509.Certificate | Private]
) -> None:
    license(store, store.ensure("receipt", Kind.RSA, now=NOW), authority)
    with pytest.raises(Malformed, match="not of kind"):
        ensure_certificate(store, "receipt", subject="A", now=NOW + timedelta(days=1))


# --- rotation of a key with a certificate ---------------------------------------------------------


def test_a_next_key_waits_for_its_certificate_and_the_one_before_goes_on_signing(store: Keystore) -> None:
    first = ensure_signer(store, "receipt", subject="Sở Tư pháp", now=NOW)
    key = store.rotate("receipt", now=NOW)
    assert NEVER == key.term.since
    later = NOW + timedelta(days=30)
    assert [State.CURRENT, State.NEXT] == [state for _, state in store.states("receipt", now=later)]
    assert first.certificate == ensure_signer(store, "receipt", subject="B", now=later).certificate


def test_our_own_authority_certifies_the_next_key_under_the_same_name(store: Keystore) -> None:
    first = ensure_signer(store, "receipt", subject="Sở Tư pháp", now=NOW)
    assert certify_next(store, store.rotate("receipt", now=NOW), now=NOW)
    second = ensure_signer(store, "receipt", subject="B", now=NOW + LEAD)
    assert first.certificate.subject == second.certificate.subject
    assert first.certificate.public_key() != second.certificate.public_key()
    assert first.chain == second.chain
    assert CA_NAME == second.chain[0].subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value


def test_the_key_after_a_licensed_one_waits_until_the_authority_has_certified_it(
    store: Keystore, authority: dict[str, x509.Certificate | Private]
) -> None:
    license(store, store.ensure("receipt", Kind.P256, now=NOW), authority)
    now = NOW + timedelta(days=1)
    key = store.rotate("receipt", now=now)
    assert not certify_next(store, key, now=now)
    assert 1 == store.current("receipt", now=now + timedelta(days=9)).generation
    license(store, key, authority)
    assert 2 == store.current("receipt", now=now + timedelta(days=9)).generation


def test_a_key_without_certificate_before_it_gets_none(store: Keystore) -> None:
    first = store.ensure("http", Kind.P256, now=NOW)
    assert not certify_next(store, first, now=NOW)
    assert not certify_next(store, store.rotate("http", now=NOW), now=NOW)
    with pytest.raises(UnknownKey):
        signer_of(store, first)


# --- chains ---------------------------------------------------------------------------------------


def test_a_chain_is_put_in_order_and_what_does_not_belong_is_left_out(
    store: Keystore, authority: dict[str, x509.Certificate | Private]
) -> None:
    key, middle, root = (authority[name] for name in ("key", "middle", "root"))
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(middle, x509.Certificate)
    assert isinstance(root, x509.Certificate)
    leaf = issued("leaf", key.public_key(), (key, "CA 2"))
    impostor = issued("CA 2", ec.generate_private_key(ec.SECP256R1()).public_key(), (key, "CA 2"))
    assert (middle, root) == chain_of(leaf, [root, impostor, middle, leaf])
    assert (middle,) == chain_of(leaf, [middle])
    assert () == chain_of(root, [middle, root])


def test_certificates_that_vouch_for_each_other_end_in_a_chain_all_the_same() -> None:
    one, two = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    a, b = issued("A", one.public_key(), (two, "B")), issued("B", two.public_key(), (one, "A"))
    assert (b, a) == chain_of(a, [a, b])


def test_a_chain_ends_after_ten_links() -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(13)]
    links = [
        issued(f"CA {n}", keys[n].public_key(), (keys[n + 1], f"CA {n + 1}")) for n in range(len(keys) - 1)
    ]
    assert tuple(links[1:11]) == chain_of(links[0], links)


def test_a_certificate_of_a_curve_of_no_use_is_forbidden() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(ForbiddenAlgorithm):
        scheme_of_certificate(issued("A", key.public_key(), (key, "A")))
