"""VietinBank's side of the wire: its arithmetic, and what it believes."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from sandbox.vietinbank import INQUIRY, INQUIRY_ANSWER, NOTICE, NOTICE_ANSWER, holds, sign

VECTORS = json.loads(
    (Path(__file__).parents[1] / "adapters" / "vectors_collection.json").read_text(encoding="utf-8")
)
KEY = load_pem_private_key(VECTORS["rsa_test_key"]["private_pem"].encode(), None)
PUBLIC = load_pem_public_key(VECTORS["rsa_test_key"]["public_pem"].encode())
ASKED = {"transId": "TX0001", "transTime": "20251124143000", "custCode": "GWT0000001"}
FOUND = {
    "custName": "NGUYEN VAN A_180000VND",
    "billId": "GW2511240001",
    "amount": "180000",
    "errorCode": "00",
}
EXAMPLES = {
    "vietinbank_inq_request": (ASKED, INQUIRY["1.4.1"]),
    "vietinbank_inq_response": ({**ASKED, **FOUND}, INQUIRY_ANSWER["1.4.1"]),
    "vietinbank_notify_request": (VECTORS["vietinbank_notify_request"]["body"], NOTICE),
    "vietinbank_notify_response_ok": (VECTORS["vietinbank_notify_response_ok"]["body"], NOTICE_ANSWER),
}


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_each_message_is_signed_as_its_worked_example(name: str) -> None:
    fields, order = EXAMPLES[name]
    assert VECTORS[name]["expected"] == sign(KEY, fields, order)
    assert holds(PUBLIC, fields, order, VECTORS[name]["expected"])
    for field in order:
        assert not holds(PUBLIC, {**fields, field: "1"}, order, VECTORS[name]["expected"])


def test_the_edition_of_2026_signs_the_channel_and_the_kind_of_transfer() -> None:
    fields = {**ASKED, "channelId": "211701", "transType": "2", "custName": "", "custAcct": "71"}
    signature = sign(KEY, fields, INQUIRY["2026"])
    assert holds(PUBLIC, {"whole": "TX0001211701202511241430002GWT000000171"}, ("whole",), signature)


@given(signature=st.text(max_size=400), fields=st.dictionaries(st.sampled_from(NOTICE), st.integers()))
def test_no_signature_breaks_the_bank(signature: str, fields: dict[str, object]) -> None:
    assert not holds(PUBLIC, fields, NOTICE, signature)
