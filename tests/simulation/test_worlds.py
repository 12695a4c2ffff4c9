"""Short worlds with every provider and every fault; `python -m gateway simulate` lives through long ones."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import text

from gateway.cli.main import main
from gateway.domain.errors import Misconfigured
from gateway.simulation import audit
from gateway.simulation.run import Life, Wanted, life, simulate
from sandbox.faults import MAGIC

pytestmark = pytest.mark.service

SEEDS = (1, 2, 3)
PER_DAY = 14


@pytest.fixture(scope="module")
def var() -> Iterator[Path]:
    """The folder is none of pytest's: each session that begins closes their parent to the server's own user."""
    before = dict(os.environ)
    with TemporaryDirectory(prefix="cong4-") as folder:
        yield Path(folder)
    assert before.keys() == os.environ.keys()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_dong_of_a_world_is_explained_and_nothing_counts_twice(var: Path, seed: int) -> None:
    told = simulate(Wanted(seed, days=1, per_day=PER_DAY), var)
    assert [] == told["troubles"]
    assert (True, 0, 0, PER_DAY) == (
        told["ok"],
        told["unexplained_vnd"],
        told["duplicates"],
        told["payments"],
    )
    assert 0 < told["paid"] <= PER_DAY


def test_the_same_seed_is_the_same_world(var: Path) -> None:
    first, second = (simulate(Wanted(7, days=1, per_day=PER_DAY), var) for _ in range(2))
    assert {**first, "took_s": 0} == {**second, "took_s": 0}
    assert set(first["faults"]) & {fault.value for fault in MAGIC.values()}


@pytest.fixture
def lived(var: Path) -> Iterator[Life]:
    with life(Wanted(5, days=1, per_day=PER_DAY), var) as made:
        made.live()
        yield made


def look(lived: Life) -> audit.Finding:
    return audit.look(lived.place.house, lived.office.truth, lived.office.accounts, lived.office.closed)


UNDONE = (
    "INSERT INTO events (occurred_at, subject_kind, subject_id, type, from_state, to_state, version, actor, cause) "
    "SELECT now(), 'payment', min(id), 'payment.expired', 'paid', 'expired', 99, 'x', 'x' FROM payments"
)


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE payments SET paid_vnd = paid_vnd + 1000 WHERE id = (SELECT min(id) FROM payments WHERE state = 'paid')",
        "UPDATE payments SET paid_vnd = 0 WHERE id = (SELECT min(id) FROM payments WHERE state = 'paid')",
        UNDONE,
        "INSERT INTO alarms (name, subject, detail) VALUES ('job_given_up', '1', 'x')",
    ],
    ids=[
        "too much is known",
        "too little is known",
        "paid was undone",
        "a job was given up",
    ],
)
def test_an_audit_sees_what_is_wrong(lived: Life, wrong: str) -> None:
    assert [] == look(lived).troubles
    with lived.place.house.engine.begin() as connection:
        done = connection.execute(text(wrong))
    assert 1 == done.rowcount
    assert look(lived).troubles


def test_an_audit_sees_money_that_nobody_was_told_of(lived: Life) -> None:
    """Money at the bank for an order that is paid, and a statement that nobody took in."""
    with lived.place.ground.state.transaction() as db:
        row = db.execute(
            "SELECT * FROM bank_lines WHERE amount_vnd > 0 AND reference <> '' LIMIT 1"
        ).fetchone()
        db.execute(
            "INSERT INTO bank_lines (account, on_date, amount_vnd, code, reference, bank_reference, memo)"
            " VALUES (?, ?, ?, ?, ?, 'X', ?)",
            (row["account"], row["on_date"], 5000, row["code"], row["reference"], row["memo"]),
        )
    found = look(lived)
    assert found.unexplained_vnd >= 5000
    assert found.troubles


def test_the_command_tells_the_sums_and_a_provider_that_is_not_there_is_refused(
    capsys: pytest.CaptureFixture[str], var: Path
) -> None:
    assert 0 == main(
        ["simulate", "--seed", "2", "--days", "1", "--per-day", "5", "--provider", "vietqr", "--json"]
    )
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert ("summary", True, 2, 5) == (told["step"], told["ok"], told["seed"], told["payments"])
    assert {"paid", "refunded", "unknown", "unexplained_vnd", "duplicates", "faults"} <= told.keys()
    with pytest.raises(Misconfigured, match="no provider nobank"):
        simulate(Wanted(1, days=1, provider="nobank"), var)
