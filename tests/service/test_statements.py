"""A statement is taken in whole and once; lines are matched by our own reference; each line is booked once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from service_bank import Day, line
from service_world import ACCOUNT, AGENCY, FEE_VND, World, at_once

from gateway.domain.errors import Malformed, NotFound
from gateway.domain.statement import Statement
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
    second = world.one("SELECT max(id) FROM statement_lines WHERE value_on = :on", on=day.on)
    event_id = world.one(
        "SELECT e.id FROM events e JOIN payments p ON p.id = e.subject_id "
        "WHERE e.type = 'payment.succeeded' AND p.order_code = :code",
        code=code,
    )
    taken = finance_store.Match(second, event_id, None, "matched", "by_reference")
    with ThreadPoolExecutor(1) as pool, world.transaction() as holder:
        assert finance_store.add_match(holder, taken)
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


def test_a_line_is_booked_once_however_often_and_by_how_many_it_is_looked_at(day: Day) -> None:
    codes = [day.paid()[1] for _ in range(5)]
    day.take_in(*(line(code, bank_ref=f"FT{n}") for n, code in enumerate(codes)))
    decided = at_once(4, lambda _: len(day.reconcile()))
    assert 5 == sum(decided)
    assert [] == day.reconcile()
    assert {f"bank:{ACCOUNT}": 5 * FEE_VND, "provider:vnpay": -5 * FEE_VND} == day.booked()


@pytest.mark.parametrize("work", ["reconcile", "close"])
def test_one_at_a_time_matches_or_closes_on_an_account(day: Day, work: str) -> None:
    with ThreadPoolExecutor(1) as pool, day.world.transaction() as holder:
        finance_store.lock_books(holder, "another account")
        pool.submit(getattr(day, work)).result(10)
        finance_store.lock_books(holder, ACCOUNT)
        done = pool.submit(getattr(day, work))
        day.world.until_waiting(1)
        holder.commit()
        done.result(10)


def test_breaks_that_many_explain_at_once_are_explained_once(day: Day) -> None:
    references = [day.world.started(day.case_code)[1] for _ in range(6)]
    day.take_in(*(line(each, bank_ref=f"FT{n}") for n, each in enumerate(references * 2)))
    assert 12 == len(day.reconcile())
    for each in references:
        day.say_paid(each)
    assert 6 == sum(at_once(4, lambda _: len(day.reconcile())))
    query = (
        "SELECT m.kind, count(*) FROM matches m JOIN statement_lines l ON l.id = m.line_id WHERE value_on = :on "
        "GROUP BY m.kind ORDER BY m.kind"
    )
    assert [("break", 6), ("matched", 6)] == day.world.rows(query, on=day.on)
    total_vnd = 12 * FEE_VND
    assert {
        f"bank:{ACCOUNT}": total_vnd,
        f"unmatched:{ACCOUNT}": 6 * FEE_VND - total_vnd,
        "provider:vnpay": -6 * FEE_VND,
    } == day.booked()


def test_money_for_one_agency_on_the_account_of_another_is_a_break_that_says_so(day: Day) -> None:
    world, other = day.world, "9876543210"
    agencies = {"H28": AGENCY, "H29": replace(AGENCY, code="H29", account=other)}
    context = replace(world.context, agencies=agencies)
    payment_id, code = day.paid()
    data = day.file([line(code), line("C4 khong ro", bank_ref="FT2")], account=other)
    finance.import_statement(context, data, account=other, profile="mt940")
    told = finance.reconcile(context, other, day.noon)
    assert ["wrong_account", "no_reference"] == [each.reason.value for each in told]
    day.take_in(line(code))
    assert [(payment_id, "by_reference")] == day.reconcile()


def test_a_line_of_no_money_is_kept_and_moves_nothing(day: Day) -> None:
    data = day.file([line("phi", 1)]).replace(b"C1,", b"C0,").replace(b"VND1000001,", b"VND1000000,")
    finance.import_statement(day.world.context, data, account=ACCOUNT, profile="mt940")
    assert ([0], [], {}) == (day.lines(), day.reconcile(), day.booked())
    assert day.close().green


def test_lines_of_an_account_that_no_agency_has_are_not_matched(day: Day) -> None:
    with pytest.raises(NotFound):
        finance.reconcile(day.world.context, "999", day.noon)


def test_a_statement_in_another_currency_is_refused_whatever_the_format_lets_through(day: Day) -> None:
    world = day.world
    foreign = Statement(ACCOUNT, "USD", "1", 0, day.on, 0, day.on, ())
    context = replace(world.context, formats={"plain": lambda _: foreign})
    with pytest.raises(Malformed, match="currency"):
        finance.import_statement(context, b"x", account=ACCOUNT, profile="plain")


def test_who_paid_stands_sealed_in_the_database(day: Day) -> None:
    day.take_in(line("Nguyen Thi Bi Mat nop phi"))
    stored = day.world.rows(
        "SELECT memo_sealed FROM statement_lines WHERE value_on BETWEEN :on AND :next",
        on=day.on,
        next=day.on + timedelta(days=1),
    )
    assert 1 == len(stored)
    assert b"Bi Mat" not in bytes(stored[0][0])
