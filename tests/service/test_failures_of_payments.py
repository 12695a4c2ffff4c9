"""What other systems did with the money of others, shown not to happen here: payments, their tries, what is heard.

`docs/failures.md` lists every failure and all of its tests.
"""

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest
from service_faults import lost
from service_wires import DUPLICATE, FAILED, OK, PENDING, confirm, ipn, platform
from service_world import FEE_VND, NOW, World, at_once, contiguous

from gateway.domain.errors import Forbidden
from gateway.domain.machine import terminal
from gateway.domain.payment import ATTEMPT_TABLE, TABLE, AttemptState, PaymentState
from gateway.domain.refund import TABLE as REFUND_TABLE
from gateway.domain.refund import RefundState
from gateway.ports import InboundMessage
from gateway.service import payments

pytestmark = pytest.mark.service

A_YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.mark.parametrize(
    "delay",
    [
        timedelta(0),
        timedelta(seconds=1),
        timedelta(minutes=15),
        timedelta(hours=30),
        timedelta(days=3),
        timedelta(days=30),
        A_YEAR,
    ],
    ids=str,
)
def test_x01_a_success_after_a_failure_counts_at_every_delay(
    world: World, case_code: str, delay: timedelta
) -> None:
    """Elsewhere "failed" was final: what was captured later was ignored, and a paid case never went on."""
    payment_id, reference = world.started(case_code)
    world.hear("vnpay", ipn(reference, FAILED))
    payments.expire(world.context, payment_id, NOW + delay)
    assert world.found(payment_id).state in {"failed", "expired"}
    assert OK == world.hear("vnpay", ipn(reference, number=world.fresh("141")), NOW + delay)
    assert ("paid", FEE_VND) == (world.found(payment_id).state, world.found(payment_id).paid_vnd)
    assert contiguous(world.spine(payment_id))


def test_x03_money_that_is_held_is_not_money_received(world: World, case_code: str) -> None:
    """Elsewhere money was authorised, shown as paid, and never captured."""
    payment_id, reference = world.started(case_code)
    attempt_id = world.one("SELECT id FROM attempts WHERE payment_id = :id", id=payment_id)
    assert OK == world.hear("vnpay", ipn(reference, PENDING))
    assert ("pending", 0, []) == (
        world.found(payment_id).state,
        world.found(payment_id).paid_vnd,
        world.ledger(payment_id),
    )
    assert "payment.succeeded" not in world.types(payment_id)
    assert [None] == [at for _, at in world.jobs("query_attempt", attempt_id)], "it is asked about at once"
    assert OK == world.hear("vnpay", ipn(reference, number=world.fresh("143")))
    assert ("paid", FEE_VND) == (world.found(payment_id).state, world.found(payment_id).paid_vnd)


def test_x08_a_callback_fills_in_the_number_that_a_lost_answer_would_have_told(
    world: World, case_code: str
) -> None:
    """Elsewhere the provider's number was unknown after a time-out, and no later message could be matched."""
    payment_id = world.payment(case_code)
    world.wire.answer = lost
    attempt = world.start(payment_id, "dvcqg")
    assert ("unknown", None) == (attempt.state, attempt.provider_ref)
    world.hear("dvcqg", confirm(attempt.reference, number="VNP-x08"))
    known = world.rows("SELECT state, provider_ref FROM attempts WHERE id = :id", id=attempt.id)
    assert ("paid", [("succeeded", "VNP-x08")]) == (world.found(payment_id).state, known)


def test_x11_clicks_beside_an_unclear_try_wait_for_it_and_it_alone_pays(world: World, case_code: str) -> None:
    """Elsewhere an unclear payment, a new one beside it and the healing of the first took the money twice."""
    payment_id = world.payment(case_code)
    world.wire.answer = lost
    world.start(payment_id, "dvcqg")
    world.wire.answer = platform("1", "VNP-x11")

    def click(_: int) -> str:
        try:
            return world.start(payment_id, "vnpay").state
        except Forbidden:
            return "refused"

    assert ["refused"] * 4 == at_once(4, click)
    assert (["succeeded"], FEE_VND) == (world.tries(payment_id), world.found(payment_id).paid_vnd)


def test_x12_what_was_acknowledged_is_seen_by_whoever_reads_next(world: World, case_code: str) -> None:
    """Elsewhere the next reader asked a replica that lagged, and told the payer that nothing had come."""
    begun = [world.started(case_code) for _ in range(8)]

    def told_then_read(number: int) -> tuple[bytes, str]:
        payment_id, reference = begun[number]
        answer = world.hear("vnpay", ipn(reference, number=f"1450000{number}"))
        return answer, world.found(payment_id).state

    assert [(OK, "paid")] * 8 == at_once(8, told_then_read)


def test_x14_money_for_what_was_paid_elsewhere_is_kept_with_its_own_number(
    world: World, case_code: str
) -> None:
    """Elsewhere the second receipt of a payment was refused, and its money belonged to nobody."""
    payment_id, at_vnpay = world.started(case_code)
    world.wire.answer = platform()
    at_platform = world.start(payment_id, "dvcqg").reference
    assert OK == world.hear("vnpay", ipn(at_vnpay, number="14600001"))
    assert b'"MaLoi":"00"' in world.hear("dvcqg", confirm(at_platform, number="VNP-x14"))
    assert [("refund_due", FEE_VND)] == world.obligations(payment_id)
    query = "SELECT provider, provider_ref FROM obligations WHERE payment_id = :id"
    assert [("dvcqg", "VNP-x14")] == world.rows(query, id=payment_id)
    assert 2 * FEE_VND == sum(debit for _, debit, _ in world.ledger(payment_id))


