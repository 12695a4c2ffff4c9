"""The three providers as this world plays them, asked by the adapters: both sides of each wire fit.

The rows of faults are read from `docs/sandbox.md`, and each happens at each provider.
"""

import dataclasses
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client

from adapters.receipts import misa, viettel, vnpt
from gateway.domain.errors import GatewayError, OutcomeUnknown, ReferenceConflict, Refused, Unreachable
from gateway.http import Door
from gateway.ports import (
    FeeLine,
    HttpAnswer,
    HttpRequest,
    IssuedReceipt,
    NotThere,
    Payer,
    PayForm,
    ReceiptFile,
    ReceiptOrder,
    ReceiptProvider,
    ReceiptSeries,
    Standing,
)
from sandbox.config import RECEIPT_SERVERS, read_world
from sandbox.errors import WorldMisconfigured
from sandbox.faults import MAGIC
from sandbox.mishaps import MISHAP
from sandbox.receipt_book import TOKEN_LIFE_S
from sandbox.world import World

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text("utf-8")
SECTION = PAGE.partition("## Legal receipts")[2].partition("\n## ")[0]
SHOWN: dict[str, Any] = json.loads(SECTION.split("```json\n")[1].partition("```")[0])
NAMES = ("vnpt", "viettel", "misa")
TAX_CODE = "5400000000"
SERIES = ReceiptSeries(TAX_CODE, "01BLP0-001", "AA-26E")
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
OF_THIS_WORLD = {
    "viettel": {
        "INVOICE_NUMBER_USED_UP",
        "INVOICE_ISSUED_DATE_INVALID",
        "INVOICE_CERTIFICATE_EXPIRED",
        "INVOICE_ALREADY_CANCELLED",
        "INVOICE_ORIGINAL_NOT_FOUND",
        "BAD_REQUEST_DATA",
    },
    "misa": {"InvalidInvoiceSeries", "InvoiceDeleted"},
}
each_provider = pytest.mark.parametrize("name", NAMES)


