"""The whole of it with real parts: PostgreSQL, granian, worker and sandbox as processes, and one story over HTTP."""

from pathlib import Path

import pytest

from gateway import demo
from gateway.store import embedded, migrate
from gateway.store.engine import make_engine


@pytest.mark.service
def test_migrations_go_up_down_and_up_and_agree_with_the_tables(tmp_path: Path) -> None:
    engine = make_engine(embedded.start(tmp_path / "pg").url)
    migrate.upgrade(engine)
    migrate.check(engine)
    migrate.downgrade(engine, "base")
    migrate.upgrade(engine)
    migrate.check(engine)
    with engine.connect() as connection:
        assert migrate.head() == migrate.current(connection)
    assert migrate.head() == Path("migrations/HEAD").read_text(encoding="utf-8").strip()
    engine.dispose()


@pytest.mark.service
def test_the_story_ends_with_a_hand_over_and_a_green_close_twice_in_a_row(tmp_path: Path) -> None:
    for _ in range(2):
        told: list[tuple[str, bool, object]] = []
        code = demo.run(tmp_path / "var", lambda step, ok, detail: told.append((step, ok, detail)))  # noqa: B023
        assert [] == [each for each in told if not each[1]]
        assert 0 == code
        summary = told[-1][2]
        assert isinstance(summary, dict)
        assert "handed_over" == summary["delivery_state"]
        assert 0 == summary["close"]["difference_vnd"]
        assert [200_000, 100_000] == [each["amount_vnd"] for each in summary["payments"]]
        assert b"%PDF" == Path(summary["files"]["receipt_pdf"]).read_bytes()[:4]
