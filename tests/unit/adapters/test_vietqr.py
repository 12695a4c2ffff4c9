import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import vietqr
from adapters.vietqr import Scheme, Settings, Transfer, Vietqr
from gateway.domain.codes import attempt_reference, find_order_codes, make_order_code
from gateway.domain.errors import Malformed, Misconfigured, Unsupported
from gateway.ports import Agency, Answer, InboundMessage, Payer, StartOrder

VECTORS = json.loads((Path(__file__).parent / "vectors_transfers.json").read_bytes())
GOOD = [name for name, told in VECTORS.items() if name.startswith("vietqr_good")]
MADE = [name for name, told in VECTORS.items() if name.startswith("vietqr_generate")]
ORDER_CODE = make_order_code(datetime(2026, 11, 24, tzinfo=UTC).date(), b"sixteen")
BIDV = Transfer(bin="970418", account="0123456789", amount_vnd=180_000, purpose="LP 000G17 251124 0001")

bins = st.sampled_from(sorted(vietqr.banks()))
accounts = st.from_regex(r"[A-Za-z0-9]{1,19}", fullmatch=True)
transfers = st.builds(
    Transfer,
    bin=bins,
    account=accounts,
    service=st.sampled_from(sorted(vietqr.SERVICES)),
    amount_vnd=st.none() | st.integers(1, 10**13 - 1),
    purpose=st.from_regex(r"[A-Za-z0-9]{0,12}", fullmatch=True),
    bill=st.from_regex(r"[A-Za-z0-9.-]{0,25}", fullmatch=True),
)


def bitwise_crc(data: bytes) -> str:
    """The same CRC as its definition reads: one bit at a time."""
    register = 0xFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            top = (register >> 15) ^ (byte >> bit & 1)
            register = (register << 1 & 0xFFFF) ^ (0x1021 if top else 0)
    return f"{register:04X}"


def sealed(body: str) -> str:
    """`body` with the CRC that it ought to have."""
    return f"{body}6304{bitwise_crc(f'{body}6304'.encode('utf-8', 'surrogatepass'))}"


def order(**changes: object) -> StartOrder:
    told = {
        "reference": ORDER_CODE,
        "amount_vnd": 180_000,
        "description": "Lệ phí",
        "case_code": "H28-261124-0001",
        "procedure_code": "1.0",
        "procedure_name": "Khai sinh",
        "lines": (),
        "agency": Agency("G17", "UBND", "0123456789", "970418", "UBND"),
        "payer": Payer("Nguyễn Văn A"),
        "return_url": "https://dvc.example.gov.vn/ok",
        "client_ip": "203.0.113.7",
        "created_at": datetime(2026, 11, 24, 1, 30, tzinfo=UTC),
        "expires_at": datetime(2026, 11, 24, 1, 45, tzinfo=UTC),
    }
    return StartOrder(**{**told, **changes})


def start(**changes: object) -> Transfer:
    payload = Vietqr(Settings(), None).start(order(**changes)).qr_payload
    assert payload is not None
    return vietqr.parse(payload)


def test_the_crc_has_its_check_value() -> None:
    assert VECTORS["crc16_check_value"]["expected"] == vietqr.crc(b"123456789")


@given(st.binary(max_size=200))
def test_the_crc_is_that_of_its_definition(data: bytes) -> None:
    assert bitwise_crc(data) == vietqr.crc(data)


@pytest.mark.parametrize("name", GOOD)
def test_a_published_code_is_read_and_so_is_one_with_a_lower_case_crc(name: str) -> None:
    payload = VECTORS[name]["payload"]
    assert vietqr.parse(payload[:-4] + payload[-4:].lower()) == vietqr.parse(payload)
    assert Scheme.VIETQR == vietqr.scheme_of(payload)


def test_the_published_codes_say_what_they_are_said_to_say() -> None:
    read = [vietqr.parse(VECTORS[name]["payload"]) for name in GOOD]
    memo = "thanh toan don hang"
    account, card = "0011012345678", "9704031101234567"
    assert [
        Transfer("970403", account, vietqr.TO_ACCOUNT),
        Transfer("970403", card, vietqr.TO_CARD),
        Transfer("970403", account, vietqr.TO_ACCOUNT, 180_000, memo, "NPS6869"),
        Transfer("970403", card, vietqr.TO_CARD, 180_000, memo, "NPS6869"),
        Transfer("970403", "12345678", "QRCASH"),
    ] == read


