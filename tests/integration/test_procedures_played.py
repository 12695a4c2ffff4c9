"""Each shipped procedure, from the first page to the result, with real processes over HTTP."""

from pathlib import Path

import pytest

from gateway import procedures as shipped
from tests.shows import procedures
from tests.shows.played import ONLY_TOLD, PLANS


def test_every_shipped_procedure_is_played_but_the_one_that_the_story_plays() -> None:
    played = {*(plan.code for plan in PLANS), *ONLY_TOLD, "2.000488"}
    assert played == set(shipped.catalogue().by_code)


@pytest.mark.service
def test_each_is_played_to_its_end_and_the_day_closes_green(tmp_path: Path) -> None:
    told = procedures.play(tmp_path / "var")
    assert len(PLANS) + len(ONLY_TOLD) + 1 == len(told)
    assert "closed green" in told[-1]
