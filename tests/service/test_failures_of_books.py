"""What other systems did with refunds, statements and messages, shown not to happen here.

`docs/failures.md` lists every failure and all of its tests.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from service_bank import Day, line
from service_faults import Killed, faulty, killed, lost
from service_hooks import Listener, says
from service_refunds import CASHIER, CHIEF, approved, ask, found, paid, vnpay_says
from service_wires import ipn
from service_world import ACCOUNT, FEE_VND, NOW, Wire, World, nobody_listens
from sqlalchemy.exc import IntegrityError

from adapters import ttttqg
from gateway.service import refund_sending, refunds
from gateway.store import spine

pytestmark = pytest.mark.service

DAY_S = 24 * 3600
UNAVAILABLE = 503


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.fixture(autouse=True)
def quiet(world: World) -> Iterator[None]:
    world.wire.answer = nobody_listens
    world.wire.asked.clear()
    yield
    world.wire.answer = nobody_listens


# --- refunds ------------------------------------------------------------------------------------


def test_x09_asked_for_agreed_to_sent_and_given_back_are_four_states(world: World, case_code: str) -> None:
    """Elsewhere a refund was shown as under way that nobody had ever sent."""
    payment_id = paid(world, case_code)
    refund = ask(world, payment_id)
    assert ("requested", []) == (refund.state, world.jobs("send_refund", refund.id))
    agreed = refunds.approve(world.context, refund.id, CHIEF, NOW)
    assert ("approved", None, 1) == (agreed.state, agreed.sent_at, len(world.jobs("send_refund", refund.id)))
    assert [] == world.wire.asked
    world.wire.answer = vnpay_says("00", "05")
    refund_sending.send(world.context, refund.id, NOW)
    assert ("sent", NOW, 1) == (
        found(world, refund).state,
        found(world, refund).sent_at,
        len(world.wire.asked),
    )
    assert (0, []) == (world.found(payment_id).refunded_vnd, world.ledger(refund.id))
    types = ["refund.requested", "refund.approved", "refund.sent"]
    assert types == world.types(refund.id)


def test_x09_a_refund_that_did_not_leave_us_is_not_called_sent(world: World, case_code: str) -> None:
    """It goes back to what was agreed to, and the next time is put down with it."""
    refund = approved(world, paid(world, case_code))
    waiting = len(world.jobs("send_refund", refund.id))
    refund_sending.send(world.context, refund.id, NOW)
    assert "approved" == found(world, refund).state
    assert waiting + 1 == len(world.jobs("send_refund", refund.id))


@pytest.mark.parametrize("changes", [{"vnp_TxnRef": "C4261124K7Q2M9XT"}, {"vnp_TransactionType": "01"}])
def test_x10_an_answer_about_something_else_settles_no_refund(
    world: World, case_code: str, changes: dict[str, str]
) -> None:
    """Elsewhere a refund's message was matched by the wrong number, and settled another one."""
    payment_id = paid(world, case_code)
    refund = approved(world, payment_id)
    world.wire.answer = vnpay_says("00", "00", **changes)
    refund_sending.send(world.context, refund.id, NOW)
    assert ("unknown", 0) == (found(world, refund).state, world.found(payment_id).refunded_vnd)


def test_x15_a_refund_that_stays_unclear_is_settled_by_a_person_whose_name_is_kept(
    world: World, case_code: str
) -> None:
    """Elsewhere an anomaly had no call to end it, and was corrected in the database."""
    payment_id = paid(world, case_code)
    refund = approved(world, payment_id)
    world.wire.answer = lost
    refund_sending.send(world.context, refund.id, NOW)
    assert "unknown" == found(world, refund).state
    refund_sending.settle_by_hand(
        world.context, refund.id, by=CASHIER, bank_ref="FT9", account=ACCOUNT, proof=b"%PDF-1.4 UNC", now=NOW
    )
    kept = world.rows("SELECT state, code, proof_sha256 FROM refunds WHERE id = :id", id=refund.id)
    assert [("succeeded", f"by_hand:{CASHIER}")] == [row[:2] for row in kept]
    assert world.context.files.get(kept[0][2]) == b"%PDF-1.4 UNC"
    assert FEE_VND == world.found(payment_id).refunded_vnd


def test_x40_what_makes_a_refund_unique_was_written_down_before_the_first_call(
    world: World, case_code: str
) -> None:
    """Elsewhere each retry made a key of its own, and the provider took it for another order."""
    hidden = "ttttqg-secret-of-the-test"
    settings = ttttqg.Settings("C4TTTT", "https://127.0.0.1:9", algorithm="hmac-sha256", secret=hidden)
    wire = Wire()
    providers = {**world.context.providers, "ttttqg": ttttqg.Ttttqg(settings, wire)}
    context = replace(world.context, providers=providers)
    refund = approved(world, paid(world, case_code))
    world.do("UPDATE refunds SET provider = 'ttttqg' WHERE id = :id", id=refund.id)
    refund_sending.send(context, refund.id, NOW)
    wire.answer = lost
    refund_sending.send(context, refund.id, NOW + timedelta(hours=1))
    kept = world.one("SELECT wire_reference FROM refunds WHERE id = :id", id=refund.id)
    keys = [request.headers["x-request-id"] for request in wire.asked]
    assert [kept, kept] == keys