@pytest.mark.parametrize("name", MADE)
def test_a_code_is_made_as_four_libraries_make_it(name: str) -> None:
    told = VECTORS[name]["input"]
    transfer = Transfer(
        bin=told["bin"],
        account=told["account"],
        service=told["service"],
        amount_vnd=told.get("amount"),
        purpose=told.get("purpose", ""),
        bill=told.get("bill", ""),
    )
    assert VECTORS[name]["expected"] == vietqr.build(transfer)
    assert transfer == vietqr.parse(VECTORS[name]["expected"])


def test_accents_are_taken_off_before_a_length_is_counted() -> None:
    assert "62100806Le phi6304" in vietqr.build(replace(BIDV, purpose="Lệ phí"))
    assert "62170813Dong thap D d6304" in vietqr.build(replace(BIDV, purpose="Đồng   tháp/Đ.đ~"))


@given(transfers)
def test_what_is_made_is_read_as_it_was_meant(transfer: Transfer) -> None:
    payload = vietqr.build(transfer)
    assert transfer == vietqr.parse(payload)
    assert payload.isascii()
    assert payload[-4:] == payload[-4:].upper() == bitwise_crc(payload[:-4].encode())


@given(st.text(max_size=200), st.integers(1, 25))
def test_any_purpose_becomes_letters_digits_and_blanks_that_fit(text: str, limit: int) -> None:
    read = vietqr.parse(vietqr.build(replace(BIDV, purpose=text), purpose_limit=limit)).purpose
    assert read == vietqr.purpose_text(text, limit)
    assert len(read) <= limit
    assert all(char.isascii() and (char.isalnum() or char == " ") for char in read)


def test_a_code_of_vnpay_is_told_apart_and_is_no_transfer() -> None:
    payload = VECTORS["vnpay_qr_merchant"]["payload"]
    assert Scheme.VNPAY_QR == vietqr.scheme_of(payload)
    with pytest.raises(Malformed):
        vietqr.parse(payload)


def test_a_code_of_another_scheme_is_neither() -> None:
    with pytest.raises(Malformed):
        vietqr.scheme_of(sealed("00020101021138140010A0000007695303704"))


@given(transfers, st.data())
def test_a_code_with_one_changed_character_is_refused(transfer: Transfer, data: st.DataObject) -> None:
    payload = vietqr.build(transfer)
    at = data.draw(st.integers(0, len(payload) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda char: char.upper() != payload[at].upper()))
    with pytest.raises(Malformed):
        vietqr.parse(payload[:at] + other + payload[at + 1 :])


def test_a_crc_under_another_tag_is_none() -> None:
    body = VECTORS["vietqr_bad_crc"]["payload"][:-8] + "6204"
    with pytest.raises(Malformed, match="ends with its CRC"):
        vietqr.parse(body + bitwise_crc(body.encode()))


def test_a_wrong_crc_is_refused() -> None:
    with pytest.raises(Malformed):
        vietqr.parse(VECTORS["vietqr_bad_crc"]["payload"])


HEAD = "000201010212"
NAPAS = "38540010A00000072701240006970418011001234567890208QRIBFTTA"
TAIL = "530370454061800005802VN"


@pytest.mark.parametrize(
    "body",
    [
        "",
        HEAD[6:] + NAPAS + TAIL,  # no version
        NAPAS + HEAD + TAIL,  # the version is not first
        HEAD + NAPAS + TAIL + "5802VN",  # a tag twice
        HEAD + NAPAS + TAIL + "6299",  # a length beyond the end
        HEAD + NAPAS + TAIL + "62",  # half a head
        HEAD + NAPAS + TAIL + "6A02xx",
        HEAD + NAPAS + TAIL + "６２02xx",  # digits of another script
        HEAD + NAPAS + TAIL + "62040805",  # a length beyond the end, inside
        HEAD + NAPAS + TAIL + "62100801a0801b",  # a tag twice, inside
        HEAD + NAPAS + "530384054061800005802VN",  # dollars
        HEAD + NAPAS + "530370454061800005802US",
        HEAD + NAPAS + "530370454060000005802VN",  # nothing
        HEAD + NAPAS + "530370454060180005802VN",  # a leading zero
        HEAD + NAPAS + "53037045409180000.005802VN",  # a fraction
        HEAD + NAPAS + "53037045414100000000000005802VN",  # fourteen digits
        HEAD + NAPAS.replace("QRIBFTTA", "QRIBFTTX") + TAIL,
        HEAD + NAPAS.replace("A000000727", "A000000728") + TAIL,
        HEAD + NAPAS.replace("970418", "97041x") + TAIL,
        "000201010213" + NAPAS + TAIL,  # neither static nor dynamic
        HEAD + TAIL,
        HEAD + NAPAS.replace("0110012345", "0112012345") + TAIL,  # the account's own length goes too far
    ],
)
def test_a_code_that_is_well_sealed_and_badly_made_is_refused(body: str) -> None:
    with pytest.raises(Malformed):
        vietqr.parse(sealed(body))


