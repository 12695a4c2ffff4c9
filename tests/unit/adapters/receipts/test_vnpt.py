import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.receipts import vnpt, vnpt_wire
from gateway.domain.errors import Malformed, Misconfigured, OutcomeUnknown, Refused
from gateway.ports import (
    FeeLine,
    HttpAnswer,
    HttpRequest,
    IssuedReceipt,
    NotThere,
    Payer,
    PayForm,
    ReceiptOrder,
    ReceiptSeries,
    Standing,
)

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
NOW = datetime(2025, 11, 24, 4, tzinfo=UTC)
SETTINGS = vnpt.Settings(
    tax_code="5400000000",
    publish_url="https://receipts.example/publish",
    portal_url="https://receipts.example/portal",
    business_url="https://receipts.example/business",
    account="gw_admin",
    account_password="gw_acpass",
    username="gw_service",
    password="gw_pass",
)
SERIES = ReceiptSeries("5400000000", "01BLP0-001", "BL-25E")
ORDER = ReceiptOrder(
    key="GW2511240001-LP",
    series=SERIES,
    lines=(FeeLine("le_phi", "LP01", "Lệ phí cấp bản sao", 180_000),),
    payer=Payer("Nguyễn Văn A & con", "001099000001", "Hà Nội"),
    collector_name="Sở Xây dựng",
    case_code="000.00.00.G17-251124-0001",
    form=PayForm.TRANSFER,
    issued_at=datetime(2025, 11, 24, 3, tzinfo=UTC),
)


class Door:
    def __init__(self, *answers: HttpAnswer) -> None:
        self.answers, self.sent = list(answers), list[HttpRequest]()

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        return self.answers.pop(0)


def soap(operation: str, text: str, *, inside: str = "") -> HttpAnswer:
    result = etree.Element(f"{{{vnpt_wire.NAMESPACE}}}{operation}Result")
    result.text = text
    inner = etree.tostring(result, encoding="unicode")
    body = (
        f'<s:Envelope xmlns:s="{vnpt_wire.SOAP}"><s:Body><{operation}Response xmlns="{vnpt_wire.NAMESPACE}">'
        f"{inner}{inside}</{operation}Response></s:Body></s:Envelope>"
    )
    return HttpAnswer(200, body.encode())


def found(**changes: str) -> str:
    told = {"pattern": "01BLP0-001", "serial": "BL-25E", "invNum": "1", "amount": "180000", "status": "1"}
    root = etree.Element("Data")
    item = etree.SubElement(root, "Item")
    for name, text in (told | changes).items():
        etree.SubElement(item, name).text = text
    return etree.tostring(root, encoding="unicode")


def look_up(text: str, **changes: object) -> IssuedReceipt | NotThere:
    door = Door(soap("listInvByCusFkey", text))
    return vnpt.Vnpt(replace(SETTINGS, **changes), door).look_up(ORDER.key, SERIES, NOW)


def issue(text: str, order: ReceiptOrder = ORDER) -> IssuedReceipt:
    return vnpt.Vnpt(SETTINGS, Door(soap("ImportAndPublishInv", text))).issue(order, NOW)


# --- the vectors ---


def test_the_published_envelope_is_made() -> None:
    vector = VECTORS["vnpt_import_publish"]
    request = vnpt.encode_issue(SETTINGS, ORDER)
    declaration, _, envelope = (request.body or b"").decode().partition("\n")
    assert "<?xml version='1.0' encoding='utf-8'?>" == declaration
    assert vector["envelope"] == envelope
    assert vector["soap_action"] == request.headers["soapaction"]
    assert "0000001" == issue(vector["expected"]).number


@pytest.mark.parametrize("name", ["vnpt_result_1", "vnpt_result_2"])
def test_a_published_result_is_read_from_the_right(name: str) -> None:
    vector = VECTORS[name]
    expected = vector["expected"]
    series = ReceiptSeries("5400000000", expected["pattern"], expected["serial"])
    read = vnpt.decode_published(vector["input"], series)
    assert [tuple(item) for item in expected["items"]] == list(read)


