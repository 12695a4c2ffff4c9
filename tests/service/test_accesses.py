"""Who looks at personal data leaves a name and a reason, before anything is shown; who holds a case does too."""

from dataclasses import replace
from datetime import date

import pytest
from service_bank import Day, line
from service_papers import with_office
from service_retention import caught_up
from service_world import ACCOUNT, NOW, World, minutes
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import Forbidden, NotFound
from gateway.service import accesses, breaks, case_book, cases, evidence, holds, tracking
from gateway.service.accesses import Viewing
from gateway.store import retention as store
from gateway.store.retention import Hold
from signing import verifier

pytestmark = pytest.mark.service

DAY = date(2026, 11, 24)
LOOK = Viewing("staff:vanthu", "book", "báo cáo tháng", minutes(5))


def look(world: World) -> None:
    case_book.print_book(world.context, "H28", DAY, DAY, LOOK)


def test_each_case_of_a_book_tells_who_took_it_when_and_why(world: World) -> None:
    town = with_office(world)
    taken, outside = town.case("accepted"), town.case()
    assert [] == accesses.of_case(town.context, taken)
    look(town)
    assert ([LOOK], []) == (accesses.of_case(town.context, taken), accesses.of_case(town.context, outside))
    with pytest.raises(NotFound):
        accesses.of_case(town.context, "H28-261124-9999")


def test_nobody_is_shown_anything_where_the_look_cannot_be_told(world: World) -> None:
    town = with_office(world)
    town.case("accepted")
    town.do("ALTER TABLE events ADD CONSTRAINT fault CHECK (type NOT LIKE '%viewed') NOT VALID")
    with pytest.raises(DBAPIError, match="fault"):
        look(town)
    with pytest.raises(DBAPIError, match="fault"):
        breaks.listed(town.context, ACCOUNT, LOOK)
    town.do("ALTER TABLE events DROP CONSTRAINT fault")


def test_who_reads_what_payers_wrote_is_told_with_the_account(world: World) -> None:
    day = Day(world, world.case())
    day.take_in(line("NGUYEN THI A nop tien"))
    day.reconcile()
    assert breaks.listed(world.context, ACCOUNT, LOOK)
    query = "SELECT actor, data FROM events WHERE type = 'account.viewed' ORDER BY id DESC LIMIT 1"
    data = {"what": "book", "reason": "báo cáo tháng", "account": ACCOUNT}
    assert [("staff:vanthu", data)] == world.rows(query)


def test_the_citizen_sees_that_an_official_looked_where_the_agency_wants_that(world: World) -> None:
    town = with_office(world)
    code = town.case("accepted")
    look(town)
    case = cases.find(town.context, town.caller, code)
    shown = replace(town.context, shows_views=True)
    quiet, open_ = tracking.steps(town.context, case), tracking.steps(shown, case)
    (step,) = [each for each in open_ if each not in quiet]
    assert (minutes(5), "Một cán bộ đã xem dữ liệu cá nhân của hồ sơ này") == (step.at, step.vi)
    assert "vanthu" not in f"{open_}"


def test_looks_and_holds_are_sealed_with_all_else_and_their_names_stay_hidden(world: World) -> None:
    town = with_office(world)
    code = town.case("accepted")
    look(town)
    holds.set_hold(town.context, Hold(code, "tranh chấp", "staff:phaply", NOW))
    holds.clear_hold(town.context, code, by="staff:phaply", reason="xong", now=NOW)
    caught_up(town)
    data = evidence.container(town.context, town.caller, code, with_person=True, now=NOW)
    proof = verifier.check(data, key=town.context.notary.key)
    assert town.one("SELECT count(*) FROM events WHERE case_code = :c", c=code) == proof.events
    query = "SELECT l.body FROM leaves l JOIN events e ON e.id = l.event_id WHERE e.case_code = :c"
    told = [bytes(body).decode() for (body,) in town.rows(query, c=code)]
    assert 1 == sum('"case.viewed"' in each for each in told)
    assert not any("vanthu" in each or "phaply" in each or "tranh" in each for each in told)


def test_a_hold_stands_once_and_is_listed_until_it_is_cleared(world: World) -> None:
    code = world.case()
    hold = Hold(code, "tranh chấp", "staff:phaply", NOW)
    holds.set_hold(world.context, hold)
    with pytest.raises(Forbidden, match="held already"):
        holds.set_hold(world.context, replace(hold, reason="khác"))
    with world.transaction() as connection:
        assert [hold] == [each for each in store.held(connection, 9) if each.case_code == code]
    holds.clear_hold(world.context, code, by="staff:phaply", reason="xong", now=NOW)
    with pytest.raises(NotFound):
        holds.clear_hold(world.context, code, by="staff:phaply", reason="xong", now=NOW)
    with pytest.raises(NotFound):
        holds.set_hold(world.context, replace(hold, case_code="H28-261124-9999"))
    query = "SELECT type, actor, data FROM events WHERE case_code = :c AND subject_kind = 'hold' ORDER BY id"
    assert [
        ("case.held", "staff:phaply", {"reason": "tranh chấp"}),
        ("case.released", "staff:phaply", {"reason": "xong"}),
    ] == world.rows(query, c=code)
