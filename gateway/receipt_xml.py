"""Receipts as XML that is signed (XAdES), for the systems of an agency and of the tax office.

The shape is that of the tax authority's own data (QĐ 1450/QĐ-TCT: TTChung, NBan, NMua, DSHHDVu, TToan, TTKhac, DSCKS),
with the names for receipts that are public: KHMSCTu, KHCTu, SCTu, NLap, LCTDT. Its schema for receipts is not public;
what has no name there stands in TTKhac under a name of ours.

    <CTu>
      <DLCTu Id="data">
        <TTChung>…</TTChung>
        <NDCTu><NBan/><NMua/><DSHHDVu/><TToan/></NDCTu>
        <TTKhac><TTin><TTruong/><KDLieu/><DLieu/></TTin>…</TTKhac>
      </DLCTu>
      <DSCKS><NBan><ds:Signature/></NBan></DSCKS>
    </CTu>
"""

import re
from datetime import datetime
from typing import Final

from lxml import etree

from gateway.domain.money import in_words_vi
from gateway.domain.payment import DESK
from gateway.domain.receipt import ReceiptFacts, ReceiptLine
from gateway.typeset import VIETNAM, wire_time
from signing import xml_signatures
from signing.signer import Signer

FORMAT: Final = "2.1.0"
SIGNED_PLACE: Final = ("DLCTu",)
SIGNATURE_PLACE: Final = ("DSCKS", "NBan")
WITHOUT_PRINTED_VALUE: Final = "3"
"""LCTDT: a receipt of phí, lệ phí without a pre-printed value; the only kind that is made here."""

_KINDS: Final = {"phi": "Phí", "le_phi": "Lệ phí", "postage": "Cước bưu chính"}
# XML 1.0 has no spelling for these, not even an escaped one
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def signed_xml(facts: ReceiptFacts, signer: Signer, *, at: datetime) -> bytes:
    """The receipt as XML with a XAdES B-B signature over `DLCTu`, made `at`. Raises what the signer raises."""
    return xml_signatures.sign(receipt_xml(facts), signer, at=at, place=SIGNATURE_PLACE, signed=SIGNED_PLACE)


def receipt_xml(facts: ReceiptFacts) -> bytes:
    """The receipt as XML that is not signed yet: the same facts, the same bytes. Sums in VND, days of Việt Nam."""
    root = etree.Element("CTu")
    data = etree.SubElement(root, "DLCTu", Id="data")
    _filled(etree.SubElement(data, "TTChung"), _common(facts))
    content = etree.SubElement(data, "NDCTu")
    seller = {"Ten": facts.collector_name, "MST": facts.collector_tax_code}
    _filled(etree.SubElement(content, "NBan"), seller)
    _filled(etree.SubElement(content, "NMua"), {"Ten": facts.payer_name})
    items = etree.SubElement(content, "DSHHDVu")
    for at, line in enumerate(facts.lines, start=1):
        _add_line(items, at, line)
    words = in_words_vi(facts.total_vnd)
    _filled(etree.SubElement(content, "TToan"), {"TgTTTBSo": str(facts.total_vnd), "TgTTTBChu": f"{words}."})
    others = etree.SubElement(data, "TTKhac")
    for name, kind, value in _others(facts):
        _add_other(others, name, kind, value)
    etree.SubElement(etree.SubElement(root, "DSCKS"), "NBan")
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _common(facts: ReceiptFacts) -> dict[str, str]:
    return {
        "PBan": FORMAT,
        "LCTDT": WITHOUT_PRINTED_VALUE,
        "KHMSCTu": facts.form,
        "KHCTu": facts.sign or facts.series,
        "SCTu": f"{facts.number:07d}",
        "NLap": facts.issued_at.astimezone(VIETNAM).date().isoformat(),
        "DVTTe": "VND",
        "HTTToan": "TM/CK" if facts.provider_name == DESK else "CK",
    }


def _add_line(parent: etree._Element, at: int, line: ReceiptLine) -> None:
    item = etree.SubElement(parent, "HHDVu")
    _filled(item, {"STT": str(at), "THHDVu": line.name, "ThTien": str(line.amount_vnd)})
    notes = etree.SubElement(item, "TTKhac")
    told = (("LoaiKhoanThu", _KINDS[line.kind]), ("CanCuPhapLy", line.legal_basis), ("CachTinh", line.how))
    for name, value in told:
        _add_other(notes, name, "string", value)


def _others(facts: ReceiptFacts) -> tuple[tuple[str, str, str], ...]:
    return (
        ("MaBienLai", "string", facts.receipt_number),
        ("MaCoQuan", "string", facts.collector_code),
        ("MaHoSo", "string", facts.case_code),
        ("ThuTuc", "string", facts.procedure_name),
        ("NopQua", "string", facts.provider_name),
        ("MaGiaoDich", "string", facts.provider_ref),
        ("MaDonHang", "string", facts.order_code),
        ("ThoiDiemNop", "dateTime", wire_time(facts.paid_at)),
        ("ThoiDiemLap", "dateTime", wire_time(facts.issued_at)),
        ("SoTienDaHoanTra", "numeric", str(facts.refunded_vnd)),
        ("ThayTheBienLai", "string", facts.replaces),
        ("DiaChiKiemTra", "string", facts.verify_url),
    )


def _add_other(parent: etree._Element, name: str, kind: str, value: str) -> None:
    if value:
        _filled(etree.SubElement(parent, "TTin"), {"TTruong": name, "KDLieu": kind, "DLieu": value})


def _filled(parent: etree._Element, told: dict[str, str]) -> None:
    for name, value in told.items():
        etree.SubElement(parent, name).text = _NOT_XML.sub("\ufffd", value)
