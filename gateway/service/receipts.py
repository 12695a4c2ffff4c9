"""Receipts: a number is claimed with the receipt that bears it; the paper is made right after, and only once."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import NotFound
from gateway.domain.payment import AttemptState, PaymentState
from gateway.domain.receipt import ReceiptFacts, ReceiptLine, receipt_number, series_of
from gateway.service import sealed
from gateway.service.cases import VIETNAM, Caller
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import payments as payment_store
from gateway.store import receipts as store
from gateway.store import spine

MOMENTS = ("issued_at", "paid_at")


def issue(context: Context, payment_id: str, now: datetime) -> None:
    """Number a paid payment's receipt, then make its paper; either part may be done again after a crash."""
    receipt = _numbered(context, payment_id, now)
    if receipt is None or receipt.state != "numbered":
        return
    paper = context.press().receipt(facts_of(context, receipt))
    pdf, data = context.files.put(paper.pdf), context.files.put(paper.json)
    with context.engine.begin() as connection:
        if store.issue(connection, receipt.id, pdf_sha256=pdf, json_sha256=data, now=now):
            payment = payment_store.find(connection, payment_id)
            assert payment is not None
            _tell(connection, payment, receipt, {"pdf_sha256": pdf, "json_sha256": data}, now)


def _tell(
    connection: Connection,
    payment: payment_store.Payment,
    receipt: store.Receipt,
    papers: Mapping[str, str],
    now: datetime,
) -> None:
    spine.append(
        connection,
        spine.Change(
            subject_kind="receipt",
            subject_id=receipt.id,
            type="receipt.issued",
            version=1,
            actor="gateway",
            cause="job:issue_receipt",
            occurred_at=now,
            portal_id=payment.portal_id,
            case_code=payment.case_code,
            from_state="numbered",
            to_state="issued",
            data={"receipt_number": receipt.receipt_number, "payment_id": payment.id, **papers},
        ),
    )


def _numbered(context: Context, payment_id: str, now: datetime) -> store.Receipt | None:
    """The live receipt of a payment, numbered now if it had none; None when it is not paid."""
    try:
        with context.engine.begin() as connection:
            payment = payment_store.find(connection, payment_id, lock=True)
            if payment is None or payment.state != PaymentState.PAID:
                return None
            live = store.live_of(connection, payment_id)
            if live is not None:
                return live
            series = series_of(payment.agency_code, now.astimezone(VIETNAM).year)
            number = store.take_number(connection, series)
            facts = _facts(context, connection, payment, series=series, number=number, now=now)
            written = {**asdict(facts), **{name: getattr(facts, name).isoformat() for name in MOMENTS}}
            receipt_id = store.add(
                connection,
                payment_id=payment_id,
                series=series,
                number=number,
                facts_sealed=sealed.seal(context.sealer, written, sealed.FACTS),
            )
            return store.find(connection, receipt_id)
    except IntegrityError:
        # another worker numbered it a moment ago; its number stands and ours was rolled back
        with context.engine.connect() as connection:
            return store.live_of(connection, payment_id)


def _facts(
    context: Context,
    connection: Connection,
    payment: payment_store.Payment,
    *,
    series: str,
    number: int,
    now: datetime,
) -> ReceiptFacts:
    case = case_store.find(connection, payment.case_code)
    assert case is not None
    assert payment.paid_at is not None
    agency = context.agency(payment.agency_code)
    payer = sealed.unseal(context.sealer, payment_store.sealed_payer(connection, payment.id), sealed.PAYER)
    paid = _that_paid(payment, payment_store.attempts_of(connection, payment.id))
    return ReceiptFacts(
        series=series,
        number=number,
        receipt_number=receipt_number(series, number),
        issued_at=now,
        collector_name=agency.name,
        collector_code=agency.code,
        collector_tax_code=agency.tax_code,
        payer_name=payer["name"],
        case_code=payment.case_code,
        procedure_name=context.procedures[case.procedure_code].name_vi,
        lines=tuple(_line(line) for line in payment.lines),
        total_vnd=payment.amount_vnd,
        provider_name=paid.provider,
        provider_ref=paid.provider_ref or "",
        order_code=payment.order_code,
        paid_at=payment.paid_at,
        verify_url=f"{context.public_url}/verify?r={receipt_number(series, number)}",
    )


def _that_paid(
    payment: payment_store.Payment, attempts: Sequence[payment_store.Attempt]
) -> payment_store.Attempt:
    """The try that made the payment paid: another one may have brought the money a second time."""
    made_paid = (payment.provider, payment.paid_at)
    succeeded = [each for each in attempts if each.state == AttemptState.SUCCEEDED]
    return min(succeeded, key=lambda each: made_paid != (each.provider, each.paid_at))


def _line(line: Any) -> ReceiptLine:
    return ReceiptLine(line["kind"], line["name"], line["amount_vnd"], line.get("legal_basis") or "")


def facts_of(context: Context, receipt: store.Receipt) -> ReceiptFacts:
    """What the receipt says, from its sealed facts."""
    written = sealed.unseal(context.sealer, receipt.facts_sealed, sealed.FACTS)
    moments = {name: datetime.fromisoformat(written[name]) for name in MOMENTS}
    lines = tuple(ReceiptLine(**line) for line in written["lines"])
    return ReceiptFacts(**{**written, **moments, "lines": lines})


def paper_of(context: Context, caller: Caller, payment_id: str, kind: str) -> bytes:
    """The issued paper of a payment, `pdf` or `json`. Raises `NotFound` until there is one."""
    with context.engine.connect() as connection:
        payment = payment_store.find(connection, payment_id, caller.portal_id)
        receipt = None if payment is None else store.live_of(connection, payment_id)
    if receipt is None or receipt.pdf_sha256 is None or receipt.json_sha256 is None:
        raise NotFound("this payment has no receipt yet")
    return context.files.get(receipt.pdf_sha256 if kind == "pdf" else receipt.json_sha256)
