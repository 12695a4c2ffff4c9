"""Who reads the spine sees every event once, in order; who acts on it does all of a batch, or nothing of it."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from service_faults import faulty
from service_wires import OK, ipn
from service_world import NOW, World, at_once
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.service import behind
from gateway.store import cursors, spine

pytestmark = pytest.mark.service

REFUSED = b'{"RspCode":"99","Message":"Unknown error"}'


def append(connection: Connection, subject: str, version: int = 1) -> int:
    change = spine.Change(
        subject_kind="test",
        subject_id=subject,
        type="test.moved",
        version=version,
        actor="test",
        cause="test",
        occurred_at=NOW,
    )
    return spine.append(connection, change)


def read_to_the_end(world: World, position: str, limit: int = 500) -> list[spine.Event]:
    found: list[spine.Event] = []
    with world.engine.connect() as connection:
        for _ in range(1000):
            batch = spine.read_after(connection, found[-1].position if found else position, limit)
            if not batch:
                return found
            found += batch
    raise AssertionError("the spine has no end")


def end_of(world: World) -> str:
    found = read_to_the_end(world, spine.START)
    return found[-1].position if found else spine.START


def test_x29_a_reader_waits_for_a_writer_that_commits_late_and_then_skips_nothing(world: World) -> None:
    here = end_of(world)
    with world.engine.connect() as late, late.begin() as open_transaction:
        first = append(late, "late")
        with world.transaction() as other:
            second = append(other, "early")
        assert [] == read_to_the_end(world, here), "what was committed behind an open writer is not shown yet"
        open_transaction.commit()
    assert [first, second] == [event.id for event in read_to_the_end(world, here)]


def test_an_event_of_a_late_writer_with_a_low_number_comes_before_those_with_higher_numbers(
    world: World,
) -> None:
    here = end_of(world)
    with world.engine.connect() as late, late.begin() as open_transaction:
        append(late, "late", 1)
        with world.transaction() as other:
            append(other, "early", 1)
        append(late, "late", 2)
        open_transaction.commit()
    found = [(event.subject_id, event.version) for event in read_to_the_end(world, here)]
    assert [("late", 1), ("late", 2), ("early", 1)] == found


def test_a_reader_beside_many_writers_sees_each_event_once_and_each_subject_in_order(world: World) -> None:
    here = end_of(world)
    writers, each = 8, 25
    dice = random.Random(29)
    pauses = [[dice.random() * 0.006 for _ in range(each)] for _ in range(writers)]

    def write(number: int) -> None:
        for version, pause_s in enumerate(pauses[number], 1):
            with world.transaction() as connection:
                append(connection, f"writer-{number}", version)
                time.sleep(pause_s)

    found: list[spine.Event] = []
    with ThreadPoolExecutor(writers) as pool:
        running = [pool.submit(write, number) for number in range(writers)]
        while not all(future.done() for future in running):
            found += read_to_the_end(world, found[-1].position if found else here, limit=7)
        [future.result() for future in running]
    found += read_to_the_end(world, found[-1].position if found else here)
    seen: dict[str, list[int]] = {}
    for event in found:
        seen.setdefault(event.subject_id, []).append(event.version)
    assert {f"writer-{n}": list(range(1, each + 1)) for n in range(writers)} == seen


def test_a_cursor_is_held_by_one_reader_at_a_time_and_moves_with_its_transaction(world: World) -> None:
    with world.transaction() as first:
        assert "0-0" == cursors.take(first, "consumer:test", "0-0")
    with world.transaction() as one:
        assert "0-0" == cursors.take(one, "consumer:test", "0-0")
        with world.transaction() as two:
            assert cursors.take(two, "consumer:test", "0-0") is None
        cursors.move(one, "consumer:test", "5-5", NOW)
        one.rollback()
    with world.transaction() as three:
        assert "0-0" == cursors.take(three, "consumer:test", "0-0"), "a move that was rolled back is none"
        cursors.move(three, "consumer:test", "5-5", NOW)
    with world.transaction() as four:
        assert "5-5" == cursors.take(four, "consumer:test", "0-0")


def test_a_feeds_cursor_moves_only_from_where_it_was_read(world: World) -> None:
    with world.transaction() as connection:
        assert cursors.advance(connection, "post:test", None, "a", NOW)
        assert not cursors.advance(connection, "post:test", None, "b", NOW)
        assert cursors.advance(connection, "post:test", "a", "b", NOW)
        assert not cursors.advance(connection, "post:test", "a", "c", NOW)
        assert "b" == cursors.peek(connection, "post:test")


def paid(world: World, many: int, first_number: int) -> list[str]:
    """So many paid payments."""
    case_code, made = world.case(), []
    for number in range(many):
        payment_id, reference = world.started(case_code)
        world.hear("vnpay", ipn(reference, number=str(first_number + number)))
        made.append(payment_id)
    return made


def consume_all(world: World, name: str) -> int:
    total = 0
    for _ in range(1000):
        read = behind.consume(world.context, name, NOW)
        if not read:
            return total
        total += read
    raise AssertionError("the spine has no end")


def test_consumers_at_once_never_take_the_same_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    consume_all(world, "cases")
    here = end_of(world)
    monkeypatch.setattr(behind, "BATCH", 3)
    payments = paid(world, 6, 16000000)
    total = sum(at_once(6, lambda _: sum(behind.consume(world.context, "cases", NOW) for _ in range(8))))
    total += consume_all(world, "cases")
    assert len(read_to_the_end(world, here)) == total
    assert [1] * 6 == [len(world.jobs("issue_receipt", each)) for each in payments]


def test_x12_x13_a_fault_in_the_midst_of_a_batch_leaves_everything_as_before_and_the_batch_is_done_later(
    world: World,
) -> None:
    consume_all(world, "cases")
    payments = paid(world, 3, 16000100)
    before = world.rows("SELECT * FROM cursors ORDER BY name")
    with (
        faulty(
            world, "procrastinate_jobs", f"task_name <> 'issue_receipt' OR lock NOT LIKE '%{payments[1]}'"
        ),
        pytest.raises(IntegrityError),
    ):
        consume_all(world, "cases")
    assert before == world.rows("SELECT * FROM cursors ORDER BY name")
    assert [[], [], []] == [world.jobs("issue_receipt", each) for each in payments]
    consume_all(world, "cases")
    assert [1, 1, 1] == [len(world.jobs("issue_receipt", each)) for each in payments]


def test_x24_a_fault_in_the_midst_of_a_callback_changes_nothing_and_the_provider_may_say_it_again(
    world: World,
) -> None:
    payment_id, reference = world.started(world.case())
    message, before = ipn(reference, number="16000200"), world.found(payment_id)
    with faulty(world, "ledger", "account NOT LIKE 'collected:%'"):
        assert REFUSED == world.hear("vnpay", message)
    assert (before, []) == (world.found(payment_id), world.ledger(payment_id))
    kept = "SELECT verdict FROM inbox WHERE query = :said"
    assert [("our_error",)] == world.rows(kept, said=message.query)
    assert OK == world.hear("vnpay", message)
    assert "paid" == world.found(payment_id).state


def test_a_portal_reads_only_its_own_events_and_whatever_comes_as_a_cursor_is_no_sql(world: World) -> None:
    paid(world, 1, 16000300)
    with world.engine.connect() as connection:
        ours = spine.read_after(connection, spine.START, 500, world.caller.portal_id)
        theirs = spine.read_after(connection, spine.START, 500, world.stranger.portal_id)
        assert {world.caller.portal_id} == {event.portal_id for event in ours}
        assert [] == list(theirs)
        for foreign in ("", "1", "a-b", "1-1; DROP TABLE events"):
            with pytest.raises(ValueError, match="invalid literal"):
                spine.read_after(connection, foreign, 500)
