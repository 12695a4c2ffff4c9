"""Each provider of this machine's world with its adapter, on the virtual wire, and the payer between them."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sandbox_virtual import Lost, Wire

from gateway import partners
from gateway.config import Settings
from gateway.domain.errors import BadSignature, GatewayError, InputError, Refused
from gateway.local_settings import BASE
from gateway.local_world import ACCOUNT
from gateway.ports import (
    Agency,
    Answer,
    Bill,
    FeeLine,
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    InboundMessage,
    Outcome,
    Payer,
    RefundOrder,
    Report,
    StartOrder,
)
from sandbox.config import SERVERS
from sandbox.outward import Call, Reply
from sandbox.state import read_stamp

REFERENCE = "C4261124K7Q2M9XT"
HOUR = timedelta(hours=1)
SERVER_OF = {"keypay2": "keypay"}
ADAPTER_OF = {"transfers": "sepay"}


@dataclass
class Door:
    """The gateway's way out, on the virtual wire."""

    wire: Wire

    def send(self, asked: HttpRequest) -> HttpAnswer:
        answer = self.wire.call(asked.url, asked.method, headers=dict(asked.headers), data=asked.body)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return HttpAnswer(answer.status_code, answer.get_data(), headers)


def providers_of(variables: Mapping[str, str], door: HttpDoor) -> dict[str, Any]:
    """The adapters of a gateway with this environment."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in variables.items():
            patch.setenv(variable, value)
        return dict(partners.providers(Settings(), door))


class Side:
    """One provider of the world and its adapter, and the payer between them."""

    counted = ""
    """The table that has a row once the first call was carried out; empty when nothing can be counted."""

    def __init__(self, name: str, world: Mapping[str, Any], variables: Mapping[str, str], seed: int) -> None:
        server, ours = SERVER_OF.get(name, name), ADAPTER_OF.get(name, name)
        parts = {part: value for part, value in world.items() if part not in SERVERS or part == server}
        self.wire = Wire(self.hear).build({**parts, "seed": seed, "state_dir": ":memory:"})
        needed = {ours, "vietqr"}  # the others' keys would be read for nothing
        known = json.loads(variables["GATEWAY_PROVIDERS"])
        chosen = {**variables, "GATEWAY_PROVIDERS": json.dumps({each: known[each] for each in needed})}
        self.providers = providers_of(chosen, Door(self.wire))
        self.name, self.adapter = name, self.providers[ours]
        self.bill: Bill | None = None

    def hear(self, call: Call) -> Reply | None:
        """The gateway: it knows `bill`, and acknowledges what it is told."""
        message = self.message(call)
        if "/inquiries/" in call.url:
            assert REFERENCE == self.adapter.read_inquiry(message, self.wire.now)
            given = self.adapter.answer_inquiry(Answer.OK, self.bill, message, self.wire.now)
        else:
            given = self.adapter.acknowledge(Answer.OK, message, self.wire.now)
        return Reply(given.status, given.headers, given.body)

    def message(self, call: Call) -> InboundMessage:
        parts = urlsplit(call.url)
        headers = {name.lower(): value for name, value in call.headers.items()}
        return InboundMessage(call.method, parts.path, parts.query.encode(), headers, call.body or b"")

    def order(self, amount_vnd: int) -> StartOrder:
        return StartOrder(
            reference=REFERENCE,
            amount_vnd=amount_vnd,
            description="Lệ phí hồ sơ H28-261124-0001",
            case_code="H28-261124-0001",
            procedure_code="1.000001",
            procedure_name="Cấp bản sao",
            lines=(FeeLine("le_phi", "LP01", "Lệ phí", amount_vnd),),
            agency=Agency("H28", "UBND xã Thử", ACCOUNT, "970418", "UBND XA THU"),
            payer=Payer("Nguyễn Văn A", "001099000001", "Số 1", "Hà Nội"),
            return_url="http://127.0.0.1:8080/return/x/y",
            client_ip="203.0.113.7",
            created_at=self.wire.now,
            expires_at=self.wire.now + timedelta(minutes=15),
        )

    def start(self, amount_vnd: int) -> Any:
        """What the payer is given; the word of the first call is the first of the wire's."""
        order = self.order(amount_vnd)
        for _ in range(2):
            with contextlib.suppress(GatewayError, Lost):
                return self.adapter.start(order)
            self.done = bool(self.count())
            self.lost = True
        raise AssertionError("the second call was not served")

    def count(self) -> int:
        with self.wire.world.ground.state.transaction() as db:
            return int(db.execute(f"SELECT count(*) AS n FROM {self.counted}").fetchone()["n"])

    def play(self, amount_vnd: int) -> str:
        """Start and pay; what the first call met, in the words of the table."""
        self.lost = False
        started = self.start(amount_vnd)
        word = self.first_lost_word() if self.lost else self.wire.words[-1]
        self.press(started)
        return f"{word}, {'done' if self.done else 'not done'}" if self.lost else word

    def first_lost_word(self) -> str:
        return next(word for word in self.wire.words if word != "answered")

    def press(self, started: Any) -> None:
        self.wire.page(started.redirect_url)

    def ended(self) -> str:
        """What a query says, of which the first may be lost."""
        for _ in range(2):
            with contextlib.suppress(GatewayError, Lost):
                report = self.adapter.query(REFERENCE, self.wire.now, self.wire.now, "q")
                return {Outcome.PAID: "paid", Outcome.FAILED: "failed"}[report.outcome]
        raise AssertionError("the second question was not answered")

    def refund(self, amount_vnd: int) -> str:
        """Ask once for a part of a payment back: what came of it, and where the money is."""
        before, calls = self.wire.credited_vnd(), len(self.wire.words)
        now = self.wire.now
        order = RefundOrder("R1", REFERENCE, None, amount_vnd, before, now, now, "Hoàn phí", "ketoan01")
        met = ""
        try:
            report = self.adapter.refund(order, "q")
        except BadSignature:
            met = "wrongly signed"
        except Refused:
            met = "refused"
        except (GatewayError, Lost):
            met = self.wire.words[calls]
        else:
            met = "too much" if report.amount_vnd == amount_vnd + 1000 else str(report.outcome)
        met = "slow" if self.wire.words[calls] == "slow" else met
        return f"{met}, {'here' if before == self.wire.credited_vnd() else 'gone'}"

    def said(self, call: Call, amount_vnd: int) -> str:
        try:
            report = self.adapter.read_callback(self.message(call), self.wire.now)
        except InputError:
            return "wrongly signed"
        if report.amount_vnd == amount_vnd + 1000:
            return "1,000 VND too much"
        word = {Outcome.PAID: "paid", Outcome.FAILED: "failed"}[report.outcome]
        at = self.stamped(call, report)
        ahead = at is not None and at - self.wire.now > HOUR - HOUR / 60
        return f"{word}, an hour ahead" if ahead else word

    def stamped(self, _call: Call, report: Report) -> datetime | None:
        """The time that the provider wrote, as the adapter read it."""
        return report.occurred_at


