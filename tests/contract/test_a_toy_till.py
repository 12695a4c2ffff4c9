"""A toy bank that does all that the other does not: it refunds, asks, tells by memo and gives a paper."""

import hashlib
import json
from pathlib import Path

import pytest
from toys import failing, imported, order
from wire_samples import load

TOY_TILL = '''
"""Toy till 1.0: `name=value` joined by `&`; `mac` is SHA-256 over what stands before it and the key."""

from dataclasses import dataclass, field

from gateway.domain import wire
from gateway.domain.errors import BadSignature, ForeignPartner, Malformed, Refused, Unsupported
from gateway.ports import Answer, Capability, HttpAnswer, HttpRequest, Outcome, RefundReport, Report
from signing.mac import same, sha256_hex

CODES = {"0": Outcome.PAID, "1": Outcome.PENDING, "2": Outcome.FAILED}
WORDS = {Answer.OK: "KNOWN", Answer.DUPLICATE: "KNOWN"}
OWED = {Answer.DUPLICATE: "NOTHING", Answer.UNKNOWN_ORDER: "WHAT"}


@dataclass(frozen=True, slots=True)
class Settings:
    shop: str
    key: str = field(repr=False)
    url: str
    timeout_s: float = 10.0


class Toytill:
    name = "toytill"
    capabilities = frozenset(
        {
            Capability.CALLBACK,
            Capability.NOTICE,
            Capability.REFUND,
            Capability.REFUND_QUERY,
            Capability.INQUIRY,
            Capability.BILL,
        }
    )

    def __init__(self, settings, http):
        self._settings, self._http = settings, http

    def start(self, order):
        raise Unsupported("toytill: has no page")

    def query(self, reference, started_at, now, request_id):
        raise Unsupported("toytill: cannot be asked")

    def read_callback(self, message, now):
        fields = self._checked(message.body, "shop sum memo number way")
        if fields["way"] != "in":
            raise Malformed("toytill: money that went out")
        return Report(
            outcome=Outcome.PAID,
            reference="",
            amount_vnd=wire.whole_number(fields["sum"]),
            currency="VND",
            provider_ref=fields["number"],
            code=fields["way"],
            memo=fields["memo"],
        )

    def acknowledge(self, answer, message, now):
        return self._said(WORDS.get(answer, "AGAIN"))

    def refund(self, order, request_id):
        kind = "all" if order.amount_vnd == order.paid_vnd else "part"
        told = f"kind={kind}&of={order.payment_reference}&as={order.reference}&sum={order.amount_vnd}"
        return self._refunded(order, self._sent(told))

    def query_refund(self, order, now, request_id):
        return self._refunded(order, self._sent(f"ask={order.reference}"))

    def _refunded(self, order, answer):
        fields = self._checked(answer.body, "shop as sum code number")
        if fields["code"] == "13":
            raise Refused("toytill: refused", code="13")
        if fields["as"] != order.reference:
            raise Malformed("toytill: another refund")
        return RefundReport(
            outcome=CODES.get(fields["code"], Outcome.UNKNOWN),
            reference=fields["as"],
            amount_vnd=wire.whole_number(fields["sum"]),
            provider_ref=fields["number"],
            code=fields["code"],
        )

    def read_inquiry(self, message, now):
        return self._checked(message.body, "shop order")["order"]

    def answer_inquiry(self, answer, bill, message, now):
        if answer is not Answer.OK or bill is None:
            return self._said(OWED.get(answer, "NO"))
        if not bill.payable:
            return self._said("NOTHING")
        return self._said(f"{bill.reference} {bill.amount_vnd} {bill.payer.name}")

    def bill(self, reference, provider_ref, now, request_id):
        answer = self._sent(f"paper={reference}")
        if answer.body == b"NONE":
            raise Refused("toytill: no paper yet", code="NONE")
        if not answer.body.startswith(b"%PDF-"):
            raise Malformed("toytill: no paper")
        return answer.body

    def _sent(self, text):
        settings = self._settings
        body = f"{text}&mac={sha256_hex(text + settings.key)}".encode()
        answer = self._http.send(HttpRequest("POST", settings.url, body=body, timeout_s=settings.timeout_s))
        wire.usable_status(answer.status)
        return answer

    def _checked(self, body, names):
        text, _, mac = body.partition(b"&mac=")
        if not same(mac.decode("latin-1"), sha256_hex(text + self._settings.key.encode())):
            raise BadSignature("toytill: mac does not hold")
        fields = {name: wire.form_decode(value) for name, value in wire.raw_query_pairs(text).items()}
        if set(fields) != set(names.split()):
            raise Malformed("toytill: other fields")
        if fields["shop"] != self._settings.shop:
            raise ForeignPartner("toytill: another shop")
        return fields

    def _said(self, word):
        return HttpAnswer(status=200, body=word.encode(), headers={"content-type": "text/plain"})
'''