# --- statements ---------------------------------------------------------------------------------


def test_x13_a_statement_that_could_not_be_taken_in_is_taken_in_when_it_comes_again(
    world: World, case_code: str
) -> None:
    """Elsewhere the file was marked as seen before it was processed, and its failure was repeated for ever."""
    day = Day(world, case_code)
    entries = (line("mot", 111_000), line("hai", 222_000, "FT2"))
    with faulty(world, "statement_lines", "amount_vnd <> 222000"), pytest.raises(IntegrityError):
        day.take_in(*entries)
    assert [] == day.lines()
    assert day.take_in(*entries) is not None
    assert [111_000, 222_000] == day.lines()
    assert day.take_in(*entries) is None


def test_x13_a_reconciliation_that_failed_decides_nothing_and_is_done_again(
    world: World, case_code: str
) -> None:
    """The lines are open until the whole of them is decided."""
    day = Day(world, case_code)
    day.reconcile()
    (first, one), (second, two) = day.paid(), day.paid()
    day.take_in(line(one), line(two, bank_ref="FT2"))
    with faulty(world, "ledger", "account NOT LIKE 'bank:%'"), pytest.raises(IntegrityError):
        day.reconcile()
    assert {} == day.booked()
    assert [(first, "by_reference"), (second, "by_reference")] == day.reconcile()


def test_x20_a_line_that_nobody_can_explain_stops_no_other(world: World, case_code: str) -> None:
    """Elsewhere one bad account stopped the settlement of the whole file."""
    day = Day(world, case_code)
    day.reconcile()
    (first, one), (second, two) = day.paid(), day.paid()
    foreign = line("C4 ???? ☒ 0000", 1, "FT0")
    day.take_in(foreign, line(one), replace(foreign, amount_vnd=-7), line(two, bank_ref="FT2"))
    assert [first, second] == [payment_id for payment_id, _ in day.reconcile() if payment_id is not None]


# --- messages to portals ------------------------------------------------------------------------


def test_x06_a_message_whose_sender_died_after_it_was_noted_goes_out_later(world: World) -> None:
    """Elsewhere the note that was made before the sending kept the message from ever being sent again."""
    listener = Listener(world)
    message = listener.message()
    listener.wire.answer = killed
    with pytest.raises(Killed):
        listener.send(message)
    assert [] == listener.outcomes(message)
    listener.fan_out()
    assert 1 == [each for each, _ in listener.told()].count(message), "it is not made a second time"
    listener.wire.answer = lambda _: says(200)
    listener.send(message)
    assert [(200, "delivered")] == listener.outcomes(message)
    sent = [request.headers["webhook-id"] for request in listener.sent]
    assert [message, message] == sent, "the receiver can tell that it is the same"


def test_x29_a_portal_that_was_down_for_a_day_misses_nothing(world: World, case_code: str) -> None:
    """Elsewhere notices that met a receiver which was down were lost, and nobody heard of it."""
    listener = Listener(world, ["payment.*"])
    with world.engine.connect() as connection:
        before = spine.START
        while batch := spine.read_after(connection, before, 500):
            before = batch[-1].position
    payments = []
    for _ in range(3):
        payment_id, reference = world.started(case_code)
        world.hear("vnpay", ipn(reference, number=world.fresh("149")))
        payments.append(payment_id)
    listener.fan_out()
    told = [message for message, _ in listener.told()]
    assert ["payment.created", "payment.succeeded"] * 3 == [type_ for _, type_ in listener.told()]
    listener.answer = says(UNAVAILABLE)
    for message in told:
        _send_while(listener, message, DAY_S)
    assert "enabled" == _state(listener)
    listener.answer = says(200)
    for message in told:
        round_, at = listener.due(message)[-1]
        assert at is not None
        assert timedelta(0) < at - NOW, "a next time is due"
        listener.send(message, round_, at)
    assert [1] * 6 == [listener.outcomes(message).count((200, "delivered")) for message in told]
    with world.engine.connect() as connection:
        feed = spine.read_after(connection, before, 500, world.caller.portal_id)
    in_feed = [event.subject_id for event in feed if event.type == "payment.succeeded"]
    assert payments == in_feed, "who cannot receive reads the feed"


def _send_while(listener: Listener, message: str, for_s: int) -> None:
    """Each try of the schedule that falls into so many seconds; every one of them puts the next one down."""
    at = NOW
    for round_ in range(100):
        if (at - NOW).total_seconds() >= for_s:
            return
        listener.send(message, round_, at)
        next_round, due_at = listener.due(message)[-1]
        assert due_at is not None
        assert round_ + 1 == next_round
        at = due_at
    raise AssertionError("the schedule has no end")


def _state(listener: Listener) -> str:
    state = listener.state()
    assert state is not None
    return state.state
