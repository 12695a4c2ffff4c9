"""The national portal on this machine, over real HTTP, and a gateway that tells it of cases by a clock of the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import requests
from service_world import NOW, World

from adapters.portal import dvcqg_sync
from gateway.domain.errors import TransportError
from gateway.http import Door
from gateway.ports import HttpDoor
from gateway.service import behind, portal_sync
from gateway.service.context import Context
from gateway.store.calls import CallJournal
from sandbox.config import read_world
from sandbox.world import World as Outside

WAY = ("accept", "process", "finish")


@dataclass
class Country:
    """`now` is the time of both sides. `url` is where the portal is, also while it is not there."""

    world: World
    url: str
    now: datetime = NOW
    context: Context = field(init=False)
    door: HttpDoor = field(init=False)

    def __post_init__(self) -> None:
        self.door = Door(CallJournal(self.world.house.context.pool), allow_private=True)
        self.settle()

    def settle(self, door: HttpDoor | None = None, **changes: Any) -> None:
        """Begin anew with other settings, or another door: as a process does that is started again."""
        usual: dict[str, Any] = {"username": "hoabinh", "password": "an invented password", "timeout_s": 2.0}
        settings = dvcqg_sync.Settings(
            auth_url=f"{self.url}/dvcqg/auth",
            adapter_url=f"{self.url}/dvcqg/adapter",
            destination="VN:GOV:000.00.00.G22:vpcpdvcprovider",
            unit_code="000.00.00.H28",
            **{**usual, **changes},
        )
        self.context = replace(
            self.world.context,
            case_portal=dvcqg_sync.DvcqgSync(settings, door or self.door),
            clock=lambda: self.now,
        )

    # --- time and turns ---------------------------------------------------------------------------

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)

    def hear(self) -> None:
        """Read the spine to its end."""
        while behind.consume(self.context, "case_portal", self.now):
            pass

    def turn(self) -> str:
        """One turn, and how it ended."""
        assert self.context.case_portal is not None
        try:
            return "worked" if portal_sync.turn(self.context, self.context.case_portal) else "idle"
        except TransportError as error:
            return type(error).__name__

    def run(self, turns: int = 200) -> None:
        """Turns at the same moment until nothing is due."""
        self.hear()
        for _ in range(turns):
            if self.turn() == "idle":
                return
        raise AssertionError("it does not come to an end")

    def run_for(self, hours: float, every: timedelta = timedelta(minutes=2)) -> int:
        """Turns over a time; returns how many ended in an error."""
        failed, end = 0, self.now + timedelta(hours=hours)
        while self.now < end:
            self.hear()
            while (how := self.turn()) == "worked":
                pass
            failed += how not in {"idle", "worked"}
            self.now += every
        return failed

    # --- both sides -------------------------------------------------------------------------------

    def control(self, **order: object) -> None:
        assert requests.post(f"{self.url}/_control", json=order, timeout=5).status_code == 200

    def listed(self) -> dict[str, Any]:
        told: dict[str, Any] = requests.get(f"{self.url}/_cases", timeout=5).json()
        return told

    def has(self, code: str) -> list[str]:
        """What the portal was told of a case: the state of its registration, then of each step."""
        case = self.listed()["cases"].get(code)
        return [] if case is None else [step["TrangThai"] for step in case["steps"]]

    def record(self, code: str) -> dict[str, Any]:
        found: dict[str, Any] = self.listed()["cases"][code]["record"]
        return found

    def row(self, code: str) -> dict[str, Any]:
        names = ("state", "told_state", "told_version", "recorded_version", "sending", "failures", "code")
        query = f"SELECT {', '.join(names)} FROM portal_sync WHERE case_code = :code"
        return dict(zip(names, self.world.rows(query, code=code)[0], strict=True))

    def state(self, code: str) -> str:
        """What the case's own row says of it."""
        return str(self.world.one("SELECT sync_state FROM cases WHERE case_code = :code", code=code))


def outside(state_dir: str = ":memory:", **changes: object) -> Outside:
    """The world outside with the portal alone, on a free port unless one is given."""
    account = {"bin": "970418", "number": "0123456789", "name": "TTPVHCC"}
    portal = {
        "port": 0,
        "username": "hoabinh",
        "password": "an invented password",
        "unit_code": "000.00.00.H28",
        "slow_s": 0.2,
        **changes,
    }
    values = {"gateway_url": "http://127.0.0.1:9", "seed": 4, "state_dir": state_dir}
    return Outside(read_world({**values, "bank": {"port": 0, "accounts": [account]}, "dvcqg_sync": portal}))


@contextmanager
def country(world: World, **changes: object) -> Iterator[Country]:
    there = outside(**changes)
    there.start()
    world.do("DELETE FROM portal_sync")
    world.do("DELETE FROM provider_health")
    world.do("DELETE FROM alarms")
    # earlier cases of the module are not told again
    world.do("DELETE FROM cursors WHERE name = 'consumer:case_portal'")
    world.do(
        "INSERT INTO cursors (name, position) SELECT 'consumer:case_portal', "
        "coalesce((SELECT xid::text || '-' || id FROM events ORDER BY events.xid DESC, id DESC LIMIT 1), '0-0')"
    )
    try:
        yield Country(world, there.urls["dvcqg_sync"])
    finally:
        there.stop()
