"""Two at the same moment: one comes first, and what then holds, holds; nothing is done twice, nothing is lost."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from api_callbacks import Vnpay
from api_wire import Reply
from api_world import FEE_VND, PAPERS, World

from gateway.service import behind

pytestmark = pytest.mark.service

ROUNDS, AT_ONCE = range(20), 4
Act = Callable[[], Reply]


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(AT_ONCE) as made:
        yield made


def at_once(pool: ThreadPoolExecutor, *acts: Act) -> list[Reply]:
    """Every one waits until all are ready."""
    gate = Barrier(len(acts))

    def one(act: Act) -> Reply:
        gate.wait(20)
        return act()

    return [each.result(60) for each in [pool.submit(one, act) for act in acts]]


def ready(world: World) -> str:
    """A draft with all of its documents."""
    code = str(world.draft()["case_code"])
    for document, content in PAPERS.items():
        assert 200 == world.put(f"/v1/cases/{code}/documents/{document}", content).status
    return code


def submit(world: World, code: str) -> Act:
    return lambda: world.ask("POST", f"/v1/cases/{code}/submit")


def decide(world: World, code: str, event: str) -> Act:
    asked = {"reference": world.fresh("race"), "event": event}
    return lambda: world.ask("POST", f"/v1/cases/{code}/transitions", asked)


def told(world: World, code: str) -> list[str]:
    """What happened to the case and its money, in the order of the spine."""
    query = "SELECT type FROM events WHERE case_code = :c ORDER BY xid, id"
    return [row.type for row in world.rows(query, c=code)]


@pytest.mark.parametrize("_", ROUNDS)
def test_submit_and_submit(world: World, pool: ThreadPoolExecutor, _: int) -> None:
    code = ready(world)
    replies = at_once(pool, *[submit(world, code)] * AT_ONCE)
    assert [200] * AT_ONCE == [each.status for each in replies]
    (receipt,) = {each.json["submission_receipt"] for each in replies}
    assert receipt
    assert 1 == told(world, code).count("case.registered")


@pytest.mark.parametrize("_", ROUNDS)
def test_submit_and_withdraw(world: World, pool: ThreadPoolExecutor, _: int) -> None:
    """A draft cannot be withdrawn: whoever comes second decides what comes of it."""
    code = ready(world)
    submitted, withdrawn = at_once(pool, submit(world, code), decide(world, code, "withdraw"))
    assert 200 == submitted.status
    case, moved = world.ask("GET", f"/v1/cases/{code}").json, told(world, code)
    assert submitted.json["submission_receipt"] == case["submission_receipt"]
    assert 1 == moved.count("case.registered")
    if withdrawn.status == 200:
        assert ("withdrawn", moved.index("case.registered") + 1) == (
            case["state"],
            moved.index("case.withdrawn"),
        )
    else:
        assert (409, "not_possible_now") == (withdrawn.status, withdrawn.json["code"])
        assert ("registered", 0) == (case["state"], moved.count("case.withdrawn"))
    again = world.ask("POST", f"/v1/cases/{code}/submit")
    assert (200, case) == (again.status, again.json)


@pytest.mark.parametrize("turn", ROUNDS)
def test_pay_and_withdraw(world: World, pool: ThreadPoolExecutor, turn: int) -> None:
    """The money is real whichever comes first; what came for a case that was withdrawn is owed back, once."""
    code, provider = str(world.submitted()["case_code"]), Vnpay()
    payment, reference = world.started(code, "vnpay")

    def pay() -> Reply:
        if turn % 2:  # a callback is the quicker one: in every other round it looks at something first
            world.ask("GET", f"/v1/cases/{code}")
        return provider.paid(reference, FEE_VND).send(world)

    paid, withdrawn = at_once(pool, pay, decide(world, code, "withdraw"))
    assert ("00", 200) == (provider.word(paid), withdrawn.status)
    follow(world)
    shown, moved = world.ask("GET", f"/v1/payments/{payment['id']}").json, told(world, code)
    assert ("success", FEE_VND) == (shown["state"], shown["paid_vnd"])
    assert "withdrawn" == world.ask("GET", f"/v1/cases/{code}").json["state"]
    assert (1, 1) == (moved.count("payment.succeeded"), moved.count("case.withdrawn"))
    owed = world.rows("SELECT kind, amount_vnd FROM obligations WHERE payment_id = :p", p=payment["id"])
    assert owed in ([], [("refund_due", FEE_VND)])
    assert owed or moved.index("payment.succeeded") < moved.index("case.withdrawn")
    ledger = world.bookings(payment["id"])
    assert sum(debit for _, debit, _ in ledger) == sum(credit for *_, credit in ledger) == FEE_VND


def follow(world: World) -> None:
    """What the worker does behind, here once both have happened."""
    while behind.consume(world.house.context, "cases", datetime.now(UTC)):
        pass
