"""A payer's bank and the services that watch the agency's account: scan a code, transfer, and be told of it.

A customer scans a VietQR code and transfers. The money moves at `sandbox.bank` at once, under a memo that the payer's
bank has had its way with, and every hook is told in the format of its service: SePay, Casso version 2, or payOS. What
a service does with an answer other than 2xx is SePay's rule; the others publish none.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from flask import Flask, Response, request

from sandbox import faults
from sandbox import transfers_wire as wire
from sandbox.bank import Bank, Movement
from sandbox.courier import NOTICE_TRIES, Courier, Message
from sandbox.faults import Fault
from sandbox.outward import SUCCESS, Reply
from sandbox.pages import dong, error_page, page, pay_page
from sandbox.serving import json_answer, json_object, new_app, read_json
from sandbox.state import Ground, get_control, set_control
from sandbox.transfers_wire import Line, Scanned

SCHEMA = """
CREATE TABLE IF NOT EXISTS transfers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, amount_vnd INTEGER NOT NULL,
    asked_memo TEXT NOT NULL, memo TEXT NOT NULL DEFAULT '', at TEXT NOT NULL);
"""
MAX_VND = 1_000_000_000_000
MAX_MEMO = 210
GARBLE_KEY = "garble"
WRONG_KEY = "another key"


@dataclass(frozen=True, slots=True)
class Hook:
    """Where one service calls."""

    profile: Literal["sepay", "casso_v2", "payos"]
    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TransfersSettings:
    """`interval_s` lies between two tries of a notice."""

    port: int
    hooks: tuple[Hook, ...]
    interval_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What the payer sends off: the scanned code, and what he changed of it."""

    scanned: Scanned
    amount_vnd: int | None = None
    memo: str | None = None
    garble: str | None = None


