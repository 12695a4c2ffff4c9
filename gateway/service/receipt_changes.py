"""What becomes of a receipt that was issued: cancelled, replaced, or its signature completed."""

from datetime import datetime

from sqlalchemy import Connection

from gateway.domain.errors import Forbidden, NotFound
from gateway.domain.receipt import ReceiptState
from gateway.ports import Completed
from gateway.service import paper_levels, receipts
from gateway.service.context import Context
from gateway.store import payments as payment_store
from gateway.store import receipts as store

ALL_BACK, PART_BACK = "đã hoàn toàn bộ số tiền", "đã hoàn một phần số tiền"


def follow_refund(context: Context, payment_id: str, now: datetime) -> None:
    """Money of a payment was given back: its receipt is cancelled, or another one takes its place."""
    with context.engine.connect() as connection:
        payment, live = payment_store.find(connection, payment_id), store.live_of(connection, payment_id)
    if payment is None or live is None:
        return
    if live.state == ReceiptState.NUMBERED:
        receipts.print_paper(context, payment_id, live, now)  # a number that was taken is seen before it ends
    said, kept_vnd = receipts.facts_of(context, live), receipts.kept_of(payment)
    if kept_vnd == 0:
        cancel(context, live.receipt_number, by="gateway", reason=ALL_BACK, now=now)
    elif kept_vnd != said.total_vnd - said.refunded_vnd:
        replace(context, live.receipt_number, by="gateway", reason=PART_BACK, now=now)


def cancel(context: Context, number: str, *, by: str, reason: str, now: datetime) -> None:
    """The receipt does not hold any more, and none takes its place. Raises `NotFound`, `Forbidden`."""
    with context.engine.begin() as connection:
        _end(connection, number, store.End(ReceiptState.CANCELLED, by, reason, now))


def replace(context: Context, number: str, *, by: str, reason: str, now: datetime) -> str:
    """Another receipt, with what is kept now, takes the place of this one; its number. Raises as `cancel`."""
    with context.engine.begin() as connection:
        old = _end(connection, number, store.End(ReceiptState.REPLACED, by, reason, now))
        payment = payment_store.find(connection, old.payment_id, lock=True)
        assert payment is not None
        if receipts.kept_of(payment) == 0:
            raise Forbidden("all of this money was given back: the receipt can only be cancelled")
        made = receipts.add(context, connection, payment, now, replaced=old)
    receipts.print_paper(context, made.payment_id, made, now)
    return made.receipt_number


def _end(connection: Connection, number: str, how: store.End) -> store.Receipt:
    known = store.by_number(connection, number)
    payment = None if known is None else payment_store.find(connection, known.payment_id, lock=True)
    if known is None or payment is None:
        raise NotFound("no receipt has this number")
    if not store.end(connection, known.id, how):
        raise Forbidden("only an issued receipt that still holds can be cancelled or replaced")
    receipts.tell(
        connection,
        payment,
        known,
        f"receipt.{how.state}",
        how.at,
        actor=how.by,
        to_state=how.state,
        data={"reason": how.reason},
    )
    return known


def complete(context: Context, receipt_id: str, round_: int, now: datetime) -> None:
    """Bring the signature of a paper to the level that is wanted, as far as the services for it answer now."""
    with context.engine.connect() as connection:
        receipt = store.find(connection, receipt_id)
    if receipt is None or receipt.pdf_sha256 is None:
        return
    before = receipt.pdf_sha256

    def keep(connection: Connection, sha256: str, _: Completed) -> None:
        if store.complete(connection, receipt_id, before=before, after=sha256):
            payment = payment_store.find(connection, receipt.payment_id, lock=True)
            assert payment is not None
            receipts.tell(connection, payment, receipt, "receipt.completed", now, data={"pdf_sha256": sha256})

    paper_levels.complete(context, receipts.signed(receipt_id), before, round_, now, keep=keep)