# What is broken in the file, and the question that must notice.
MISTAKES = {
    "generous": (
        'kind = "all" if order.amount_vnd == order.paid_vnd else "part"',
        'kind = "part"',
        "tells_a_full_refund",
    ),
    "lavish": (
        "&as={order.reference}&sum={order.amount_vnd}",
        "&as={order.reference}&sum={order.paid_vnd}",
        "asks_for_a_refund",
    ),
    "overhasty": (
        'CODES.get(fields["code"], Outcome.UNKNOWN)',
        'CODES.get(fields["code"], Outcome.PAID)',
        "reads_each_answer_to_a_refund",
    ),
    "absent-minded": (
        'reference=fields["as"]',
        "reference=order.payment_reference",
        "reads_each_answer_to_a_refund",
    ),
    "yielding": (
        'if fields["code"] == "13":',
        'if fields["code"] == "14":',
        "reads_each_answer_to_a_refund",
    ),
    "mumbling": ('f"ask={order.reference}"', 'f"ask={order.payment_reference}"', "asks_about_a_refund"),
    "confused": (
        'if fields["as"] != order.reference:',
        'if fields["as"] != order.payment_reference:',
        "reads_each_answer_about_a_refund",
    ),
    "open": (
        'self._checked(message.body, "shop order")["order"]',
        'wire.form_decode(wire.raw_query_pairs(message.body)["order"])',
        "refuses_an_inquiry_with_one_changed_byte",
    ),
    "gossiping": (
        '"NOTHING")\n        return',
        'f"NOTHING {bill.payer.name}")\n        return',
        "shows_a_bill_only",
    ),
    "short-spoken": ('Answer.DUPLICATE: "NOTHING", ', "", "answers_an_inquiry_in_the_providers_own_words"),
    "brittle": ("or bill is None", "", "answers_every_inquiry_whatever_it_holds"),
    "forgetful": ('memo=fields["memo"],', 'memo="",', "reads_each_callback"),
    "gullible": ('if fields["way"] != "in":', "if False:", "reads_each_callback"),
    "paperless": ('startswith(b"%PDF-")', 'startswith(b"")', "never_takes_garbage"),
    "evasive": (
        'raise Refused("toytill: no paper yet", code="NONE")',
        'return b""',
        "brings_each_bill_as_expected",
    ),
    "misdirected": ('f"paper={reference}"', 'f"paper={provider_ref}"', "asks_for_a_bill"),
    "pretending": (
        'raise Unsupported("toytill: has no page")',
        "return None",
        "says_unsupported",
    ),
    "one-armed": ("def query_refund", "def asked_refund", "asks_about_a_refund"),
}
KEY = "invented-till-key"
REFUND = "R4TOY1"


def test_a_toy_till_needs_one_file_one_line_and_samples(tmp_path: Path) -> None:
    write_samples(tmp_path)
    till = imported(tmp_path, "toytill", TOY_TILL)
    assert failing(load("toytill", module=till, folder=tmp_path)) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_suite_notices_a_till_that_is(mistake: str, tmp_path: Path) -> None:
    right, wrong, question = MISTAKES[mistake]
    assert TOY_TILL.count(right) == 1
    write_samples(tmp_path)
    till = imported(tmp_path, "toytill", TOY_TILL.replace(right, wrong))
    found = failing(load("toytill", module=till, folder=tmp_path))
    assert [name for name in found if name.startswith(question)] != [], found


@pytest.mark.parametrize(
    "lost",
    [
        "refund.refused.http",
        "refund.pending.http",
        "query_refund.foreign.http",
        "inquiry.forged.http",
        "inquiry.answer.duplicate.http",
        "callback.debit.http",
        "bill.refused.http",
        "bill.given.http",
    ],
)
def test_the_suite_notices_that_a_sample_of_the_till_is_missing(lost: str, tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / lost).unlink()
    told = json.loads((tmp_path / "case.json").read_bytes())
    told["expected"].pop(lost, None)
    (tmp_path / "case.json").write_text(json.dumps(told), encoding="utf-8")
    case = load("toytill", module=imported(tmp_path, "toytill", TOY_TILL), folder=tmp_path)
    assert failing(case) != []


def write_samples(folder: Path) -> None:
    files, expected = notices()
    for more, told in (refunds(), inquiries(), bills()):
        files |= more
        expected |= told
    for name, data in files.items():
        (folder / f"{name}.http").write_bytes(data)
    case = {
        "settings": {"shop": "GOV", "key": KEY, "url": "https://till.example/new"},
        "secrets": ["key"],
        "now": "2026-11-24T08:10:00+00:00",
        "request_id": "q1",
        "order": order("C4TOY1"),
        "refund": {"reference": REFUND, "amount_vnd": 30000},
        "silent": {
            f"callback.{outcome}": "only money that has come is told"
            for outcome in ("pending", "failed", "unknown")
        },
        "expected": {f"{name}.http": what for name, what in expected.items()},
    }
    (folder / "case.json").write_text(json.dumps(case), encoding="utf-8")


