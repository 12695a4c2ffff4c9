"""The figures of a month: what the database counts is what the formulas of Index 766 say of the same cases."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_papers import decide, with_office
from service_refunds import paid
from service_world import NOW, World
from sqlalchemy import Connection, insert

from gateway.domain.errors import Malformed, NotFound
from gateway.domain.index766 import CaseRow, Outcome, figures, is_early
from gateway.service import behind, case_figures, figures_shown, results
from gateway.service.case_figures import Asked
from gateway.service.cases import Caller
from gateway.store import case_figures as store
from gateway.store.case_figures import Tally
from gateway.store.tables import case_documents, case_times, cases, payments
from tests.papers import pdf

pytestmark = pytest.mark.service

NOVEMBER, BEGINS = date(2026, 11, 1), datetime(2026, 10, 31, 17, 0, tzinfo=UTC)
END = datetime(2026, 11, 30, 16, 59, 59, 999999, tzinfo=UTC)
"""The last moment of the month in Việt Nam."""
SOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
numbers = itertools.count()

MOMENTS = st.sampled_from(
    [
        *(BEGINS + timedelta(days=days) for days in (-40, -1, 0, 3, 10)),
        *(BEGINS + timedelta(days=10, hours=hours) for hours in (-1, 1, 14)),
        *(END + timedelta(microseconds=many) for many in (0, 1)),
    ]
)


@dataclass(frozen=True)
class Played:
    """A case of a random past, as the tables have it."""

    submitted_at: datetime
    accepted_at: datetime | None
    due_at: datetime | None
    end: tuple[datetime, str] | None
    supplements: int
    channel: str
    fees: tuple[int, ...]
    provider: str | None
    has_result: bool

    def as_row(self, as_of: datetime) -> CaseRow:
        """The same for the formulas, as it stood then."""
        ended_at, ended_as = self.end if self.end is not None and self.end[0] <= as_of else (None, None)
        return CaseRow(
            agency="H28",
            field="",
            received_at=self.submitted_at,
            due_at=self.due_at,
            processed_at=ended_at if ended_as == "processed" else None,
            stopped_at=ended_at if ended_as == "stopped" else None,
            withdrawn_at=ended_at if ended_as == "withdrawn" else None,
            supplements=self.supplements,
            channel={"counter": 1, "online": 2, "post": 3}[self.channel],
            paid_how={None: None, "counter": 3}.get(self.provider, 2),
            has_fee=bool(self.fees),
            prices_vnd=self.fees,
            has_result_link=self.has_result,
        )


PLAYED = st.builds(
    Played,
    submitted_at=MOMENTS,
    accepted_at=st.none() | MOMENTS,
    due_at=st.none() | MOMENTS,
    end=st.none() | st.tuples(MOMENTS, st.sampled_from(["processed", "stopped", "withdrawn"])),
    supplements=st.integers(0, 3),
    channel=st.sampled_from(["online", "counter", "post"]),
    fees=st.lists(st.sampled_from([0, 1000]), max_size=2).map(tuple),
    provider=st.sampled_from([None, "counter", "vnpay"]),
    has_result=st.booleans(),
)


def write(connection: Connection, portal_id: str, played: Sequence[Played]) -> None:
    known = {"portal_id": portal_id, "fingerprint": "", "agency_code": "H28"}
    for each in played:
        code = f"figure-{next(numbers)}"
        own = {**known, "case_code": code, "reference": code}
        case = {
            **own,
            "procedure_code": "2.000488",
            "channel": each.channel,
            "state": "-",
            "money_state": "-",
            "applicant_sealed": b"",
            "answers_sealed": b"",
            "fees": [{"amount_vnd": vnd} for vnd in each.fees],
            "track_token": code,
            "submitted_at": each.submitted_at,
        }
        connection.execute(insert(cases).values(case))
        ended_at, ended_as = each.end or (None, None)
        times = {"accepted_at": each.accepted_at, "due_at": each.due_at, "supplements": each.supplements}
        times |= {"case_code": code, "ended_at": ended_at, "ended_as": ended_as}
        connection.execute(insert(case_times).values(times))
        if each.has_result:
            document = {"case_code": code, "code": "r", "role": "result", "name": "", "media_type": ""}
            document |= {"size_bytes": 1, "sha256": "", "stored_at": NOW}
            connection.execute(insert(case_documents).values(document))
        if each.provider is not None:
            order = {"order_code": code, "amount_vnd": 1, "lines": [], "return_url": "", "token": code}
            order |= {"state": "paid", "provider": each.provider, "payer_sealed": b"", "expires_at": NOW}
            connection.execute(insert(payments).values(own | order))


def by_the_formulas(played: Sequence[Played], as_of: datetime) -> Tally:
    """The tally of these cases counted by `domain/index766.py`: of those that ended in the month or are open."""
    counting = [
        each for each in played if each.submitted_at <= as_of and (each.end is None or each.end[0] >= BEGINS)
    ]
    rows = [each.as_row(as_of) for each in counting]
    found = figures(rows, as_of)
    late_open = figures([row for row in rows if not _has_ended(row)], as_of).outcomes
    on_time = [row for row in rows if _has_ended(row) and figures([row], as_of).on_time.part]
    early = sum(map(is_early, on_time))
    return Tally(
        cases=found.cases,
        received=sum(
            each.accepted_at is not None and BEGINS <= each.accepted_at <= as_of for each in counting
        ),
        finished_early=early,
        finished_in_time=found.outcomes[Outcome.ON_TIME] - early,
        finished_late=found.outcomes[Outcome.LATE] - late_open[Outcome.LATE],
        finished_undated=found.outcomes[Outcome.UNKNOWN] - late_open[Outcome.UNKNOWN],
        withdrawn=found.outcomes[Outcome.WITHDRAWN],
        in_process_in_time=found.outcomes[Outcome.OPEN],
        in_process_late=late_open[Outcome.LATE],
        in_process_waiting=late_open[Outcome.UNKNOWN],
        supplements_repeated=sum(row.supplements > 1 for row in rows),
        online=found.online.part,
        owing=found.paid_online.whole,
        paid_online=found.paid_online.part,
    )


def _has_ended(row: CaseRow) -> bool:
    return row.ended_at is not None or row.withdrawn_at is not None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PLAYED, max_size=8), st.sampled_from([END, BEGINS + timedelta(days=10)]))
def test_the_database_counts_as_the_formulas_do(world: World, played: list[Played], as_of: datetime) -> None:
    with world.engine.connect() as connection:
        transaction = connection.begin()
        write(connection, world.caller.portal_id, played)
        groups = store.count(connection, begins=BEGINS, as_of=as_of, online="online", over_the_desk="counter")
        transaction.rollback()
    total = sum((each.tally for each in groups), Tally())
    expected = by_the_formulas(played, as_of)
    assert expected == total
    found = figures([each.as_row(as_of) for each in played if _counts(each, as_of)], as_of)
    assert {"on_time": found.on_time, "online": found.online, "paid_online": found.paid_online} == dict(
        case_figures.shares(total)
    )


def _counts(each: Played, as_of: datetime) -> bool:
    return each.submitted_at <= as_of and (each.end is None or each.end[0] >= BEGINS)


# --- played -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def town(world: World) -> World:
    """Four cases: finished early and paid online with an electronic result, open, waiting, and refused."""
    ready = with_office(world)
    code = ready.case("processing")
    paid(ready, code)
    content = pdf("ket qua")
    results.store_result(
        ready.context, ready.caller, code, {"name": "result", "media_type": "application/pdf"}, content, NOW
    )
    decide(ready, code, "finish")
    ready.case("accepted")
    waits, refused = ready.case("accepted"), ready.case()
    for _ in range(2):
        decide(ready, waits, "ask_supplement", reason="mờ")
        decide(ready, waits, "supplement_given")
    decide(ready, waits, "ask_fee")
    decide(ready, refused, "refuse", reason="vì thế")
    for name in ("cases", "case_times"):
        while behind.consume(ready.context, name, NOW):
            pass
    return ready


def test_the_figures_of_a_month_are_those_of_its_cases(town: World) -> None:
    found = case_figures.of_month(town.context, Asked(NOVEMBER), SOON)
    expected = Tally(
        cases=4,
        received=3,
        finished_early=1,
        finished_undated=1,
        in_process_in_time=1,
        in_process_late=1,
        supplements_repeated=1,
        online=1,
        owing=4,
        paid_online=1,
    )
    assert {("H28", "Lý lịch tư pháp"): expected} == dict(found.groups)
    assert (expected, SOON) == (found.total, found.as_of)
    told = figures_shown.shown(town.context, found)
    assert {"part": 1, "whole": 2, "percent": "50.00", "grade": "half"} == told["total"]["on_time"]
    assert {"part": 1, "whole": 4, "percent": "25.00", "grade": "below"} == told["groups"][0]["paid_online"]
    assert all(each["source"] == "QĐ 766/QĐ-TTg" for each in told["formulas"].values())
    assert set(told["formulas"]) == set(figures_shown.figures(Tally()))
    head, row, total = figures_shown.as_csv(told)
    assert len(head.split(",")) == len(row.split(",")) == len(total.split(","))
    assert row.startswith("2026-11,H28,Trung tâm")


def test_a_month_that_is_over_counts_what_was_open_at_its_end(town: World) -> None:
    found = case_figures.of_month(town.context, Asked(NOVEMBER), datetime(2027, 1, 5, tzinfo=UTC))
    assert (1, END) == (found.total.in_process_in_time, found.as_of)
    december = case_figures.of_month(town.context, Asked(date(2026, 12, 1)), datetime(2027, 1, 5, tzinfo=UTC))
    assert (0, 0, 2) == (
        december.total.received,
        december.total.finished_early,
        december.total.in_process_late,
    )
    before = case_figures.of_month(town.context, Asked(date(2026, 10, 1)), SOON)
    assert Tally() == before.total


@pytest.mark.parametrize(
    ("asked", "many"),
    [
        ({"agency": "000.00.00.H28"}, 4),
        ({"agency": "H28.15"}, 0),
        ({"field": "Lý lịch tư pháp"}, 4),
        ({"field": "Đất đai"}, 0),
    ],
)
def test_an_agency_and_a_field_may_be_asked_for(town: World, asked: dict[str, str], many: int) -> None:
    assert many == case_figures.of_month(town.context, Asked(NOVEMBER, **asked), SOON).total.cases


def test_a_portal_reads_the_figures_of_its_agency_and_of_no_other(town: World) -> None:
    theirs = Caller(town.stranger.portal_id, "H28", "test")
    assert 4 == case_figures.of_portal(town.context, theirs, Asked(NOVEMBER), SOON).total.cases
    under = Caller(town.stranger.portal_id, "H28.15", "test")
    assert 0 == case_figures.of_portal(town.context, under, Asked(NOVEMBER), SOON).total.cases
    for agency in ("H28", "H44"):
        with pytest.raises(NotFound):
            case_figures.of_portal(town.context, under, Asked(NOVEMBER, agency), SOON)


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-1", "11/2026", "2026-11-01", "٢٠٢٦-١١"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        case_figures.month(text)


def test_a_month_that_has_not_begun_and_what_is_no_agency_are_refused(town: World) -> None:
    for asked in (Asked(date(2026, 12, 1)), Asked(NOVEMBER, "h28")):
        with pytest.raises(Malformed):
            case_figures.of_month(town.context, asked, SOON)
