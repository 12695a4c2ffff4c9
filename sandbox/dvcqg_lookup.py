"""The platform's question to a portal: what is owed for this case now ("dptracuuthanhtoanhs").

`POST` of `{"MaHoSo": …}` with the platform's bearer token; the portal answers `error_code` 1 with what is to be
paid, 0 when nothing is, -1 when it does not know the case. The token is this world's choice: public code of a portal
asks for none. What is charged is the sum of the lines at this moment, whatever an INIT said before.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.dvcqg_wire import sum_of
from sandbox.outward import OK, Call, Send
from sandbox.serving import json_object, text_of

MAX_TEXT = 255
TO_PAY, NOTHING, NOT_FOUND = "1", "0", "-1"
SENTENCES = {NOTHING: "Hồ sơ không có khoản phải nộp", NOT_FOUND: "Không tìm thấy hồ sơ"}
NO_ANSWER = "Không tra cứu được khoản phải nộp"


@dataclass(frozen=True, slots=True)
class Owed:
    """What a portal says is owed. `reference` is what the payment goes by from then on."""

    amount_vnd: int
    reference: str
    account: str
    info: str


def look_up(send: Send, url: str, token: str, case_code: str) -> Owed | str:
    """What is owed for `case_code`, or a sentence for the payer."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    reply = send(Call("POST", url, headers, json.dumps({"MaHoSo": case_code}).encode()))
    answer = None if reply is None or reply.status != OK else json_object(reply.body)
    return read_answer(answer, case_code)


def read_answer(answer: Mapping[str, object] | None, case_code: str) -> Owed | str:
    """What a portal's decoded answer says; never raises, whatever it holds."""
    if answer is None:
        return NO_ANSWER
    code, message = text_of(answer.get("error_code")), answer.get("message")
    if code != TO_PAY or not isinstance(message, dict):
        return SENTENCES.get(code, NO_ANSWER)
    amount_vnd, reference = sum_of(message.get("DSKhoanNop")), text_of(message.get("transaction_id"))
    if not amount_vnd or sum_of(message.get("PhiLePhi")) != amount_vnd or not 0 < len(reference) <= MAX_TEXT:
        return NO_ANSWER
    info = text_of(message.get("NoiDungThanhToan"))[:MAX_TEXT] or f"Phi le phi ho so {case_code}"
    return Owed(amount_vnd, reference, text_of(message.get("TKThuHuong")), info)
