"""Legal electronic receipts: one for each receipt of ours that has fees of the state, at the provider of its agency.

A call is written down as an intention before it is made. What got no answer is looked up by our key, by schedule; what
the provider does not have is asked for again under the same key; what it refuses is a person's work. Two of one payment
never hold: who changes anything first takes the lock of the payment and looks at its others.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import cast

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import (
    Forbidden,
    GatewayError,
    InputError,
    Malformed,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    ReferenceConflict,
    Refused,
    Unreachable,
)
from gateway.domain.legal_receipt import BY_HAND, SETTLED, LegalEvent, LegalState, Way, key_of, way_beside
from gateway.domain.receipt import STATE_FEES
from gateway.ports import IssuedReceipt, NotThere, ReceiptOrder, Replacing, Standing
from gateway.service import legal_orders, legal_spine, receipts
from gateway.service.cases import VIETNAM
from gateway.service.context import Context
from gateway.service.legal_orders import Held
from gateway.service.legal_spine import TASK, change, move, put, soon
from gateway.store import alarms
from gateway.store import legal_receipts as store
from gateway.store import payments as payment_store
from gateway.store import receipts as receipt_store

__all__ = ["TASK", "begin", "end", "retry", "work"]

log = structlog.get_logger()

IN_FLIGHT = timedelta(minutes=2)
"""No call lasts longer: until then "not there" may only mean "not there yet"."""
MAX_DETAIL = 300
UNSETTLED_CALL = frozenset({LegalState.SENT, LegalState.CANCELLING})


def begin(context: Context, connection: Connection, receipt_id: str) -> None:
    """Put down that a receipt which was issued wants a legal one, where its agency has a provider for them."""
    receipt = receipt_store.find(connection, receipt_id)
    assert receipt is not None
    facts = receipts.facts_of(context, receipt)
    agency = context.agencies.get(facts.collector_code)
    legal = None if agency is None else agency.legal
    if legal is None or legal.provider == receipts.OWN:
        return
    if not any(line.kind in STATE_FEES for line in facts.lines):
        return  # postage is no fee of the state
    values = {
        "receipt_id": receipt.id,
        "payment_id": receipt.payment_id,
        "provider": legal.provider,
        "key": key_of(receipt.id),
        "form": legal.form,
        "sign": legal.sign_in(facts.issued_at.astimezone(VIETNAM).year),
        "state": LegalState.INTENDED.value,
    }
    made = store.intend(connection, values)
    if made is not None:
        put(connection, made, 0, None)


def end(connection: Connection, receipt_id: str, now: datetime) -> None:
    """The receipt does not hold any more: neither does its legal one."""
    legal = store.of_receipt(connection, receipt_id)
    if legal is None:
        return
    if legal.state != LegalState.REFUSED:
        soon(connection, legal.id)
        return
    payment = payment_store.find(connection, legal.payment_id)
    move(connection, legal, LegalEvent.DROP, now, {"ended_at": now}, payment)
    alarms.close(connection, "legal_receipt_refused", legal.id, now)
    if legal.code == BY_HAND:
        alarms.raise_alarm(
            connection, "legal_receipt_by_hand", legal.id, "over: cancel what was made by hand"
        )
    legal_spine.wake_others(connection, legal)


def work(context: Context, legal_id: str, round_: int, now: datetime) -> None:
    """One step of a legal receipt: issue it, look it up, or let it hold no more; the next step is put down."""
    held = legal_orders.held(context, legal_id)
    step: Callable[[Context, Held, datetime], bool] | None = {
        LegalState.INTENDED: _drop if held.is_over else _issue,
        LegalState.SENT: _look,
        LegalState.ISSUED: _let_go if held.is_over else None,
        LegalState.CANCELLING: _look_at_end,
    }.get(LegalState(held.legal.state))
    if step is None or step(context, held, now):
        return
    delays = context.schedules.query_s
    with context.engine.begin() as connection:
        if round_ + 1 < len(delays):
            put(connection, legal_id, round_ + 1, now + timedelta(seconds=delays[round_]))
        else:
            alarms.raise_alarm(
                connection, "legal_receipt_unclear", legal_id, f"provider {held.legal.provider}"
            )


# --- coming into being ---------------------------------------------------------------------------


def _issue(context: Context, held: Held, now: datetime) -> bool:
    """Ask for it, once, so that no other of the payment holds beside it. Whether nothing is left to do."""
    try:
        order = legal_orders.order_of(context, held, now)
    except Malformed as error:  # no provider could take it: that is for a person, as a refusal is
        _refused(context, held, error, now)
        return True
    if order is None:
        return _by_hand(context, held, now)
    with context.engine.connect() as connection:
        others = store.others_of(connection, held.legal)
    way = _way(held, others, order)
    if way is Way.BY_HAND:
        return _by_hand(context, held, now)
    if way in {Way.WAIT, Way.CANCEL_FIRST}:
        _make_room(context, _open(others), now, cancels=way is Way.CANCEL_FIRST)
        return False
    old = legal_orders.held(context, _open(others)[0].id) if way is Way.REPLACE else None
    if not _sent(context, held, order, way, now):
        return False
    return _asked_for(context, held, order, old, now)


def _open(others: Sequence[store.LegalReceipt]) -> Sequence[store.LegalReceipt]:
    return [other for other in others if other.state not in SETTLED]


def _way(held: Held, others: Sequence[store.LegalReceipt], order: ReceiptOrder) -> Way:
    same_place = all(other.provider == held.legal.provider for other in _open(others))
    known = [legal_orders.other_of(other, order.amount_vnd) for other in others]
    return way_beside(known, can_replace=held.can_replace and same_place)


def _make_room(
    context: Context, others: Sequence[store.LegalReceipt], now: datetime, *, cancels: bool
) -> None:
    if cancels:
        _cancel(context, legal_orders.held(context, others[0].id), now)
    with context.engine.begin() as connection:
        for other in others:
            soon(connection, other.id)


def _sent(context: Context, held: Held, order: ReceiptOrder, way: Way, now: datetime) -> bool:
    """Write down that it is asked for; False when another worker has it, or the payment's others have changed."""
    told = {"sent_at": now, "sign": order.series.sign, "amount_vnd": order.amount_vnd}
    with context.engine.begin() as connection:
        payment_store.find(connection, held.payment.id, lock=True)
        if _way(held, store.others_of(connection, held.legal), order) is not way:
            return False
        return move(connection, held.legal, LegalEvent.SEND, now, told, held.payment)


