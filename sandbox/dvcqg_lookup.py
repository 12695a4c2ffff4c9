"""The platform's question to a portal: what is owed for this case now ("dptracuuthanhtoanhs").

`POST` of `{"MaHoSo": …}` with the platform's bearer token; the portal answers `error_code` 1 with what is to be
paid, 0 when nothing is, -1 when it does not know the case. The token is this world's choice: public code of a portal
asks for none. What is charged is the sum of the lines at this moment, whatever an INIT said before.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import requests

from sandbox.dvcqg_wire import sum_of
from sandbox.serving import json_object, text_of

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 1_000_000
CHUNK_BYTES = 65_536
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


def look_up(url: str, token: str, case_code: str) -> Owed | str:
    """What is owed for `case_code`, or a sentence for the payer."""
    return read_answer(_ask(url, token, case_code), case_code)


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


def _ask(url: str, token: str, case_code: str) -> Mapping[str, object] | None:
    try:
        with (
            requests.Session() as session,
            closing(
                session.post(
                    url,
                    json={"MaHoSo": case_code},
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                    stream=True,
                )
            ) as answer,
        ):
            body = b""
            for chunk in answer.iter_content(CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    return None
            return json_object(body) if answer.status_code == requests.codes.ok else None
    except (requests.RequestException, OSError):
        return None
