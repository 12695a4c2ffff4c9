"""A new bank is one file, one line and samples; and the suite sees each mistake that such a file can hold."""

import hashlib
import json
from pathlib import Path

import pytest
from payment_questions import QUESTIONS
from toys import failing, imported, order
from wire_samples import load

TOY_BANK = '''
"""Toy bank 1.0: everything is `name=value` joined by `&`; `mac` is SHA-256 over what stands before it and the key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.domain import wire
from gateway.domain.errors import BadSignature, ForeignPartner, Malformed, Refused, Unsupported
from gateway.ports import Answer, Capability, HttpAnswer, HttpRequest, Outcome, Report, Started
from signing.mac import same, sha256_hex

CODES: Mapping[str, Outcome] = MappingProxyType({"0": Outcome.PAID, "1": Outcome.PENDING, "2": Outcome.FAILED})
WORDS = MappingProxyType({**dict.fromkeys(Answer, "AGAIN"), Answer.OK: "KNOWN", Answer.DUPLICATE: "KNOWN"})


@dataclass(frozen=True, slots=True)
class Settings:
    shop: str
    key: str = field(repr=False)
    url: str
    timeout_s: float = 10.0


def sign(text, key):
    return f"{text}&mac={sha256_hex(text + key)}"


def decode(settings, body):
    text, _, mac = body.partition(b"&mac=")
    if not same(mac.decode("latin-1"), sha256_hex(text + settings.key.encode())):
        raise BadSignature("toybank: mac does not hold")
    fields = {name: wire.form_decode(value) for name, value in wire.raw_query_pairs(text).items()}
    if set(fields) != {"shop", "order", "sum", "code", "number"}:
        raise Malformed("toybank: not a notice")
    if fields["shop"] != settings.shop:
        raise ForeignPartner("toybank: another shop")
    return Report(
        outcome=CODES.get(fields["code"], Outcome.UNKNOWN),
        reference=fields["order"],
        amount_vnd=wire.whole_number(fields["sum"]),
        currency="VND",
        provider_ref=fields["number"],
        code=fields["code"],
    )


class Toybank:
    name = "toybank"
    capabilities = frozenset({Capability.REDIRECT, Capability.CALLBACK})

    def __init__(self, settings, http):
        self._settings, self._http = settings, http

    def start(self, order):
        text = f"shop={self._settings.shop}&order={order.reference}&sum={order.amount_vnd}"
        body = sign(text, self._settings.key).encode()
        answer = self._http.send(self._request(body))
        wire.usable_status(answer.status)
        document = wire.strict_json_object(answer.body)
        if wire.printed(document, "no"):
            raise Refused("toybank: refused", code=wire.printed(document, "no"))
        if not wire.is_web_address(wire.printed(document, "page"), plain=False):
            raise Malformed("toybank: no page")
        return Started(redirect_url=wire.printed(document, "page"))

    def _request(self, body):
        settings = self._settings
        return HttpRequest(method="POST", url=settings.url, body=body, timeout_s=settings.timeout_s)

    def read_callback(self, message, now):
        return decode(self._settings, message.body)

    def acknowledge(self, answer, message, now):
        return HttpAnswer(status=200, body=WORDS[answer].encode(), headers={"content-type": "text/plain"})

    def query(self, reference, started_at, now, request_id):
        raise Unsupported("toybank: cannot be asked")
'''

# What is broken in the file, and the question that must notice.
MISTAKES = {
    "unsigned": ("if not same(", "if False and not same(", "refuses_a_callback_with_one_changed_byte"),
    "trusting": ('fields["shop"] != settings.shop', "False", "reads_each_callback"),
    "hopeful": (
        'get(fields["code"], Outcome.UNKNOWN)',
        'get(fields["code"], Outcome.PAID)',
        "reads_each_callback",
    ),
    "gloomy": ('"1": Outcome.PENDING', '"1": Outcome.FAILED', "reads_each_callback"),
    "talkative": ("field(repr=False)", "field()", "shows_no_secret"),
    "indiscreet": ('"toybank: mac does not hold"', 'f"not {settings.key}"', "shows_no_secret"),
    "curious": ('"toybank: another shop"', '"Đặng Thị Mẫu has paid elsewhere"', "shows_no_payer"),
    "wordless": (
        'Answer.DUPLICATE: "KNOWN"',
        'Answer.DUPLICATE: "AGAIN"',
        "acknowledges_in_the_providers_own",
    ),
    "nervous": (
        "answer = self._http",
        "self._http.send(HttpRequest('GET', ''));answer = self._http",
        "sends_once",
    ),
    "numbed": ("wire.usable_status(answer.status)", "", "tells_a_refusal_from_a_breakdown"),
    "loose": ("wire.whole_number(", "int(", "reads_each_callback"),
    "crashing": (
        "wire.strict_json_object(answer.body)",
        "json(answer.body)",
        "never_takes_garbage_for_an_answer",
    ),
    "boastful": ('raise Unsupported("toybank: cannot be asked")', "return None", "says_unsupported"),
    "unquoted": (
        "&sum={order.amount_vnd}",
        "&sum={order.amount_vnd}.0",
        "starts_with_the_request_of_the_sample",
    ),
    "misnamed": ('name = "toybank"', 'name = "toy"', "is_named_as_its_file"),
    "deaf": (
        "answer = self._http.send(self._request(body))",
        "answer = deaf(self._http, self._request(body))",
        "keeps_the_meaning_of_a_call",
    ),
}
HELPERS = """
import json as _json
from gateway.domain.errors import OutcomeUnknown, TransportError


def json(data):
    return _json.loads(data)


def deaf(door, request):
    try:
        return door.send(request)
    except TransportError:
        raise OutcomeUnknown("something happened") from None
"""


