"""The book of a receipt provider: its series, their numbers without a gap, and what each key was given.

What the three providers share is the law's, not a wire's: a number runs from 1 within a series of one year (NĐ
254/2026/NĐ-CP Đ23 k2), the sign names the year, and no receipt is dated before the one issued last.
"""

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from flask import Response

from sandbox import faults, mishaps
from sandbox.faults import Fault
from sandbox.serving import json_answer
from sandbox.state import Ground

SCHEMA = """
CREATE TABLE IF NOT EXISTS receipts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, provider TEXT NOT NULL, key TEXT NOT NULL, form TEXT NOT NULL,
    sign TEXT NOT NULL, number INTEGER NOT NULL, amount_vnd INTEGER NOT NULL, payer TEXT NOT NULL,
    case_code TEXT NOT NULL, issued_on TEXT NOT NULL, issued_ms INTEGER NOT NULL, reference TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'issued', reason TEXT NOT NULL DEFAULT '',
    UNIQUE (provider, key), UNIQUE (provider, form, sign, number));
CREATE TABLE IF NOT EXISTS receipt_tokens (
    provider TEXT NOT NULL, token TEXT NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (provider, token));
"""
FORM = re.compile(r"0[12]BLP0-[0-9]{3}")
SIGN = re.compile(r"[A-Z]{2}-([0-9]{2})E")
TOKEN_LIFE_S = 1200
LINES = (
    b"%PDF-1.4",
    b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
    b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj",
)


class Trouble(StrEnum):
    """Why a receipt is not issued."""

    KNOWN = "known"
    SERIES = "series"
    NUMBERS = "numbers"
    DATE = "date"
    REFUSED = "refused"
    NOBODY = "nobody"
    """The receipt whose place it is to take is not there."""
    OVER = "over"
    """That receipt does not hold any more."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A receipt as it was asked for, after its form was checked. `issued_ms`: milliseconds since 1970."""

    key: str
    form: str
    sign: str
    amount_vnd: int
    payer: str
    case_code: str
    issued_on: date
    issued_ms: int
    replaces: str = ""
    """The key of the receipt whose place it takes."""