@dataclass
class Side:
    """One provider on a virtual wire, and its adapter."""

    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW
    words: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        server = f"{self.name}_receipts"
        self.world = World(
            read_world(whole({server: {**SHOWN[server], **self.changes}})),
            listen=False,
            clock=lambda: self.now,
            send=lambda _: None,
            pause=lambda _: False,
        )
        self.app = self.world.apps[server]
        self.provider = adapter(self.name, f"http://{server}.test", self)

    def send(self, request: HttpRequest) -> HttpAnswer:
        """As a door: what the wire does is the last of `words`."""
        told: list[str] = []
        answer = Client(self.app, use_cookies=False).open(
            request.url.partition(".test")[2],
            method=request.method,
            headers=dict(request.headers),
            data=request.body,
            environ_overrides={MISHAP: lambda word, _seconds: told.append(word)},
        )
        self.words.append(told[0] if told else "")
        self.paths.append(urlsplit(request.url).path)
        if self.words[-1] in {"lose_answer", "reset", "hang"}:
            raise OutcomeUnknown("no answer")
        return HttpAnswer(answer.status_code, answer.data, {k.lower(): v for k, v in answer.headers.items()})

    def issue(self, made: ReceiptOrder) -> str:
        """In the words of the page."""
        try:
            issued = self.provider.issue(made, self.now)
        except OutcomeUnknown:
            return "in doubt"
        except Refused:
            return "refused"
        slow = "slow, " if "slow" in self.words else ""
        self.words.clear()
        return slow + ("repeated" if issued.repeated else "issued")

    def find(self, made: ReceiptOrder) -> IssuedReceipt | NotThere:
        return self.provider.look_up(made.key, made.series, self.now)

    def book(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = Client(self.app).get("/_receipts").get_json()["receipts"]
        return listed


def whole(sections: dict[str, Any], *, state_dir: str = ":memory:") -> dict[str, Any]:
    account = {"bin": "970418", "number": "0123456789", "name": "TTPVHCC"}
    bank = {"port": 0, "accounts": [account]}
    made = {name: {**section, "port": 0} for name, section in sections.items()}
    return {"gateway_url": "http://gateway.test", "state_dir": state_dir, "bank": bank, **made}


def adapter(name: str, url: str, door: Any, **changes: Any) -> ReceiptProvider:
    given = {key: value for key, value in SHOWN[f"{name}_receipts"].items() if key != "port"}
    if name == "vnpt":
        services = {
            f"{part}_url": f"{url}/{part.capitalize()}Service.asmx"
            for part in ("publish", "portal", "business")
        }
        return vnpt.Vnpt(vnpt.Settings(**{"tax_code": TAX_CODE, **given, **services, **changes}), door)
    module: Any = {"viettel": viettel, "misa": misa}[name]
    usual = next(each.default for each in dataclasses.fields(module.Settings) if each.name == "refusals")
    refusals = {"refusals": usual | OF_THIS_WORLD[name]}
    settings = module.Settings(**{**given, "base_url": url, **refusals, **changes})
    provider: ReceiptProvider = getattr(module, name.capitalize())(settings, door)
    return provider


def order(amount_vnd: int = 180_000, *, key: str = "rct_0001_00", **changes: Any) -> ReceiptOrder:
    made = ReceiptOrder(
        key=key,
        series=SERIES,
        lines=(FeeLine("le_phi", "LP01", "Lệ phí", amount_vnd),),
        payer=Payer("Nguyễn <b>A</b> & ]]> </CusName><Amount>1</Amount>", "001099000001", "Số 1, Hà Nội"),
        collector_name="Sở Xây dựng",
        case_code="H28-261124-0001",
        form=PayForm.ONLINE,
        issued_at=NOW,
    )
    return replace(made, **changes)


ROWS = [
    [cell.strip(" `") for cell in line.strip("|").split("|")]
    for line in SECTION.partition("| receipt ends in |")[2].splitlines()[2:]
    if re.match(r"\| \d{3} \|", line)
]
FAULTLESS = ["000", "none", "issued", "there", "repeated"]


# --- faults -------------------------------------------------------------------------------------


@each_provider
@pytest.mark.parametrize("row", [FAULTLESS, *ROWS], ids=lambda row: row[0])
def test_a_fault_of_a_receipt_happens_as_the_page_says(name: str, row: list[str]) -> None:
    ends_in, fault, issue, then, again = row
    side, made = Side(name), order(10_000 + int(ends_in))
    assert fault == MAGIC.get(int(ends_in), "none")
    assert issue == side.issue(made)
    there = "not there" if isinstance(side.find(made), NotThere) else "there"
    assert (then, again) == (there, side.issue(made).removeprefix("slow, "))
    kept = [(each["key"], each["number"]) for each in side.book()]
    assert ([] if again == "refused" else [(made.key, 1)]) == kept


def test_the_page_has_a_row_for_each_fault_that_a_receipt_can_meet() -> None:
    faults = {"duplicate_callback", "slow", "fail", "lose_answer", "reset", "garbage", "unavailable", "hang"}
    assert {"run_out", *faults} == {row[1] for row in ROWS}


# --- the book -----------------------------------------------------------------------------------


@each_provider
def test_what_was_issued_is_what_was_asked_for(name: str) -> None:
    side, made = Side(name), order(330_000)
    fee = FeeLine("phi", "P01", "Phí <&> thẩm định", 150_000)
    made = replace(made, lines=(fee, replace(made.lines[0], amount_vnd=180_000)))
    assert "issued" == side.issue(made)
    [kept] = side.book()
    told = (kept["payer"], kept["amount_vnd"], kept["case_code"], kept["form"], kept["sign"], kept["key"])
    assert (made.payer.name, 330_000, made.case_code, SERIES.form, SERIES.sign, made.key) == told


@each_provider
def test_a_receipt_goes_from_its_issue_to_its_cancellation(name: str) -> None:
    side, made = Side(name), order()
    issued = side.provider.issue(made, side.now)
    assert ("0000001", made.key, False, NOW) == (issued.number, issued.key, issued.repeated, issued.issued_at)
    found = side.find(made)
    assert isinstance(found, IssuedReceipt)
    same = (found.number, found.provider_ref, found.lookup_code, found.standing)
    assert (issued.number, issued.provider_ref, issued.lookup_code, Standing.HOLDS) == same
    assert b"01BLP0-001 AA-26E 0000001" in side.provider.fetch(issued, ReceiptFile.PDF, side.now)
    if name != "vnpt":
        assert b"<SCTu>0000001</SCTu>" in side.provider.fetch(issued, ReceiptFile.XML, side.now)
    side.provider.cancel(issued, "Thu sai & <lý do>", side.now)
    gone = side.find(made)
    assert isinstance(gone, IssuedReceipt)
    assert Standing.CANCELLED == gone.standing
    assert ["cancelled"] == [each["state"] for each in side.book()]
    assert ("" if name == "vnpt" else "Thu sai & <lý do>") == side.book()[0]["reason"]
    with pytest.raises(Refused):
        side.provider.cancel(issued, "Thu sai", side.now)
    with pytest.raises(ReferenceConflict):
        side.provider.issue(made, side.now)


@each_provider
def test_a_receipt_that_was_looked_up_can_be_cancelled(name: str) -> None:
    side, made = Side(name), order()
    side.provider.issue(made, side.now)
    found = side.find(made)
    assert isinstance(found, IssuedReceipt)
    side.provider.cancel(found, "Thu sai", side.now)
    assert ["cancelled"] == [each["state"] for each in side.book()]


@each_provider
def test_a_key_with_another_sum_is_a_conflict_where_the_provider_says_sums(name: str) -> None:
    side = Side(name)
    side.issue(order(180_000))
    if name == "viettel":
        assert side.provider.issue(order(190_000), side.now).repeated
    else:
        with pytest.raises(ReferenceConflict):
            side.provider.issue(order(190_000), side.now)
    assert [180_000] == [each["amount_vnd"] for each in side.book()]


@each_provider
def test_a_receipt_that_nobody_has_is_refused_by_its_own_word(name: str) -> None:
    side, made = Side(name), order()
    unknown = replace(Side(name).provider.issue(made, NOW), key="rct_none_00", number="0000009")
    words = {"vnpt": ("ERR:6", "ERR:2"), "viettel": ("NOT_FOUND_DATA",) * 2, "misa": ("RefIdNotFound",) * 2}
    codes = []
    for call in (
        lambda: side.provider.fetch(unknown, ReceiptFile.PDF, NOW),
        lambda: side.provider.cancel(unknown, "Thu sai", NOW),
    ):
        with pytest.raises(Refused) as caught:
            call()
        codes.append(caught.value.code)
    assert words[name] == tuple(codes)
    assert NotThere(made.key) == side.find(made)


@each_provider
def test_each_series_has_its_own_numbers_without_a_gap_whatever_is_refused(name: str) -> None:
    side = Side(name)
    other = replace(SERIES, sign="AB-26E")
    for count in range(1, 5):
        for series, kind in ((SERIES, "AA"), (other, "AB")):
            made = order(key=f"rct_{kind}_{count:04d}", series=series)
            assert "issued" == side.issue(made)
            assert "refused" == side.issue(order(10_106, key=f"bad_{kind}_{count:04d}", series=series))
    kept = [(each["sign"], each["number"]) for each in side.book()]
    assert [(sign, number) for sign in ("AA-26E", "AB-26E") for number in range(1, 5)] == kept


@each_provider
def test_numbers_of_a_series_run_out(name: str) -> None:
    side = Side(name, {"numbers": 2})
    words = [side.issue(order(key=f"rct_{count:08d}")) for count in range(3)]
    assert (["issued", "issued", "refused"], 2) == (words, len(side.book()))


@each_provider
@pytest.mark.parametrize(
    ("form", "sign", "day"),
    [
        ("01BLP0-001", "AA-25E", NOW),
        ("01BLP0-001", "AA-26P", NOW),
        ("01GTKT0-001", "AA-26E", NOW),
        ("01BLP1-001", "AA-26E", NOW),
        ("01BLP0-001", "AA-26E", datetime(2026, 12, 31, 17, tzinfo=UTC)),  # in Vietnam it is 2027
    ],
)
def test_a_series_that_is_not_of_this_year_or_not_electronic_is_refused(
    name: str, form: str, sign: str, day: datetime
) -> None:
    made = order(series=ReceiptSeries(TAX_CODE, form, sign), issued_at=day)
    assert "refused" == Side(name).issue(made)


@each_provider
def test_no_receipt_is_dated_before_the_one_issued_last(name: str) -> None:
    side = Side(name)
    assert "issued" == side.issue(order(key="rct_00000001"))
    assert "refused" == side.issue(order(key="rct_00000002", issued_at=NOW - timedelta(days=1)))
    assert "issued" == side.issue(order(key="rct_00000003", issued_at=NOW + timedelta(days=1)))


@each_provider
def test_a_wrong_password_is_refused_and_nothing_is_issued(name: str) -> None:
    side = Side(name)
    wrong = {"vnpt": ("password", "account_password")}.get(name, ("password",))
    for each in wrong:
        other = adapter(name, f"http://{name}_receipts.test", side, **{each: "wrong"})
        with pytest.raises(Refused):
            other.issue(order(), NOW)
    assert [] == side.book()


@pytest.mark.parametrize("name", ["viettel", "misa"])
def test_a_token_that_was_taken_back_or_has_ended_is_asked_for_anew(name: str) -> None:
    side = Side(name)
    assert "issued" == side.issue(order(key="rct_00000001"))
    client = Client(side.app)
    assert [400, 400, 200] == [
        client.post("/_control", json=word).status_code
        for word in ({}, {"expire_tokens": False}, {"expire_tokens": True})
    ]
    assert "issued" == side.issue(order(key="rct_00000002"))
    side.now += timedelta(seconds=TOKEN_LIFE_S + 1)
    assert "issued" == side.issue(order(key="rct_00000003"))
    logins = [path for path in side.paths if path.startswith("/auth/")]
    assert (3, [1, 2, 3]) == (len(logins), [each["number"] for each in side.book()])


# --- the world ----------------------------------------------------------------------------------


def test_the_sections_that_are_shown_can_be_read_and_every_setting_is_told() -> None:
    assert set(RECEIPT_SERVERS) == set(SHOWN)
    settings = read_world({**whole({}), **SHOWN})
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", SECTION, re.MULTILINE))
    for name, kind in RECEIPT_SERVERS.items():
        assert getattr(settings, name) is not None
        optional = {
            each.name: f"{each.default:g}"
            for each in dataclasses.fields(kind)
            if each.default is not dataclasses.MISSING
        }
        assert rows == optional
        for key in SHOWN[name]:
            less = {part: value for part, value in SHOWN[name].items() if part != key}
            with pytest.raises(WorldMisconfigured, match=rf"^{name}\.{key} must be "):
                read_world({**whole({}), name: less})


def test_no_password_is_shown() -> None:
    sections = {
        name: {**section, **{key: "s3cret" for key in section if "password" in key}}
        for name, section in SHOWN.items()
    }
    assert "s3cret" not in repr(read_world(whole(sections)))


@each_provider
def test_every_message_is_answered(name: str) -> None:
    side = Side(name)
    client = Client(side.app)
    rules = [(rule.rule, min(rule.methods - {"HEAD", "OPTIONS"})) for rule in side.app.url_map.iter_rules()]

    @given(st.sampled_from(rules), st.binary(max_size=60) | st.sampled_from(SHAPES))
    def answered(rule: tuple[str, str], body: bytes) -> None:
        path = rule[0].replace("<service>", "PublishService").replace("<tax_code>", TAX_CODE)
        headers = {"Authorization": f"Bearer {TOKEN}", "CompanyTaxCode": TAX_CODE, "SOAPAction": SOAP_ACTION}
        answer = client.open(path, method=rule[1], data=body, headers=headers)
        assert answer.status_code < 500 or (name == "vnpt" and b"Fault" in answer.data)

    with side.world.ground.state.transaction() as db:
        db.execute("INSERT INTO receipt_tokens VALUES (?, ?, ?)", (f"{name}_receipts", TOKEN, 9e9))
    answered()
    assert [] == side.book()


TOKEN = "a-token"
SOAP_ACTION = '"http://tempuri.org/ImportAndPublishInv"'
_BODY = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>%s</e:Body></e:Envelope>'
_CALL = (
    b'<ImportAndPublishInv xmlns="http://tempuri.org/"><Account>c4_admin</Account><ACpass>an invented password'
    b"</ACpass><username>c4_service</username><password>another password</password><convert>0</convert>"
    b"<xmlInvData>%s</xmlInvData></ImportAndPublishInv>"
)
SHAPES = [
    b"{}",
    b"[]",
    b"null",
    b'{"InvoiceData":[{}]}',
    b'{"InvoiceData":[{"OriginalInvoiceDetail":[{"Amount":true}],"TotalAmount":true}]}',
    b'["\\ud800"]',
    b"[{}]",
    b'{"generalInvoiceInfo":{"invoiceIssuedDate":1e400},"itemInfo":[{"itemTotalAmountWithoutTax":1}]}',
    b'{"generalInvoiceInfo":[],"itemInfo":{}}',
    _BODY % b"",
    _BODY % b"<x/>",
    *(
        _BODY % (_CALL % inner)
        for inner in (
            b"",
            b"&lt;x/&gt;",
            b"&lt;Invoices/&gt;",
            b"&lt;Invoices&gt;&lt;Inv/&gt;&lt;/Invoices&gt;",
            b"&lt;Invoices&gt;&lt;Inv&gt;&lt;key&gt;k&lt;/key&gt;&lt;Invoice/&gt;&lt;/Inv&gt;&lt;/Invoices&gt;",
            b"&lt;!DOCTYPE a [&lt;!ENTITY b 'c'&gt;]&gt;&lt;Invoices&gt;&amp;b;&lt;/Invoices&gt;",
        )
    ),
]


# --- real connections ---------------------------------------------------------------------------


class _Silent:
    """A journal that keeps nothing."""

    def begin(self, request: HttpRequest, now: datetime) -> int:
        return 0

    def end(self, call_id: int, outcome: str, answer: HttpAnswer | None, now: datetime) -> None:
        """Nothing is kept."""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[], World]]:
    worlds: list[World] = []
    values = whole(
        {name: {**section, "slow_s": 0.1} for name, section in SHOWN.items()}, state_dir=str(tmp_path)
    )

    def start() -> World:
        for each in worlds:
            each.stop()
        worlds[:] = [World(read_world(values))]
        worlds[0].start()
        return worlds[0]

    yield start
    worlds[0].stop()