def test_a_toy_bank_needs_one_file_one_line_and_samples(tmp_path: Path) -> None:
    write_samples(tmp_path)
    bank = imported(tmp_path, "toybank", TOY_BANK)
    case = load("toybank", module=bank, folder=tmp_path)
    assert failing(case) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_suite_notices_a_bank_that_is(mistake: str, tmp_path: Path) -> None:
    right, wrong, question = MISTAKES[mistake]
    assert TOY_BANK.count(right) == 1
    write_samples(tmp_path)
    bank = imported(tmp_path, "toybank", HELPERS + TOY_BANK.replace(right, wrong))
    found = failing(load("toybank", module=bank, folder=tmp_path))
    assert [name for name in found if name.startswith(question)] != [], found


@pytest.mark.parametrize(
    "lost", ["callback.unknown.http", "callback.forged.http", "acknowledge.duplicate.http"]
)
def test_the_suite_notices_that_a_sample_is_missing(lost: str, tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / lost).unlink()
    told = json.loads((tmp_path / "case.json").read_bytes())
    told["expected"].pop(lost, None)
    (tmp_path / "case.json").write_text(json.dumps(told), encoding="utf-8")
    case = load("toybank", module=imported(tmp_path, "toybank", TOY_BANK), folder=tmp_path)
    assert failing(case) != []


def test_the_page_for_a_new_bank_lists_what_it_will_be_asked() -> None:
    page = (Path(__file__).parents[2] / "docs" / "adding-a-bank.md").read_text(encoding="utf-8")
    listed = [line.removeprefix("- ") for line in page.splitlines() if line.startswith("- ")]
    assert listed == [question.__name__.replace("_", " ") for question in QUESTIONS]


def write_samples(folder: Path) -> None:
    files, expected = {}, {}
    for name, told in {"paid": "0", "pending": "1", "failed": "2", "unknown": "7"}.items():
        files[f"callback.{name}.http"] = notice(code=told)
        expected[f"callback.{name}.http"] = report(name, told)
    files["callback.foreign.http"] = notice(shop="OTHER")
    files["callback.forged.http"] = notice().replace(b"sum=90000", b"sum=9000")
    files["callback.spaced_sum.http"] = notice(total="+90000")
    files["start.answer.http"] = answer('{"page":"https://toy.example/p/1"}')
    files["start.refused.http"] = answer('{"no":"13"}')
    text = "shop=GOV&order=C4TOY1&sum=90000"
    files["start.request.http"] = f"POST https://toy.example/new HTTP/1.1\r\n\r\n{signed(text)}".encode()
    files["start.redirect.txt"] = b"https://toy.example/p/1"
    for word, kinds in {"KNOWN": "ok duplicate", "AGAIN": "wrong_amount unknown_order our_error"}.items():
        for kind in kinds.split():
            files[f"acknowledge.{kind}.http"] = answer(word, "text/plain")
    for kind in ("bad_signature", "malformed"):
        files[f"acknowledge.{kind}.http"] = answer("AGAIN", "text/plain")
    errors = {"foreign": "ForeignPartner", "forged": "BadSignature", "spaced_sum": "Malformed"}
    expected |= {f"callback.{name}.http": error for name, error in errors.items()}
    expected["start.refused.http"] = "Refused"
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "case.json").write_text(json.dumps(case_json(expected)), encoding="utf-8")


def case_json(expected: dict[str, object]) -> dict[str, object]:
    return {
        "settings": {"shop": "GOV", "key": "invented-toy-key", "url": "https://toy.example/new"},
        "secrets": ["key"],
        "now": "2026-11-24T08:10:00+00:00",
        "request_id": "q1",
        "order": order("C4TOY1"),
        "silent": {},
        "expected": expected,
    }


def report(outcome: str, code: str) -> dict[str, object]:
    facts = {"reference": "C4TOY1", "amount_vnd": 90000, "currency": "VND", "provider_ref": "T-5"}
    return {"outcome": outcome, **facts, "code": code, "occurred_at": None}


def notice(*, shop: str = "GOV", code: str = "0", total: str = "90000") -> bytes:
    text = f"shop={shop}&order=C4TOY1&sum={total}&code={code}&number=T-5"
    return f"POST /callbacks/toybank HTTP/1.1\r\nhost: cong.example.vn\r\n\r\n{signed(text)}".encode()


def signed(text: str) -> str:
    return f"{text}&mac={hashlib.sha256(f'{text}invented-toy-key'.encode()).hexdigest()}"


def answer(body: str, media_type: str = "application/json") -> bytes:
    return f"HTTP/1.1 200\r\ncontent-type: {media_type}\r\n\r\n{body}".encode()