def test_the_code_that_the_broken_ones_were_made_of_is_good() -> None:
    assert replace(BIDV, purpose="") == vietqr.parse(sealed(HEAD + NAPAS + TAIL))


@given(st.text(max_size=300))
def test_any_text_as_a_code_is_malformed(text: str) -> None:
    for payload in (text, sealed(text), sealed(HEAD + text)):
        with pytest.raises(Malformed):
            vietqr.parse(payload)


@given(st.text(st.sampled_from("0123456789AVN"), max_size=120))
def test_any_fields_as_a_code_are_read_or_malformed(text: str) -> None:
    try:
        read = vietqr.parse(sealed(HEAD + NAPAS + TAIL + text))
    except Malformed:
        return
    assert replace(read, purpose="", bill="") == replace(BIDV, purpose="")


@pytest.mark.parametrize(
    "changes",
    [
        {"bin": "97041"},
        {"bin": "97041٨"},
        {"account": ""},
        {"account": "1" * 20},
        {"account": "01-23"},
        {"service": "QRIBFTT"},
        {"amount_vnd": 0},
        {"amount_vnd": -1},
        {"amount_vnd": 10**13},
        {"bill": "a b"},
        {"bill": "1" * 26},
    ],
)
def test_what_a_code_cannot_carry_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        vietqr.build(replace(BIDV, **changes))


@pytest.mark.parametrize("n", [1, 2, 99])
def test_an_order_becomes_a_transfer_whose_memo_is_our_reference(n: int) -> None:
    reference = attempt_reference(ORDER_CODE, n)
    assert replace(BIDV, purpose=reference) == start(reference=reference)
    assert (ORDER_CODE,) == find_order_codes(start(reference=reference).purpose)


@pytest.mark.parametrize("bank_bin", ["970488", "000000", "97041"])
def test_money_is_not_asked_to_a_bank_that_nobody_knows(bank_bin: str) -> None:
    agency = Agency("G17", "UBND", "0123456789", bank_bin, "UBND")
    with pytest.raises(Misconfigured):
        start(agency=agency)


def test_a_bank_that_is_newer_than_the_table_can_be_added() -> None:
    agency = Agency("G17", "UBND", "0123456789", "970499", "UBND")
    adapter = Vietqr(Settings(more_bins=frozenset({"970499"})), None)
    assert "970499" == vietqr.parse(adapter.start(order(agency=agency)).qr_payload or "").bin


@pytest.mark.parametrize(
    "changes", [{"reference": "c4"}, {"reference": ""}, {"reference": "A" * 21}, {"amount_vnd": 0}]
)
def test_an_order_that_a_code_cannot_carry_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        start(**changes)


def test_a_memo_that_would_cut_the_reference_is_not_made() -> None:
    with pytest.raises(Malformed):
        Vietqr(Settings(purpose_limit=15), None).start(order())


def test_the_table_of_banks_has_the_account_bins() -> None:
    known = vietqr.banks()
    named = {"VietinBank": "970415", "Vietcombank": "970436", "BIDV": "970418", "Agribank": "970405"}
    assert named == {known[each].short: each for each in named.values()}
    assert {True} == {known[each].qr for each in named.values()}
    assert [] == [each for each in known if not (len(each) == 6 and each.isdigit())]


@pytest.mark.parametrize(
    "told", [{"purpose_limit": 0}, {"purpose_limit": 26}, {"more_bins": frozenset({"97"})}]
)
def test_settings_that_cannot_be_right_are_refused(told: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        Settings(**told)


def test_nobody_calls_about_a_code_and_nobody_can_be_asked() -> None:
    adapter, now = Vietqr(Settings(), None), datetime(2026, 11, 24, tzinfo=UTC)
    message = InboundMessage(method="POST", path="/", query=b"", headers={}, body=b"")
    with pytest.raises(Unsupported):
        adapter.read_callback(message, now)
    with pytest.raises(Unsupported):
        adapter.query("C4", now, now, "q1")
    assert 404 == adapter.acknowledge(Answer.OK, message, now).status