def _asked_for(context: Context, held: Held, order: ReceiptOrder, old: Held | None, now: datetime) -> bool:
    try:
        if old is None:
            issued = held.provider.issue(order, now)
        else:
            replacing = cast("Replacing", held.provider)
            issued = replacing.replace(order, legal_orders.issued_of(old), old.receipt.reason or "", now)
    except Unreachable:
        change(context, held, LegalEvent.NOT_SENT, now, {})
        return False
    except (Refused, Malformed, Misconfigured, ReferenceConflict) as error:
        _refused(context, held, error, now)
        return True
    except (OutcomeUnknown, InputError) as error:
        log.warning("legal_receipt_unclear", legal=held.legal.id, error=type(error).__name__)
        return False
    return _take(context, held, issued, order.amount_vnd, now)


def _look(context: Context, held: Held, now: datetime) -> bool:
    """It was sent, and nobody knows what became of it."""
    found = _asked(held, now)
    if found is None:
        return False
    if isinstance(found, NotThere):
        if held.legal.sent_at is not None and now - held.legal.sent_at < IN_FLIGHT:
            return False  # whoever sent it may still be waiting for the answer
        change(context, held, LegalEvent.NOT_SENT, now, {})
        return False
    return _take(context, held, found, held.legal.amount_vnd, now)


def _asked(held: Held, now: datetime) -> IssuedReceipt | NotThere | None:
    """What the provider has under our key; None when it cannot be asked now."""
    try:
        return held.provider.look_up(held.legal.key, held.series, now)
    except GatewayError as error:
        log.info("legal_receipt_unheard", legal=held.legal.id, error=type(error).__name__)
        return None


def _take(context: Context, held: Held, issued: IssuedReceipt, amount_vnd: int | None, now: datetime) -> bool:
    """It is there. What held of the payment before was sent to make place for it, and holds no more."""
    if None not in {issued.amount_vnd, amount_vnd} and issued.amount_vnd != amount_vnd:
        _refused(context, held, ReferenceConflict("the provider issued another sum"), now)
        return True
    told = {
        "number": issued.number,
        "lookup_code": issued.lookup_code,
        "provider_ref": issued.provider_ref,
        "issued_at": issued.issued_at or held.legal.sent_at or now,
    }
    try:
        with context.engine.begin() as connection:
            payment_store.find(connection, held.payment.id, lock=True)
            for other in store.others_of(connection, held.legal):
                move(connection, other, LegalEvent.REPLACE, now, {"ended_at": now}, held.payment)
            move(connection, held.legal, LegalEvent.ISSUE, now, told, held.payment)
            alarms.close(connection, "legal_receipt_unclear", held.legal.id, now)
    except IntegrityError:
        _refused(context, held, ReferenceConflict("the provider gave one number to two receipts"), now)
        return True
    return not held.is_over  # what ended meanwhile is let go in the next step


