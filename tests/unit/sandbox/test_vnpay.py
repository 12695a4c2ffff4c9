"""VNPAY's side: what it accepts, what it sends, and what it answers."""

import time
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests
from hypothesis import given
from hypothesis import strategies as st

from sandbox.vnpay_wire import (
    QUERY_ANSWER,
    QUERY_REQUEST,
    REFUND_REQUEST,
    hmac_hex,
    pipe_holds,
    pipe_text,
    read_signed_query,
    signed_answer,
    signed_query,
)

SECRET = "TESTSECRET0123456789ABCDEFGHIJKL"
IPN = (
    "vnp_Amount=18000000&vnp_BankCode=NCB&vnp_BankTranNo=VNP14226112&vnp_CardType=ATM"
    "&vnp_OrderInfo=Le+phi+ho+so+000.00.00.G17-251124-0001&vnp_PayDate=20251124083211&vnp_ResponseCode=00"
    "&vnp_TmnCode=GWTEST01&vnp_TransactionNo=14226112&vnp_TransactionStatus=00&vnp_TxnRef=GW2511240001"
)
IPN_HASH = (
    "f0f63f334d41e5a14cd8183635cf361b21f1fbc2219a9b56ac8f0fb9514b9684"
    "39fa7197dc97c0c435c422b7a9a73c90e0c74e32ca22f43db85f99b9717e91e0"
)
PAY = (
    "vnp_Amount=18000000&vnp_Command=pay&vnp_CreateDate=20251124083000&vnp_CurrCode=VND"
    "&vnp_ExpireDate=20251124084500&vnp_IpAddr=203.0.113.7&vnp_Locale=vn"
    "&vnp_OrderInfo=Le+phi+ho+so+000.00.00.G17-251124-0001+%28lan+1%29+*%7E&vnp_OrderType=other"
    "&vnp_ReturnUrl=https%3A%2F%2Fdvc.example.gov.vn%2Fpay%2Freturn%3Fa%3D1%26b%3D2&vnp_TmnCode=GWTEST01"
    "&vnp_TxnRef=GW2511240001&vnp_Version=2.1.0"
)
PAY_HASH = (
    "d2634a0188005ab1d6baca044ffe2c01bf4bfee5f48130770e22dd5d2b24f051"
    "6a0e075d5a113306cf7b204d890b5177c2889c238ea7942b97c1390a63e865a3"
)


def test_an_ipn_is_signed_as_the_published_library_signs_it() -> None:
    assert f"{IPN}&vnp_SecureHash={IPN_HASH}" == signed_query(SECRET, dict(parse_qsl(IPN)))


def test_a_pay_address_is_checked_over_the_text_as_received() -> None:
    fields = read_signed_query(SECRET, f"{PAY}&vnp_SecureHash={PAY_HASH}")
    assert fields is not None
    assert "Le phi ho so 000.00.00.G17-251124-0001 (lan 1) *~" == fields["vnp_OrderInfo"]
    python_encoding = PAY.replace("*%7E", "%2A~")
    assert read_signed_query(SECRET, f"{python_encoding}&vnp_SecureHash={PAY_HASH}") is None


def test_one_changed_byte_of_a_pay_address_is_refused() -> None:
    assert (
        read_signed_query(SECRET, f"{PAY.replace('18000000', '1800000')}&vnp_SecureHash={PAY_HASH}") is None
    )


def test_a_query_request_is_signed_in_the_documented_order_and_numbers_count_as_digits() -> None:
    body = {
        "vnp_Version": "2.1.0",
        "vnp_RequestId": "REQ0001",
        "vnp_IpAddr": "203.0.113.7",
        "vnp_TxnRef": "GW2511240001",
        "vnp_TransactionNo": 14226112,
        "vnp_OrderInfo": "Truy van GW2511240001",
        "vnp_TransactionDate": 20251124083000,
        "vnp_CreateDate": 20251124100000,
        "vnp_Command": "querydr",
        "vnp_TmnCode": "GWTEST01",
        "vnp_SecureHash": "1342cd7632209e79c32e4965d9dc59452fd47dab824ae04d5223f06958d560b3"
        "c0fa2b8e4dc22c92a829e57d2ad23bccbf2a0995e7ceb49303fb7354f3e4bf41",
    }
    assert pipe_holds(SECRET, body, QUERY_REQUEST)
    assert not pipe_holds(SECRET, {**body, "vnp_TxnRef": "GW2511240002"}, QUERY_REQUEST)


