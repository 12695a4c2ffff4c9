"""Legal electronic receipts: one for each receipt of ours that has fees of the state, at the provider of its agency.

A call is written down as an intention before it is made. What got no answer is looked up by our key, by schedule; what
the provider does not have is asked for again under the same key; what it refuses is a person's work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import (
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
from gateway.domain.legal_receipt import EVENTS, LegalEvent, LegalState, key_of
from gateway.domain.payment import DESK
from gateway.ports import (
    Agency,
    FeeLine,
    IssuedReceipt,
    NotThere,
    Payer,
    PayForm,
    ReceiptOrder,
    ReceiptProvider,
    ReceiptSeries,
    Standing,
)
from gateway.service import receipts
from gateway.service.context import Context
from gateway.store import alarms, jobs, spine
from gateway.store import legal_receipts as store
from gateway.store import payments as payment_store
from gateway.store import receipts as receipt_store

log = structlog.get_logger()

TASK = "issue_legal_receipt"
STATE_FEES = frozenset({"phi", "le_phi"})
IN_FLIGHT = timedelta(minutes=2)
"""No call lasts longer: until then "not there" may only mean "not there yet"."""


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
    if facts.refunded_vnd:
        detail = (
            f"{receipt.receipt_number}: a part was given back, the provider's receipt is adjusted by hand"
        )
        alarms.raise_alarm(connection, "legal_receipt_by_hand", receipt.id, detail)
        return
    values = {
        "receipt_id": receipt.id,
        "provider": legal.provider,
        "key": key_of(receipt.id),
        "form": legal.form,
        "sign": legal.sign_in(facts.issued_at.year),
        "state": LegalState.INTENDED.value,
    }
    made = store.intend(connection, values)
    if made is not None:
        put(connection, made, 0, None)


def put(connection: Connection, legal_id: str, round_: int, at: datetime | None) -> None:
    jobs.put(connection, TASK, subject=legal_id, args={"legal_id": legal_id, "round": round_}, at=at)


def end(connection: Connection, receipt_id: str, now: datetime) -> None:
    """The receipt does not hold any more: neither does its legal one."""
    legal = store.of_receipt(connection, receipt_id)
    if legal is None:
        return
    if legal.state == LegalState.REFUSED:
        _move(connection, legal, LegalEvent.DROP, now, {"ended_at": now})
        alarms.close(connection, "legal_receipt_refused", legal.id, now)
    else:
        put(connection, legal.id, 0, None)


@dataclass(frozen=True, slots=True)
class _Held:
    """A legal receipt with what it is made of."""

    legal: store.LegalReceipt
    receipt: receipt_store.Receipt
    payment: payment_store.Payment
    agency: Agency
    provider: ReceiptProvider

    @property
    def series(self) -> ReceiptSeries:
        return ReceiptSeries(self.agency.tax_code, self.legal.form, self.legal.sign)


def work(context: Context, legal_id: str, round_: int, now: datetime) -> None:
    """One step of a legal receipt: issue it, look it up, or let it hold no more; the next step is put down."""
    held = _held(context, legal_id)
    state, over = held.legal.state, held.receipt.state in {"cancelled", "replaced"}
    step: Callable[[Context, _Held, datetime], bool] | None = {
        LegalState.INTENDED: _drop if over else _issue,
        LegalState.SENT: _look,
        LegalState.ISSUED: _cancel if over else None,
        LegalState.CANCELLING: _look_at_end,
    }.get(LegalState(state))
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


def _held(context: Context, legal_id: str) -> _Held:
    with context.engine.connect() as connection:
        legal = store.find(connection, legal_id)
        if legal is None:
            raise NotFound("no legal receipt has this id")
        receipt = receipt_store.find(connection, legal.receipt_id)
        assert receipt is not None
        payment = payment_store.find(connection, receipt.payment_id)
        assert payment is not None
    provider = context.receipt_providers.get(legal.provider)
    if provider is None:
        raise Misconfigured(f"no receipt provider {legal.provider} is configured")
    return _Held(legal, receipt, payment, context.agency(payment.agency_code), provider)


def _issue(context: Context, held: _Held, now: datetime) -> bool:
    """Ask for it, once. Whether nothing is left to do."""
    try:
        order = _order(context, held)
    except Malformed as error:  # no provider could take it: that is for a person, as a refusal is
        _refused(context, held, error, now)
        return True
    if not _change(context, held, LegalEvent.SEND, now, {"sent_at": now}):
        return True  # another worker has it in its hands
    try:
        issued = held.provider.issue(order, now)
    except Unreachable:
        _change(context, held, LegalEvent.NOT_SENT, now, {})
        return False
    except (Refused, Malformed, Misconfigured, ReferenceConflict) as error:
        _refused(context, held, error, now)
        return True
    except (OutcomeUnknown, InputError) as error:
        log.warning("legal_receipt_unclear", legal=held.legal.id, error=type(error).__name__)
        return False
    return _take(context, held, issued, now)


def _look(context: Context, held: _Held, now: datetime) -> bool:
    """It was sent, and nobody knows what became of it."""
    found = _asked(held, now)
    if found is None:
        return False
    if isinstance(found, NotThere):
        if held.legal.sent_at is not None and now - held.legal.sent_at < IN_FLIGHT:
            return False  # whoever sent it may still be waiting for the answer
        _change(context, held, LegalEvent.NOT_SENT, now, {})
        return False
    return _take(context, held, found, now)


def _asked(held: _Held, now: datetime) -> IssuedReceipt | NotThere | None:
    """What the provider has under our key; None when it cannot be asked now."""
    try:
        return held.provider.look_up(held.legal.key, held.series, now)
    except GatewayError as error:
        log.info("legal_receipt_unheard", legal=held.legal.id, error=type(error).__name__)
        return None


def _take(context: Context, held: _Held, issued: IssuedReceipt, now: datetime) -> bool:
    if issued.amount_vnd is not None and issued.amount_vnd != _order(context, held).amount_vnd:
        _refused(context, held, ReferenceConflict("the provider issued another sum"), now)
        return True
    told = {
        "number": issued.number,
        "lookup_code": issued.lookup_code,
        "provider_ref": issued.provider_ref,
        "issued_at": issued.issued_at or now,
    }
    try:
        _change(context, held, LegalEvent.ISSUE, now, told)
    except IntegrityError:
        _refused(context, held, ReferenceConflict("the provider gave one number to two receipts"), now)
        return True
    # what ended meanwhile is let go in the next step
    return held.receipt.state not in {"cancelled", "replaced"}


def _refused(context: Context, held: _Held, error: GatewayError, now: datetime) -> None:
    code = str(getattr(error, "code", "") or type(error).__name__)[:60]
    _change(context, held, LegalEvent.REFUSE, now, {"code": code})
    with context.engine.begin() as connection:
        alarms.raise_alarm(
            connection, "legal_receipt_refused", held.legal.id, f"{held.receipt.receipt_number}, code {code}"
        )


def _drop(context: Context, held: _Held, now: datetime) -> bool:
    _change(context, held, LegalEvent.DROP, now, {"ended_at": now})
    return True


def _cancel(context: Context, held: _Held, now: datetime) -> bool:
    """Let it hold no more, once."""
    if not _change(context, held, LegalEvent.CANCEL, now, {}):
        return True
    try:
        held.provider.cancel(_issued(held), held.receipt.reason or "", now)
    except Unreachable:
        _change(context, held, LegalEvent.NOT_CANCELLED, now, {})
        return False
    except Refused as error:
        _change(context, held, LegalEvent.NOT_CANCELLED, now, {"code": str(error.code or "")[:60]})
        with context.engine.begin() as connection:
            detail = f"{held.receipt.receipt_number}, code {error.code}"
            alarms.raise_alarm(connection, "legal_receipt_by_hand", held.legal.id, detail)
        return True
    except GatewayError as error:
        log.warning("legal_receipt_unclear", legal=held.legal.id, error=type(error).__name__)
        return False
    _change(context, held, LegalEvent.CANCELLED, now, {"ended_at": now})
    return True


def _look_at_end(context: Context, held: _Held, now: datetime) -> bool:
    """It was asked to hold no more, and nobody knows whether it does."""
    found = _asked(held, now)
    if not isinstance(found, IssuedReceipt):
        return False
    if found.standing is Standing.HOLDS:
        _change(context, held, LegalEvent.NOT_CANCELLED, now, {})
        return False
    _change(context, held, LegalEvent.CANCELLED, now, {"ended_at": now})
    return True


def _issued(held: _Held) -> IssuedReceipt:
    assert held.legal.number is not None
    return IssuedReceipt(
        key=held.legal.key,
        series=held.series,
        number=held.legal.number,
        provider_ref=held.legal.provider_ref or "",
        lookup_code=held.legal.lookup_code or "",
        issued_at=held.legal.issued_at,
    )


def _order(context: Context, held: _Held) -> ReceiptOrder:
    facts = receipts.facts_of(context, held.receipt)
    codes = [line["code"] for line in held.payment.lines]
    fees = [
        FeeLine(kind=line.kind, code=code, name=line.name, amount_vnd=line.amount_vnd)
        for line, code in zip(facts.lines, codes, strict=True)
        if line.kind in STATE_FEES
    ]
    return ReceiptOrder(
        key=held.legal.key,
        series=held.series,
        lines=tuple(fees),
        payer=Payer(name=facts.payer_name),
        collector_name=facts.collector_name,
        case_code=facts.case_code,
        form=PayForm.CASH if facts.provider_name == DESK else PayForm.ONLINE,
        issued_at=facts.issued_at,
    )


def retry(context: Context, legal_id: str, now: datetime) -> None:
    """A person mended what the provider refused for. Raises `NotFound`; nothing where it was not refused."""
    held = _held(context, legal_id)
    if _change(context, held, LegalEvent.RETRY, now, {}):
        with context.engine.begin() as connection:
            alarms.close(connection, "legal_receipt_refused", legal_id, now)
            put(connection, legal_id, 0, None)


def _change(
    context: Context, held: _Held, event: LegalEvent, now: datetime, values: Mapping[str, Any]
) -> bool:
    with context.engine.begin() as connection:
        legal = store.find(connection, held.legal.id, lock=True)
        assert legal is not None
        return _move(connection, legal, event, now, values, held.payment)


def _move(
    connection: Connection,
    legal: store.LegalReceipt,
    event: LegalEvent,
    now: datetime,
    values: Mapping[str, Any],
    payment: payment_store.Payment | None = None,
) -> bool:
    moved = store.move(connection, legal.id, event, values)
    if moved is None:
        return False
    to_state, version = moved
    data = {"receipt_id": legal.receipt_id, "provider": legal.provider}
    data |= {name: str(values[name]) for name in ("number", "code") if name in values}
    spine.append(
        connection,
        spine.Change(
            subject_kind="legal_receipt",
            subject_id=legal.id,
            type=EVENTS[event],
            version=version,
            actor="gateway",
            cause=f"job:{TASK}",
            occurred_at=now,
            portal_id=None if payment is None else payment.portal_id,
            case_code=None if payment is None else payment.case_code,
            from_state=legal.state,
            to_state=to_state,
            data=data,
        ),
    )
    return True