def _refused(context: Context, held: Held, error: GatewayError, now: datetime) -> None:
    code = str(getattr(error, "code", "") or type(error).__name__)[:60]
    change(context, held, LegalEvent.REFUSE, now, {"code": code})
    detail = f"{held.receipt.receipt_number}, code {code}: {error}"
    with context.engine.begin() as connection:
        alarms.raise_alarm(connection, "legal_receipt_refused", held.legal.id, detail[:MAX_DETAIL])


def _by_hand(context: Context, held: Held, now: datetime) -> bool:
    change(context, held, LegalEvent.REFUSE, now, {"code": BY_HAND})
    detail = f"{held.receipt.receipt_number}: a part was given back, {held.legal.provider} is told by hand"
    with context.engine.begin() as connection:
        alarms.raise_alarm(connection, "legal_receipt_by_hand", held.legal.id, detail)
    return True


# --- holding no more -----------------------------------------------------------------------------


def _drop(context: Context, held: Held, now: datetime) -> bool:
    change(context, held, LegalEvent.DROP, now, {"ended_at": now})
    return True


def _let_go(context: Context, held: Held, now: datetime) -> bool:
    """Its receipt is over: it is cancelled, unless another one is to take its place and sees to that itself."""
    with context.engine.connect() as connection:
        live = receipt_store.live_of(connection, held.payment.id)
    if held.receipt.state == "replaced" and live is not None:
        return True
    return _cancel(context, held, now)


def _cancel(context: Context, held: Held, now: datetime) -> bool:
    """Let it hold no more, once. Whether nothing is left to do."""
    with context.engine.begin() as connection:
        payment_store.find(connection, held.payment.id, lock=True)
        if any(other.state in UNSETTLED_CALL for other in store.others_of(connection, held.legal)):
            return False  # it may be about to be replaced
        if not move(connection, held.legal, LegalEvent.CANCEL, now, {}, held.payment):
            return True
    try:
        held.provider.cancel(legal_orders.issued_of(held), held.receipt.reason or "", now)
    except Unreachable:
        change(context, held, LegalEvent.NOT_CANCELLED, now, {})
        return False
    except Refused as error:
        change(context, held, LegalEvent.NOT_CANCELLED, now, {"code": str(error.code or "refused")[:60]})
        with context.engine.begin() as connection:
            detail = f"{held.receipt.receipt_number}, code {error.code}: {error}"[:MAX_DETAIL]
            alarms.raise_alarm(connection, "legal_receipt_by_hand", held.legal.id, detail)
        return True
    except GatewayError as error:
        log.warning("legal_receipt_unclear", legal=held.legal.id, error=type(error).__name__)
        return False
    change(context, held, LegalEvent.CANCELLED, now, {"ended_at": now})
    return True


def _look_at_end(context: Context, held: Held, now: datetime) -> bool:
    """It was asked to hold no more, and nobody knows whether it does."""
    found = _asked(held, now)
    if not isinstance(found, IssuedReceipt):
        return False
    if found.standing is Standing.HOLDS:
        change(context, held, LegalEvent.NOT_CANCELLED, now, {})
        return False
    change(context, held, LegalEvent.CANCELLED, now, {"ended_at": now})
    return True


def retry(context: Context, legal_id: str, now: datetime) -> None:
    """A person mended what the provider refused for, or it can be asked again now that the questions are used up.

    Raises `NotFound`, and `Forbidden` where nothing is open.
    """
    with context.engine.begin() as connection:
        legal = store.find(connection, legal_id, lock=True)
        if legal is None:
            raise NotFound("no legal receipt has this id")
        if legal.state in {*SETTLED, LegalState.ISSUED}:
            raise Forbidden(f"a legal receipt in state {legal.state} is not open")
        payment = payment_store.find(connection, legal.payment_id)
        move(connection, legal, LegalEvent.RETRY, now, {"code": None}, payment)
        for name in ("legal_receipt_refused", "legal_receipt_unclear"):
            alarms.close(connection, name, legal_id, now)
        soon(connection, legal_id)
