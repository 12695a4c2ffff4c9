"""A statement is taken in whole and once; lines are matched by our own reference; each line is booked once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from service_bank import Day, line
from service_wires import confirm, platform
from service_world import ACCOUNT, FEE_VND, World, at_once

from gateway.domain.errors import Malformed, NotFound
from gateway.service import finance, payments
from gateway.store import finance as finance_store

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.fixture
def day(world: World, case_code: str) -> Day:
    made = Day(world, case_code)
    made.reconcile()  # what other tests left
    return made


@pytest.fixture
def nothing_is_kept(world: World) -> Iterator[None]:
    """What the test does leaves no statement, no line and no file."""

    def kept() -> tuple[object, ...]:
        files = sum(1 for path in (world.house.settings.var_dir / "files").rglob("*") if path.is_file())
        counts = "SELECT (SELECT count(*) FROM statements), (SELECT count(*) FROM statement_lines)"
        return files, world.rows(counts)

    before = kept()
    yield
    assert before == kept()


def test_x16_the_same_file_any_number_of_times_and_at_once_is_taken_in_once(day: Day) -> None:
    entries = (line("mot", 100_000), line("hai", 200_000, "FT2"), line("ba", -5_000, "FT3"))
    ids = at_once(6, lambda _: day.take_in(*entries))
    assert 1 == len([each for each in ids if each is not None])
    assert day.take_in(*entries) is None
    assert [100_000, 200_000, -5_000] == day.lines()


def test_a_fuller_file_of_the_same_day_adds_only_what_is_new(day: Day) -> None:
    morning = (line("mot", 100_000), line("hai", 200_000, "FT2"))
    assert day.take_in(*morning) is not None
    assert day.take_in(*morning, line("ba", 300_000, "FT3")) is not None
    assert [100_000, 200_000, 300_000] == day.lines()


def test_x35_two_lines_that_are_equal_to_the_letter_stay_two(day: Day) -> None:
    twin = line("nop phi")
    day.take_in(twin, twin)
    assert [FEE_VND, FEE_VND] == day.lines()
    day.take_in(twin, twin, twin)
    assert [FEE_VND] * 3 == day.lines()


@pytest.mark.usefixtures("nothing_is_kept")
@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        (b":25:0123456789", b":25:9876543210", "another account"),
        (b"VND", b"USD", "currency|VND"),
        (b"VND1200000,", b"VND1200001,", "add up"),
        (b":61:", b":62:", "62"),
        (b"C200000,", b"C200,00garbage", "Line 1"),
    ],
)
def test_a_file_that_is_not_of_this_account_in_vnd_and_whole_is_refused(
    day: Day, before: bytes, after: bytes, match: str
) -> None:
    data = day.file([line("nop phi")])
    assert before in data
    with pytest.raises(Malformed, match=match):
        finance.import_statement(
            day.world.context, data.replace(before, after), account=ACCOUNT, profile="mt940"
        )


@pytest.mark.usefixtures("nothing_is_kept")
def test_a_file_of_a_format_that_we_do_not_read_is_refused_and_a_dry_run_keeps_nothing(day: Day) -> None:
    data = day.file([line("nop phi"), line("rut", -50_000, "FT2")])
    with pytest.raises(NotFound):
        finance.import_statement(day.world.context, data, account=ACCOUNT, profile="csv")
    tried = finance.import_statement(day.world.context, data, account=ACCOUNT, profile="mt940", dry_run=True)
    assert (None, 2, FEE_VND) == (tried.statement_id, tried.lines, tried.received_vnd)


@pytest.mark.parametrize(
    "damage",
    [
        "{code}",
        "Nguyen Thi A chuyen tien {code} le phi",
        "MBVCB.123456.{code}.CT tu 0711000 toi 0123456789",
        "IBFT{code}",
        "nop phi {lower}",
        "{spaced}",
        "{hyphened}",
        "NỘP PHÍ {code} HỒ SƠ",
        "x" * 55 + "{code}" + "y" * 20,
    ],
)
def test_a_memo_that_the_bank_damaged_still_tells_what_the_money_is_for(day: Day, damage: str) -> None:
    payment_id, code = day.paid()
    memo = damage.format(
        code=code,
        lower=code.lower(),
        spaced=" ".join((code[:5], code[5:9], code[9:])),
        hyphened="-".join((code[:8], code[8:])),
    )
    day.take_in(line(memo))
    assert [(payment_id, "by_reference")] == day.reconcile()
    assert {f"bank:{ACCOUNT}": FEE_VND, "provider:vnpay": -FEE_VND} == day.booked()


def test_a_line_that_nobody_can_explain_is_a_break_and_says_why(day: Day) -> None:
    _, code = day.paid()
    day.take_in(line("chuyen tien"), line(code, FEE_VND - 1, "FT2"), line(f"{code[:-1]}", bank_ref="FT3"))
    assert [(None, "no_reference"), (None, "amount_differs"), (None, "no_reference")] == day.reconcile()
    total_vnd = 3 * FEE_VND - 1
    assert {f"bank:{ACCOUNT}": total_vnd, f"unmatched:{ACCOUNT}": -total_vnd} == day.booked()


def test_the_same_money_is_not_seen_twice(day: Day) -> None:
    payment_id, code = day.paid()
    day.take_in(line(code), line(code))
    assert [(payment_id, "by_reference"), (None, "not_awaited")] == day.reconcile()


def test_money_that_was_seen_is_not_seen_again_in_a_later_statement(day: Day) -> None:
    payment_id, code = day.paid()
    day.take_in(line(code))
    assert [(payment_id, "by_reference")] == day.reconcile()
    day.take_in(line(code), line(code, bank_ref="FT2"))
    assert [(None, "not_awaited")] == day.reconcile()


def test_a_line_whose_money_another_one_takes_at_the_same_moment_waits_for_the_next_time(day: Day) -> None:
    world = day.world
    _, code = day.paid()
    day.take_in(line(code), line(code, bank_ref="FT2"))
    first = world.one("SELECT min(id) FROM statement_lines WHERE value_on = :on", on=day.on)
    attempt_id = world.one("SELECT id FROM attempts WHERE reference = :r", r=code)
    with ThreadPoolExecutor(1) as pool, world.transaction() as holder:
        finance_store.add_match(
            holder, line_id=first, attempt_id=attempt_id, kind="matched", reason="by_reference"
        )
        decided = pool.submit(day.reconcile)
        world.until_waiting(1)
        holder.commit()
        assert [] == decided.result(10)
    assert {} == day.booked()
    assert [(None, "not_awaited")] == day.reconcile()


def test_an_explained_break_leaves_the_unmatched_account_and_has_both_decisions_on_the_spine(
    day: Day,
) -> None:
    payment_id, reference = day.world.started(day.case_code)
    day.take_in(line(reference))
    assert [(None, "not_awaited")] == day.reconcile()
    assert [] == day.reconcile(), "a break that stays one is not told again"
    day.say_paid(reference)
    assert [(payment_id, "by_reference")] == day.reconcile()
    assert {f"bank:{ACCOUNT}": FEE_VND, f"unmatched:{ACCOUNT}": 0, "provider:vnpay": -FEE_VND} == day.booked()
    line_id = day.world.one("SELECT id::text FROM statement_lines WHERE value_on = :on", on=day.on)
    assert [
        ("statement_line.break", None, "break", 1),
        ("statement_line.matched", "break", "matched", 2),
    ] == day.world.spine(line_id)
    assert day.close().green


def test_two_equal_lines_for_two_payments_of_equal_sums_each_find_their_own(day: Day) -> None:
    (first, one), (second, two) = day.paid(), day.paid()
    day.take_in(line(f"gop {two}"), line(f"gop {one}"))
    assert [(second, "by_reference"), (first, "by_reference")] == day.reconcile()


def test_money_that_came_for_a_cancelled_payment_is_matched(day: Day) -> None:
    payment_id, reference = day.world.started(day.case_code)
    payments.cancel(day.world.context, day.world.caller, payment_id, day.noon)
    day.say_paid(reference)
    day.take_in(line(reference))
    assert [(payment_id, "by_reference")] == day.reconcile()


def test_the_money_of_a_second_try_is_matched_with_that_try(day: Day) -> None:
    world = day.world
    payment_id, reference = world.started(day.case_code)
    world.wire.answer = platform()
    second = world.start(payment_id, "dvcqg").reference
    said = confirm(second, number=f"VNP-{second}", paid_at=f"{day.on:%Y%m%d}095500")
    world.hear("dvcqg", said, day.noon)
    day.say_paid(reference)
    day.take_in(line(f"nop {second}"), line(f"nop {reference}"))
    assert [(payment_id, "by_reference")] * 2 == day.reconcile()
    query = (
        "SELECT a.reference FROM matches m JOIN attempts a ON a.id = m.attempt_id WHERE payment_id = :id "
        "ORDER BY m.line_id"
    )
    assert [(second,), (reference,)] == world.rows(query, id=payment_id)


def test_a_line_is_booked_once_however_often_and_by_how_many_it_is_looked_at(day: Day) -> None:
    codes = [day.paid()[1] for _ in range(5)]
    day.take_in(*(line(code, bank_ref=f"FT{n}") for n, code in enumerate(codes)))
    decided = at_once(4, lambda _: len(day.reconcile()))
    assert 5 == sum(decided)
    assert [] == day.reconcile()
    assert {f"bank:{ACCOUNT}": 5 * FEE_VND, "provider:vnpay": -5 * FEE_VND} == day.booked()


def test_money_that_goes_out_is_kept_and_not_matched(day: Day) -> None:
    _, code = day.paid()
    day.take_in(line(f"tra lai {code}", -FEE_VND))
    assert ([-FEE_VND], []) == (day.lines(), day.reconcile())


def test_who_paid_stands_sealed_in_the_database(day: Day) -> None:
    day.take_in(line("Nguyen Thi Bi Mat nop phi"))
    stored = day.world.rows(
        "SELECT memo_sealed FROM statement_lines WHERE value_on BETWEEN :on AND :next",
        on=day.on,
        next=day.on + timedelta(days=1),
    )
    assert 1 == len(stored)
    assert b"Bi Mat" not in bytes(stored[0][0])