def test_an_error_of_the_vectors_is_read_as_what_it_means() -> None:
    for name in ("vnpt_result_5", "vnpt_result_6"):
        with pytest.raises(Refused) as caught:
            issue(VECTORS[name]["input"])
        assert VECTORS[name]["input"] == caught.value.code
    known = [
        soap("ImportAndPublishInv", VECTORS["vnpt_result_4"]["input"]),
        soap("listInvByCusFkey", found()),
    ]
    door = Door(*known)
    assert vnpt.Vnpt(SETTINGS, door).issue(ORDER, NOW).repeated
    assert ["https://receipts.example/publish", "https://receipts.example/portal"] == [
        each.url for each in door.sent
    ]


def test_markup_in_a_name_stays_a_text_within_both_layers() -> None:
    name = VECTORS["vnpt_xml_injection"]["input"]["CusName"]
    order = replace(ORDER, payer=replace(ORDER.payer, name=name))
    envelope = etree.fromstring(vnpt.encode_issue(SETTINGS, order).body)
    inner = etree.fromstring(envelope.findtext(f".//{{{vnpt_wire.NAMESPACE}}}xmlInvData"))
    assert [name] == [each.text for each in inner.iter("CusName")]
    assert ["180000", "180000"] == [each.text for each in inner.iter("Amount")]


# --- the answer to an issue ---

KEYS = st.from_regex(r"[A-Za-z0-9_-]{10,36}", fullmatch=True)


@given(
    keys=st.lists(KEYS, min_size=1, max_size=5),
    number=st.integers(1, 99_999_999),
    sign=st.sampled_from(["BL-25E", "AA-26E", "A-", "-", "AA/26E", "K26T"]),
)
def test_whatever_the_keys_and_the_sign_each_item_is_split_at_its_last_underscore(
    keys: list[str], number: int, sign: str
) -> None:
    series = replace(SERIES, sign=sign)
    text = f"OK:01BLP0-001;{sign}-" + ",".join(f"{key}_{number}" for key in keys)
    assert tuple((key, f"{number:07d}") for key in keys) == vnpt.decode_published(text, series)


@pytest.mark.parametrize(
    "text",
    [
        "OK",
        "OK:",
        "OK:01BLP0-001",
        "OK:01BLP0-001;BL-25E",
        "OK:01BLP0-001;BL-25E-",
        "OK:01BLP0-001;BL-25E-GW2511240001-LP",
        "OK:01BLP0-001;BL-25E-GW2511240001-LP_",
        "OK:01BLP0-001;BL-25E-GW2511240001-LP_1_2",
        "OK:01BLP0-001;BL-25E-GW2511240001-LP_1,",
        "OK:01BLP0-001;BL-25E-GW2511240001-LP_1,GW2511240001-LP_2",
        "OK:01BLP0-001;BL-25E-GW2511240002-LP_1,GW2511240001-LP_2",
        "OK:01BLP0-001;BL-25T-GW2511240001-LP_1",
        "OK:01BLP0-001;BL-25E-X-GW2511240001-LP_1",
        "OK:01BLP0-002;BL-25E-GW2511240001-LP_1",
        "ok:01BLP0-001;BL-25E-GW2511240001-LP_1",
        "ERROR",
        "ERR:",
        "ERR:x",
        "ERR:-1",
        "ERR:13131",
        "ERR",
        "13",
    ],
)
def test_an_answer_that_does_not_say_it_is_our_receipt_stays_in_doubt(text: str) -> None:
    with pytest.raises(OutcomeUnknown):
        issue(text)


@pytest.mark.parametrize(
    "text", ["ERR:6", "ERR: 6", "ERR:06", "ERR:6 Dải hóa đơn không đủ số", "ERR:6;x", " ERR:6\n"]
)
def test_a_code_is_read_with_whatever_follows_it(text: str) -> None:
    with pytest.raises(Refused) as caught:
        issue(text)
    assert "ERR:6" == caught.value.code


@pytest.mark.parametrize("answer", ["ERR:13", "ERR:13 Trùng fkey"])
def test_a_known_key_is_looked_up_whatever_follows_the_code(answer: str) -> None:
    door = Door(soap("ImportAndPublishInv", answer), soap("listInvByCusFkey", found(invNum="42")))
    assert "0000042" == vnpt.Vnpt(SETTINGS, door).issue(ORDER, NOW).number


# --- what is written ---


def test_the_day_of_a_receipt_is_that_of_vietnam() -> None:
    late = replace(ORDER, issued_at=datetime(2025, 11, 24, 17, tzinfo=UTC))
    assert "<ArisingDate>25/11/2025</ArisingDate>" in vnpt.encode_receipt(SETTINGS, late)