class Transfers:
    """The transfers, and the notices about them."""

    def __init__(self, settings: TransfersSettings, ground: Ground, bank: Bank) -> None:
        self.settings = settings
        self.ground = ground
        self._bank = bank
        self._hooks: dict[str, Hook] = {hook.profile: hook for hook in settings.hooks}
        ground.state.define(SCHEMA)
        self.courier = Courier(
            ground,
            "transfers",
            acknowledged=_acknowledged,
            interval_s=settings.interval_s,
            max_tries=NOTICE_TRIES,
            seal=self._sealed,
        )

    def transfer(self, wish: Wish) -> dict[str, object]:
        """Carry the transfer out. `error` says why not; else `bank_reference` and the `memo` as it arrived."""
        to = wish.scanned
        amount = to.amount_vnd if wish.amount_vnd is None else wish.amount_vnd
        asked = (to.memo if wish.memo is None else wish.memo)[:MAX_MEMO]
        account = self._bank.accounts.get(to.account)
        if account is None or account.bin != to.bin:
            return {"error": "Tài khoản thụ hưởng không tồn tại"}
        if amount is None or not 0 < amount <= MAX_VND:
            return {"error": "Số tiền không hợp lệ"}
        with self.ground.state.transaction() as db:
            fault = faults.take(db, "transfers", reference=asked, amount_vnd=amount)
            if fault in {Fault.FAIL, Fault.RUN_OUT}:
                return {"error": "Số dư không đủ"}
            line = self._book(db, to.account, amount, asked=asked, garble=wish.garble)
            self._tell(db, line, fault)
        self.courier.wake()
        return {"bank_reference": line.bank_reference, "memo": line.memo}

    def pay_out(self, account: str, amount_vnd: int, memo: str) -> bool:
        """Money that leaves an account of the agency, and the notices of it; False for what cannot be."""
        if account not in self._bank.accounts or not 0 < amount_vnd <= MAX_VND or len(memo) > MAX_MEMO:
            return False
        with self.ground.state.transaction() as db:
            line = self._book(db, account, -amount_vnd, asked=memo, garble=wire.KEPT)
            self._tell(db, line, Fault.NONE)
        self.courier.wake()
        return True

    def repeat(self) -> bool:
        """The last notice of each service once more, as it was; False when there is none."""
        with self.ground.state.transaction() as db:
            last = self.courier.last_of_each_kind(db)
            for message in last:
                self.courier.put(db, message)
        self.courier.wake()
        return bool(last)

    def _book(
        self, db: sqlite3.Connection, account: str, amount_vnd: int, *, asked: str, garble: str | None
    ) -> Line:
        now = self.ground.now_local()
        cursor = db.execute(
            "INSERT INTO transfers (account, amount_vnd, asked_memo, at) VALUES (?, ?, ?, ?)",
            (account, amount_vnd, asked, now.isoformat()),
        )
        number = cursor.lastrowid or 0
        seed = f"{self.ground.seed}:{number}"
        how = garble or get_control(db, "transfers", GARBLE_KEY) or Random(seed).choice(wire.READABLE)
        memo = wire.garble(asked, how, seed=seed)
        db.execute("UPDATE transfers SET memo = ? WHERE id = ?", (memo, number))
        cause = f"transfer:{number}"
        self._bank.move(
            db, Movement(account=account, amount_vnd=amount_vnd, reference="", memo=memo, cause=cause)
        )
        row = db.execute("SELECT bank_reference FROM bank_lines WHERE cause = ?", (cause,)).fetchone()
        total = db.execute(
            "SELECT coalesce(sum(amount_vnd), 0) AS vnd FROM bank_lines WHERE account = ?", (account,)
        ).fetchone()
        return Line(
            id=number,
            account=account,
            amount_vnd=amount_vnd,
            balance_vnd=self._bank.accounts[account].opening_vnd + total["vnd"],
            memo=memo,
            bank_reference=row["bank_reference"],
            at=now,
        )

    def _tell(self, db: sqlite3.Connection, line: Line, fault: Fault) -> None:
        """Put down what each service sends of `line`; a notice never says that money failed to come."""
        told = line
        if fault is Fault.WRONG_AMOUNT:
            told = replace(line, amount_vnd=line.amount_vnd + faults.WRONG_BY_VND)
        flaw = fault.value if fault in {Fault.WRONG_MAC, Fault.CHANGED_BYTE, Fault.SKEWED_CLOCK} else ""
        for sending in faults.sendings(fault, paid=True):
            if sending.says_failed:
                continue
            for hook in self.settings.hooks:
                if hook.profile == "payos" and line.amount_vnd < 0:
                    continue  # it watches payment links, by which nothing goes out
                message = Message(
                    hook.url,
                    self._body(hook.profile, told),
                    kind=hook.profile,
                    flaw=flaw,
                    delay_s=sending.late_intervals * self.settings.interval_s,
                )
                self.courier.put(db, message)

    def _body(self, profile: str, line: Line) -> bytes:
        bank_bin = self._bank.accounts[line.account].bin
        bank = wire.BANKS.get(bank_bin, bank_bin)
        match profile:
            case "sepay":
                return wire.sepay_body(line, bank)
            case "casso_v2":
                return wire.casso_body(line, bank)
            case _:
                return wire.payos_body(line)

    def _sealed(self, message: Message) -> tuple[Mapping[str, str], bytes]:
        hook = self._hooks[message.kind]
        secret = WRONG_KEY if message.flaw == Fault.WRONG_MAC else hook.secret
        now = self.ground.clock()
        if message.flaw == Fault.SKEWED_CLOCK:
            now -= faults.SKEW
        headers, body = {"Content-Type": "application/json"}, message.body or b""
        match message.kind:
            case "sepay":
                headers |= wire.sealed_sepay(secret, body, now)
            case "casso_v2":
                headers |= wire.sealed_casso(secret, body, now)
            case _:
                body = wire.sealed_payos(secret, body)
        if message.flaw == Fault.CHANGED_BYTE:
            body = faults.changed_byte(body, seed=f"{self.ground.seed}:{message.kind}")
        return headers, body


