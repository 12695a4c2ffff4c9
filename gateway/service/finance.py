"""Statements in, lines matched, the day closed: every đồng agrees by evening."""

import hashlib
from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from gateway.domain import ledger
from gateway.domain.close import DayClose
from gateway.domain.codes import attempt_reference, find_order_codes, order_code_of
from gateway.domain.errors import Malformed, NotFound
from gateway.domain.matching import Decision, Expected, Seen, match
from gateway.domain.statement import Statement, check_sums
from gateway.service import sealed
from gateway.service.context import Context
from gateway.store import finance as store
from gateway.store import spine

ATTEMPTS_IN_A_MEMO = 9


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: the statement's id (None: known before, or a dry run), how many lines and VND in."""

    statement_id: str | None
    lines: int
    received_vnd: int


def import_statement(
    context: Context, data: bytes, *, account: str, profile: str, dry_run: bool = False
) -> Imported:
    """Take a statement file in; the same file again changes nothing. Raises `Malformed`, `NotFound` (profile)."""
    try:
        read = context.formats[profile]
    except KeyError:
        raise NotFound(f"no statement format is called {profile[:50]}") from None
    statement = read(data)
    check_sums(statement)
    if statement.account != account:
        raise Malformed("the statement is of another account")
    if statement.currency != "VND":
        raise Malformed("the statement is in another currency than VND")
    received_vnd = sum(line.amount_vnd for line in statement.lines if line.amount_vnd > 0)
    if dry_run:
        return Imported(None, len(statement.lines), received_vnd)
    context.files.put(data)
    with context.engine.begin() as connection:
        statement_id = _keep(context, connection, statement, profile, hashlib.sha256(data).hexdigest())
    return Imported(statement_id, len(statement.lines), received_vnd)


def _keep(
    context: Context, connection: Connection, statement: Statement, profile: str, sha256: str
) -> str | None:
    days = [line.value_on for line in statement.lines] or [statement.closing_on]
    statement_id = store.add_statement(
        connection,
        {
            "account": statement.account,
            "sha256": sha256,
            "format": profile,
            "opening_vnd": statement.opening_vnd,
            "closing_vnd": statement.closing_vnd,
            "from_on": min(days),
            "to_on": max(days),
        },
    )
    if statement_id is not None:
        store.add_lines(connection, _rows(context, statement, statement_id))
    return statement_id


def _rows(context: Context, statement: Statement, statement_id: str) -> list[dict[str, Any]]:
    seen: Counter[bytes] = Counter()
    rows = []
    for line in statement.lines:
        said = f"{line.value_on}|{line.amount_vnd}|{line.bank_ref}|{line.customer_ref}|{line.memo}"
        index = context.sealer.index(said, sealed.MEMO)
        seen[index] += 1
        rows.append(
            {
                "statement_id": statement_id,
                "line_no": line.line_no,
                "account": statement.account,
                "value_on": line.value_on,
                "amount_vnd": line.amount_vnd,
                "bank_ref": line.bank_ref,
                "memo_sealed": context.sealer.seal(f"{line.memo} {line.customer_ref}".encode(), sealed.MEMO),
                "content_index": index,
                "occurrence": seen[index],
            }
        )
    return rows


def reconcile(context: Context, account: str, now: datetime) -> tuple[Decision, ...]:
    """Match the lines of an account with the money that is awaited; book what is matched, leave the rest as breaks.

    A break is looked at again each time: the provider may tell of the money after the bank. Returns what was decided
    about new lines, and the breaks that are explained now.
    """
    with context.engine.begin() as connection:
        lines = store.open_lines(connection, account)
        awaited = {each.attempt_id: each for each in store.awaited(connection)}
        known = {each.reference for each in awaited.values()}
        seen = [
            Seen(line.id, line.amount_vnd, _references(context, line, known)) for line, _ in lines.values()
        ]
        expected = [Expected(each.attempt_id, each.reference, each.amount_vnd) for each in awaited.values()]
        decisions = match(seen, expected)
        told = []
        for decision in decisions:
            paid = None if decision.attempt_id is None else awaited[decision.attempt_id]
            line, was_break = lines[decision.line_id]
            if was_break and paid is None:
                continue
            if _book(connection, line, decision, paid, now, was_break=was_break):
                told.append(decision)
    return tuple(told)


def _references(context: Context, line: store.Line, awaited: AbstractSet[str]) -> tuple[str, ...]:
    """Our references in a line: the later tries whose money is awaited, else each order code that stands there.

    A later try is named by the order code and two digits more: what names it does not mean the first one.
    """
    memo = context.sealer.open(line.memo_sealed, sealed.MEMO).decode()
    codes = find_order_codes(f"{memo} {line.bank_ref}")
    plain = "".join(memo.upper().split())
    later = [
        attempt_reference(code, number)
        for code in codes
        for number in range(2, ATTEMPTS_IN_A_MEMO + 1)
        if attempt_reference(code, number) in plain
    ]
    assert all(order_code_of(each) in codes for each in later)
    return tuple(each for each in later if each in awaited) or codes


def _book(
    connection: Connection,
    line: store.Line,
    decision: Decision,
    paid: store.Awaited | None,
    now: datetime,
    *,
    was_break: bool,
) -> bool:
    """Keep a decision with its event and its postings; False when somebody else was first."""
    kind = "break" if paid is None else "matched"
    reason = decision.reason.value
    if was_break:
        assert decision.attempt_id is not None
        kept = store.explain_break(connection, line_id=line.id, attempt_id=decision.attempt_id, reason=reason)
    else:
        kept = store.add_match(
            connection, line_id=line.id, attempt_id=decision.attempt_id, kind=kind, reason=reason
        )
    if not kept:
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
            data={"reason": reason, "amount_vnd": line.amount_vnd},
        ),
    )
    unexplained = ledger.unmatched_account(line.account)
    to = unexplained if was_break else ledger.bank_account(line.account)
    of = unexplained if paid is None else ledger.provider_account(paid.provider)
    store.post(connection, event_id, line.value_on, ledger.move(to, of, line.amount_vnd))
    return True


def close_day(context: Context, day: date, account: str, now: datetime) -> DayClose:
    """Close a day on an account: green when expected, received and booked are equal with no line unexplained."""
    agencies = [agency.code for agency in context.agencies.values() if agency.account == account]
    if not agencies:
        raise NotFound("no agency has this account")
    with context.engine.begin() as connection:
        figures = store.day_figures(
            connection, day=day, account=account, bank=ledger.bank_account(account), agencies=agencies
        )
        close = DayClose(
            day,
            account,
            figures.expected_vnd,
            figures.received_vnd,
            figures.booked_vnd,
            figures.open_breaks,
        )
        sums = {
            "expected_vnd": close.expected_vnd,
            "received_vnd": close.received_vnd,
            "booked_vnd": close.booked_vnd,
            "open_breaks": close.open_breaks,
            "green": close.green,
        }
        version = store.save_close(connection, {"day": day, "account": account, "created_at": now, **sums})
        spine.append(
            connection,
            spine.Change(
                subject_kind="reconciliation",
                subject_id=f"{day.isoformat()}:{account}",
                type="reconciliation.closed",
                version=version,
                actor="finance",
                cause="close",
                occurred_at=now,
                to_state="green" if close.green else "red",
                data=sums,
            ),
        )
    return close
