"""Signers behind one port: wherever a key lies, the one whose turn it is signs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from sandbox.csc import Csc, CscSettings
from sandbox.csc_api import csc_app
from sandbox.state import Ground, State
from signing.certificates import certify_next, ensure_signer
from signing.errors import Expired, Malformed, UnknownKey
from signing.jwk import thumbprint
from signing.keys import Kind, Term, verify_document
from signing.keystore import LEAD, Keystore
from signing.pkcs12 import read_pkcs12
from signing.remote import RemoteService, RemoteSettings
from signing.signer import Signer, public_key_of
from signing.signers import FixedSigners, FolderSigners, Held, hold, signer_for

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OWNER = "Sở Tư pháp tỉnh Hòa Bình"


@pytest.fixture
def store(tmp_path: Path) -> Keystore:
    made = Keystore.open(tmp_path)
    made.ensure("receipt", Kind.P256, now=NOW, owner=OWNER)
    ensure_signer(made, "receipt", subject="Sở Tư pháp", now=NOW)
    return made


def container(name: str, begin: datetime, end: datetime) -> Signer:
    """A signer out of a PKCS#12 file, with a certificate of that validity."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(end)
        .public_key(key.public_key())
        .sign(key, hashes.SHA256())
    )
    encryption = BestAvailableEncryption(b"1")
    return read_pkcs12(pkcs12.serialize_key_and_certificates(None, key, certificate, None, encryption), "1")


@dataclass
class Remote:
    """A remote service without a network between."""

    signer: Signer


@pytest.fixture
def remote() -> Iterator[Remote]:
    state = State(None)
    csc = Csc(
        CscSettings(port=0, client_id="c", client_secret="s", pin="1"), Ground(state, clock=lambda: NOW)
    )
    client = csc_app(csc).test_client()

    def call(method: str, url: str, headers: object, body: bytes) -> tuple[int, bytes]:
        assert isinstance(headers, dict)
        answer = client.open(url.removeprefix("http://ky"), method=method, headers=headers, data=body)
        return answer.status_code, answer.get_data()

    service = RemoteService(RemoteSettings("http://ky", "c", "s", pin="1"), call)
    yield Remote(service.signer("can-bo-pin", now=NOW))
    state.close()


def check(signer: Signer) -> None:
    verify_document(public_key_of(signer.certificate), signer.sign(b"x"), b"x")


def test_a_rotation_may_lead_from_a_folder_to_a_container_and_to_a_remote_service(
    store: Keystore, remote: Remote
) -> None:
    from_container = hold(
        container("B", NOW, NOW + 90 * DAY), purpose="receipt", owner=OWNER, since=NOW + DAY
    )
    from_remote = hold(remote.signer, purpose="receipt", owner=OWNER, since=NOW + 2 * DAY)
    stores = [FolderSigners(store), FixedSigners((from_remote, from_container))]
    found = [signer_for(stores, "receipt", now=NOW + n * DAY) for n in range(3)]
    assert [from_container.signer, from_remote.signer] == found[1:]
    assert store.current("receipt", now=NOW).public_key == found[0].certificate.public_key()
    for each in found:
        check(each)


def test_a_signer_is_held_with_its_purpose_owner_and_term(store: Keystore) -> None:
    (held,) = FolderSigners(store).held("receipt")
    key = store.current("receipt", now=NOW)
    assert ("receipt", OWNER, key.term, key.kid) == (held.purpose, held.owner, held.term, held.kid)


def test_a_term_is_never_wider_than_the_certificate() -> None:
    signer = container("A", NOW, NOW + 10 * DAY)

    def term(since: datetime | None, until: datetime | None) -> Term:
        return hold(signer, purpose="receipt", owner=OWNER, since=since, until=until).term

    assert Term(NOW, NOW + 10 * DAY) == term(None, None) == term(NOW - DAY, NOW + 11 * DAY)
    assert Term(NOW + DAY, NOW + 2 * DAY) == term(NOW + DAY, NOW + 2 * DAY)
    assert thumbprint(public_key_of(signer.certificate)) == Held("p", "o", Term(NOW), signer).kid


def test_the_same_signer_is_given_until_anothers_turn_begins(store: Keystore) -> None:
    signers = [FolderSigners(store)]
    first = signer_for(signers, "receipt", now=NOW)
    assert first is signer_for(signers, "receipt", now=NOW + DAY)
    certify_next(store, store.rotate("receipt", now=NOW), now=NOW)
    assert first.certificate == signer_for(signers, "receipt", now=NOW).certificate
    second = signer_for(signers, "receipt", now=NOW + LEAD)
    assert first.certificate != second.certificate
    assert second is signer_for(signers, "receipt", now=NOW + LEAD)


def test_a_key_that_waits_for_its_certificate_is_not_held(store: Keystore) -> None:
    store.rotate("receipt", now=NOW)
    assert 1 == len(FolderSigners(store).held("receipt"))
    store.ensure("result", Kind.P256, now=NOW)
    assert [] == FolderSigners(store).held("result")


def test_who_is_not_there_and_whose_time_is_over_are_two_things(store: Keystore) -> None:
    with pytest.raises(UnknownKey):
        signer_for([FolderSigners(store)], "result", now=NOW)
    for now in (NOW - DAY, NOW + 3651 * DAY):
        with pytest.raises(Expired):
            signer_for([FolderSigners(store)], "receipt", now=now)


def test_a_certificate_that_fits_another_key_stops_nobody_who_already_signs(store: Keystore) -> None:
    signers = FolderSigners(store)
    first = signer_for([signers], "receipt", now=NOW)
    other = store.ensure("result", Kind.P256, now=NOW)
    ensure_signer(store, "result", subject="A", now=NOW)
    key = store.rotate("receipt", now=NOW)
    (store.folder / key.file("crt")).write_bytes(store.read_file(other.file("crt")))
    assert first is signer_for([signers], "receipt", now=NOW)
    with pytest.raises(Malformed, match="another key"):
        signer_for([FolderSigners(store)], "receipt", now=NOW)
