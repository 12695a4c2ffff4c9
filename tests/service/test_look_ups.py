"""Following a case by its code: only failures count, for the code and for the address that asks."""

import pytest
from service_world import NOW, World

from gateway.service import tracking
from gateway.service.tracking import (
    LARGEST_NUMBER_OF_AN_ADDRESS,
    LARGEST_NUMBER_OF_TRIES,
    TRIES_WINDOW,
    Found,
    tidy,
)

pytestmark = pytest.mark.service

ADDRESS = "203.162.0.1"
WRONG = "0000"


def digits(world: World, code: str) -> str:
    """The four digits that fit, found out in the test's own way."""
    return next(
        guess
        for guess in (f"{number:04d}" for number in range(10_000))
        if world.one("SELECT phone_index FROM cases WHERE case_code = :code", code=code)
        == world.context.sealer.index(guess, "cases.phone")
    )


def look(world: World, code: str, guess: str, address: str | None = None) -> Found:
    return tracking.look_up(world.context, code, guess, address, NOW)


def meaning(found: Found) -> str:
    return "found" if found.case is not None else "too many" if found.too_many else "not found"


@pytest.fixture
def code(world: World) -> str:
    world.do("DELETE FROM track_tries")
    return world.case()


def test_looking_at_ones_own_case_counts_for_nothing(world: World, code: str) -> None:
    fits = digits(world, code)
    looks = [meaning(look(world, code, fits, ADDRESS)) for _ in range(LARGEST_NUMBER_OF_AN_ADDRESS + 1)]
    assert {"found"} == set(looks)
    assert 0 == world.one("SELECT count(*) FROM track_tries")


def test_after_five_failures_a_code_waits_until_they_are_old(world: World, code: str) -> None:
    fits = digits(world, code)
    for _ in range(LARGEST_NUMBER_OF_TRIES):
        assert "not found" == meaning(look(world, code, WRONG))
    assert "too many" == meaning(look(world, code, fits))
    later = tracking.look_up(world.context, code, fits, None, NOW + TRIES_WINDOW * 1.01)
    assert "found" == meaning(later)


@pytest.mark.parametrize("guess", ["", "123", "12345", "abcd", "٠١٢٣", "12 34", "\x00000"])
def test_what_can_be_no_four_digits_is_no_guess(world: World, code: str, guess: str) -> None:
    assert "not found" == meaning(look(world, code, guess, ADDRESS))
    assert 0 == world.one("SELECT count(*) FROM track_tries")


@pytest.mark.parametrize("typed", ["", "nothing", "H28-000000-0000", "address:00", "H28\x00", "1" * 5_000])
def test_what_can_be_no_case_code_is_no_guess(world: World, code: str, typed: str) -> None:
    assert "not found" == meaning(look(world, typed, WRONG, ADDRESS))
    assert 0 == world.one("SELECT count(*) FROM track_tries")


@pytest.mark.parametrize(
    "change", [str.lower, lambda code: f" {code.replace('-', ' - ')}\t", lambda code: f"\n{code}"]
)
def test_a_code_may_be_typed_in_small_letters_and_with_blanks(
    world: World, code: str, change: object
) -> None:
    assert "found" == meaning(look(world, change(code), digits(world, code)))


def test_a_code_is_tidied_to_what_is_printed() -> None:
    assert "H28-261124-0001" == tidy("  h28 -\t261124- 0001 ")


def test_an_address_that_fails_at_many_codes_waits_while_others_do_not(world: World, code: str) -> None:
    for number in range(LARGEST_NUMBER_OF_AN_ADDRESS):
        assert "not found" == meaning(look(world, f"H28-261124-{number:04d}", WRONG, ADDRESS))
    fits = digits(world, code)
    assert "too many" == meaning(look(world, code, fits, ADDRESS))
    assert "found" == meaning(look(world, code, fits, "203.162.0.2"))
    assert "found" == meaning(look(world, code, fits))


def test_no_address_is_kept_in_the_clear(world: World, code: str) -> None:
    look(world, code, WRONG, ADDRESS)
    kept = [row[0] for row in world.rows("SELECT case_code FROM track_tries ORDER BY case_code")]
    assert 2 == len(kept)
    assert not any(ADDRESS in each for each in kept)
