"""What a message is about is read from its path, else from its body, whatever that holds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports import InboundMessage
from gateway.service.ordered import MOST_NAME_CHARS, MOST_READ_BYTES, about

CODE = "H28-261124-0001"


def told(path: str, body: object) -> str | None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return about(InboundMessage("POST", path, b"", {}, raw), "prt_1")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (f"/v1/cases/{CODE}/transitions", {"case_code": "other"}, CODE),
        (f"/v1/cases/{CODE}/documents/don", b"%PDF-1.4", CODE),
        ("/v1/payments/pay_1/refunds", {"reference": "r"}, "pay_1"),
        ("/v1/payments", {"reference": "r", "case_code": CODE}, CODE),
        ("/v1/cases", {"reference": "r-1", "applicant": {}}, "prt_1:r-1"),
        ("/v1/cases", {"reference": 1}, None),
        ("/v1/cases", {"case_code": ["x"]}, None),
        ("/v1/cases", {"reference": "a\x00b"}, None),
        ("/v1/cases", b'{"reference": "\\ud800"}', None),
        ("/v1/cases", {"reference": "r" * MOST_NAME_CHARS}, None),
        ("/v1/cases", [], None),
        ("/v1/cases", b"[" * 100_000, None),
        ("/v1/cases", b"\xff", None),
        ("/v1/cases", b'{"reference": "' + b"r" * MOST_READ_BYTES + b'"}', None),
        (f"/v1/cases/{CODE}", b"", None),
        ("/v1/cases/\x00", {"reference": "r"}, None),
        ("/v1/cases/", {"reference": "r"}, None),
    ],
)
def test_what_it_is_about(path: str, body: object, expected: str | None) -> None:
    assert expected == told(path, body)


@given(st.text(max_size=40), st.binary(max_size=60))
def test_whatever_comes_it_is_a_text_that_can_be_stored_or_nothing(path: str, body: bytes) -> None:
    found = about(InboundMessage("POST", f"/v1/{path}", b"", {}, body), "prt_1")
    assert found is None or (found.isprintable() and found.encode() and len(found) <= MOST_NAME_CHARS)
