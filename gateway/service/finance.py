"""Statements in, lines matched, the day closed: every đồng agrees by evening."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from gateway.domain import ledger
from gateway.domain.close import DayClose
from gateway.domain.errors import Malformed, NotFound
from gateway.domain.matching import PARTS, Decision
from gateway.domain.statement import Statement, check_sums
from gateway.service import found_money, lines, sealed
from gateway.service.cases import VIETNAM
from gateway.service.context import Context
from gateway.store import alarms, spine
from gateway.store import closes as closes_store
from gateway.store import finance as store

LOOK_BACK_DAYS = 35
"""How long a day that was closed green is watched: longer than a provider takes to tell of old money."""


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
    from_on, to_on = statement.covers
    statement_id = store.add_statement(
        connection,
        {
            "account": statement.account,
            "sha256": sha256,
            "format": profile,
            "opening_vnd": statement.opening_vnd,
            "closing_vnd": statement.closing_vnd,
            "from_on": from_on,
            "to_on": to_on,
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
                "memo_sealed": context.sealer.seal(
                    f"{line.memo}{PARTS}{line.customer_ref}".encode(), sealed.MEMO
                ),
                "content_index": index,
                "occurrence": seen[index],
            }
        )
    return rows


def reconcile(context: Context, account: str, now: datetime) -> tuple[Decision, ...]:
    """Match the lines of an account with the money that is known; book what they are, leave the rest as breaks.

    Money in is looked for among what providers took for the account's agencies, money out among the refunds that
    were settled out of it. Money that no provider has told of, and that a line shows for a try of ours, is counted
    first (`found_money`). A break is looked at again each time: the provider may tell of the money after the bank.
    Returns what was decided about new lines, and the breaks that are explained now. Raises `NotFound`.
    """
    agencies = _agencies(context, account)
    with context.engine.begin() as connection:
        store.lock_books(connection, account)
        found = store.open_lines(connection, account)
        open_lines = [line for line, _ in found.values()]
        money = lines.known(connection, account, agencies)
        decisions = lines.decide(context, connection, open_lines, money)
        decided = [(found[each.line_id][0], each) for each in decisions]
        if found_money.count(context, connection, decided, now):
            money = lines.known(connection, account, agencies)
            decisions = lines.decide(context, connection, open_lines, money)
        told = []
        for decision in decisions:
            line, was_break = found[decision.line_id]
            if was_break and decision.event_id is None:
                continue
            if lines.keep(connection, line, decision, money, now, was_break=was_break):
                told.append(decision)
        _tell_changed(connection, account, agencies, now)
    return tuple(told)


def _agencies(context: Context, account: str) -> Sequence[str]:
    found = [agency.code for agency in context.agencies.values() if agency.account == account]
    if not found:
        raise NotFound("no agency has this account")
    return found


def figures(
    connection: Connection, day: date, account: str, agencies: Sequence[str]
) -> closes_store.DayFigures:
    """The figures of a day on the account of these agencies, as they are now."""
    return closes_store.day_figures(
        connection,
        day=day,
        account=account,
        bank=ledger.bank_account(account),
        collected=[ledger.collected_account(each) for each in agencies],
    )


def _tell_changed(connection: Connection, account: str, agencies: Sequence[str], now: datetime) -> None:
    """An alarm for each day that was closed green and has other figures now; a close of the day ends it."""
    since = now.astimezone(VIETNAM).date() - timedelta(days=LOOK_BACK_DAYS)
    for day, then in closes_store.green_since(connection, account, since).items():
        told = figures(connection, day, account, agencies)
        if told != then:
            detail = (
                f"expected {told.expected_vnd} received {told.received_vnd} booked {told.booked_vnd} VND, "
                f"closed with {then.expected_vnd} {then.received_vnd} {then.booked_vnd}"
            )
            alarms.raise_alarm(connection, "closed_day_changed", _subject(day, account), detail)


def _subject(day: date, account: str) -> str:
    return f"{day.isoformat()}:{account}"


def close_day(context: Context, day: date, account: str, now: datetime) -> DayClose:
    """Close a day on an account: `gateway.domain.close` says when it is green. Raises `NotFound`."""
    agencies = _agencies(context, account)
    with context.engine.begin() as connection:
        store.lock_books(connection, account)
        close = DayClose(
            day=day,
            account=account,
            covered=store.overlapping(connection, account, day),
            **asdict(figures(connection, day, account, agencies)),
        )
        _keep_close(connection, close, now)
        alarms.close(connection, "closed_day_changed", _subject(day, account), now)
        _tell_changed(connection, account, agencies, now)
    return close


def _keep_close(connection: Connection, close: DayClose, now: datetime) -> None:
    sums = {
        "expected_vnd": close.expected_vnd,
        "received_vnd": close.received_vnd,
        "booked_vnd": close.booked_vnd,
        "in_transit_vnd": close.in_transit_vnd,
        "open_breaks": close.open_breaks,
        "green": close.green,
    }
    row = {"day": close.day, "account": close.account, "created_at": now, **sums}
    spine.append(
        connection,
        spine.Change(
            subject_kind="reconciliation",
            subject_id=_subject(close.day, close.account),
            type="reconciliation.closed",
            version=closes_store.save_close(connection, row),
            actor="finance",
            cause="close",
            occurred_at=now,
            to_state="green" if close.green else "red",
            data={**sums, "reasons": [each.value for each in close.reasons]},
        ),
    )