@pytest.mark.service
@each_provider
def test_over_real_connections_nothing_is_issued_twice_and_nothing_is_forgotten(
    name: str, started: Callable[[], World]
) -> None:
    server = f"{name}_receipts"

    def provider() -> ReceiptProvider:
        way = Door(_Silent(), allow_private=True)
        return adapter(name, started().urls[server], way, timeout_s=1.0)

    asked = provider()
    for count, ends_in in enumerate((107, 112, 113, 114, 116)):
        made = order(20_000 + ends_in, key=f"rct_{count:08d}")
        with pytest.raises(OutcomeUnknown):
            asked.issue(made, NOW)
    asked = provider()  # the world was stopped and started again
    for count, ends_in in enumerate((107, 112, 113, 114, 116)):
        made = order(20_000 + ends_in, key=f"rct_{count:08d}")
        found = asked.look_up(made.key, made.series, NOW)
        assert isinstance(found, NotThere) == (ends_in in {112, 114, 116})
        if isinstance(found, NotThere):
            assert not asked.issue(made, NOW).repeated
    numbers = {asked.look_up(f"rct_{count:08d}", SERIES, NOW).number for count in range(5)}
    assert {f"{number:07d}" for number in range(1, 6)} == numbers


@pytest.mark.service
@each_provider
def test_many_at_once_get_numbers_without_a_gap(name: str, started: Callable[[], World]) -> None:
    world = started()
    way = Door(_Silent(), allow_private=True)
    asked = adapter(name, world.urls[f"{name}_receipts"], way, timeout_s=10.0)
    numbers: list[str] = []
    troubles: list[GatewayError] = []

    def work(worker: int) -> None:
        for count in range(5):
            try:
                numbers.append(asked.issue(order(key=f"rct_{worker:04d}_{count % 4:04d}"), NOW).number)
            except GatewayError as error:
                troubles.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == troubles
    assert (30, {f"{number:07d}" for number in range(1, 25)}) == (len(numbers), set(numbers))
    listed = requests.get(f"{world.urls[f'{name}_receipts']}/_receipts", timeout=5).json()["receipts"]
    assert list(range(1, 25)) == [each["number"] for each in listed]