def test_a_payer_without_a_number_is_known_by_the_key_and_what_is_empty_is_left_out() -> None:
    written = vnpt.encode_receipt(SETTINGS, replace(ORDER, payer=Payer("Nguyễn Văn A")))
    assert f"<CusCode>{ORDER.key}</CusCode>" in written
    assert "CusAddress" not in written


def test_every_form_of_payment_has_its_word() -> None:
    for form, word in ((PayForm.CASH, "TM"), (PayForm.TRANSFER, "CK"), (PayForm.ONLINE, "TTO")):
        assert f"<PaymentMethod>{word}<" in vnpt.encode_receipt(SETTINGS, replace(ORDER, form=form))


# --- a look-up ---


@pytest.mark.parametrize(
    ("status", "standing"),
    [("1", "holds"), ("2", "holds"), ("3", "replaced"), ("4", "holds"), ("5", "cancelled")],
)
def test_a_status_says_whether_a_receipt_holds(status: str, standing: str) -> None:
    read = look_up(found(status=status))
    assert isinstance(read, IssuedReceipt)
    assert standing == read.standing


def test_what_a_status_means_is_a_setting() -> None:
    read = look_up(found(status="9"), standings={"9": "cancelled"})
    assert isinstance(read, IssuedReceipt)
    assert read.standing is Standing.CANCELLED
    with pytest.raises(OutcomeUnknown):
        look_up(found(status="1"), standings={"9": "cancelled"})
    with pytest.raises(Misconfigured):
        replace(SETTINGS, standings={"9": "gone"})


@pytest.mark.parametrize(
    "changes",
    [
        {"pattern": "01BLP0-002"},
        {"serial": "BL-25T"},
        {"status": ""},
        {"status": "0"},
        {"status": "6"},
        {"fkey": "GW2511240002-LP"},
    ],
)
def test_what_is_there_and_is_not_our_receipt_is_not_known(changes: dict[str, str]) -> None:
    with pytest.raises(OutcomeUnknown):
        look_up(found(**changes))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "<Data>",
        "<Item/>",
        found(invNum=""),
        found(invNum="0"),
        found(amount="1.5"),
        found(amount="x"),
    ],
)
def test_a_list_that_cannot_be_read_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        look_up(text)


def test_two_receipts_under_one_key_are_not_one_of_them() -> None:
    item = found().removeprefix("<Data>").removesuffix("</Data>")
    with pytest.raises(OutcomeUnknown):
        look_up(f"<Data>{item}{item}</Data>")
    with pytest.raises(OutcomeUnknown):
        look_up(f"<Data>{item}{item.replace('BL-25E', 'BL-25T')}</Data>")


@pytest.mark.parametrize("amount", ["180000", "180000.0", "180000.0000", ""])
def test_a_sum_is_read_where_it_is_said(amount: str) -> None:
    read = look_up(found(amount=amount, fkey=ORDER.key))
    assert isinstance(read, IssuedReceipt)
    assert (180_000 if amount else None) == read.amount_vnd


# --- SOAP ---

FAULT = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode>'
    b"<faultstring>x</faultstring></s:Fault></s:Body></s:Envelope>"
)
WRONG = [
    b"",
    b"<a/>",
    b"<s:Envelope/>",
    b'<!DOCTYPE a><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>',
    soap("cancelInv", "OK:").body,
    soap("ImportAndPublishInv", "OK:01BLP0-001;BL-25E-GW2511240001-LP_1", inside="<x/>").body,
    soap("ImportAndPublishInv", "").body,
    soap("ImportAndPublishInv", "  ").body,
    soap("ImportAndPublishInv", VECTORS["vnpt_import_publish"]["expected"]).body.replace(b"_1", b"_1<b/>"),
    soap("ImportAndPublishInv", VECTORS["vnpt_import_publish"]["expected"]).body.replace(
        b"tempuri", b"example"
    ),
    soap("ImportAndPublishInv", VECTORS["vnpt_import_publish"]["expected"]).body.replace(
        b"/soap/", b"/soup/"
    ),
    FAULT,
]


