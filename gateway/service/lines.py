"""Lines of a statement: what each names, what it is matched with, and how that is kept and booked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from gateway.domain import ledger
from gateway.domain.codes import order_code_of
from gateway.domain.matching import (
    PARTS,
    Decision,
    Expected,
    Reason,
    Seen,
    codes_in,
    match,
    names,
    references_in,
)
from gateway.service import sealed
from gateway.service.context import Context
from gateway.store import finance as store
from gateway.store import spine


@dataclass(frozen=True, slots=True)
class Known:
    """The money of an account that no line has shown yet, and the agencies that collect on it."""

    agencies: Sequence[str]
    taken: Mapping[int, store.Awaited]
    given_back: Sequence[store.GivenBack]


def known(connection: Connection, account: str, agencies: Sequence[str]) -> Known:
    """What lines of `account` may show: money taken for its own agencies, and given back out of it."""
    taken = store.awaited(connection, [ledger.collected_account(each) for each in agencies])
    return Known(
        agencies,
        {each.event_id: each for each in taken},
        store.given_back(connection, ledger.bank_account(account)),
    )


def decide(
    context: Context, connection: Connection, lines: Sequence[store.Line], money: Known
) -> tuple[Decision, ...]:
    """What each line is, in their order; debits are looked for among refunds, all else among money taken."""
    texts = {line.id: text_of(context, line) for line in lines}
    codes = {code for text in texts.values() for code in codes_in(text)}
    orders = store.orders(connection, sorted(codes))
    seen = [_seen(line, texts[line.id], orders, money) for line in lines]
    expected = [
        Expected(each.event_id, each.attempt_id, each.reference, each.amount_vnd)
        for each in money.taken.values()
    ]
    expected += [
        Expected(each.event_id, None, each.wire_reference, -each.amount_vnd) for each in money.given_back
    ]
    return match(seen, expected)


def text_of(context: Context, line: store.Line) -> str:
    """What the bank's line says, in full."""
    memo = context.sealer.open(line.memo_sealed, sealed.MEMO).decode()
    return f"{memo}{PARTS}{line.bank_ref}"


def shown(context: Context, line: store.Line) -> str:
    """The same for a person to read."""
    return " ".join(part for part in text_of(context, line).split(PARTS) if part)


def _seen(line: store.Line, text: str, orders: Mapping[str, store.Order], money: Known) -> Seen:
    if line.amount_vnd < 0:
        return Seen(line.id, line.amount_vnd, _refunds_named(text, money.given_back))
    references = references_in(text, {code: order.references for code, order in orders.items()})
    return Seen(line.id, line.amount_vnd, references, foreign=_is_foreign(references, orders, money.agencies))


def _refunds_named(text: str, given_back: Sequence[store.GivenBack]) -> tuple[str, ...]:
    """The wire references of the refunds that a line names, by ours or by the bank's own reference of the transfer."""
    codes = codes_in(text)
    return tuple(
        each.wire_reference
        for each in given_back
        if each.wire_reference in codes or names(text, each.provider_ref or "")
    )


def _is_foreign(
    references: Sequence[str], orders: Mapping[str, store.Order], agencies: Collection[str]
) -> bool:
    """Whether all that is known of what a line names is to be paid on another account."""
    whose = [orders[code].agency_code for each in references if (code := order_code_of(each) or "") in orders]
    return bool(whose) and not any(each in agencies for each in whose)


def keep(
    connection: Connection,
    line: store.Line,
    decision: Decision,
    money: Known,
    now: datetime,
    *,
    was_break: bool,
) -> bool:
    """Keep a decision with its event and its postings; False when somebody else was first."""
    kind = "break" if decision.event_id is None else "matched"
    said = store.Match(line.id, decision.event_id, decision.attempt_id, kind, decision.reason.value)
    if not (store.explain_break if was_break else store.add_match)(connection, said):
        return False
    event_id = spine.append(
        connection,
        spine.Change(
            subject_kind="statement_line",
            subject_id=str(line.id),
            type=f"statement_line.{kind}",
            version=1 + was_break,
            actor="gateway",
            cause=f"statement:{line.statement_id}",
            occurred_at=now,
            from_state="break" if was_break else None,
            to_state=kind,
            data={"reason": said.reason, "amount_vnd": line.amount_vnd},
        ),
    )
    postings = _postings(line, decision, money, was_break=was_break)
    if postings:
        store.post(connection, event_id, line.value_on, postings)
    return True


def keep_debit(
    connection: Connection, line: store.Line, event_id: int, reason: Reason, now: datetime, *, was_break: bool
) -> None:
    """Keep what money out was, whose event has booked it already: a break's posting is taken back."""
    nothing = Known((), {}, ())
    decision = Decision(line.id, event_id, None, reason)
    assert keep(connection, line, decision, nothing, now, was_break=was_break)


def _postings(
    line: store.Line, decision: Decision, money: Known, *, was_break: bool
) -> Sequence[ledger.Posting]:
    """How a decision is booked: what a break had put on the unmatched account leaves it when it is explained.

    A refund was booked out of the bank when it was settled, so the line that shows it is not booked once more.
    """
    bank, unexplained = ledger.bank_account(line.account), ledger.unmatched_account(line.account)
    if line.amount_vnd > 0:
        paid = None if decision.event_id is None else money.taken[decision.event_id]
        of = unexplained if paid is None else ledger.provider_account(paid.provider)
        return ledger.move(unexplained if was_break else bank, of, line.amount_vnd)
    if decision.event_id is None:
        return ledger.move(unexplained, bank, -line.amount_vnd)
    return ledger.move(bank, unexplained, -line.amount_vnd) if was_break else ()
