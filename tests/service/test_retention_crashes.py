"""A run that dies is ended by the next, two at once are as one, and one is put down for each day."""

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from service_retention import ended, is_forgotten
from service_world import NOW, World, at_once

from gateway import jobs
from gateway.ports import Files
from gateway.service import retention

pytestmark = pytest.mark.service

AFTER = datetime(2031, 12, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process dies."""


@dataclass
class DyingFiles:
    """Files that the process dies over, after so many."""

    files: Files
    lives: int

    def discard(self, sha256: str, before: datetime) -> bool:
        self.lives -= 1
        if self.lives < 0:
            raise Killed
        return self.files.discard(sha256, before)

    def keep(self, sha256: str) -> None:
        self.files.keep(sha256)


def own_files(world: World, code: str) -> list[str]:
    queries = (
        f"SELECT {of} WHERE case_code = :c"
        for of in ("sha256 FROM case_documents", "pdf_sha256 FROM case_papers")
    )
    return [sha256 for query in queries for (sha256,) in world.rows(query, c=code)]


def are_there(world: World, hashes: list[str]) -> set[bool]:
    folder = world.house.settings.var_dir / "files"
    return {(folder / each[:2] / each).exists() for each in hashes}


def test_a_run_that_dies_over_the_files_is_ended_by_the_next(world: World) -> None:
    code = ended(world)
    hashes = own_files(world, code)
    assert {True} == are_there(world, hashes)
    dying = replace(world.context, files=DyingFiles(world.context.files, 2))
    with pytest.raises(Killed):
        retention.forget_due(dying, AFTER)
    assert is_forgotten(world, code)
    assert {True, False} == are_there(world, hashes)
    assert retention.forget_due(world.context, AFTER).files >= len(hashes)
    assert {False} == are_there(world, hashes)
    assert 0 == world.one("SELECT count(*) FROM doomed_files")


def test_a_case_that_cannot_be_forgotten_loses_nothing_and_keeps_no_other(world: World) -> None:
    poor, other = ended(world), ended(world)
    world.do(
        f"ALTER TABLE case_papers ADD CONSTRAINT fault CHECK (case_code <> '{poor}' OR made_at IS NULL) NOT VALID"
    )
    before = world.rows("SELECT applicant_sealed, phone_index FROM cases WHERE case_code = :c", c=poor)
    retention.forget_due(world.context, AFTER)
    assert (False, True) == (is_forgotten(world, poor), is_forgotten(world, other))
    assert before == world.rows(
        "SELECT applicant_sealed, phone_index FROM cases WHERE case_code = :c", c=poor
    )
    assert {True} == are_there(world, own_files(world, poor))
    assert ["forgetting_failed"] == world.alarms(poor)
    world.do("ALTER TABLE case_papers DROP CONSTRAINT fault")
    retention.forget_due(world.context, AFTER)
    assert is_forgotten(world, poor)


def test_two_runs_at_once_forget_each_case_once(world: World) -> None:
    codes = [ended(world) for _ in range(3)]
    done = at_once(2, lambda _: retention.forget_due(world.context, AFTER).people)
    assert len(codes) == sum(done)
    query = "SELECT count(*) FROM events WHERE case_code = ANY (:codes) AND type = 'case.forgotten'"
    assert len(codes) == world.one(query, codes=codes)


# --- once a day ----------------------------------------------------------------------------------------


def test_a_run_is_put_down_once_for_each_day_of_vietnam(world: World) -> None:
    world.do("DELETE FROM procrastinate_jobs")
    evening = datetime(2026, 11, 24, 16, 59, tzinfo=UTC)
    for at in (NOW, evening, evening, evening + timedelta(minutes=1), evening + timedelta(minutes=2)):
        retention.put_daily(world.context, at)
    pace = jobs.Pace(post_poll_s=1, heartbeat_s=1, stalled_after_s=1)
    context = replace(world.context, clock=lambda: evening + timedelta(days=1))
    (loop,) = [each for each in jobs.loops(context, pace, threading.Event()) if each.name == "forgetting"]
    assert [False, False] == [loop._turn(), loop._turn()]
    days = [args["day"] for args, _ in world.jobs("forget_due", "house")]
    assert ["2026-11-24", "2026-11-25"] == days
