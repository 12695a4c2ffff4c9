"""A case follows the version of its procedure that was in force when it came, and its form and fees are those of it."""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from service_world import NOW, World

from gateway.domain.catalogue import Catalogue
from gateway.domain.errors import Forbidden, Incomplete, Malformed, Misconfigured, NotFound
from gateway.domain.fees import Period
from gateway.service import cases, receipts, show_case
from gateway.service.documents import store_document
from gateway.store import cases as store
from tests.papers import pdf

pytestmark = pytest.mark.service

COPIES = "2.000635"
ANSWERS: dict[str, Any] = {
    "ho-ten": "Bùi Thị Lan",
    "ngay-sinh": "1961-05-19",
    "loai": "khai-sinh",
    "so-ban": 3,
}
REQUEST = pdf("to khai")


def wanted(world: World, **changes: object) -> dict[str, Any]:
    announced = {
        "code": "to-khai",
        "name": "to-khai.pdf",
        "media_type": "application/pdf",
        "size_bytes": len(REQUEST),
        "sha256": hashlib.sha256(REQUEST).hexdigest(),
    }
    asked = {"procedure_code": COPIES, "documents": [announced], "answers": ANSWERS, **changes}
    return world.case_wanted(**asked)


def registered(world: World, **changes: object) -> store.Case:
    case, _ = cases.register(world.context, world.caller, wanted(world, **changes), NOW)
    store_document(world.context, world.caller, case.case_code, "to-khai", REQUEST, NOW)
    return case


def test_a_case_of_a_shipped_procedure_is_submitted_with_its_form_and_counted_fee(world: World) -> None:
    case = registered(world)
    assert (1, "online", [24_000]) == (
        case.procedure_version,
        case.channel,
        [fee["amount_vnd"] for fee in case.fees],
    )
    assert "registered" == cases.submit(world.context, world.caller, case.case_code, NOW).state


def test_a_form_that_is_not_complete_is_refused_field_by_field_and_nothing_moves(world: World) -> None:
    answers = {"ho-ten": " ", "ngay-sinh": "19/05/1961", "loai": "khai-sinh", "so-ban": 3, "mau": "x"}
    case = registered(world, answers=answers)
    with pytest.raises(Incomplete) as refused:
        cases.submit(world.context, world.caller, case.case_code, NOW)
    assert ["answers.ho-ten", "answers.ngay-sinh", "answers.mau"] == [
        each.code for each in refused.value.missing
    ]
    assert "draft" == cases.find(world.context, world.caller, case.case_code).state


def test_a_number_of_copies_that_is_none_is_refused_at_once(world: World) -> None:
    with pytest.raises(Malformed, match="so-ban"):
        registered(world, answers={**ANSWERS, "so-ban": 0})


def test_the_fee_is_that_of_the_channel_and_a_replay_of_before_channels_is_known(world: World) -> None:
    home = {"procedure_code": "1.004222", "answers": {}, "documents": []}
    sums = {}
    for channel in ("counter", "online", "post"):
        case, _ = cases.register(world.context, world.caller, wanted(world, channel=channel, **home), NOW)
        sums[channel] = case.fees[0]["amount_vnd"]
    assert {"counter": 20_000, "online": 10_000, "post": 20_000} == sums
    without = wanted(world, **home)
    first, _ = cases.register(world.context, world.caller, without, NOW)
    again, is_new = cases.register(world.context, world.caller, {**without, "channel": "online"}, NOW)
    assert (first.case_code, False) == (again.case_code, is_new)


def test_what_is_only_told_takes_no_case_and_an_unknown_one_is_not_found(world: World) -> None:
    with pytest.raises(Forbidden, match="level 1"):
        registered(world, procedure_code="1.008891")
    with pytest.raises(Forbidden, match="channel"):
        registered(world, procedure_code="1.001456", channel="post", answers={})
    with pytest.raises(NotFound):
        registered(world, procedure_code="9.999999")


def test_a_free_case_owes_nothing_and_says_why(world: World) -> None:
    free = wanted(world, procedure_code="1.001193", answers={}, documents=[])
    case, _ = cases.register(world.context, world.caller, free, NOW)
    assert ("not_due", [0]) == (case.money_state, [fee["amount_vnd"] for fee in case.fees])
    assert "Điều 11" in case.fees[0]["legal_basis"]


def test_a_case_keeps_its_version_when_a_new_one_comes_into_force(world: World) -> None:
    case = registered(world)
    known = world.context.catalogue.now(COPIES, date(2026, 11, 24))
    old = replace(known, period=Period(None, date(2026, 12, 31)))
    new = replace(known, version=2, name_vi="Tên mới", fields=(), period=Period(date(2027, 1, 1), None))
    later = replace(world.context, catalogue=Catalogue.of([old, new]))
    assert known.name_vi == show_case.case(later, case, show_case.Parts())["procedure"]["name"]
    assert "registered" == cases.submit(later, world.caller, case.case_code, NOW).state


def test_the_receipt_tells_how_the_fee_was_counted(world: World) -> None:
    case = registered(world)
    cases.submit(world.context, world.caller, case.case_code, NOW)
    lines = [receipts._line(fee) for fee in case.fees]
    assert ["Mức thu 8.000 đ; Nhân 3 bản"] == [line.how for line in lines]


@pytest.mark.parametrize(
    ("minute", "due_on"), [(0, date(2026, 11, 25)), (1, date(2026, 11, 26))], ids=["15:00", "15:01"]
)
def test_a_procedure_of_the_same_day_is_due_that_day_until_15_00(
    world: World, minute: int, due_on: date
) -> None:
    case = registered(world)
    cases.submit(world.context, world.caller, case.case_code, NOW)
    wanted_ = {"reference": world.fresh("tr"), "event": "accept"}
    at = datetime(2026, 11, 25, 8, minute, tzinfo=UTC)
    accepted = cases.transition(world.context, world.caller, case.case_code, wanted_, at)
    assert due_on == accepted.due_on
    told = show_case.case(world.context, accepted, show_case.Parts())["due_reason"]
    assert told.startswith("trong ngày làm việc kể từ ngày tiếp nhận 25/11/2026")


def test_a_version_that_was_taken_away_is_a_fault_of_the_house_and_no_missing_case(world: World) -> None:
    case = registered(world)
    without = replace(world.context, catalogue=Catalogue.of([]))
    with pytest.raises(Misconfigured, match=f"no version 1 of the procedure {COPIES}"):
        show_case.case(without, case, show_case.Parts())
