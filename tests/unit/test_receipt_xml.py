"""The receipt as signed XML: what it says, that others' tools accept it, and that no letter of it can be changed."""

import dataclasses
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.receipt_xml import SIGNATURE_PLACE, SIGNED_PLACE, receipt_xml, signed_xml
from signing.certificates import SigningCertificate, ensure_certificate
from signing.errors import BadSignature, Malformed
from signing.keystore import Keystore
from signing.signer import KeySigner
from signing.trust import CertificateTrust, Roots
from signing.trust_policy import Policy, Revocation
from signing.xml_signatures import verify
from tests.tools import tool
from tests.unit.test_render import FACTS, changed

NOW = datetime.now(UTC)


def text_at(xml: bytes, path: str) -> str:
    return etree.fromstring(xml).findtext(path) or ""


def others(xml: bytes) -> dict[str, str]:
    found = etree.fromstring(xml).findall("DLCTu/TTKhac/TTin")
    return {each.findtext("TTruong") or "": each.findtext("DLieu") or "" for each in found}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> SigningCertificate:
    folder = tmp_path_factory.mktemp("keys")
    return ensure_certificate(Keystore.open(folder), "receipt", subject="Cổng 4", now=NOW)


@pytest.fixture
def signed(held: SigningCertificate) -> bytes:
    return signed_xml(FACTS, KeySigner(held.private_key, held.certificate, held.chain), at=NOW)


def trust(held: SigningCertificate) -> CertificateTrust:
    return CertificateTrust(Roots(national=(held.root,)), policy=Policy(revocation=Revocation.NONE))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("DLCTu/TTChung/KHCTu", "H36-26E"),
        ("DLCTu/TTChung/SCTu", "0000123"),
        ("DLCTu/TTChung/NLap", "2026-11-24"),
        ("DLCTu/TTChung/LCTDT", "3"),
        ("DLCTu/TTChung/HTTToan", "CK"),
        ("DLCTu/NDCTu/NBan/MST", "5800000000"),
        ("DLCTu/NDCTu/NMua/Ten", "Nguyễn Thị Hồng Nhung"),
        ("DLCTu/NDCTu/TToan/TgTTTBSo", "234500"),
        ("DLCTu/NDCTu/TToan/TgTTTBChu", "Hai trăm ba mươi tư nghìn năm trăm đồng."),
    ],
)
def test_it_says_what_the_receipt_says(path: str, expected: str) -> None:
    assert expected == text_at(receipt_xml(FACTS), path)


def test_each_line_stands_with_its_sum() -> None:
    lines = etree.fromstring(receipt_xml(FACTS)).findall("DLCTu/NDCTu/DSHHDVu/HHDVu")
    expected = [(line.name, str(line.amount_vnd)) for line in FACTS.lines]
    assert expected == [(each.findtext("THHDVu"), each.findtext("ThTien")) for each in lines]


def test_the_day_is_that_of_vietnam() -> None:
    late = changed(issued_at=datetime(2026, 12, 31, 17, 30, tzinfo=UTC))
    assert "2027-01-01" == text_at(receipt_xml(late), "DLCTu/TTChung/NLap")


def test_a_legal_receipt_bears_its_own_signs() -> None:
    legal = receipt_xml(changed(form="01BLP0-001", sign="AA-26E"))
    found = [text_at(legal, f"DLCTu/TTChung/{name}") for name in ("KHMSCTu", "KHCTu")]
    assert ["01BLP0-001", "AA-26E"] == found


def test_a_receipt_that_takes_a_place_names_the_one_before_and_what_was_given_back() -> None:
    told = others(receipt_xml(changed(replaces="H36-26E-0000009", refunded_vnd=26_500)))
    assert ("H36-26E-0000009", "26500") == (told["ThayTheBienLai"], told["SoTienDaHoanTra"])


def test_at_a_desk_it_may_have_been_cash() -> None:
    assert "TM/CK" == text_at(receipt_xml(changed(provider_name="counter")), "DLCTu/TTChung/HTTToan")


@given(st.text(max_size=40))
def test_every_name_can_be_written_and_none_becomes_markup(name: str) -> None:
    root = etree.fromstring(receipt_xml(changed(payer_name=name)))
    assert 1 == len(root.findall("DLCTu/NDCTu/NMua/*"))


def test_the_same_facts_give_the_same_bytes() -> None:
    assert receipt_xml(FACTS) == receipt_xml(dataclasses.replace(FACTS))


def test_its_signature_holds_and_gives_back_what_was_signed(signed: bytes, held: SigningCertificate) -> None:
    found = verify(signed, trust(held), at=NOW, place=SIGNATURE_PLACE, signed=SIGNED_PLACE)
    assert (True, "234500") == (found.judgement.good, found.element.findtext("NDCTu/TToan/TgTTTBSo"))


@cache
def alterations() -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"<SCTu>0000123<", b"<SCTu>0000124<"),
        (b"<TgTTTBSo>234500<", b"<TgTTTBSo>234501<"),
        ("Hồng Nhung".encode(), "Hồng Nhưng".encode()),
        (b"<DLCTu Id=", b"<DLCTu ID="),
    )


@pytest.mark.parametrize("at", range(len(alterations())))
def test_an_altered_copy_is_refused_here_and_by_xmlsec1(
    at: int, signed: bytes, held: SigningCertificate, tmp_path: Path
) -> None:
    old, new = alterations()[at]
    altered = signed.replace(old, new)
    assert altered != signed
    with pytest.raises((BadSignature, Malformed)):
        verify(altered, trust(held), at=NOW, place=SIGNATURE_PLACE, signed=SIGNED_PLACE)
    assert (0, True) == (
        _xmlsec1(signed, held, tmp_path).returncode,
        _xmlsec1(altered, held, tmp_path).returncode != 0,
    )


def _xmlsec1(xml: bytes, held: SigningCertificate, folder: Path) -> subprocess.CompletedProcess[bytes]:

    (folder / "receipt.xml").write_bytes(xml)
    (folder / "root.pem").write_bytes(held.root.public_bytes(Encoding.PEM))
    ids = ["--id-attr:Id", "DLCTu", "--id-attr:Id", "SignedProperties"]
    command = [tool("xmlsec1"), "--verify", "--trusted-pem", "root.pem", *ids, "receipt.xml"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False)