@pytest.mark.service
@each_provider
def test_a_provider_that_is_away_is_unreachable(name: str, started: Callable[[], World]) -> None:
    world = started()
    url = world.urls[f"{name}_receipts"]
    world.stop()
    with pytest.raises(Unreachable):
        adapter(name, url, Door(_Silent(), allow_private=True)).issue(order(), NOW)


# --- one in the place of another ----------------------------------------------------------------

PUTS_IN_PLACE = pytest.mark.parametrize("name", ["vnpt", "viettel"])


def in_place(side: Side, made: ReceiptOrder, old: IssuedReceipt) -> IssuedReceipt:
    provider: Any = side.provider
    issued: IssuedReceipt = provider.replace(made, old, "Hoàn một phần & <lý do>", side.now)
    return issued


@PUTS_IN_PLACE
def test_a_receipt_takes_the_place_of_another_once(name: str) -> None:
    side = Side(name)
    first = side.provider.issue(order(200_000), side.now)
    second = in_place(side, order(150_000, key="rct_0002_00"), first)
    assert [("0000001", "replaced"), ("0000002", "issued")] == [
        (f"{each['number']:07d}", each["state"]) for each in side.book()
    ]
    gone, there = side.find(order(200_000)), side.find(order(150_000, key="rct_0002_00"))
    assert isinstance(gone, IssuedReceipt)
    assert isinstance(there, IssuedReceipt)
    assert (Standing.REPLACED, Standing.HOLDS, second.number) == (gone.standing, there.standing, there.number)
    with pytest.raises(Refused):
        in_place(side, order(150_000, key="rct_0003_00"), first)
    with pytest.raises(Refused):
        side.provider.cancel(first, "Thu sai", side.now)
    assert 2 == len(side.book())


@PUTS_IN_PLACE
def test_a_receipt_that_nobody_has_is_not_replaced(name: str) -> None:
    side = Side(name)
    unknown = replace(Side(name).provider.issue(order(), NOW), key="rct_none_00", number="0000009")
    with pytest.raises(Refused):
        in_place(side, order(key="rct_0002_00"), unknown)
    assert [] == side.book()


@PUTS_IN_PLACE
@pytest.mark.parametrize(("ends_in", "there"), [(107, True), (112, False), (113, True), (114, False)])
def test_a_replacement_that_is_in_doubt_is_looked_up(name: str, ends_in: int, *, there: bool) -> None:
    side = Side(name)
    first, made = side.provider.issue(order(), side.now), order(10_000 + ends_in, key="rct_0002_00")
    with pytest.raises(OutcomeUnknown):
        in_place(side, made, first)
    assert there == isinstance(side.find(made), IssuedReceipt)
    assert in_place(side, made, first).repeated == there
    assert ["replaced", "issued"] == [each["state"] for each in side.book()]