def test_a_refund_request_is_signed_in_the_documented_order() -> None:
    body = {
        "vnp_RequestId": "REQ0002",
        "vnp_IpAddr": "203.0.113.7",
        "vnp_TxnRef": "GW2511240001",
        "vnp_TransactionNo": 14226112,
        "vnp_OrderInfo": "Hoan phi",
        "vnp_TransactionDate": 20251124083000,
        "vnp_CreateDate": 20251124101500,
        "vnp_CreateBy": "ketoan01",
        "vnp_Amount": 18000000,
        "vnp_TransactionType": "02",
        "vnp_Command": "refund",
        "vnp_Version": "2.1.0",
        "vnp_TmnCode": "GWTEST01",
    }
    expected = (
        "226d2afd2437a26897f3c30f28702f3132c78e4e1ebc7e4d5e51db33d9ac729a"
        "2f8355c5d086138f11b3e9b4b1b0445611900202fa06db504be2dbfca1f13c7b"
    )
    assert expected == hmac_hex(SECRET, pipe_text(body, REFUND_REQUEST))


def test_a_query_answer_is_signed_in_the_documented_order() -> None:
    body = {
        "vnp_ResponseId": "RESP0001",
        "vnp_Command": "querydr",
        "vnp_ResponseCode": "00",
        "vnp_Message": "QueryDR Success",
        "vnp_TmnCode": "GWTEST01",
        "vnp_TxnRef": "GW2511240001",
        "vnp_Amount": "18000000",
        "vnp_BankCode": "NCB",
        "vnp_PayDate": "20251124083211",
        "vnp_TransactionNo": "14226112",
        "vnp_TransactionType": "01",
        "vnp_TransactionStatus": "00",
        "vnp_OrderInfo": "Le phi ho so 000.00.00.G17-251124-0001",
    }
    expected = (
        "f917b73823e4bfda1281ff8be0e5589232a37de0d2ed870eccc62a6c883106f7"
        "fdf375662ad5e1f8a8985274e0718160d8cb329159a843c7072afcced72e3296"
    )
    assert expected == signed_answer(SECRET, body, QUERY_ANSWER)["vnp_SecureHash"]


@given(st.text(max_size=200))
def test_no_query_string_breaks_the_reader(raw: str) -> None:
    assert read_signed_query(SECRET, raw) is None


def test_a_payment_is_paid_told_by_ipn_and_brought_back_with_the_same_signed_facts(
    vnpay: Any, listener: Any
) -> None:
    back, _ = vnpay.pay("GW0001", 180_000)
    ipn = listener.wait_for(1)[0]
    assert (303, "GET", "/callbacks/vnpay") == (back.status_code, ipn.method, ipn.path)
    signed, _, given_hash = ipn.query.rpartition("&vnp_SecureHash=")
    assert vnpay.sign(signed) == given_hash
    fields = dict(parse_qsl(ipn.query))
    assert ("00", "00") == (fields["vnp_ResponseCode"], fields["vnp_TransactionStatus"])
    assert ("GW0001", "18000000") == (fields["vnp_TxnRef"], fields["vnp_Amount"])
    location = urlsplit(back.headers["Location"])
    assert "/return/vnpay" == location.path
    assert {"a": ["1"], **parse_qs(ipn.query)} == parse_qs(location.query)


def test_a_bad_signature_gets_vnpays_own_error_page(vnpay: Any) -> None:
    page = vnpay.open(vnpay.pay_url("GW0001", 180_000).replace("18000000", "1800000"))
    assert 400 == page.status_code
    assert '<code id="code">97</code>' in page.text


def test_another_merchant_an_old_expiry_and_a_broken_amount_are_refused(vnpay: Any) -> None:
    def code(**other: Any) -> Any:
        return vnpay.open(vnpay.pay_url("GW0001", 180_000, **other)).text.split('id="code">')[1][:2]

    assert "02" == code(vnp_TmnCode="OTHER001")
    assert "11" == code(vnp_ExpireDate="20200101000000")
    assert "03" == code(vnp_Amount="18000050")
    assert "03" == code(vnp_OrderInfo="Lệ phí")
    assert "03" == code(vnp_ReturnUrl="http://127.0.0.1/\r\nSet-Cookie: a=b")


