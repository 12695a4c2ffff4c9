"""Events are read in the order of the numbers of their transactions, also where these get another digit."""

import pytest
from service_world import NOW, World
from sqlalchemy import text

from gateway.store import spine

pytestmark = pytest.mark.service


def test_a_reader_skips_nothing_where_transaction_numbers_get_another_digit(world: World) -> None:
    for _ in range(30_000):
        with world.transaction() as connection:
            now = int(connection.execute(text("SELECT pg_current_xact_id()::text")).scalar_one())
        if now > 1_010:
            break
    here = "998-999999"
    with world.transaction() as connection:
        for number in (999, 1000):
            connection.execute(
                text(
                    "INSERT INTO events (xid, occurred_at, subject_kind, subject_id, type, version, actor, "
                    "cause, data) VALUES (CAST(:x AS xid8), :now, 'probe', :s, 'probe.seen', 1, 'test', 'test', '{}')"
                ),
                {"x": str(number), "now": NOW, "s": f"in-{number}"},
            )
    found = []
    with world.engine.connect() as connection:
        while batch := spine.read_after(connection, here, 1):
            here = batch[-1].position
            found += [event.subject_id for event in batch if event.subject_kind == "probe"]
            assert len(found) < 10
    assert ["in-999", "in-1000"] == found
