from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.counter import Counter, Method, Settings, Taking, report_of
from gateway.domain.errors import Malformed, Misconfigured, Unsupported
from gateway.ports import Answer, Capability, InboundMessage, Outcome, Report

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TAKING = Taking(
    reference="C4261124K7Q2M9XT",
    amount_vnd=235_500,
    method=Method.CASH,
    clerk="motcua.lan",
    paper="aa-26p/0000123",
    taken_at=datetime(2026, 11, 24, 15, 30, tzinfo=timezone(timedelta(hours=7))),
)


def test_what_a_clerk_records_is_a_payment_proved_by_its_paper() -> None:
    assert report_of(Settings(), TAKING, NOW) == Report(
        outcome=Outcome.PAID,
        reference="C4261124K7Q2M9XT",
        amount_vnd=235_500,
        currency="VND",
        provider_ref="AA-26P/0000123",
        code="cash/motcua.lan",
        occurred_at=datetime(2026, 11, 24, 8, 30, tzinfo=UTC),
    )


def test_a_transfer_at_the_desk_is_told_from_cash() -> None:
    report = report_of(Settings(), replace(TAKING, method=Method.TRANSFER, paper="FT26329001234"), NOW)
    assert ("transfer/motcua.lan", "FT26329001234") == (report.code, report.provider_ref)


def test_the_same_paper_is_the_same_however_a_clerk_types_it() -> None:
    typed = [report_of(Settings(), replace(TAKING, paper=paper), NOW) for paper in ("AA-26P/1", "aa-26p/1")]
    assert typed[0].provider_ref == typed[1].provider_ref


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": ""},
        {"reference": "c4"},
        {"reference": "A" * 21},
        {"amount_vnd": 0},
        {"amount_vnd": -1},
        {"amount_vnd": 10**15},
        {"clerk": ""},
        {"clerk": "Nguyễn Thị Lan"},
        {"clerk": "a" * 65},
        {"paper": ""},
        {"paper": "12 34"},
        {"paper": "1\n"},
        {"paper": "1" * 41},
        {"taken_at": datetime(2026, 11, 24, 8, 30)},  # noqa: DTZ001 - a time without a zone is the point
        {"taken_at": NOW + timedelta(minutes=6)},
        {"taken_at": NOW - timedelta(days=32)},
    ],
)
def test_what_no_desk_can_have_taken_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        report_of(Settings(), replace(TAKING, **changes), NOW)


@pytest.mark.parametrize("taken_at", [NOW + timedelta(minutes=5), NOW, NOW - timedelta(days=31)])
def test_a_clerks_clock_may_differ_a_little_and_a_record_may_be_late(taken_at: datetime) -> None:
    assert taken_at == report_of(Settings(), replace(TAKING, taken_at=taken_at), NOW).occurred_at


@pytest.mark.parametrize("amount_vnd", [1, 10**15 - 1])
def test_the_smallest_and_the_largest_sum_can_be_taken(amount_vnd: int) -> None:
    assert amount_vnd == report_of(Settings(), replace(TAKING, amount_vnd=amount_vnd), NOW).amount_vnd


@given(
    reference=st.text(max_size=30),
    amount=st.integers(),
    clerk=st.text(max_size=80),
    paper=st.text(max_size=60),
    at=st.datetimes(timezones=st.none() | st.just(UTC)),
)
def test_whatever_is_typed_is_a_payment_or_malformed(
    reference: str, amount: int, clerk: str, paper: str, at: datetime
) -> None:
    taking = Taking(reference, amount, Method.CASH, clerk, paper, at)
    try:
        report = report_of(Settings(), taking, NOW)
    except Malformed:
        return
    assert (reference, amount) == (report.reference, report.amount_vnd)


@pytest.mark.parametrize("days", [0, -1, 3661])
def test_settings_that_cannot_be_right_are_refused(days: int) -> None:
    with pytest.raises(Misconfigured):
        Settings(late_days=days)


@pytest.mark.parametrize("days", [1, 3660])
def test_a_record_is_taken_as_late_as_the_desk_was_set_to_and_not_later(days: int) -> None:
    desk = Counter(Settings(late_days=days), None)
    last = replace(TAKING, taken_at=NOW - timedelta(days=days))
    assert report_of(Settings(late_days=days), last, NOW) == desk.taken(last, NOW)
    with pytest.raises(Malformed):
        desk.taken(replace(last, taken_at=last.taken_at - timedelta(seconds=1)), NOW)


def test_the_desk_has_no_wire() -> None:
    desk = Counter(Settings(), None)
    message = InboundMessage(method="POST", path="/", query=b"", headers={}, body=b"")
    assert frozenset({Capability.CODE}) == desk.capabilities
    refusal = desk.acknowledge(Answer.OK, message, NOW)
    assert (404, b"") == (refusal.status, refusal.body)
    with pytest.raises(Unsupported):
        desk.read_callback(message, NOW)
    with pytest.raises(Unsupported):
        desk.query("C4", NOW, NOW, "q1")
