"""Receipts: a number is claimed with the receipt that bears it; the paper is made right after, and only once.

A receipt says what is kept of a payment. When money was given back, another receipt takes its place, or, when all of
it was, it is cancelled; neither number is ever used again. Money that is owed back has no receipt: the fee line that it
came for has one already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from dataclasses import replace as changed
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import NotFound
from gateway.domain.payment import AttemptState, PaymentState
from gateway.domain.receipt import (
    ReceiptFacts,
    ReceiptLine,
    ReceiptState,
    how_computed,
    kept_vnd,
    receipt_number,
    series_of,
)
from gateway.service import paper_levels, sealed
from gateway.service.cases import VIETNAM, Caller
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import obligations, spine
from gateway.store import payments as payment_store
from gateway.store import receipts as store

ENDS = (ReceiptState.CANCELLED, ReceiptState.REPLACED)
MOMENTS = ("issued_at", "paid_at")
OWN = "own"
"""The provider of legal receipts that is none: ours are the legal ones."""


def issue(context: Context, payment_id: str, now: datetime) -> None:
    """Number a paid payment's receipt, then make its paper; either part may be done again after a crash."""
    receipt = _numbered(context, payment_id, now)
    if receipt is not None and receipt.state == ReceiptState.NUMBERED:
        print_paper(context, payment_id, receipt, now)


def kept_of(payment: payment_store.Payment) -> int:
    """What is kept of a payment's own sum, in VND."""
    return kept_vnd(payment.amount_vnd, payment.paid_vnd, payment.refunded_vnd)


def print_paper(context: Context, payment_id: str, receipt: store.Receipt, now: datetime) -> None:
    """Make the paper of a receipt that has its number."""
    paper = context.press().receipt(facts_of(context, receipt))
    kinds = {"pdf": paper.pdf, "json": paper.json, "xml": paper.xml}
    papers = {f"{kind}_sha256": context.files.put(content) for kind, content in kinds.items()}
    with context.engine.begin() as connection:
        if store.issue(connection, receipt.id, papers=papers, now=now):
            payment = payment_store.find(connection, payment_id)
            assert payment is not None
            if paper.missing:
                paper_levels.complete_later(context, connection, signed(receipt.id), 0, now)
            tell(
                connection, payment, receipt, "receipt.issued", now, to_state=ReceiptState.ISSUED, data=papers
            )


def tell(
    connection: Connection,
    payment: payment_store.Payment,
    receipt: store.Receipt,
    type_: str,
    now: datetime,
    *,
    data: Mapping[str, str],
    to_state: str | None = None,
    actor: str = "gateway",
) -> None:
    """Say on the spine what happened to a receipt; with `to_state` it moved."""
    is_over = to_state in ENDS or (to_state is None and receipt.state in ENDS)
    spine.append(
        connection,
        spine.Change(
            subject_kind="receipt",
            subject_id=receipt.id,
            type=type_,
            version=2 if is_over else 1,
            actor=actor,
            cause=f"receipt:{receipt.id}",
            occurred_at=now,
            portal_id=payment.portal_id,
            case_code=payment.case_code,
            from_state=ReceiptState.NUMBERED if to_state == ReceiptState.ISSUED else receipt.state,
            to_state=to_state,
            data={"receipt_number": receipt.receipt_number, "payment_id": payment.id, **data},
        ),
    )


def signed(receipt_id: str) -> paper_levels.Signed:
    """A receipt as a paper that may lack a level."""
    return paper_levels.Signed("receipt_id", receipt_id)


def _numbered(context: Context, payment_id: str, now: datetime) -> store.Receipt | None:
    """The live receipt of a payment, numbered now if it had none; None when it is not paid, or nothing is kept."""
    try:
        with context.engine.begin() as connection:
            payment = payment_store.find(connection, payment_id, lock=True)
            if payment is None or payment.state != PaymentState.PAID or not _is_kept(connection, payment):
                return None
            live = store.live_of(connection, payment_id)
            if live is not None:
                return live
            return add(context, connection, payment, now)
    except IntegrityError:
        # another worker numbered it a moment ago; its number stands and ours was rolled back
        with context.engine.connect() as connection:
            return store.live_of(connection, payment_id)