@pytest.mark.parametrize("body", WRONG)
def test_a_message_that_is_no_answer_to_the_call_stays_in_doubt(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        vnpt.Vnpt(SETTINGS, Door(HttpAnswer(200, body))).issue(ORDER, NOW)


def test_entities_are_neither_expanded_nor_fetched() -> None:
    genuine = soap("ImportAndPublishInv", VECTORS["vnpt_import_publish"]["expected"]).body
    for kind in ("'LP'", "SYSTEM 'file:///etc/hostname'"):
        tricked = f"<!DOCTYPE a [<!ENTITY b {kind}>]>".encode() + genuine.replace(b"LP_1", b"&b;_1")
        with pytest.raises(OutcomeUnknown):
            vnpt.Vnpt(SETTINGS, Door(HttpAnswer(200, tricked))).issue(ORDER, NOW)


@pytest.mark.parametrize("text", ["OKAY", "ok", "13", "ERR:5", "ERR:3", "OK;x"])
def test_a_cancellation_is_done_by_one_word_only(text: str) -> None:
    receipt = IssuedReceipt(ORDER.key, SERIES, "0000001")
    for done in ("OK", "OK:", "OK:01BLP0-001;BL-25E\n"):
        vnpt.Vnpt(SETTINGS, Door(soap("cancelInv", done))).cancel(receipt, "Thu sai", NOW)
    with pytest.raises(OutcomeUnknown):
        vnpt.Vnpt(SETTINGS, Door(soap("cancelInv", text))).cancel(receipt, "Thu sai", NOW)


@pytest.mark.parametrize(
    "doctype", ["<!DOCTYPE Data>", "<!DOCTYPE Data SYSTEM 'x.dtd'>", "<!DOCTYPE Data []>"]
)
def test_a_document_type_is_refused_in_both_layers(doctype: str) -> None:
    with pytest.raises(Malformed):
        look_up(doctype + found())
    envelope = doctype.replace("Data", "x").encode() + soap("listInvByCusFkey", found()).body
    with pytest.raises(Malformed):
        vnpt.Vnpt(SETTINGS, Door(HttpAnswer(200, envelope))).look_up(ORDER.key, SERIES, NOW)


def test_comments_and_instructions_are_no_part_of_a_list() -> None:
    read = look_up(found().replace("<Item>", "<!-- x --><?y?><Item><!-- z -->"))
    assert isinstance(read, IssuedReceipt)
    assert "0000001" == read.number


@pytest.mark.parametrize("declared", ["utf-16", "utf-8", "windows-1258"])
def test_what_a_text_declares_of_bytes_that_are_gone_is_passed_over(declared: str) -> None:
    assert isinstance(
        look_up(f'<?xml version="1.0" encoding="{declared}"?>\n{found(name="Nguyễn")}'), IssuedReceipt
    )


def test_a_refusal_says_what_it_means() -> None:
    with pytest.raises(Refused, match="the series has not enough numbers left"):
        issue("ERR:6")


def test_a_fault_is_a_breakdown() -> None:
    for call in ("issue", "look_up"):
        door = Door(HttpAnswer(500, FAULT))
        provider = vnpt.Vnpt(SETTINGS, door)
        with pytest.raises(OutcomeUnknown):
            provider.issue(ORDER, NOW) if call == "issue" else provider.look_up(ORDER.key, SERIES, NOW)


XML_TEXT = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=80
)
BEGINNINGS = st.sampled_from(["", "ERR:", "ERR:1", "OK:", "OK:01BLP0-001;BL-25E-", "<Data>", "<Data><Item>"])


@given(BEGINNINGS, XML_TEXT)
def test_no_text_of_an_answer_breaks_its_reader(beginning: str, text: str) -> None:
    looked_up = soap("listInvByCusFkey", beginning + text)
    provider = vnpt.Vnpt(SETTINGS, Door(soap("ImportAndPublishInv", beginning + text), looked_up, looked_up))
    with pytest.raises((OutcomeUnknown, Refused)):
        provider.issue(ORDER, NOW)
    with pytest.raises((OutcomeUnknown, Malformed, Refused)):
        provider.look_up(ORDER.key, SERIES, NOW)


@given(st.binary(max_size=120))
def test_no_bytes_break_the_reader_of_xml(data: bytes) -> None:
    try:
        vnpt_wire.decode_xml(data)
    except Malformed:
        return


def test_the_settings_are_checked() -> None:
    for changes in (
        {"tax_code": ""},
        {"publish_url": "receipts.example"},
        {"portal_url": ""},
        {"business_url": "ftp://x"},
        {"account": ""},
        {"account_password": ""},
        {"username": ""},
        {"password": ""},
    ):
        with pytest.raises(Misconfigured):
            replace(SETTINGS, **changes)
