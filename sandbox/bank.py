"""The agency's bank: accounts, what came in and went out, and a statement of each day.

Providers settle in process: each paid transaction becomes one credit in the same transaction of the state file.
A real provider settles in sums and a day later; one line per payment at once is the simplest world that can be
reconciled, and `POST /_control` adds the lines that do not fit.
"""

import re
import sqlite3
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Flask, Response, request

from sandbox.mt940 import Entry, Statement, render
from sandbox.serving import json_answer, new_app, read_json
from sandbox.state import Ground

SCHEMA = """
CREATE TABLE IF NOT EXISTS bank_lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, on_date TEXT NOT NULL,
    amount_vnd INTEGER NOT NULL, code TEXT NOT NULL, reference TEXT NOT NULL, bank_reference TEXT NOT NULL,
    memo TEXT NOT NULL, cause TEXT UNIQUE);
CREATE INDEX IF NOT EXISTS bank_lines_day ON bank_lines (account, on_date);
"""
MAX_AMOUNT_VND = 1_000_000_000_000
MAX_MEMO = 300
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the agency; `opening_vnd` is what it held before this world began."""

    bin: str
    number: str
    name: str
    opening_vnd: int


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that moves: `amount_vnd` > 0 in, < 0 out. The same `cause` is booked once, for ever."""

    account: str
    amount_vnd: int
    reference: str
    memo: str
    cause: str | None = None
    code: str = "NTRF"
    on: date | None = None


class Bank:
    """The ledger. `accounts` must not be empty; the first one receives what names no known account."""

    def __init__(self, ground: Ground, accounts: tuple[Account, ...]) -> None:
        self._ground = ground
        self.accounts = {account.number: account for account in accounts}
        self._first = accounts[0].number
        ground.state.define(SCHEMA)

    def account_for(self, number: str) -> str:
        """`number` when it is kept here, else the first account."""
        return number if number in self.accounts else self._first

    def move(self, db: sqlite3.Connection, movement: Movement) -> None:
        """Book one line in the caller's transaction; a `cause` that was booked before changes nothing."""
        on = movement.on or self._ground.now_local().date()
        cursor = db.execute(
            "INSERT INTO bank_lines (account, on_date, amount_vnd, code, reference, bank_reference, memo, cause)"
            " VALUES (?, ?, ?, ?, ?, '', ?, ?) ON CONFLICT (cause) DO NOTHING",
            (
                movement.account,
                on.isoformat(),
                movement.amount_vnd,
                movement.code,
                movement.reference,
                movement.memo,
                movement.cause,
            ),
        )
        if cursor.rowcount:
            reference = f"FT{on.strftime('%y%j')}{cursor.lastrowid:06d}"
            db.execute("UPDATE bank_lines SET bank_reference = ? WHERE id = ?", (reference, cursor.lastrowid))

    def balance_vnd(self, number: str) -> int:
        with self._ground.state.transaction() as db:
            return self.accounts[number].opening_vnd + _sum(db, number, before="9999-12-31")

    def statement(self, number: str, on: date) -> Statement:
        """The day `on` of a known account, in the order of booking."""
        account = self.accounts[number]
        with self._ground.state.transaction() as db:
            opening = account.opening_vnd + _sum(db, number, before=on.isoformat())
            rows = db.execute(
                "SELECT * FROM bank_lines WHERE account = ? AND on_date = ? ORDER BY id",
                (number, on.isoformat()),
            ).fetchall()
        entries = tuple(
            Entry(
                amount_vnd=row["amount_vnd"],
                code=row["code"],
                customer_reference=row["reference"],
                bank_reference=row["bank_reference"],
                memo=row["memo"],
            )
            for row in rows
        )
        return Statement(bank_bin=account.bin, account=number, on=on, opening_vnd=opening, entries=entries)


def _sum(db: sqlite3.Connection, number: str, *, before: str) -> int:
    row = db.execute(
        "SELECT coalesce(sum(amount_vnd), 0) AS vnd FROM bank_lines WHERE account = ? AND on_date < ?",
        (number, before),
    ).fetchone()
    return int(row["vnd"])


def read_day(text: object) -> date | None:
    """A day from `YYYY-MM-DD`, or None."""
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _movement(order: dict[str, Any], bank: Bank) -> Movement | None:
    """`{"credit"|"debit": {"account", "amount_vnd", "memo", "reference"?, "on"?}}` as a movement, or None."""
    sign, line = (1, order.get("credit")) if "credit" in order else (-1, order.get("debit"))
    if not isinstance(line, dict):
        return None
    account, amount, memo = line.get("account"), line.get("amount_vnd"), line.get("memo")
    reference, on = line.get("reference", ""), line.get("on")
    if not isinstance(account, str) or account not in bank.accounts or not isinstance(reference, str):
        return None
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 < amount <= MAX_AMOUNT_VND:
        return None
    if not isinstance(memo, str) or len(memo) > MAX_MEMO or (on is not None and read_day(on) is None):
        return None
    code = "NTRF" if sign > 0 else "NCHG"
    return Movement(account, sign * amount, reference, memo, code=code, on=read_day(on))


def bank_app(ground: Ground, bank: Bank) -> Flask:
    """`GET /statement`, `GET /accounts`, `POST /_control`."""
    app = new_app("bank")

    @app.get("/accounts")
    def accounts() -> Response:
        rows = [
            {"bin": a.bin, "number": a.number, "name": a.name, "balance_vnd": bank.balance_vnd(a.number)}
            for a in bank.accounts.values()
        ]
        return json_answer({"accounts": rows})

    @app.get("/statement")
    def statement() -> Response:
        on = read_day(request.args.get("date"))
        number = request.args.get("account", "")
        if on is None:
            return json_answer({"error": "date must be YYYY-MM-DD"}, 400)
        if number not in bank.accounts:
            return json_answer({"error": "no such account"}, 404)
        text = render(bank.statement(number, on))
        name = f"{number}-{on.isoformat()}.sta"
        return Response(
            text.encode("ascii"),
            content_type="text/plain; charset=us-ascii",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @app.post("/_control")
    def control() -> Response:
        movement = _movement(read_json() or {}, bank)
        if movement is None:
            return json_answer(
                {"error": "credit or debit with account, amount_vnd, memo, reference?, on?"}, 400
            )
        with ground.state.transaction() as db:
            bank.move(db, movement)
        return json_answer({"ok": True})

    return app