def _acknowledged(message: Message, reply: Reply) -> bool:
    """SePay also reads `success`; the others look at the status alone."""
    said = (json_object(reply.body) or {}).get("success")
    return reply.status in SUCCESS and (message.kind != "sepay" or said is True)


def read_wish(told: Mapping[str, object]) -> Wish | None:
    """`{"qr", "amount_vnd"?, "memo"?, "garble"?}` as a wish, or None."""
    payload, amount, memo, how = (told.get(name) for name in ("qr", "amount_vnd", "memo", "garble"))
    scanned = wire.scan(payload) if isinstance(payload, str) else None
    if scanned is None or (memo is not None and not isinstance(memo, str)):
        return None
    if amount is not None and (not isinstance(amount, int) or isinstance(amount, bool)):
        return None
    if how is not None and how not in (*wire.READABLE, *wire.UNREADABLE):
        return None
    return Wish(scanned, amount, memo, str(how) if how is not None else None)


def _control(transfers: Transfers, order: Mapping[str, object]) -> bool:
    """Carry out a story's word; False when it is none."""
    if "garble" in order:
        how = order["garble"]
        if how is not None and how not in (*wire.READABLE, *wire.UNREADABLE):
            return False
        with transfers.ground.state.transaction() as db:
            set_control(db, "transfers", GARBLE_KEY, value=None if how is None else str(how))
        return True
    if order.get("repeat") is True:
        return transfers.repeat()
    line = order.get("debit")
    if isinstance(line, dict):
        account, amount, memo = line.get("account"), line.get("amount_vnd"), line.get("memo")
        whole = isinstance(amount, int) and not isinstance(amount, bool)
        if not (isinstance(account, str) and isinstance(memo, str) and whole):
            return False
        return transfers.pay_out(account, int(amount or 0), memo)
    with transfers.ground.state.transaction() as db:
        return faults.control(db, "transfers", dict(order))


def transfers_app(transfers: Transfers) -> Flask:
    """`GET /scan`, `POST /transfer` (the page's form, or JSON), and `POST /_control`."""
    app = new_app("transfers")

    @app.get("/scan")
    def scan() -> Response:
        payload = request.args.get("qr", "")
        found = wire.scan(payload)
        if found is None:
            return error_page(code="QR", message="Mã QR không hợp lệ")
        amount = "" if found.amount_vnd is None else dong(found.amount_vnd)
        rows = {
            "Ngân hàng": found.bin,
            "Tài khoản": found.account,
            "Số tiền": amount,
            "Nội dung": found.memo,
        }
        return pay_page(
            title="Chuyển khoản nhanh NAPAS 247 (thử nghiệm)", rows=rows, action="/transfer", token=payload
        )

    @app.post("/transfer")
    def transfer() -> Response:
        form = request.mimetype == "application/x-www-form-urlencoded"
        if form and request.form.get("result") != "pay":
            return page("Đã hủy", "<p>Giao dịch đã được hủy.</p>")
        wish = read_wish({"qr": request.form.get("token")} if form else read_json() or {})
        if wish is None:
            refused = {"error": "Mã QR không hợp lệ"}
            return error_page(code="QR", message=refused["error"]) if form else json_answer(refused, 400)
        done = transfers.transfer(wish)
        error = str(done.get("error", ""))
        if form:
            said = f"<p>Đã chuyển khoản. Mã giao dịch: {done.get('bank_reference')}</p>"
            return error_page(code="NH", message=error) if error else page("Chuyển khoản", said)
        return json_answer(done, 409 if error else 200)

    @app.post("/_control")
    def control() -> Response:
        if not _control(transfers, read_json() or {}):
            return json_answer({"error": "garble, repeat, debit, drop_confirm_for or next"}, 400)
        return json_answer({"ok": True})

    return app
