"""The table of public tools, in its short form, and that it tells when something does not hold."""

import json
import re
from collections.abc import Iterator

import pytest

from signing.arithmetic import ContentChanged
from signing.verdicts import Indication, Judgement
from tests.shows import tools
from tests.shows.asked import Row, Table, Thing, holds, said
from tests.shows.ground import Ground
from tests.shows.public_tools import LIBRARIES, PROGRAMS
from tests.tools import tool


def thing(**changes: object) -> Thing[bytes]:
    """Ours is b"a", and a tool and a reader that believe nothing else; changes put others in their place."""
    given = {
        "name": "toy",
        "ours": b"a",
        "altered": {"another letter": b"b"},
        "tools": {"openssl toy": lambda each: each == b"a"},
        "read": lambda each: "" if each == b"a" else "TOTAL-FAILED HASH_FAILURE",
    }
    return Thing(**given | changes)  # type: ignore[arg-type]


def rows(of: Thing[bytes]) -> list[Row]:
    return list(Table(lambda _: "1.0").add(of))


def test_each_public_tool_accepts_ours_and_we_believe_no_altered_copy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in PROGRAMS:
        tool(name)
    ended = tools.main(["--short", "--json"])
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [] == [(row["thing"], row["tool"]) for row in told if not row["good"]]
    assert 0 == ended
    asked = {part.split()[0] for row in told for part in row["tool"].split(", ")}
    assert {*PROGRAMS, *LIBRARIES} == asked
    assert all(row["version"][0].isdigit() for row in told)


def test_a_row_holds_where_the_tool_accepts_ours_and_we_believe_nothing_else() -> None:
    (row,) = rows(thing())
    assert row.good
    expected = ["toy", "openssl toy", "1.0", "accepted", "1/1", "1/1 refused"]
    assert expected == re.split(" {2,}", tools.printed(row))


def test_a_tool_that_refuses_ours_does_not_hold() -> None:
    (row,) = rows(thing(tools={"openssl toy": lambda _: False}))
    assert (False, True) == (row.good, "REFUSED" in tools.printed(row))


def test_an_altered_copy_that_a_tool_takes_is_named_with_our_word_for_it() -> None:
    (row,) = rows(thing(tools={"openssl toy": lambda _: True}))
    assert row.good
    expected = "    another letter: accepts (we refuse: TOTAL-FAILED HASH_FAILURE)"
    assert expected == tools.printed(row).splitlines()[1]


def test_what_we_believe_of_a_copy_is_said_where_it_is_not_all() -> None:
    read = {b"a": "", b"b": "only B-B"}.__getitem__
    (row,) = rows(thing(tools={"openssl toy": lambda _: True}, read=read))
    assert (True, "    another letter: accepts (we believe only B-B)") == (
        row.good,
        tools.printed(row).splitlines()[1],
    )


@pytest.mark.parametrize("taken", [True, False])
def test_an_altered_copy_that_we_believe_does_not_hold(*, taken: bool) -> None:
    (row,) = rows(thing(tools={"openssl toy": lambda each: taken or each == b"a"}, read=lambda _: ""))
    assert (False, True) == (row.good, "another letter: " in tools.printed(row))
    assert "WE BELIEVE IT" in tools.printed(row)


def test_what_we_do_not_believe_of_ours_does_not_hold() -> None:
    (row,) = rows(thing(read=lambda _: "INDETERMINATE TRY_LATER"))
    assert (False, True) == (row.good, "OURS IS NOT BELIEVED: INDETERMINATE TRY_LATER" in tools.printed(row))


def test_a_copy_in_which_nothing_was_altered_is_a_fault_of_the_show() -> None:
    with pytest.raises(AssertionError, match="nothing was altered"):
        rows(thing(altered={"nothing": b"a"}))


def test_the_command_ends_with_1_where_a_row_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    for name in PROGRAMS:
        tool(name)

    def toys(_: Ground) -> Iterator[Thing[bytes]]:
        yield thing()
        yield thing(read=lambda _: "")

    assert 1 == tools.main([], [toys])
    assert (
        "2 questions, 2 altered copies: tools take 0, we believe 1; 1 rows do not hold\n"
        == capsys.readouterr().err
    )


def test_our_words_are_those_of_the_standard() -> None:
    def changed() -> Judgement:
        raise ContentChanged("x")

    assert "TOTAL-FAILED HASH_FAILURE" == said(changed)
    assert "" == said(lambda: Judgement(Indication.PASSED))
    assert ("not proved", "Malformed", "") == (
        holds(lambda: False),
        holds(lambda: int("x")),
        holds(lambda: None),
    )