class Book:
    """The receipts of one provider. `numbers`: how many a series has; 0 for no end."""

    def __init__(self, provider: str, ground: Ground, *, numbers: int, slow_s: float) -> None:
        self.provider, self.ground = provider, ground
        self._numbers, self._slow_s = numbers, slow_s
        ground.state.define(SCHEMA)

    def issue(self, wanted: Wanted) -> tuple[sqlite3.Row | Trouble, Fault]:
        """The receipt, numbered, or why not; and the fault that the answer meets on its way."""
        with self.ground.state.transaction() as db:
            fault = faults.strike(
                db, self.provider, call="issue", reference=wanted.key, amount_vnd=wanted.amount_vnd
            )
            if fault in faults.UNDONE:
                return Trouble.REFUSED, fault
            return self._entered(db, wanted), fault

    def _entered(self, db: sqlite3.Connection, wanted: Wanted) -> sqlite3.Row | Trouble:
        asked_for = faults.by_amount(wanted.amount_vnd)
        if self._one(db, "key = ?", wanted.key) is not None:
            return Trouble.KNOWN
        sign = SIGN.fullmatch(wanted.sign)
        if not FORM.fullmatch(wanted.form) or sign is None or int(sign[1]) != wanted.issued_on.year % 100:
            return Trouble.SERIES
        last = db.execute(
            "SELECT max(number) AS number, max(issued_on) AS day FROM receipts"
            " WHERE provider = ? AND form = ? AND sign = ?",
            (self.provider, wanted.form, wanted.sign),
        ).fetchone()
        number = (last["number"] or 0) + 1
        trouble = Trouble.REFUSED if asked_for is Fault.FAIL else self._about_the_old_one(db, wanted)
        if trouble is not None:
            return trouble
        if asked_for is Fault.RUN_OUT or (self._numbers and number > self._numbers):
            return Trouble.NUMBERS
        if wanted.issued_on.isoformat() < (last["day"] or ""):
            return Trouble.DATE
        row = self._write(db, wanted, number)
        db.execute(
            "UPDATE receipts SET state = 'replaced' WHERE provider = ? AND key = ?",
            (self.provider, wanted.replaces),
        )
        return Trouble.KNOWN if asked_for is Fault.DUPLICATE_CALLBACK else row

    def _about_the_old_one(self, db: sqlite3.Connection, wanted: Wanted) -> Trouble | None:
        if not wanted.replaces:
            return None
        old = self._one(db, "key = ?", wanted.replaces)
        if old is None:
            return Trouble.NOBODY
        return None if old["state"] == "issued" else Trouble.OVER

    def _write(self, db: sqlite3.Connection, wanted: Wanted, number: int) -> sqlite3.Row:
        row: sqlite3.Row = db.execute(
            "INSERT INTO receipts (provider, key, form, sign, number, amount_vnd, payer, case_code, issued_on,"
            " issued_ms, reference) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
            (
                self.provider,
                wanted.key,
                wanted.form,
                wanted.sign,
                number,
                wanted.amount_vnd,
                wanted.payer,
                wanted.case_code,
                wanted.issued_on.isoformat(),
                wanted.issued_ms,
                self.ground.token()[:16].upper(),
            ),
        ).fetchone()
        return row

    def _one(self, db: sqlite3.Connection, condition: str, *values: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            f"SELECT * FROM receipts WHERE provider = ? AND {condition}",  # noqa: S608 - conditions are of this file
            (self.provider, *values),
        ).fetchone()
        return row

    def by_key(self, key: str) -> sqlite3.Row | None:
        with self.ground.state.transaction() as db:
            return self._one(db, "key = ?", key)

    def by_reference(self, reference: str) -> sqlite3.Row | None:
        with self.ground.state.transaction() as db:
            return self._one(db, "reference = ?", reference)

    def by_number(self, form: str, text: str) -> sqlite3.Row | None:
        """By the sign and the number in one text."""
        with self.ground.state.transaction() as db:
            return self._one(db, "form = ? AND sign || printf('%07d', number) = ?", form, text)

    def cancel(self, row: sqlite3.Row, reason: str) -> bool:
        """False when it does not hold any more."""
        with self.ground.state.transaction() as db:
            done = db.execute(
                "UPDATE receipts SET state = 'cancelled', reason = ? WHERE id = ? AND state = 'issued'",
                (reason, row["id"]),
            )
            return done.rowcount == 1

    def new_token(self) -> str:
        token, now = self.ground.token(), self.ground.clock().timestamp()
        with self.ground.state.transaction() as db:
            db.execute("DELETE FROM receipt_tokens WHERE expires_at < ?", (now,))
            values = (self.provider, token, now + TOKEN_LIFE_S)
            db.execute("INSERT INTO receipt_tokens (provider, token, expires_at) VALUES (?, ?, ?)", values)
        return token

    def admits(self, token: str) -> bool:
        with self.ground.state.transaction() as db:
            row = db.execute(
                "SELECT expires_at FROM receipt_tokens WHERE provider = ? AND token = ?",
                (self.provider, token),
            ).fetchone()
        return row is not None and row["expires_at"] > self.ground.clock().timestamp()

    def control(self, order: Mapping[str, object]) -> Response:
        """`{"expire_tokens": true}`: no token that was handed out is taken any more."""
        if order.get("expire_tokens") is not True:
            return json_answer({"error": "expire_tokens"}, 400)
        with self.ground.state.transaction() as db:
            db.execute("DELETE FROM receipt_tokens WHERE provider = ?", (self.provider,))
        return json_answer({"ok": True})

    def listed(self) -> Response:
        """Every receipt of the book, for whoever tells a story."""
        with self.ground.state.transaction() as db:
            rows = db.execute(
                "SELECT key, form, sign, number, amount_vnd, payer, case_code, state, reason FROM receipts"
                " WHERE provider = ? ORDER BY form, sign, number",
                (self.provider,),
            ).fetchall()
        return json_answer({"receipts": [dict(row) for row in rows]})

    def sent(self, fault: Fault, given: Response) -> Response:
        """`given` as the caller gets it under `fault`."""
        return mishaps.answer(fault, given, ground=self.ground, slow_s=self._slow_s)


def number_text(row: sqlite3.Row) -> str:
    return f"{row['number']:07d}"


def paper(row: sqlite3.Row) -> bytes:
    """A PDF without a page that names its receipt; nobody signs here."""
    name = f"% {row['form']} {row['sign']} {number_text(row)}".encode()
    return b"\n".join([*LINES, name, b"trailer<</Root 1 0 R>>", b"%%EOF", b""])


def signed_file(row: sqlite3.Row) -> bytes:
    """XML with the names of the tax authority's form (TT 32/2025); nobody signs here."""
    parts = {
        "KHMSCTu": row["form"],
        "KHCTu": row["sign"],
        "SCTu": number_text(row),
        "NLap": row["issued_on"],
    }
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in parts.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><CTu>{inner}</CTu>'.encode()