class KeypaySide(Side):
    """Version 3."""

    counted = "keypay_payments"


class PaygovSide(Side):
    counted = "paygov_payments"

    def ended(self) -> str:
        return "paid" if self.wire.credited_vnd() else "failed"  # nothing can be asked


class ViettelpaySide(Side):
    """The first call that can go wrong is a query: the payer is only sent to an address."""

    def play(self, amount_vnd: int) -> str:
        self.bill = bill(amount_vnd, self.wire.now)
        self.press(self.adapter.start(self.order(amount_vnd)))
        before = len(self.wire.words)
        with contextlib.suppress(GatewayError, Lost):
            self.adapter.query(REFERENCE, self.wire.now, self.wire.now, "q")
        return self.wire.words[before]


class Keypay2Side(ViettelpaySide):
    """Version 2: an address, a query, and nothing that KeyPay tells by itself."""


class TtttqgSide(Side):
    counted = "ttttqg_payments"

    def press(self, started: Any) -> None:
        self.wire.page(f"{BASE['ttttqg']}/quet", qr=started.qr_payload)


class CollectingSide(Side):
    def play(self, amount_vnd: int) -> str:
        self.bill = bill(amount_vnd, self.wire.now)
        started = self.adapter.start(self.order(amount_vnd))
        self.wire.page(f"{BASE[self.name]}/thuho", ma=started.pay_code)
        return self.wire.words[0]

    def ended(self) -> str:
        return "paid" if self.wire.credited_vnd() else "failed"


class BidvSide(CollectingSide):
    def stamped(self, call: Call, report: Report) -> datetime | None:
        """The adapter does not believe trans_date, which nothing signs; it is on the wire all the same."""
        assert report.occurred_at is None
        return read_stamp(json.loads(call.body or b"")["trans_date"])


class TransfersSide(CollectingSide):
    def play(self, amount_vnd: int) -> str:
        self.wire.call(f"{BASE['transfers']}/_control", "POST", data='{"garble": "kept"}')
        started = self.providers["vietqr"].start(self.order(amount_vnd))
        self.wire.page(f"{BASE['transfers']}/scan", qr=started.qr_payload)
        return self.wire.words[1]

    def said(self, call: Call, amount_vnd: int) -> str:
        word = super().said(call, amount_vnd)
        if word == "wrongly signed":
            self.wire.now -= HOUR
            old = super().said(call, amount_vnd)
            self.wire.now += HOUR
            return word if old == word else "paid, signed an hour ago"
        return word


SIDES = {
    "keypay": KeypaySide,
    "keypay2": Keypay2Side,
    "paygov": PaygovSide,
    "viettelpay": ViettelpaySide,
    "ttttqg": TtttqgSide,
    "vietinbank": CollectingSide,
    "bidv": BidvSide,
    "transfers": TransfersSide,
}


def bill(amount_vnd: int, now: datetime) -> Bill:
    return Bill(
        reference=REFERENCE,
        amount_vnd=amount_vnd,
        description="Lệ phí hồ sơ",
        payable=True,
        case_code="H28-261124-0001",
        agency=Agency("H28", "UBND xã Thử", ACCOUNT, "970418", "UBND XA THU"),
        lines=(),
        payer=Payer("Nguyễn Văn A"),
        expires_at=now + timedelta(days=1),
    )
