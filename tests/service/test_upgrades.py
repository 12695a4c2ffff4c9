"""While a new release is rolled out, the one before it still works on the same database."""

import pytest
from service_world import FEE_VND, NOW, World
from sqlalchemy import text

pytestmark = pytest.mark.service

AS_BEFORE = (
    "SELECT record_report('vnpay', 'GET', '/callbacks/vnpay', ''::bytea, '{}'::jsonb, ''::bytea, 'vnpay', :reference, "
    "'paid', :amount_vnd, 'VND', :number, '00', NULL, :now, ARRAY['created','pending','unknown','failed','expired',"
    "'cancelled'], ARRAY['pending','unknown'], ARRAY['unknown'], ARRAY['intended','sent','unknown'])"
)
"""As the release before migration 0007 calls it."""


def test_a_report_of_the_release_before_counts(world: World) -> None:
    payment_id, reference = world.started(world.case(), "vnpay")
    given = {"reference": reference, "number": "77", "now": NOW}
    with world.transaction() as connection:
        said = [
            connection.execute(text(AS_BEFORE), {**given, "amount_vnd": vnd}).scalar_one()
            for vnd in (FEE_VND - 1, FEE_VND, FEE_VND)
        ]
    assert ["wrong_amount", "ok", "duplicate"] == said
    assert ("paid", FEE_VND) == (world.found(payment_id).state, world.found(payment_id).paid_vnd)
