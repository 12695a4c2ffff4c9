"""Every row of the tables of faults in `docs/sandbox.md`, read from the page and made to happen."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sandbox.faults import LATE_INTERVALS, LETTERS, MAGIC, Fault, by_amount, changed_byte

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text("utf-8")
OPENING_VND = 1_000_000
PATIENCE_S = 2.5
SLOW_S = 1.0  # far above what a busy machine adds to an answer
INTERVAL_S = 0.02
HOUR = timedelta(hours=1)


class Row(NamedTuple):
    ends_in: str
    fault: str
    callbacks: str
    first_call: str
    in_the_end: str


class RefundRow(NamedTuple):
    ends_in: str
    answer: str
    money: str


def rows(heading: str) -> list[list[str]]:
    """The cells of each row of the table whose heading begins so."""
    table = PAGE.split(f"| {heading} |")[1].split("\n\n")[0]
    found = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [cells for cells in found if re.fullmatch(r"\d{3}", cells[0])]


PAYMENTS = [Row(*cells) for cells in rows("amount ends in")]
REFUNDS = [RefundRow(*cells) for cells in rows("refund ends in")]


@dataclass
class Hands:
    """A clock that stands still until it is set on."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


def met(call: Callable[[], requests.Response]) -> str:
    """What a caller with `PATIENCE_S` meets, in the words of the table."""
    started = time.monotonic()
    try:
        answer = call()
    except requests.Timeout:
        return "silence"
    except requests.ConnectionError as error:
        return "reset" if "reset by peer" in str(error) else "cut off"
    if answer.status_code == 503:
        return "503"
    if not answer.headers["Content-Type"].startswith("application/json"):
        return "a web page"
    return "slow" if time.monotonic() - started >= SLOW_S else "answered"


def with_what_came(word: str, *, done: bool) -> str:
    """Where the answer did not come, whether the call was carried out all the same."""
    return word if word in {"answered", "slow"} else f"{word}, {'done' if done else 'not done'}"


def credited_vnd(world: Any) -> int:
    (account,) = requests.get(f"{world.urls['bank']}/accounts", timeout=5).json()["accounts"]
    return account["balance_vnd"] - OPENING_VND


def at_hour(stamp: str, clock: Hands) -> str:
    written = datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=timezone(timedelta(hours=7)))
    return ", an hour ahead" if written - clock.now > HOUR - timedelta(minutes=1) else ""


class Side:
    """One server under a fault. Each step is told in the words of the table."""

    def __init__(self, world: Any, caller: Any, clock: Hands, listener: Any) -> None:
        self.world, self.caller, self.clock, self.listener = world, caller, clock, listener


class VnpaySide(Side):
    def play(self, amount_vnd: int) -> Iterator[str]:
        """The first call, the way back of the browser, and at last what a query says."""
        back, self.created = self.caller.pay("GW0001", amount_vnd)
        self.truth = urlsplit(back.headers["Location"]).query.removeprefix("a=1&")
        asked = self.caller.query_body("GW0001", self.created, vnp_RequestId="once")
        word = met(lambda: self.caller.post(asked, PATIENCE_S))
        done = self.caller.query("GW0001", self.created, vnp_RequestId="once")["vnp_ResponseCode"] == "94"
        yield with_what_came(word, done=done)
        yield {"00": "paid", "02": "failed"}[
            self.caller.query("GW0001", self.created)["vnp_TransactionStatus"]
        ]

    def said(self, arrival: Any, amount_vnd: int) -> str:
        signed, _, code = arrival.query.rpartition("&vnp_SecureHash=")
        if self.caller.sign(signed) != code:
            differing = sum(a != b for a, b in zip(arrival.query, self.truth, strict=True))
            return "one byte changed" if differing == 1 else "wrongly signed"
        fields = dict(parse_qsl(arrival.query))
        if int(fields["vnp_Amount"]) == (amount_vnd + 1000) * 100:
            return "1,000 VND too much"
        paid = (fields["vnp_ResponseCode"], fields["vnp_TransactionStatus"]) == ("00", "00")
        return ("paid" if paid else "failed") + at_hour(fields["vnp_PayDate"], self.clock)


