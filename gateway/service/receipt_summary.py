"""The day's summary of receipts for the tax office (bảng tổng hợp, Mẫu 01/TH-BLĐT; NĐ 254/2026/NĐ-CP Đ29 k3 b).

Due on the same day: every receipt of an own series that was issued, cancelled or replaced on it, with the fields that
name a receipt (mẫu, ký hiệu, số), its own day (NLap), and what is kept of phí and lệ phí. A receipt that is not the
legal one is not in it: that one is at a provider, who sends its own table. Postage is no fee of the state and is left
out. Of the tax office's own XML only the names KHMSCTu, KHCTu, SCTu and NLap are public; the others here are ours.

A day belongs to a receipt by what stands on it: where its paper came after midnight, the table of its day is to be made
again. A table is that of one issuer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from lxml import etree

from gateway.domain.receipt import STATE_FEES, ReceiptFacts, ReceiptState, kept_lines
from gateway.service import receipts
from gateway.service.cases import VIETNAM
from gateway.service.context import Context
from gateway.store import alarms
from gateway.store import receipts as store

DUE_AT = timedelta(hours=20)
"""When on its day, in Việt Nam, a table that is due is asked for."""
LATEST_PAPER = timedelta(days=7)
"""How long after its number a receipt's paper is still looked for."""
NEW, CANCELLED, REPLACED = "1", "2", "3"
"""TThai: what became of the receipt on that day."""


@dataclass(frozen=True, slots=True)
class Row:
    """One receipt of the day. Sums in VND; `status` is `NEW`, `CANCELLED` or `REPLACED`.

    What was given back before is off its line; where no line can be told it stands in `given_back_vnd`, which is taken
    to be of these fees up to their sum.
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
    given_back_vnd: int = 0

    @property
    def total_vnd(self) -> int:
        return max(self.fees_vnd + self.charges_vnd - self.given_back_vnd, 0)


def rows_of(context: Context, day: date, tax_code: str | None = None) -> Sequence[Row]:
    """What happened to legal receipts of our own on a day of Việt Nam, in the order of their numbers.

    Of one issuer, where its tax code is given.
    """
    begins = datetime.combine(day, time(), VIETNAM)
    ends = begins + timedelta(days=1)
    with context.engine.connect() as connection:
        found = store.changed_between(connection, begins, ends + LATEST_PAPER)
    rows = []
    for receipt in found:
        facts = receipts.facts_of(context, receipt)
        if not facts.form or tax_code not in {None, facts.collector_tax_code}:
            continue
        if not any(line.kind in STATE_FEES for line in facts.lines):
            continue
        if receipt.issued_at is not None and begins <= facts.issued_at < ends:
            rows.append(_row(facts, NEW))
        if receipt.ended_at is not None and begins <= receipt.ended_at < ends:
            rows.append(_row(facts, CANCELLED if receipt.state == ReceiptState.CANCELLED else REPLACED))
    return rows


def remind(context: Context, now: datetime) -> None:
    """From the evening of a day on: an alarm where receipts of own series are to be told of, once for each day."""
    if not any(each.legal and each.legal.provider == receipts.OWN for each in context.agencies.values()):
        return
    day = (now.astimezone(VIETNAM) - DUE_AT).date()
    with context.engine.connect() as connection:
        if alarms.was_raised(connection, "receipt_summary_due", day.isoformat()):
            return
    rows = rows_of(context, day)
    if rows:
        with context.engine.begin() as connection:
            alarms.raise_alarm(connection, "receipt_summary_due", day.isoformat(), f"{len(rows)} rows")


def written(context: Context, day: date, now: datetime) -> None:
    """The table of a day was made to be sent."""
    with context.engine.begin() as connection:
        alarms.close(connection, "receipt_summary_due", day.isoformat(), now)


def _row(facts: ReceiptFacts, status: str) -> Row:
    on_paper = [line.amount_vnd for line in facts.lines]
    kept = kept_lines(on_paper, facts.refunded_vnd)
    told = list(zip(facts.lines, on_paper if kept is None else kept, strict=True))
    sums = {kind: sum(vnd for line, vnd in told if line.kind == kind) for kind in STATE_FEES}
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
        given_back_vnd=0 if kept is not None else min(facts.refunded_vnd, sum(sums.values())),
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
            "THTra": str(row.given_back_vnd),
            "TTien": str(row.total_vnd),
            "TThai": row.status,
            "CTuLQuan": row.replaces,
        }
        for name, text in told.items():
            etree.SubElement(entry, name).text = text
    return etree.tostring(table, encoding="UTF-8", xml_declaration=True, pretty_print=True)
