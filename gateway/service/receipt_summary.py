"""The day's summary of receipts for the tax office (bảng tổng hợp, Mẫu 01/TH-BLĐT; NĐ 254/2026/NĐ-CP Đ29 k3 b).

Due on the same day: every receipt that was issued, cancelled or replaced on it, with the fields that name a receipt
(mẫu, ký hiệu, số), the day and the sums of phí and lệ phí. Postage is no fee of the state and is left out. Of the tax
office's own XML only the names KHMSCTu, KHCTu, SCTu and NLap are public; the others here are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from lxml import etree

from gateway.domain.receipt import ReceiptFacts, ReceiptState
from gateway.service import receipts
from gateway.service.cases import VIETNAM
from gateway.service.context import Context
from gateway.store import receipts as store

NEW, CANCELLED, REPLACED = "1", "2", "3"
"""TThai: what became of the receipt on that day."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one receipt on a day: `status` is `NEW`, `CANCELLED` or `REPLACED`. Sums in VND.

    `on` is the day that the receipt itself bears, which may be an earlier one.
    """

    form: str
    sign: str
    number: str
    on: date
    issuer_tax_code: str
    fees_vnd: int
    charges_vnd: int
    status: str
    replaces: str

    @property
    def total_vnd(self) -> int:
        return self.fees_vnd + self.charges_vnd


def rows_of(context: Context, day: date) -> Sequence[Row]:
    """What happened to receipts on a day of Việt Nam, in the order of their numbers."""
    begins = datetime.combine(day, time(), VIETNAM)
    ends = begins + timedelta(days=1)
    with context.engine.connect() as connection:
        found = store.changed_between(connection, begins, ends)
    rows = []
    for receipt in found:
        facts = receipts.facts_of(context, receipt)
        if receipt.issued_at is not None and begins <= receipt.issued_at < ends:
            rows.append(_row(facts, NEW))
        if receipt.ended_at is not None and begins <= receipt.ended_at < ends:
            rows.append(_row(facts, CANCELLED if receipt.state == ReceiptState.CANCELLED else REPLACED))
    return rows


def _row(facts: ReceiptFacts, status: str) -> Row:
    sums = {
        kind: sum(line.amount_vnd for line in facts.lines if line.kind == kind) for kind in ("phi", "le_phi")
    }
    return Row(
        form=facts.form,
        sign=facts.sign or facts.series,
        number=f"{facts.number:07d}",
        on=facts.issued_at.astimezone(VIETNAM).date(),
        issuer_tax_code=facts.collector_tax_code,
        fees_vnd=sums["phi"],
        charges_vnd=sums["le_phi"],
        status=status,
        replaces=facts.replaces,
    )


def xml_of(day: date, rows: Sequence[Row]) -> bytes:
    """The table as XML, one `CTu` for each row."""
    table = etree.Element("BTHDLieu", MSo="01/TH-BLĐT", Ngay=day.isoformat())
    listed = etree.SubElement(table, "DSCTu")
    for at, row in enumerate(rows, start=1):
        entry = etree.SubElement(listed, "CTu")
        told = {
            "STT": str(at),
            "MST": row.issuer_tax_code,
            "KHMSCTu": row.form,
            "KHCTu": row.sign,
            "SCTu": row.number,
            "NLap": row.on.isoformat(),
            "TPhi": str(row.fees_vnd),
            "TLPhi": str(row.charges_vnd),
            "TTien": str(row.total_vnd),
            "TThai": row.status,
            "CTuLQuan": row.replaces,
        }
        for name, text in told.items():
            etree.SubElement(entry, name).text = text
    return etree.tostring(table, encoding="UTF-8", xml_declaration=True, pretty_print=True)
