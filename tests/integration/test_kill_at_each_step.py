"""`kill -9` of gateway or worker at each step of the story, then a restart: the same end, nothing lost or doubled."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kill_points import POINTS, Hunt, settle

from gateway import demo
from gateway.local import Local, prepared, running

TRIES = ("payment.started", "payment.unclear", "payment.seen", "delivery.ordering", "delivery.not_sent")
"""Events of which a killed run may have more: each tells of a try, and a try that was cut off is made again."""
OFTEN = ("delivery.moved",)
"""Events of which a killed run may have fewer: sightings that come in one page move the state once."""

SETTLED_S = 150
"""On a busy machine a message to the portal comes to its last pause, of a minute."""

_STATE = {
    "cases": "SELECT procedure_code, state, money_state, delivery_state FROM cases",
    "payments": "SELECT provider, state, amount_vnd, paid_vnd, refunded_vnd FROM payments",
    "succeeded tries": "SELECT provider, paid_vnd FROM attempts WHERE state = 'succeeded'",
    "open tries": "SELECT provider FROM attempts WHERE state NOT IN ('succeeded', 'failed', 'abandoned')",
    "ledger": "SELECT account, sum(debit_vnd)::bigint, sum(credit_vnd)::bigint FROM ledger GROUP BY account",
    "receipts": "SELECT series, number, state FROM receipts",
    "obligations": "SELECT kind, amount_vnd FROM obligations",
    "documents": "SELECT code, role, stored_at IS NOT NULL FROM case_documents",
    "deliveries": "SELECT method, operator, state, item_code IS NOT NULL FROM deliveries",
    "events": "SELECT subject_kind, type, count(*) FROM events "
    "WHERE type <> ALL (%(tries)s) AND type <> ALL (%(often)s) GROUP BY subject_kind, type",
    "messages": "SELECT e.type, count(*), bool_and(m.delivered_at IS NOT NULL) FROM webhook_messages m "
    "JOIN events e ON e.id = m.event_id WHERE e.type <> ALL (%(often)s) GROUP BY e.type",
    "days": "SELECT expected_vnd, received_vnd, booked_vnd, open_breaks, green FROM day_closes",
}


def play(local: Local, out: Path) -> dict[str, Any]:
    """The story, by a portal and a citizen who do not give up; then the statement and the close."""
    command = [sys.executable, "-m", "sandbox.story", str(local.world_file), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    last = (
        json.loads(done.stdout.splitlines()[-1])
        if done.stdout
        else {"step": "none", "detail": done.stderr[-800:]}
    )
    assert "facts" == last["step"], last
    with psycopg.connect(local.house.database_url) as connection:
        assert {"jobs": 0, "undelivered": 0, "behind": 0} == settle(connection, SETTLED_S)
    told: list[tuple[str, bool, object]] = []
    assert 0 == demo.close(local.house, out, last["detail"], lambda *step: told.append(step)), told
    return end_state(local)


def end_state(local: Local) -> dict[str, Any]:
    """All that matters at the end, without what differs from run to run: ids, times, tries."""
    with psycopg.connect(local.house.database_url) as connection:
        given = {"tries": list(TRIES), "often": list(OFTEN)}
        state: dict[str, Any] = {
            name: sorted(connection.execute(query, given).fetchall()) for name, query in _STATE.items()
        }
    with sqlite3.connect(local.var / "sandbox" / "sandbox.sqlite3") as world:
        state["parcels at the post"] = world.execute("SELECT state, emitted FROM post_orders").fetchall()
        state["money at the bank"] = sorted(world.execute("SELECT amount_vnd FROM bank_lines").fetchall())
        received = "SELECT type, count(*) FROM portal_received WHERE type <> ? GROUP BY type ORDER BY type"
        state["told to the portal"] = world.execute(received, OFTEN).fetchall()
    world.close()
    return state


RULES: Mapping[str, Callable[[int], bool]] = {
    "either": lambda number: number % 2 == 0,
    "rolls_back": lambda _: True,
    "finishes_its_statement": lambda _: False,
}
"""What the database does with a dead process's transaction, by the number of the point."""
DATABASES = ["rolls_back", "finishes_its_statement"] if os.environ.get("LONG") else ["either"]
"""`LONG=1` plays the whole story once in each way; else the two take turns from point to point."""


@pytest.mark.service
@pytest.mark.parametrize("database", DATABASES)
def test_killed_at_each_step_the_story_ends_as_if_nothing_had_happened(
    tmp_path: Path, database: str, undisturbed: dict[str, Any]
) -> None:
    with prepared(tmp_path / "var") as local:
        hunt = Hunt(local, rolls_back=RULES[database])
        with hunt.on():
            ended = play(local, tmp_path / "out")
        assert set(POINTS) == set(hunt.killed), "every point was reached and struck"
        assert {"serve", "work"} == set(hunt.killed.values())
    assert undisturbed == ended


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    with running(folder / "var") as local:
        return play(local, folder / "out")