def test_x15_no_state_of_money_is_left_by_nothing() -> None:
    """Elsewhere an anomaly was a state with no way out of it."""
    assert {PaymentState.PAID} == terminal(TABLE)
    assert {AttemptState.SUCCEEDED} == terminal(ATTEMPT_TABLE)
    assert {RefundState.SUCCEEDED, RefundState.DECLINED} == terminal(REFUND_TABLE)


def test_x36_every_sum_of_the_database_is_a_whole_number(world: World) -> None:
    """Elsewhere an amount was a float, and a đồng was lost in the rounding."""
    query = (
        "SELECT table_name || '.' || column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'public' AND (column_name LIKE '%\\_vnd' OR column_name LIKE '%amount%')"
    )
    found = dict(world.rows(query))
    assert {"payments.amount_vnd", "ledger.debit_vnd", "refunds.amount_vnd"} <= found.keys()
    assert {"bigint"} == set(found.values())
    inexact = "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type = ANY(:t)"
    assert [] == world.rows(inexact, t=["real", "double precision", "money", "numeric"])


def test_x36_no_sum_of_the_code_is_inexact() -> None:
    """The type checker holds the code to its annotations; this holds the annotations to whole numbers."""
    told = [
        (f"{file}:{name}", how)
        for package in ("gateway", "adapters", "postal", "sandbox")
        for file in Path(package).rglob("*.py")
        for name, how in _annotated(ast.parse(file.read_text(encoding="utf-8")))
        if name.endswith("_vnd")
    ]
    assert ("gateway/ports/money.py:amount_vnd", "int") in told
    inexact = {"float", "Decimal", "complex", "Fraction"}
    assert [] == [(where, how) for where, how in told if inexact & set(re.findall(r"\w+", how))]


@pytest.mark.parametrize("provider", ["vnpay", "dvcqg"])
def test_x37_a_message_that_is_played_again_counts_nothing_however_late(
    world: World, case_code: str, provider: str
) -> None:
    """Elsewhere a signature had no time in it, so that a copy was as good as the message; these wires have none."""
    world.wire.answer = platform()
    payment_id = world.payment(case_code)
    reference = world.start(payment_id, provider).reference
    said = _success(provider, reference, world.fresh("147"))
    world.hear(provider, said)
    world.do("UPDATE payments SET refunded_vnd = paid_vnd WHERE id = :id", id=payment_id)
    before = (world.found(payment_id), world.spine(payment_id), world.ledger(payment_id))
    for late in (timedelta(minutes=1), timedelta(days=30), A_YEAR):
        world.hear(provider, said, NOW + late)
    assert before == (world.found(payment_id), world.spine(payment_id), world.ledger(payment_id))
    assert [] == world.obligations(payment_id)
    kept = "SELECT verdict, count(*) FROM inbox WHERE reference = :r GROUP BY verdict ORDER BY verdict"
    assert [("duplicate", 3), ("ok", 1)] == world.rows(kept, r=reference)


def test_x37_a_failure_of_the_first_try_that_is_played_again_does_not_end_the_second(
    world: World, case_code: str
) -> None:
    """The copy is about its own try; the money of the next one goes its own way."""
    payment_id, first = world.started(case_code)
    failure = ipn(first, FAILED)
    world.hear("vnpay", failure)
    second = world.start(payment_id, "vnpay").reference
    assert DUPLICATE == world.hear("vnpay", failure, NOW + timedelta(days=1))
    assert ("pending", ["failed", "sent"]) == (world.found(payment_id).state, world.tries(payment_id))
    assert OK == world.hear("vnpay", ipn(second, number=world.fresh("148")))
    assert "paid" == world.found(payment_id).state


def test_x39_what_the_database_numbers_the_code_does_not(world: World) -> None:
    """Elsewhere the code drew its numbers beforehand, and two that raced drew the same."""
    query = (
        "SELECT table_name, column_default, is_identity FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name = 'id' AND table_name = ANY(:tables)"
    )
    tables = ["payments", "attempts", "refunds", "obligations", "events", "ledger", "inbox"]
    found = {
        name: str(default or "identity" * (identity == "YES"))
        for name, default, identity in world.rows(query, tables=tables)
    }
    assert sorted(tables) == sorted(found)
    assert [] == [
        name for name, by in found.items() if not by.startswith(("new_id(", "nextval(", "identity"))
    ]


def _success(provider: str, reference: str, number: str) -> InboundMessage:
    number = number.replace("-", "0")
    return ipn(reference, number=number) if provider == "vnpay" else confirm(reference, number=number)


def _annotated(tree: ast.AST) -> list[tuple[str, str]]:
    """Each name that has a type, and each function that gives something: the name, and the type as it is written."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append((node.target.id, ast.unparse(node.annotation)))
        elif isinstance(node, ast.arg) and node.annotation is not None:
            found.append((node.arg, ast.unparse(node.annotation)))
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            found.append((node.name, ast.unparse(node.returns)))
    return found