def _is_kept(connection: Connection, payment: payment_store.Payment) -> bool:
    """Whether anything of a payment is neither given back nor owed back: only that has a receipt."""
    due_vnd = obligations.to_give_back_vnd(connection, payment.id)
    return kept_vnd(payment.amount_vnd, payment.paid_vnd - due_vnd, payment.refunded_vnd) > 0


def add(
    context: Context,
    connection: Connection,
    payment: payment_store.Payment,
    now: datetime,
    replaced: store.Receipt | None = None,
) -> store.Receipt:
    """Take the next number for a payment, with all that its receipt will say. The caller holds the payment's lock."""
    form, sign = _identity(context, payment.agency_code, now)
    series = series_of(payment.agency_code, now.astimezone(VIETNAM).year, sign)
    number = store.take_number(connection, series)
    plain = _facts(context, connection, payment, series=series, number=number, now=now)
    facts = changed(
        plain,
        payer_name=plain.payer_name or _payer_before(context, replaced),
        refunded_vnd=payment.amount_vnd - kept_of(payment),
        replaces="" if replaced is None else replaced.receipt_number,
        form=form,
        sign=sign,
    )
    written = {**asdict(facts), **{name: getattr(facts, name).isoformat() for name in MOMENTS}}
    receipt_id = store.add(
        connection,
        payment_id=payment.id,
        series=series,
        number=number,
        facts_sealed=sealed.seal(context.sealer, written, sealed.FACTS),
        replaces=None if replaced is None else replaced.id,
    )
    made = store.find(connection, receipt_id)
    assert made is not None
    return made


def _payer_before(context: Context, replaced: store.Receipt | None) -> str:
    """Who paid by the receipt before: accounts outlast what a payment says of its payer."""
    return sealed.ERASED_NAME if replaced is None else facts_of(context, replaced).payer_name


def _identity(context: Context, agency_code: str, now: datetime) -> tuple[str, str]:
    """The signs of a legal receipt, where the agency issues its own and not at a provider."""
    legal = context.agency(agency_code).legal
    if legal is None or legal.provider != OWN:
        return "", ""
    return legal.form, legal.sign_in(now.astimezone(VIETNAM).year)


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
        payer_name=payer.get("name", ""),
        case_code=payment.case_code,
        procedure_name=context.catalogue.version(case.procedure_code, case.procedure_version).name_vi,
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
    how = _told_steps(line) or how_computed(line["amount_vnd"], line.get("full_vnd"), line.get("reduction"))
    return ReceiptLine(line["kind"], line["name"], line["amount_vnd"], line.get("legal_basis") or "", how)


def _told_steps(line: Any) -> str:
    """How a fee line came to its sum, so that a reader can compute it again; a step of another law names it."""
    told = []
    for step in line.get("steps") or ():
        basis = step["legal_basis"]
        told.append(step["vi"] if basis in {"", line.get("legal_basis")} else f"{step['vi']} ({basis})")
    return "; ".join(told)


def facts_of(context: Context, receipt: store.Receipt) -> ReceiptFacts:
    """What the receipt says, from its sealed facts. Raises `NotFound` when the time of accounts is over for it."""
    written = sealed.unseal(context.sealer, receipt.facts_sealed, sealed.FACTS)
    if not written:
        raise NotFound("what the receipt said was erased: the time for which accounts are kept is over")
    moments = {name: datetime.fromisoformat(written[name]) for name in MOMENTS}
    lines = tuple(ReceiptLine(**line) for line in written["lines"])
    return ReceiptFacts(**{**written, **moments, "lines": lines})


def paper_of(context: Context, caller: Caller, payment_id: str, kind: str) -> bytes:
    """The issued paper of a payment, `pdf`, `json` or `xml`. Raises `NotFound` until there is one."""
    with context.engine.connect() as connection:
        payment = payment_store.find(connection, payment_id, caller.portal_id)
        receipt = None if payment is None else store.live_of(connection, payment_id)
    if receipt is None or receipt.issued_at is None:
        raise NotFound("this payment has no receipt yet")
    sha256 = {"pdf": receipt.pdf_sha256, "json": receipt.json_sha256, "xml": receipt.xml_sha256}[kind]
    if sha256 is None:
        raise NotFound(f"this receipt was issued without {kind.upper()}")
    return context.files.get(sha256)
