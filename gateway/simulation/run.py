"""One simulated world from its seed: built, lived through, and audited."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from gateway.domain.errors import Misconfigured
from gateway.service.attempts import WAYS
from gateway.simulation import audit
from gateway.simulation.clock import START, Agenda, seconds
from gateway.simulation.office import Office
from gateway.simulation.people import People
from gateway.simulation.place import Place, built
from gateway.simulation.truth import Truth
from gateway.simulation.worker import Worker
from gateway.store import payments as payment_store
from gateway.wiring import House

PER_DAY = 30
DAY = timedelta(days=1)
OPENS, SHUTS = timedelta(hours=7), timedelta(hours=21)
OFFICE_AT, CLOSES_AT = timedelta(hours=17), timedelta(hours=24, minutes=30)
AWAY_SHARE = 0.25
"""How often a provider is away for a time on a day."""
MOST_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to live through. `provider` None: all of them."""

    seed: int
    days: int
    provider: str | None = None
    per_day: int = PER_DAY


@dataclass(slots=True)
class Life:
    """Everything that goes on in one world."""

    wanted: Wanted
    place: Place
    chance: Random
    agenda: Agenda
    worker: Worker
    people: People
    office: Office
    steps: int = 0
    numbers: int = 0

    def live(self, on_day: Callable[[int], None] = lambda _: None) -> None:
        """The days that were asked for, and one more in which nobody new comes."""
        for day in range(self.wanted.days):
            self.agenda.put(START + day * DAY, partial(on_day, day + 1))
            self._plan(START + day * DAY)
        for day in range(self.wanted.days + 1):
            self._plan_office(START + day * DAY)
        self._until(START + (self.wanted.days + 1) * DAY + timedelta(hours=1))

    def _plan(self, midnight: datetime) -> None:
        chance, put = self.chance, self.agenda.put
        put(midnight + OPENS, lambda: self._open_case(midnight))
        for name in sorted(self.place.addresses):
            if name not in {"gateway", "bank"} and chance.random() < AWAY_SHARE:
                goes = midnight + seconds(chance, 6 * 3600, 20 * 3600)
                put(goes, partial(self._away, name))
                put(goes + seconds(chance, 300, 3 * 3600), partial(self._back, name))

    def _open_case(self, midnight: datetime) -> None:
        code = self.place.open_case(self.people.caller)
        for _ in range(self.wanted.per_day):
            self.numbers += 1
            at = midnight + OPENS + seconds(self.chance, 60, (SHUTS - OPENS).total_seconds())
            self.agenda.put(at, partial(self.people.arrive, code, self.numbers))

    def _away(self, name: str) -> None:
        self.place.wire.faults["away"] += 1
        self.place.wire.away.add(self.place.addresses[name])

    def _back(self, name: str) -> None:
        self.place.wire.away.discard(self.place.addresses[name])

    def _plan_office(self, midnight: datetime) -> None:
        self.agenda.put(midnight + OFFICE_AT, self._office)
        self.agenda.put(
            midnight + CLOSES_AT, lambda: self.office.close((midnight + timedelta(hours=12)).date())
        )

    def _office(self) -> None:
        with self.place.house.engine.connect() as connection:
            paid = payment_store.paid_ids(connection)
        self.office.ask_back(paid)
        self.office.look_at_refunds()
        self.worker.look_after()

    # --- time goes by -------------------------------------------------------------------------------

    def _until(self, end: datetime) -> None:
        for _ in range(MOST_STEPS):
            at = self._next_at()
            if at is None or at > end:
                self.place.clock.move_to(end)
                return
            self.place.clock.move_to(at)
            self._step(at)
        raise AssertionError("a world without an end")

    def _next_at(self) -> datetime | None:
        times = [self.agenda.next_at(), self.worker.next_at()]
        for courier in self.place.world.couriers.values():
            due = courier.next_at()
            times.append(None if due is None else datetime.fromtimestamp(due, UTC))
        return min((each for each in times if each is not None), default=None)

    def _step(self, at: datetime) -> None:
        """What people do comes first, then what providers tell, then what runs behind."""
        self.steps += 1
        while (next_at := self.agenda.next_at()) is not None and next_at <= at:
            self.agenda.take()()
        for courier in self.place.world.couriers.values():
            courier.deliver_due()
        self.worker.turn()


def simulate(wanted: Wanted, var: Path, on_day: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Live through one world; what is to be told of it. `on_day` hears of each day that begins.

    Raises `Misconfigured` for a provider that there is not.
    """
    began = time.monotonic()
    with life(wanted, var) as lived:
        lived.live(on_day)
        found = audit.look(lived.place.house, lived.office.truth, lived.office.accounts, lived.office.closed)
        return {
            "step": "summary",
            "ok": not found.troubles and found.unexplained_vnd == 0 and found.duplicates == 0,
            "seed": wanted.seed,
            "days": wanted.days,
            "payments": found.payments,
            "paid": found.paid,
            "refunded": found.refunded,
            "unknown": found.unknown,
            "unexplained_vnd": found.unexplained_vnd,
            "duplicates": found.duplicates,
            "breaks": found.breaks,
            "states": dict(sorted(found.states.items())),
            "alarms": dict(sorted(found.alarms.items())),
            "faults": dict(sorted(lived.place.wire.faults.items())),
            "closed": {"green": lived.office.green, "red": lived.office.red},
            "troubles": found.troubles,
            "took_s": round(time.monotonic() - began, 1),
        }


@contextmanager
def life(wanted: Wanted, var: Path) -> Iterator[Life]:
    with built(wanted.seed, var) as place:
        made = _begin(wanted, place)
        try:
            yield made
        finally:
            made.worker.close()


def _begin(wanted: Wanted, place: Place) -> Life:
    providers = _providers(place.house, wanted.provider)
    chance = Random(f"{wanted.seed}:life")  # noqa: S311 - a world that can be seen again is the purpose
    agenda, truth = Agenda(), Truth(place.ground, place.house.engine)
    caller = place.introduce()
    people = People(place.house, caller, place.wire, agenda, place.clock, chance, place.urls, providers)
    accounts = tuple(sorted({each.account for each in place.house.context.agencies.values()}))
    office = Office(place.house, caller, place.wire, agenda, place.clock, chance, place.urls, accounts, truth)
    return Life(wanted, place, chance, agenda, Worker(place.house), people, office)


def _providers(house: House, wanted: str | None) -> tuple[str, ...]:
    known = house.context.providers
    names = tuple(sorted(name for name, each in known.items() if not each.capabilities.isdisjoint(WAYS)))
    if wanted is None:
        return names
    if wanted not in names:
        raise Misconfigured(f"there is no provider {wanted[:40]} that can be paid at: {', '.join(names)}")
    return (wanted,)
