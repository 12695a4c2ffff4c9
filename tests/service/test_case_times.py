"""A case is warned of before its due date and told of after it, once for each day that was named."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from service_hooks import Listener
from service_papers import decide, extend, made, newest, with_office
from service_world import NOW, World, at_once
from sqlalchemy import text

from gateway import jobs
from gateway.domain.errors import Misconfigured
from gateway.ports import ApologyRule
from gateway.service import behind, case_times
from gateway.store import case_times as store
from gateway.wiring import open_house

pytestmark = pytest.mark.service

DUE_AT = datetime(2026, 12, 9, 10, 0, tzinfo=UTC)
"""17:00 in Việt Nam on the tenth working day after the reception on 24/11/2026, a day of rest."""
WARNED_AT = datetime(2026, 12, 7, 8, 24, tzinfo=UTC)
"""After four fifths of the eleven days from 25/11 on: 15:24 on the ninth of them."""
LATE_AT = DUE_AT + timedelta(seconds=1)


@pytest.fixture
def town(world: World) -> World:
    read(world)
    world.do("UPDATE case_times SET next_at = NULL")
    world.do("DELETE FROM alarms")
    return with_office(world)


def ruled(town: World, **rule: object) -> World:
    given = ApologyRule(**{"working_days": 3, "reason": "Khối lượng hồ sơ lớn", **rule})  # type: ignore[arg-type]
    agencies = {code: replace(each, apology=given) for code, each in town.context.agencies.items()}
    return replace(town, context=replace(town.context, agencies=agencies))


def read(world: World) -> None:
    """What the consumer does."""
    while behind.consume(world.context, "case_times", NOW):
        pass


def turn(world: World, at: datetime) -> bool:
    read(world)
    done = case_times.turn(replace(world.context, clock=lambda: at))
    read(world)
    return done


def told(world: World, code: str) -> list[str]:
    return [each for each in world.types(code) if each in {case_times.DUE_SOON, case_times.OVERDUE}]


def times(world: World, code: str) -> store.Times:
    read(world)
    with world.transaction() as connection:
        return store.lock(connection, [code])[code]


# --- before and after the day -------------------------------------------------------------------


def test_a_case_is_warned_of_once_and_told_once_that_it_is_late(town: World) -> None:
    code = town.case("accepted")
    for at, expected in (
        (WARNED_AT - timedelta(microseconds=1), []),
        (WARNED_AT, ["case.due_soon"]),
        (DUE_AT, ["case.due_soon"]),
        (LATE_AT, ["case.due_soon", "case.overdue"]),
        (LATE_AT + timedelta(days=9), ["case.due_soon", "case.overdue"]),
    ):
        turn(town, at)
        assert expected == told(town, code), at
    (data,) = town.rows(
        "SELECT data, occurred_at FROM events WHERE type = 'case.overdue' AND subject_id = :c", c=code
    )
    assert ({"due_on": "2026-12-09", "agency_code": "H28"}, DUE_AT) == data
    assert ["case_overdue"] == town.alarms(code)
    assert times(town, code).next_at is None, "nobody looks at it again"


def test_a_move_after_the_warning_says_nothing_again_at_the_moment_that_is_due(town: World) -> None:
    code = town.case("accepted")
    turn(town, WARNED_AT)
    decide(town, code, "process", WARNED_AT)
    turn(town, DUE_AT)
    assert ["case.due_soon"] == told(town, code)


def test_the_portal_hears_of_both(town: World) -> None:
    while behind.consume(town.context, "webhooks", NOW):
        pass
    listener = Listener(town, ("case.due_soon", "case.overdue"))
    town.case("accepted")
    turn(town, WARNED_AT)
    turn(town, LATE_AT)
    listener.fan_out()
    assert ["case.due_soon", "case.overdue"] == [type_ for _, type_ in listener.told()]


@pytest.mark.parametrize("event", ["withdraw", "stop"])
def test_a_case_that_ended_is_told_of_no_more(town: World, event: str) -> None:
    code = town.case("processing")
    decide(town, code, event)
    turn(town, LATE_AT)
    assert [] == told(town, code)


def test_a_case_that_waits_for_the_citizen_is_neither_near_nor_late_and_later_by_the_time_that_it_waited(
    town: World,
) -> None:
    code = town.case("accepted")
    decide(town, code, "ask_supplement", datetime(2026, 11, 26, 3, 0, tzinfo=UTC), reason="mờ")
    turn(town, LATE_AT)
    assert ([], None) == (told(town, code), times(town, code).due_at)
    decide(town, code, "supplement_given", datetime(2026, 12, 1, 3, 0, tzinfo=UTC))
    turn(town, LATE_AT + timedelta(days=2))
    assert ["case.due_soon"] == told(town, code), "Thursday to Tuesday are three working days"
    turn(town, DUE_AT + timedelta(days=5))
    assert ["case.due_soon"] == told(town, code)
    turn(town, LATE_AT + timedelta(days=5))
    assert ["case.due_soon", "case.overdue"] == told(town, code)


def test_a_later_day_answers_the_alarm_and_is_watched_in_its_turn(town: World) -> None:
    code = town.case("accepted")
    turn(town, LATE_AT)
    assert [("case_overdue", None)] == town.rows(
        "SELECT name, closed_at FROM alarms WHERE subject = :s", s=code
    )
    extend(town, code, date(2026, 12, 15), LATE_AT)
    read(town)
    assert 1 == town.one("SELECT count(*) FROM alarms WHERE subject = :s AND closed_at IS NOT NULL", s=code)
    turn(town, LATE_AT + timedelta(days=6))
    assert ["case.overdue", "case.overdue"] == told(town, code)
    decide(town, code, "process")
    decide(town, code, "finish", LATE_AT + timedelta(days=7))
    read(town)
    assert 0 == town.one("SELECT count(*) FROM alarms WHERE subject = :s AND closed_at IS NULL", s=code)


# --- the apology --------------------------------------------------------------------------------


def test_an_agency_s_rule_apologises_with_form_04_once_and_names_the_day_by_it(town: World) -> None:
    ready = ruled(town, name="Nguyễn Văn An", title="Phó giám đốc")
    code = ready.case("accepted")
    turn(ready, LATE_AT)
    assert ["case.overdue", "case.extended"] == ready.types(code)[-2:]
    form, paper_id = newest(ready, code)
    _, facts = made(ready, code, paper_id)
    assert ("04", "2026-12-14T17:00:00+07:00") == (form, facts["new_due_at"])
    assert ("Khối lượng hồ sơ lớn", "Nguyễn Văn An") == (facts["reason"], facts["signer"]["name"])
    assert [] == ready.alarms(code)
    turn(ready, LATE_AT + timedelta(days=5))
    assert ["case.overdue"] == told(ready, code)[-1:]
    assert 1 == ready.types(code).count("case.extended"), "the second time a person is asked"
    assert ["case_overdue"] == ready.alarms(code)


def test_without_a_rule_no_day_is_named_and_no_paper_made(town: World) -> None:
    code = town.case("accepted")
    before = newest(town, code)
    turn(town, LATE_AT)
    assert (before, "case.extended" in town.types(code)) == (newest(town, code), False)


def test_an_apology_after_weeks_names_a_day_that_is_not_over(town: World) -> None:
    ready = ruled(town)
    code = ready.case("accepted")
    turn(ready, datetime(2027, 1, 5, 3, 0, tzinfo=UTC))
    assert date(2027, 1, 8) == ready.one("SELECT due_on FROM cases WHERE case_code = :c", c=code)


def test_an_apology_that_cannot_be_made_is_a_person_s(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = ruled(town)
    code = ready.case("accepted")

    def lost(*_: object, **__: object) -> str:
        raise Misconfigured("the procedure is gone")

    monkeypatch.setattr("gateway.service.paper_facts.plan", lost)
    turn(ready, LATE_AT)
    assert (["case.overdue"], ["case_overdue"]) == (told(ready, code), ready.alarms(code))
    assert date(2026, 12, 9) == ready.one("SELECT due_on FROM cases WHERE case_code = :c", c=code)


# --- the loop -----------------------------------------------------------------------------------


def test_two_workers_tell_each_case_once(town: World) -> None:
    codes = [town.case("accepted") for _ in range(6)]
    read(town)
    for at in (WARNED_AT, LATE_AT):
        context = replace(town.context, clock=lambda at=at: at)
        at_once(3, lambda _, context=context: case_times.turn(context))
    assert [["case.due_soon", "case.overdue"]] * 6 == [told(town, code) for code in codes]


def test_a_case_that_cannot_be_told_is_put_off_and_holds_up_no_other(town: World) -> None:
    bad, good = town.case("accepted"), town.case("accepted")
    town.do(
        f"ALTER TABLE events ADD CONSTRAINT fault CHECK (subject_id <> '{bad}' OR type <> 'case.overdue') NOT VALID"
    )
    turn(town, LATE_AT)
    town.do("ALTER TABLE events DROP CONSTRAINT fault")
    assert ([], ["case.overdue"]) == (told(town, bad), told(town, good))
    assert LATE_AT + case_times.AFTER_AN_ERROR == times(town, bad).next_at
    turn(town, LATE_AT + case_times.AFTER_AN_ERROR)
    assert ["case.overdue"] == told(town, bad)


def test_a_case_whose_procedure_is_gone_is_watched_by_the_day_that_was_named(town: World) -> None:
    code = town.case("accepted")
    town.do("UPDATE cases SET procedure_version = 99 WHERE case_code = :c", c=code)
    assert DUE_AT == times(town, code).due_at
    turn(town, LATE_AT)
    assert ["case.overdue"] == told(town, code)


def test_a_worker_has_the_loop_and_it_pauses_when_nothing_is_due(town: World) -> None:
    town.case("accepted")
    read(town)
    pace = jobs.Pace(post_poll_s=1, heartbeat_s=1, stalled_after_s=1)
    context = replace(town.context, clock=lambda: WARNED_AT)
    (loop,) = [each for each in jobs.loops(context, pace, None) if each.name == "case_times"]  # type: ignore[arg-type]
    assert [True, False] == [loop._turn(), loop._turn()]


def test_what_is_due_is_found_by_an_index_of_those_that_wait_alone(town: World) -> None:
    code = town.case("accepted")
    read(town)
    with town.engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(
            text(
                "INSERT INTO cases (case_code, portal_id, reference, fingerprint, procedure_code, agency_code, state, "
                "money_state, applicant_sealed, answers_sealed, fees, track_token) SELECT 'many-' || n, portal_id, "
                "'many-' || n, '', procedure_code, agency_code, state, money_state, '', '', '[]', 'many-' || n "
                "FROM cases, generate_series(1, 20000) n WHERE case_code = :c"
            ),
            {"c": code},
        )
        connection.execute(
            text(
                "INSERT INTO case_times (case_code, next_at) SELECT case_code, :at FROM cases "
                "WHERE case_code LIKE 'many-%'"
            ),
            {"at": DUE_AT},
        )
        connection.execute(text("ANALYZE case_times"))
        plan = connection.execute(text(f"EXPLAIN {store.DUE}"), {"now": WARNED_AT, "limit": 100}).scalars()
        assert "ix_case_times_next_at" in "\n".join(plan)
        transaction.rollback()


# --- when the warning comes ---------------------------------------------------------------------


def test_an_installation_may_say_when_to_warn(world: World) -> None:
    def rule(**changes: object) -> object:
        settings = world.house.settings.model_copy(update=changes)
        house = open_house(settings, world.house.database_url)
        house.close()
        return house.context.calendar.rules.warning

    plain = rule()
    assert (80, None) == (plain.share_percent, plain.working_days)  # type: ignore[attr-defined]
    days = rule(warn_working_days=2)
    assert (None, 2) == (days.share_percent, days.working_days)  # type: ignore[attr-defined]
    with pytest.raises(Misconfigured, match="GATEWAY_WARN"):
        rule(warn_working_days=2, warn_share_percent=50)
