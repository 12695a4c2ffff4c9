"""Receipt numbers under workers that are killed: no gap, no double, nobody without a receipt."""

import pytest

from tests.integration.receipt_race import race

pytestmark = pytest.mark.service


def test_x19_numbers_run_without_a_gap_however_many_workers_are_killed() -> None:
    found = race(workers=4, many=60, kills=4)
    assert 0 < int(str(found["killed"]))
    assert ([], 0, 0, 60) == (found["gaps"], found["doubles"], found["not_issued"], found["receipts"])