class DvcqgSide(Side):
    def play(self, amount_vnd: int) -> Iterator[str]:
        body = self.caller.init_body("GW0001", amount_vnd)
        word = met(lambda: self._sent("/init", body))
        done = word in {"answered", "slow"} or self._query()["MaLoi"] == "00"
        address = self.caller.post("/init", body)["UrlThanhToan"]
        requests.post(f"{address}/xacnhan", data={"result": "pay"}, timeout=5, allow_redirects=False)
        yield with_what_came(word, done=done)
        yield {"1": "paid", "4": "failed"}[self._query()["TrangThaiGD"]]

    def _query(self) -> dict[str, Any]:
        """The answer to a QUERY, of which the first about a payment meets the fault as well."""
        asked = {"LoaiBanTin": "QUERY", "PhienBan": "1.0.6", "MaDoiTac": "GWTEST", "MaThamChieu": "GW0001"}
        asked["ThoiGianGD"] = "20261124150000"
        asked["MaXacThuc"] = self.caller.mac(*asked.values())
        answers: list[requests.Response] = []
        for _ in range(2):
            met(lambda: answers.append(self._sent("/query", asked)) or answers[-1])
        return answers[-1].json()

    def _sent(self, path: str, body: object) -> requests.Response:
        return requests.post(self.caller.url + path, json=body, timeout=PATIENCE_S)

    def said(self, arrival: Any, amount_vnd: int) -> str:
        truth = self._query()
        del truth["TrangThaiGD"], truth["MaXacThuc"]
        truth["LoaiBanTin"] = "CONFIRM"
        genuine = json.dumps(
            {**truth, "MaXacThuc": self.caller.mac(*truth.values())},
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        if sum(a != b for a, b in zip(arrival.body, genuine, strict=False)) == 1:
            return "one byte changed"
        confirm = json.loads(arrival.body)
        given = confirm.pop("MaXacThuc")
        if self.caller.mac(*confirm.values()) != given:
            return "wrongly signed"
        if confirm["SoTien"] == amount_vnd + 1000:
            return "1,000 VND too much"
        return ("paid" if confirm["MaLoi"] == "00" else "failed") + at_hour(confirm["ThoiGianGD"], self.clock)


def started(setting: Any, server: str, caller_at: Any, clock: Hands, listener: Any) -> Side:
    setting.values[server]["slow_s"] = SLOW_S
    world = setting.start(clock)
    kind = {"vnpay": VnpaySide, "dvcqg": DvcqgSide}[server]
    return kind(world, caller_at(world.urls[server]), clock, listener)


@pytest.mark.parametrize("row", PAYMENTS, ids=lambda row: row.fault)
@pytest.mark.parametrize("server", ["vnpay", "dvcqg"])
def test_a_fault_happens_as_the_page_says(
    server: str, row: Row, setting: Any, listener: Any, vnpay_at: Any, dvcqg_at: Any
) -> None:
    clock, amount_vnd = Hands(), 10_000 + int(row.ends_in)
    side = started(setting, server, {"vnpay": vnpay_at, "dvcqg": dvcqg_at}[server], clock, listener)
    told = [] if row.callbacks == "none" else row.callbacks.split("; ")
    steps = side.play(amount_vnd)
    first_call = next(steps)
    listener.wait_for(sum(not word.startswith("late: ") for word in told))
    prompt = listener.after_quiet(0.15)
    clock.now += timedelta(seconds=INTERVAL_S * (LATE_INTERVALS + 1))
    in_the_end = next(steps)
    arrivals = listener.wait_for(len(told)) if len(told) > len(prompt) else listener.after_quiet(0.05)
    heard = [
        ("" if number < len(prompt) else "late: ") + side.said(arrival, amount_vnd)
        for number, arrival in enumerate(arrivals)
    ]
    seen = Row(row.ends_in, row.fault, "; ".join(heard) or "none", first_call, in_the_end)
    assert row == seen
    assert (amount_vnd if row.in_the_end == "paid" else 0) == credited_vnd(side.world)


@pytest.mark.parametrize("row", REFUNDS, ids=lambda row: row.ends_in)
def test_a_fault_of_a_refund_happens_as_the_page_says(
    row: RefundRow, setting: Any, vnpay_at: Any, listener: Any
) -> None:
    setting.values["vnpay"]["slow_s"] = SLOW_S
    world = setting.start()
    vnpay = vnpay_at(world.urls["vnpay"])
    _, created = vnpay.pay("GW0001", 180_000)
    amount_vnd, clock = 10_000 + int(row.ends_in), Hands()
    asked = vnpay.refund_body("GW0001", created, amount_vnd, "03")
    answers: list[dict[str, str]] = []

    def call() -> requests.Response:
        answer = vnpay.post(asked, PATIENCE_S)
        if answer.headers["Content-Type"].startswith("application/json"):
            answers.append(answer.json())
        return answer

    word = met(call)
    done = credited_vnd(world) == 180_000 - amount_vnd
    if word == "answered":
        word = refund_said(vnpay, answers[0], amount_vnd, clock)
    seen = RefundRow(
        row.ends_in, with_what_came(word, done=done) if not answers else word, "gone" if done else "here"
    )
    assert row == seen


def refund_said(vnpay: Any, answer: dict[str, str], amount_vnd: int, clock: Hands) -> str:
    code = answer.pop("vnp_SecureHash")
    if vnpay.sign("|".join(answer.values())) != code:
        return "wrongly signed"
    if answer["vnp_Amount"] == str((amount_vnd + 1000) * 100):
        return "1,000 VND too much"
    if answer["vnp_TransactionStatus"] == "09":
        return "refused by the bank (09)"
    assert ("00", "05") == (answer["vnp_ResponseCode"], answer["vnp_TransactionStatus"])
    return at_hour(answer["vnp_PayDate"], clock).removeprefix(", ")


def test_the_page_names_every_fault_and_its_amount() -> None:
    assert {str(amount): fault.value for amount, fault in MAGIC.items()} == {
        row.ends_in: row.fault for row in PAYMENTS
    }
    assert set(Fault) - {Fault.NONE} == set(MAGIC.values())


@given(st.integers(0, 10**12))
def test_whole_thousands_are_served_without_a_fault(thousands: int) -> None:
    assert Fault.NONE is by_amount(thousands * 1000)


@given(st.binary(max_size=200), st.text(max_size=20))
def test_a_changed_byte_is_one_letter_or_digit_and_the_same_for_the_same_seed(rest: bytes, seed: str) -> None:
    message = b"a" + rest
    changed = changed_byte(message, seed=seed)
    assert changed == changed_byte(message, seed=seed)
    differing = [at for at, byte in enumerate(message) if byte != changed[at]]
    assert (1, len(message)) == (len(differing), len(changed))
    assert {message[differing[0]], changed[differing[0]]} <= set(LETTERS)
    assert message.lower() != changed.lower()
