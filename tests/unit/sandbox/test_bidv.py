"""BIDV's side of the wire: its arithmetic, and how it reads a biller's answer."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.bidv import GETBILL, PAYBILL, _sum, checksum

VECTORS = json.loads(
    (Path(__file__).parents[1] / "adapters" / "vectors_collection.json").read_text(encoding="utf-8")
)
SECRET = VECTORS["bidv_getbill_hmac"]["secret"]
PAID = VECTORS["bidv_paybill_hmac"]["body"]


@pytest.mark.parametrize(
    ("name", "kind", "fields", "order"),
    [
        ("bidv_getbill_hmac", "hmac", VECTORS["bidv_getbill_hmac"]["body"], GETBILL),
        ("bidv_paybill_hmac", "hmac", PAID, PAYBILL["hmac"]),
        ("bidv_paybill_sha256", "sha256", PAID, PAYBILL["sha256"]),
    ],
)
def test_each_message_is_signed_as_its_worked_example(
    name: str, kind: str, fields: dict[str, str], order: tuple[str, ...]
) -> None:
    assert VECTORS[name]["expected"] == checksum(kind, SECRET, [fields[each] for each in order])
    assert VECTORS[name]["expected"] != checksum(kind, "another", [fields[each] for each in order])


def test_the_bills_of_all_periods_are_added_up() -> None:
    assert 180_000 == _sum(VECTORS["bidv_getbill_hmac"]["reply"]["data"])
    two = [{"data": [{"amount": "1"}, {"amount": 2}]}, {"data": [{"amount": "3"}]}]
    assert 6 == _sum(two)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "amount"]), inner, max_size=2)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_list_of_bills_breaks_the_bank(data: Any) -> None:
    total = _sum(data)
    assert total is None or total >= 0
