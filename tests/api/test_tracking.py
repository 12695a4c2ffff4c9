"""Following a case: by an unguessable link, or by code and phone digits with few tries; nothing personal is shown."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from api_world import PERSON, World, fingerprint_of_world
from test_pages import shown

from gateway.service.tracking import LARGEST_NUMBER_OF_TRIES

pytestmark = pytest.mark.service

DIGITS = PERSON["phone"][-4:]


@pytest.fixture
def code(world: World) -> str:
    return str(world.submitted()["case_code"])


def test_the_code_and_the_digits_show_the_timeline_and_nothing_personal(world: World, code: str) -> None:
    page = shown(world.form("/track", f"case_code={code}&phone={DIGITS}"), 200)
    assert code in page
    assert "Hồ sơ đã nộp" in page
    for personal in PERSON.values():
        assert personal not in page


def test_the_link_shows_the_same(world: World, code: str) -> None:
    link = world.ask("GET", f"/v1/cases/{code}").json["links"]["track"]
    page = shown(world.plain("GET", link.removeprefix(world.url)), 200)
    assert code in page
    for personal in PERSON.values():
        assert personal not in page


def test_the_agency_is_named_with_the_province_that_it_lies_in_today(world: World, code: str) -> None:
    """Hòa Bình (H28) is a part of Phú Thọ since 01/07/2025; Đắk Lắk (H15) took Phú Yên in and stands."""
    page = shown(world.form("/track", f"case_code={code}&phone={DIGITS}"), 200)
    assert "Cơ quan giải quyết" in page
    assert "Trung tâm H28, nay thuộc Tỉnh Phú Thọ" in page
    case = world.ask("GET", f"/v1/cases/{code}").json
    assert ("Trung tâm H28", "Tỉnh Phú Thọ") == (case["agency_name"], case["agency_now_within"])
    other = world.submitted(who="other")
    assert ("Trung tâm H15", None) == (other["agency_name"], other["agency_now_within"])


@pytest.mark.parametrize(
    ("agency", "expected"),
    [
        ("000.00.00.H28", ("Trung tâm H28", "Tỉnh Phú Thọ")),
        ("H30", ("Tỉnh Hậu Giang", "Thành phố Cần Thơ")),
        ("H44", ("Tỉnh Phú Thọ", None)),
        ("H30.15", (None, None)),
        ("H99", (None, None)),
    ],
)
def test_nothing_is_said_of_an_agency_that_nobody_knows(
    world: World, code: str, agency: str, expected: tuple[str | None, str | None]
) -> None:
    there = f"WHERE case_code = '{code}'"
    with world.altered(
        f"UPDATE cases SET agency_code = '{agency}' {there}", f"UPDATE cases SET agency_code = 'H28' {there}"
    ):
        case = world.ask("GET", f"/v1/cases/{code}").json
        page = shown(world.form("/track", f"case_code={code}&phone={DIGITS}"), 200)
    assert expected == (case["agency_name"], case["agency_now_within"])
    assert ("Cơ quan giải quyết" in page) == (expected[0] is not None)


@pytest.mark.parametrize(
    "fields",
    [
        "case_code={code}&phone=0000",
        "case_code={code}&phone=",
        "case_code={code}",
        "case_code={code}&phone={whole}",
        "case_code={code}&phone={digits}%00",
        "case_code={code}%00&phone={digits}",
        "case_code={code}' OR '1'='1&phone={digits}",
        "case_code=%25&phone={digits}",
        "case_code=%FF%FE&phone=%FF",
        "case_code=H28-000000-0000&phone={digits}",
        "case_code=&phone=",
        "",
    ],
)
def test_what_does_not_fit_is_told_in_one_and_the_same_way(world: World, code: str, fields: str) -> None:
    before = fingerprint_of_world(world)
    filled = fields.format(code=code, digits=DIGITS, whole=PERSON["phone"])
    page = shown(world.form("/track", filled), 404)
    assert "không khớp" in page
    assert before == fingerprint_of_world(world)


def test_blanks_around_the_code_do_no_harm(world: World, code: str) -> None:
    assert 200 == world.form("/track", f"case_code=+{code}+&phone=+{DIGITS}+").status


def test_after_five_tries_even_the_right_digits_wait(world: World, code: str) -> None:
    for guess in range(LARGEST_NUMBER_OF_TRIES):
        assert 404 == world.form("/track", f"case_code={code}&phone={guess:04d}").status
    before = fingerprint_of_world(world)
    reply = world.form("/track", f"case_code={code}&phone={DIGITS}")
    page = shown(reply, 429)
    assert "quá nhiều lần" in page
    assert "900" == reply.headers["retry-after"]
    assert before == fingerprint_of_world(world)
    other = world.submitted()["case_code"]
    assert 200 == world.form("/track", f"case_code={other}&phone={DIGITS}").status


def test_tries_at_the_same_time_count_one_by_one(world: World, code: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(lambda n: world.form("/track", f"case_code={code}&phone={n:04d}").status, range(24))
        )
    assert [404] * LARGEST_NUMBER_OF_TRIES == [status for status in replies if status == 404]
    assert {404, 429} == set(replies)


def test_the_case_code_is_shown_as_text(world: World) -> None:
    page = shown(world.form("/track", "case_code=%3Cscript%3Ealert(1)%3C/script%3E&phone=1234"), 404)
    assert "alert(1)" not in page
