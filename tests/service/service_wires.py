"""What providers say and answer, made by the sandbox's own arithmetic."""

import json
from collections.abc import Callable, Mapping

from service_world import DVCQG_SECRET, FEE_VND, PARTNER, TMN_CODE, VNPAY_SECRET

from gateway.ports import HttpAnswer, HttpRequest, InboundMessage
from sandbox import dvcqg_wire, vnpay_wire

PAID_AT = "20261124095500"
PAID, FAILED, PENDING, UNKNOWN = ("00", "00"), ("24", "02"), ("07", "07"), ("88", "88")
"""vnp_ResponseCode and vnp_TransactionStatus; the last ones are in no document."""
OK = b'{"RspCode":"00","Message":"Confirm Success"}'
DUPLICATE = b'{"RspCode":"02","Message":"Order already confirmed"}'
OUR_ERROR = b'{"RspCode":"99","Message":"Unknown error"}'


def ipn(
    reference: str,
    codes: tuple[str, str] = PAID,
    *,
    number: str = "14000001",
    amount_vnd: int = FEE_VND,
    paid_at: str = PAID_AT,
) -> InboundMessage:
    """An IPN of VNPAY."""
    fields = {
        "vnp_Amount": str(amount_vnd * 100),
        "vnp_OrderInfo": "Phi ho so",
        "vnp_PayDate": paid_at,
        "vnp_ResponseCode": codes[0],
        "vnp_TmnCode": TMN_CODE,
        "vnp_TransactionNo": number,
        "vnp_TransactionStatus": codes[1],
        "vnp_TxnRef": reference,
    }
    query = vnpay_wire.signed_query(VNPAY_SECRET, fields).encode()
    return InboundMessage("GET", "/callbacks/vnpay", query, {}, b"")


def confirm(
    reference: str,
    code: str = "00",
    *,
    number: str = "VNP0001",
    amount_vnd: int = FEE_VND,
    paid_at: str = PAID_AT,
) -> InboundMessage:
    """A CONFIRM of the national platform."""
    fields: dict[str, object] = {
        "LoaiBanTin": "CONFIRM",
        "MaLoi": code,
        "MaDoiTac": PARTNER,
        "MaThamChieu": reference,
        "SoTien": amount_vnd,
        "MaTienTe": "VND",
        "MaGiaoDich": number,
        "MaNganHang": "VIETINBANK",
        "ThoiGianGD": paid_at,
        "ThongTinGiaoDich": "Phi ho so",
    }
    body = json.dumps({**fields, dvcqg_wire.MAC: dvcqg_wire.mac(DVCQG_SECRET, fields, dvcqg_wire.CONFIRM)})
    return InboundMessage("POST", "/callbacks/dvcqg", b"", {}, body.encode())


def platform(state: str | None = None, number: str = "VNP0001") -> Callable[[HttpRequest], HttpAnswer]:
    """The national platform: it takes every INIT, and answers a QUERY with TrangThaiGD (None: no such order)."""

    def answer(request: HttpRequest) -> HttpAnswer:
        asked: Mapping[str, str] = json.loads(request.body or b"{}")
        if "vnp_TxnRef" in asked:
            return not_found_at_vnpay(asked)
        if asked["LoaiBanTin"] == "INIT":
            return _json({"MaLoi": "00", "UrlThanhToan": "http://127.0.0.1:9/tra-tien"})
        if state is None:
            return _json({"MaLoi": "99", "MoTaLoi": "Không tìm thấy giao dịch"})
        fields: dict[str, object] = {
            "LoaiBanTin": "QUERY",
            "MaLoi": "00",
            "MaDoiTac": PARTNER,
            "MaThamChieu": asked["MaThamChieu"],
            "SoTien": FEE_VND,
            "MaTienTe": "VND",
            "MaGiaoDich": number if state == "1" else "",
            "MaNganHang": "VIETINBANK",
            "ThoiGianGD": PAID_AT,
            "ThongTinGiaoDich": "Phi ho so",
        }
        mac = dvcqg_wire.mac(DVCQG_SECRET, fields, dvcqg_wire.CONFIRM)
        return _json({**fields, "TrangThaiGD": state, dvcqg_wire.MAC: mac})

    return answer


def vnpay_answers_and_the_platform(
    does: Callable[[HttpRequest], HttpAnswer],
) -> Callable[[HttpRequest], HttpAnswer]:
    """VNPAY says that nobody has opened its page yet; what the platform does is told."""

    def answer(request: HttpRequest) -> HttpAnswer:
        asked: Mapping[str, str] = json.loads(request.body or b"{}")
        return not_found_at_vnpay(asked) if "vnp_TxnRef" in asked else does(request)

    return answer


def not_found_at_vnpay(asked: Mapping[str, str]) -> HttpAnswer:
    """VNPAY's answer about a try whose page nobody has opened."""
    fields = {
        "vnp_ResponseId": "q1",
        "vnp_Command": "querydr",
        "vnp_ResponseCode": "91",
        "vnp_TmnCode": TMN_CODE,
        "vnp_TxnRef": asked["vnp_TxnRef"],
    }
    return _json(vnpay_wire.signed_answer(VNPAY_SECRET, fields, vnpay_wire.QUERY_ANSWER))


def paid_at_vnpay(reference: str) -> Callable[[HttpRequest], HttpAnswer]:
    """VNPAY's answer about a try that was paid."""

    def answer(_: HttpRequest) -> HttpAnswer:
        fields = {
            "vnp_ResponseId": "q1",
            "vnp_Command": "querydr",
            "vnp_ResponseCode": "00",
            "vnp_TmnCode": TMN_CODE,
            "vnp_TxnRef": reference,
            "vnp_Amount": str(FEE_VND * 100),
            "vnp_BankCode": "NCB",
            "vnp_PayDate": PAID_AT,
            "vnp_TransactionNo": f"9{reference[-6:].encode().hex()}",
            "vnp_TransactionType": "01",
            "vnp_TransactionStatus": "00",
        }
        return _json(vnpay_wire.signed_answer(VNPAY_SECRET, fields, vnpay_wire.QUERY_ANSWER))

    return answer


def _json(document: Mapping[str, object]) -> HttpAnswer:
    return HttpAnswer(200, json.dumps(document).encode(), {"content-type": "application/json"})
