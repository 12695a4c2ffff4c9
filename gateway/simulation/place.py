"""Where a simulated world stands: a database of its own, the gateway, every server of the sandbox, and the lines."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from gateway.local import settings_of
from gateway.local_settings import BASE, environment
from gateway.local_world import GATEWAY, make_agencies, make_world
from gateway.service import cases
from gateway.service.cases import Caller
from gateway.service.documents import store_document
from gateway.simulation.clock import Clock, draws
from gateway.simulation.wire import Wire
from gateway.store import embedded, migrate, portals
from gateway.store.engine import make_engine
from gateway.wiring import House, make_app, open_house
from sandbox.config import SERVERS, read_world
from sandbox.dvcqg_asks import pdf
from sandbox.state import MEMORY, Ground
from sandbox.world import World

TEMPLATE = "simulated"
INTERVAL_S = 300.0
"""Between two tries of a provider's message, as VNPAY's documentation has it."""
PROCEDURE = "2.000488"
PAPERS = {"to-khai": pdf(("to khai",)), "giay-to-tuy-than": pdf(("giay to",))}
PERSON = {"name": "Nguyễn Văn A", "id_kind": "cccd", "id_number": "017099000001", "phone": "0912345678"}


@dataclass(slots=True)
class Place:
    """One world, built. `addresses` are those of the applications by their names, `urls` with the scheme before."""

    house: House
    world: World
    ground: Ground
    wire: Wire
    clock: Clock
    urls: dict[str, str]
    cases: int = 0

    @property
    def addresses(self) -> Mapping[str, str]:
        return {name: url.partition("//")[2] for name, url in self.urls.items()}

    def introduce(self) -> Caller:
        """The portal that orders the payments."""
        with self.house.engine.begin() as connection:
            portal = portals.add_portal(connection, name="Cổng mô phỏng", agency_code="H28", live=False)
        return Caller(portal, "H28", "simulate")

    def open_case(self, caller: Caller) -> str:
        """A case that fees can be paid for; its code."""
        self.cases += 1
        now, context = self.clock(), self.house.context
        documents = [
            {
                "code": code,
                "name": f"{code}.pdf",
                "media_type": "application/pdf",
                "size_bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for code, content in PAPERS.items()
        ]
        wanted = {"reference": f"case-{self.cases}", "procedure_code": PROCEDURE, "applicant": PERSON}
        made, _ = cases.register(context, caller, {**wanted, "documents": documents, "answers": {}}, now)
        for code, content in PAPERS.items():
            store_document(context, caller, made.case_code, code, content, now)
        cases.submit(context, caller, made.case_code, now)
        return made.case_code


@contextmanager
def built(seed: int, var: Path) -> Iterator[Place]:
    """A world from its seed; gone afterwards. What every world shares (keys, the schema) is made once in `var`."""
    clock = Clock()
    given = _world(var, seed, clock())
    wire = Wire(Random(f"{seed}:wire"))  # noqa: S311 - a world that can be seen again is the purpose
    with ExitStack() as stack:
        world = World(
            read_world(given),
            listen=False,
            clock=clock,
            send=wire.send,
            pause=lambda _: False,
            draw=draws(seed, "sandbox"),
        )
        stack.callback(world.stop)
        url = stack.enter_context(_database(var))
        variables = environment(var, given, make_agencies(var), url)
        del variables["GATEWAY_QUERY_DELAYS_S"]  # as it is published, not as the demo has it
        settings = settings_of(variables)
        house = open_house(settings, url, clock=clock, exchange=wire.exchange, entropy=draws(seed, "gateway"))
        stack.callback(house.close)
        wire.apps.update({_address(BASE[name]): app for name, app in world.apps.items()})
        wire.apps[_address(GATEWAY)] = make_app(house)
        urls = {name: BASE[name] for name in world.apps} | {"gateway": GATEWAY, "keypay2": BASE["keypay"]}
        yield Place(house, world, world.ground, wire, clock, urls)


def _address(url: str) -> str:
    return url.partition("//")[2]


def _world(var: Path, seed: int, now: datetime) -> dict[str, Any]:
    """The world file of this machine, in memory, with the pace of the world outside."""
    given = make_world(var, now)
    for name, settings in SERVERS.items():
        paces = {each.name: INTERVAL_S for each in fields(settings) if each.name.endswith("interval_s")}
        given[name] = given[name] | paces
    return given | {"seed": seed, "state_dir": MEMORY}


@contextmanager
def _database(var: Path) -> Iterator[str]:
    """A database with the schema of this release and nothing in it."""
    folder = var / "pg"
    if not (folder / "PG_VERSION").exists():
        engine = make_engine(embedded.start(folder, TEMPLATE).url)
        migrate.upgrade(engine)
        engine.dispose()
    name = f"world_{os.getpid()}"
    url = embedded.copy(folder, TEMPLATE, name)
    try:
        yield url
    finally:
        embedded.drop(folder, name)
