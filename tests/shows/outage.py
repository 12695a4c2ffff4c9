"""`python -m tests.shows outage`: the national portal is away for a day, and its cases are caught up in their order.

Real servers over real HTTP on loopback, PostgreSQL embedded; only the time is ours. Half of the cases are known to the
portal when its server stops; nobody listens there for a day, while every case goes on. Then it listens again, and the
gateway's process dies in the midst of the catching up, once before and once after a call went out.
"""

# ruff: noqa: T201 - a show talks on its terminal

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "service"))

from service_faults import Killed
from service_portal import Country, outside
from service_world import World, opened_world

from gateway.domain.case import NATIONAL, TABLE, CaseEvent, CaseState
from gateway.ports import HttpAnswer, HttpDoor, HttpRequest
from gateway.service import cases
from gateway.store import embedded
from gateway.store import portal_sync as store

CODES = {state.value: str(code) for state, (code, _) in NATIONAL.items()}
ENDS = frozenset({CaseEvent.REFUSE, CaseEvent.WITHDRAW, CaseEvent.STOP})
HOURS, STEP_HOURS = 24, 3
PROBE = timedelta(minutes=5)


@dataclass
class Dying:
    """A door in which the process dies at the call of that number, before or after it has gone out."""

    door: HttpDoor
    left: int
    before: bool

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.left -= 1
        if self.before and self.left == 0:
            raise Killed
        answer = self.door.send(request)
        if self.left == 0:
            raise Killed
        return answer


def move(world: World, code: str, chance: random.Random) -> None:
    """One step of a case by its own table; about one end in twenty that would be possible is taken."""
    state = CaseState(world.one("SELECT state FROM cases WHERE case_code = :code", code=code))
    possible = [event for from_, event in TABLE if from_ is state and event in cases.AGENCY_EVENTS]
    likely = [event for event in possible if event not in ENDS or chance.randrange(20) == 0]
    if likely:
        world.decide(code, chance.choice(likely).value)


def gone(world: World, code: str) -> list[str]:
    """The national codes of the states of a case after its first one, in the order in which it came into them."""
    query = (
        "SELECT to_state FROM events WHERE case_code = :code AND subject_kind = 'case' AND from_state <> to_state "
        "AND from_state <> 'draft' ORDER BY version"
    )
    return [CODES[state] for (state,) in world.rows(query, code=code)]


def lag(land: Country) -> store.Lag:
    with land.world.engine.connect() as connection:
        return store.lag(connection)


def a_day_away(land: Country, codes: Sequence[str], chance: random.Random) -> int:
    """Nobody listens, and every case makes a step every few hours; returns how many calls failed."""
    failed = 0
    for _ in range(HOURS // STEP_HOURS):
        for code in codes:
            move(land.world, code, chance)
        failed += land.run_for(hours=STEP_HOURS, every=PROBE)
    return failed


def catch_up(land: Country) -> tuple[int, timedelta]:
    """Until the portal has everything: how often our process died on the way, and how long it took by the clock."""
    died, begun = 0, land.now
    for before in (True, False):
        land.settle(Dying(land.door, 40, before))
        try:
            for _ in range(20):
                land.turn()
                land.pass_time(seconds=1)
        except Killed:
            died += 1
    land.settle()
    while lag(land).waiting and land.now - begun < timedelta(hours=2):
        land.turn()
        land.pass_time(seconds=1)
    return died, land.now - begun


def play(world: World, folder: Path, many: int, seed: int) -> bool:
    chance = random.Random(seed)
    there = outside(str(folder / "portal"))
    there.start()
    land = Country(world, there.urls["dvcqg_sync"])
    early = [world.case() for _ in range(many // 2)]
    for code in early:
        move(world, code, chance)
    land.run()
    known = len(land.listed()["cases"])
    there.stop()
    codes = early + [world.case() for _ in range(many - len(early))]
    print(f"{known} of {many} cases are known to the portal; it stops listening")
    failed, behind = a_day_away(land, codes, chance), lag(land)
    print(
        f"{HOURS} h away: {failed} calls failed; {behind.waiting} cases behind, the oldest since {behind.oldest_at}"
    )
    there = outside(str(folder / "portal"), port=int(land.url.rpartition(":")[2]))
    there.start()
    try:
        return report(land, codes)
    finally:
        there.stop()


def report(land: Country, codes: Sequence[str]) -> bool:
    begun = time.perf_counter()
    died, took = catch_up(land)
    listed, real_s = land.listed(), time.perf_counter() - begun
    ours = {code: gone(land.world, code) for code in codes}
    theirs = {code: [step["TrangThai"] for step in case["steps"]] for code, case in listed["cases"].items()}
    steps = sum(map(len, theirs.values()))
    wrong = [code for code in codes if ours[code] != theirs.get(code)]
    print(
        f"caught up in {took} by the clock ({real_s:.1f} s here): {len(theirs)} cases, {steps} steps, "
        f"our process died {died} times on the way"
    )
    print(f"calls that the portal answered since it was made: {listed['calls']}")
    print(f"lost or in disorder: {len(wrong)}; behind: {lag(land).waiting}, refused: {lag(land).refused}")
    return not wrong and len(theirs) == len(codes) and lag(land) == store.Lag(0, None, 0) and died > 0


def main(argv: Sequence[str]) -> int:
    """0 when everything was caught up, whole and in order."""
    parser = argparse.ArgumentParser(prog="python -m tests.shows outage", description=__doc__)
    parser.add_argument("--cases", type=int, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=4, metavar="N")
    given = parser.parse_args(argv)
    with TemporaryDirectory(prefix="cong4-") as name:
        folder = Path(name)
        server = embedded.start(folder / "pg").server
        try:
            with opened_world(embedded.start(folder / "pg", "outage").url, folder / "var") as world:
                good = play(world, folder, given.cases, given.seed)
        finally:
            server.cleanup()
    print("everything was told, in order and once" if good else "SOMETHING IS WRONG")
    return 0 if good else 1