def notices() -> tuple[dict[str, bytes], dict[str, object]]:
    def notice(*, shop: str = "GOV", way: str = "in") -> bytes:
        return received(f"shop={shop}&sum=90000&memo=Le+phi+C4TOY1&number=T-5&way={way}")

    paid = {"outcome": "paid", "reference": "", "amount_vnd": 90000, "currency": "VND", "provider_ref": "T-5"}
    files = {
        "callback.paid": notice(),
        "callback.debit": notice(way="out"),
        "callback.foreign": notice(shop="OTHER"),
        "callback.forged": notice().replace(b"90000", b"9000"),
    }
    for kind in ("ok", "duplicate"):
        files[f"acknowledge.{kind}"] = answer("KNOWN")
    for kind in ("wrong_amount", "unknown_order", "bad_signature", "malformed", "our_error"):
        files[f"acknowledge.{kind}"] = answer("AGAIN")
    return files, {
        "callback.paid": {**paid, "code": "in", "occurred_at": None, "memo": "Le phi C4TOY1"},
        "callback.debit": "Malformed",
        "callback.foreign": "ForeignPartner",
        "callback.forged": "BadSignature",
    }


def refunds() -> tuple[dict[str, bytes], dict[str, object]]:
    def word(code: str, *, shop: str = "GOV", of: str = REFUND) -> bytes:
        return answer(signed(f"shop={shop}&as={of}&sum=30000&code={code}&number=G-7"))

    files = {
        "refund.request": sent(f"kind=part&of=C4TOY1&as={REFUND}&sum=30000"),
        "refund.request.full": sent(f"kind=all&of=C4TOY1&as={REFUND}&sum=90000"),
        "query_refund.request": sent(f"ask={REFUND}"),
    }
    expected: dict[str, object] = {}
    for call in ("refund", "query_refund"):
        for outcome, code in {"paid": "0", "pending": "1", "failed": "2", "unknown": "7"}.items():
            files[f"{call}.{outcome}"] = word(code)
            facts = {"reference": REFUND, "amount_vnd": 30000, "provider_ref": "G-7", "code": code}
            expected[f"{call}.{outcome}"] = {"outcome": outcome, **facts}
        files |= {
            f"{call}.refused": word("13"),
            f"{call}.foreign": word("0", shop="OTHER"),
            f"{call}.forged": word("0").replace(b"30000", b"3000"),
            f"{call}.of_another": word("0", of="R4TOY2"),
        }
        expected |= {
            f"{call}.refused": "Refused",
            f"{call}.foreign": "ForeignPartner",
            f"{call}.forged": "BadSignature",
            f"{call}.of_another": "Malformed",
        }
    return files, expected


def inquiries() -> tuple[dict[str, bytes], dict[str, object]]:
    files = {
        "inquiry.asked": received("shop=GOV&order=C4TOY1"),
        "inquiry.forged": received("shop=GOV&order=C4TOY1").replace(b"C4TOY1", b"C4TOY2"),
        "inquiry.answer.ok": answer("C4TOY1 90000 Đặng Thị Mẫu"),
        "inquiry.answer.duplicate": answer("NOTHING"),
        "inquiry.answer.unknown_order": answer("WHAT"),
        **{f"inquiry.answer.{kind}": answer("NO") for kind in ("bad_signature", "malformed", "our_error")},
    }
    return files, {"inquiry.asked": {"reference": "C4TOY1"}, "inquiry.forged": "BadSignature"}


def bills() -> tuple[dict[str, bytes], dict[str, object]]:
    paper = "%PDF-1.7 a paper"
    files = {
        "bill.request": sent("paper=C4TOY1"),
        "bill.given": answer(paper),
        "bill.refused": answer("NONE"),
    }
    given = {"sha256": hashlib.sha256(paper.encode()).hexdigest()}
    return files, {"bill.given": given, "bill.refused": "Refused"}


def signed(text: str) -> str:
    return f"{text}&mac={hashlib.sha256(f'{text}{KEY}'.encode()).hexdigest()}"


def sent(text: str) -> bytes:
    return f"POST https://till.example/new HTTP/1.1\r\n\r\n{signed(text)}".encode()


def received(text: str) -> bytes:
    return f"POST /callbacks/toytill HTTP/1.1\r\nhost: cong.example.vn\r\n\r\n{signed(text)}".encode()


def answer(body: str) -> bytes:
    return f"HTTP/1.1 200\r\ncontent-type: text/plain\r\n\r\n{body}".encode()