def test_a_reference_is_taken_once_a_day_but_a_page_may_be_loaded_again(vnpay: Any) -> None:
    url = vnpay.pay_url("GW0001", 180_000)
    assert [200, 200] == [vnpay.open(url).status_code, vnpay.open(url).status_code]
    other = vnpay.open(vnpay.pay_url("GW0001", 190_000))
    assert (400, True) == (other.status_code, '<code id="code">01</code>' in other.text)


def test_pressing_twice_pays_once(vnpay: Any, listener: Any, world: Any) -> None:
    page = vnpay.open(vnpay.pay_url("GW0001", 180_000))
    first, second = vnpay.press(page), vnpay.press(page, "cancel")
    assert first.headers["Location"] == second.headers["Location"]
    listener.wait_for(1)
    assert 1 == len(listener.after_quiet())
    accounts = requests.get(f"{world.urls['bank']}/accounts", timeout=5).json()["accounts"]
    assert 1_180_000 == accounts[0]["balance_vnd"]


def test_an_ipn_is_sent_until_it_is_acknowledged(vnpay: Any, listener: Any) -> None:
    listener.answers = [(500, b""), (200, b'{"RspCode":"99"}'), (200, b"\xff"), (200, b'{"RspCode": "02"}')]
    vnpay.pay("GW0001", 180_000)
    arrivals = listener.wait_for(4)
    assert 1 == len({arrival.query for arrival in arrivals})
    assert 4 == len(listener.after_quiet())


def test_an_ipn_is_given_up_after_ten_tries(vnpay: Any, listener: Any) -> None:
    listener.answers = [(200, b'{"RspCode":"97"}')]
    vnpay.pay("GW0001", 180_000)
    listener.wait_for(10)
    assert 10 == len(listener.after_quiet())


def test_a_cancelled_payment_is_told_as_24_and_moves_no_money(vnpay: Any, listener: Any, world: Any) -> None:
    vnpay.pay("GW0001", 180_000, "cancel")
    fields = dict(parse_qsl(listener.wait_for(1)[0].query))
    assert ("24", "02") == (fields["vnp_ResponseCode"], fields["vnp_TransactionStatus"])
    accounts = requests.get(f"{world.urls['bank']}/accounts", timeout=5).json()["accounts"]
    assert 1_000_000 == accounts[0]["balance_vnd"]


def test_a_query_tells_the_truth_and_is_signed(vnpay: Any, listener: Any) -> None:
    _, created = vnpay.pay("GW0001", 180_000)
    answer = vnpay.query("GW0001", created)
    assert ("00", "00", "18000000") == (
        answer["vnp_ResponseCode"],
        answer["vnp_TransactionStatus"],
        answer["vnp_Amount"],
    )
    order = (
        "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo"
        " TransactionType TransactionStatus OrderInfo PromotionCode PromotionAmount"
    )
    expected = vnpay.sign("|".join(answer[f"vnp_{name}"] for name in order.split()))
    assert expected == answer["vnp_SecureHash"]


def test_a_payment_that_waits_for_its_payer_is_unfinished(vnpay: Any) -> None:
    url = vnpay.pay_url("GW0001", 180_000)
    vnpay.open(url)
    answer = vnpay.query("GW0001", url.split("vnp_CreateDate=")[1][:14])
    assert ("00", "01") == (answer["vnp_ResponseCode"], answer["vnp_TransactionStatus"])


def test_a_query_is_refused_with_vnpays_codes(vnpay: Any, listener: Any) -> None:
    _, created = vnpay.pay("GW0001", 180_000)

    def code(reference: str = "GW0001", at: Any = created, **other: Any) -> Any:
        return vnpay.query(reference, at, **other)["vnp_ResponseCode"]

    assert "91" == code("NOSUCH")
    assert "91" == code(at="20200101000000")
    assert "91" == code(vnp_TransactionNo="1")
    assert "97" == code(vnp_SecureHash="0" * 128)
    assert "02" == code(vnp_TmnCode="OTHER001")
    assert "03" == code(at="yesterday")
    assert ("00", "94") == (code(vnp_RequestId="again"), code(vnp_RequestId="again"))


def test_a_body_that_is_not_json_is_a_format_error(vnpay: Any) -> None:
    url = f"{vnpay.url}/merchant_webapi/api/transaction"
    for body in (
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b'{"vnp_Command":"querydr"',
        b'{"vnp_Command":"\\ud800"}',
    ):
        assert "03" == requests.post(url, data=body, timeout=5).json()["vnp_ResponseCode"]


