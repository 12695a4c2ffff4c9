"""The legal receipt of a payment, as its portal sees it."""

import pytest
from api_world import World
from sqlalchemy import text

from gateway.domain.legal_receipt import PUBLIC, LegalState

pytestmark = pytest.mark.service

RECEIPT = (
    "INSERT INTO receipts (payment_id, series, number, receipt_number, state, facts_sealed) "
    "VALUES (:p, 'X-26E', :n, :name, 'numbered', ''::bytea) RETURNING id"
)
LEGAL = (
    "INSERT INTO legal_receipts (receipt_id, provider, key, form, sign, state) "
    "VALUES (:r, 'vnpt', :r, '01BLP0-001', 'AA-26E', 'intended')"
)
ISSUED = (
    "UPDATE legal_receipts SET state = :state, number = '0000007', lookup_code = 'TRACUU7', amount_vnd = 200000, "
    "issued_at = '2026-11-24T03:00:00Z' WHERE payment_id = :p"
)


def with_legal(world: World, payment_id: str, number: int) -> None:
    """A receipt with a legal one that was not asked for yet."""
    with world.engine.begin() as connection:
        made = connection.execute(
            text(RECEIPT), {"p": payment_id, "n": number, "name": f"X-26E-{number:07d}"}
        )
        connection.execute(text(LEGAL), {"r": made.scalar_one()})


def shown(world: World, payment_id: str) -> object:
    return world.ask("GET", f"/v1/payments/{payment_id}").json["legal_receipt"]


def test_a_payment_without_a_legal_receipt_says_so(world: World, case_code: str) -> None:
    assert shown(world, world.paid(case_code)) is None
    assert world.payment(case_code)["legal_receipt"] is None


def test_a_payment_shows_its_legal_receipt(world: World, case_code: str) -> None:
    payment_id = world.paid(case_code)
    with_legal(world, payment_id, 901)
    identity = {"provider": "vnpt", "form": "01BLP0-001", "sign": "AA-26E"}
    nothing = dict.fromkeys(("number", "lookup_code", "amount_vnd", "issued_at"))
    assert {**identity, **nothing, "state": "pending"} == shown(world, payment_id)
    for state in LegalState:
        with world.engine.begin() as connection:
            connection.execute(text(ISSUED), {"p": payment_id, "state": state.value})
        assert {
            **identity,
            "state": PUBLIC[state].value,
            "number": "0000007",
            "lookup_code": "TRACUU7",
            "amount_vnd": 200_000,
            "issued_at": "2026-11-24T10:00:00.000+07:00",
        } == shown(world, payment_id)
    listed = world.ask("GET", f"/v1/payments?case_code={case_code}&limit=500").json["payments"]
    assert [payment_id] == [each["id"] for each in listed if each["legal_receipt"]]