def test_refunds_never_exceed_what_was_paid(vnpay: Any, listener: Any, world: Any) -> None:
    _, created = vnpay.pay("GW0001", 180_000)

    def code(amount_vnd: int, kind: str, **other: Any) -> Any:
        return vnpay.refund("GW0001", created, amount_vnd, kind, **other)["vnp_ResponseCode"]

    assert "99" == code(180_001, "03")
    assert "99" == code(100_000, "02")
    assert "00" == code(100_000, "03")
    assert "99" == code(180_000, "02")
    assert "99" == code(80_001, "03")
    assert "00" == code(80_000, "03")
    assert "99" == code(1, "03")
    assert "97" == code(1, "03", vnp_SecureHash="0" * 128)
    accounts = requests.get(f"{world.urls['bank']}/accounts", timeout=5).json()["accounts"]
    assert 1_000_000 == accounts[0]["balance_vnd"]


def test_a_refund_answer_is_signed_without_promotion_fields(vnpay: Any, listener: Any) -> None:
    _, created = vnpay.pay("GW0001", 180_000)
    answer = vnpay.refund("GW0001", created, 180_000, "02")
    order = (
        "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo"
        " TransactionType TransactionStatus OrderInfo"
    )
    assert vnpay.sign("|".join(answer[f"vnp_{name}"] for name in order.split())) == answer["vnp_SecureHash"]
    assert ("05", "02") == (answer["vnp_TransactionStatus"], answer["vnp_TransactionType"])


def test_what_was_not_paid_is_not_refunded(vnpay: Any, listener: Any) -> None:
    _, created = vnpay.pay("GW0001", 180_000, "cancel")
    assert "95" == vnpay.refund("GW0001", created, 180_000, "02")["vnp_ResponseCode"]


def test_the_magic_amounts_do_what_they_promise(vnpay: Any, listener: Any) -> None:
    def heard(reference: str, amount_vnd: int, count: int = 1) -> Any:
        before = len(listener.arrivals)
        _, created = vnpay.pay(reference, amount_vnd)
        started = time.monotonic()
        status = vnpay.query(reference, created)["vnp_TransactionStatus"]
        took = time.monotonic() - started
        listener.wait_for(before + count)
        return [dict(parse_qsl(arrival.query)) for arrival in listener.after_quiet()[before:]], status, took

    assert ([], "00") == heard("GW101", 10_101, 0)[:2]
    twice, status, _ = heard("GW102", 10_102, 2)
    assert (2, True, "00") == (len(twice), twice[0] == twice[1], status)
    forged, status, _ = heard("GW103", 10_103)
    text = "&".join(f"{k}={v.replace(' ', '+')}" for k, v in forged[0].items() if k != "vnp_SecureHash")
    assert (True, "00") == (vnpay.sign(text) != forged[0]["vnp_SecureHash"], status)
    wrong, status, _ = heard("GW104", 10_104)
    assert ("1110400", "00") == (wrong[0]["vnp_Amount"], status)
    plain, status, took = heard("GW105", 10_105)
    assert (1, "00", True) == (len(plain), status, took >= 0.4)
    failed, status, _ = heard("GW106", 10_106)
    assert ("51", "02") == (failed[0]["vnp_ResponseCode"], status)


def test_a_story_can_drop_one_named_ipn_or_the_next_one(vnpay: Any, listener: Any, control: Any) -> None:
    assert 200 == control(vnpay.url, {"drop_confirm_for": "GW0002"})
    assert 200 == control(vnpay.url, {"next": True})
    assert 400 == control(vnpay.url, {"next": False})
    for reference in ("GW0001", "GW0002", "GW0003"):
        vnpay.pay(reference, 180_000)
    listener.wait_for(1)
    heard = [dict(parse_qsl(arrival.query))["vnp_TxnRef"] for arrival in listener.after_quiet()]
    assert ["GW0003"] == heard


def test_an_ipn_that_was_not_acknowledged_is_sent_after_a_restart(
    setting: Any, listener: Any, vnpay_at: Any
) -> None:
    setting.values["vnpay"]["ipn_interval_s"] = 0.5
    listener.answers = [(500, b""), (200, b'{"RspCode":"00"}')]
    world = setting.start()
    vnpay_at(world.urls["vnpay"]).pay("GW0001", 180_000)
    listener.wait_for(1)
    setting.stop(world)
    setting.start()
    arrivals = listener.wait_for(2)
    assert (2, 1) == (len(arrivals), len({arrival.query for arrival in arrivals}))
