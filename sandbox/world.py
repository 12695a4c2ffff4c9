"""The world in one process: every server of the world file, over one state file.

Either each server has its own port, or none has: then somebody else carries the calls to `apps`, under a clock of his
own, and has the couriers deliver.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypedDict, TypeVar, Unpack

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask

from sandbox.bank import Bank, bank_app
from sandbox.bidv import bidv, bidv_app
from sandbox.config import WorldSettings
from sandbox.courier import Courier
from sandbox.csc import Csc
from sandbox.csc_api import csc_app
from sandbox.dvcqg import Dvcqg, dvcqg_app
from sandbox.errors import WorldMisconfigured
from sandbox.keypay import Keypay, keypay_app
from sandbox.misa_receipts import MisaReceipts, misa_receipts_app
from sandbox.outward import Send
from sandbox.paygov import Paygov, paygov_app
from sandbox.portal import Portal, portal_app
from sandbox.portal_sync import PortalSync, portal_sync_app
from sandbox.post import Post, post_app
from sandbox.serving import Server
from sandbox.state import Ground, State
from sandbox.transfers import Transfers, transfers_app
from sandbox.ttttqg import Ttttqg, ttttqg_app
from sandbox.vietinbank import vietinbank, vietinbank_app
from sandbox.viettel_receipts import ViettelReceipts, viettel_receipts_app
from sandbox.viettelpay import Viettelpay, viettelpay_app
from sandbox.vnpay import Vnpay, vnpay_app
from sandbox.vnpt_receipts import VnptReceipts, vnpt_receipts_app

STATE_FILE = "sandbox.sqlite3"


class Parts(TypedDict, total=False):
    """What the ground is made of where it is not time, chance and sockets of this machine; see `Ground`."""

    clock: Callable[[], datetime]
    send: Send
    pause: Callable[[float], bool]
    draw: Callable[[int], bytes]


class _Teller(Protocol):
    """A simulator that tells the gateway something by itself."""

    courier: Courier


T = TypeVar("T", bound=_Teller)
Played = tuple[Flask, Courier]


def _played(teller: T, app: Callable[[T], Flask]) -> Played:
    return app(teller), teller.courier


_TELLERS: Mapping[str, Callable[[Any, Ground, Bank], Played]] = {
    "vnpay": lambda given, ground, bank: _played(Vnpay(given, ground, bank), vnpay_app),
    "dvcqg": lambda given, ground, bank: _played(Dvcqg(given, ground, bank), dvcqg_app),
    "transfers": lambda given, ground, bank: _played(Transfers(given, ground, bank), transfers_app),
    "viettelpay": lambda given, ground, bank: _played(Viettelpay(given, ground, bank), viettelpay_app),
    "paygov": lambda given, ground, bank: _played(Paygov(given, ground, bank), paygov_app),
    "keypay": lambda given, ground, bank: _played(Keypay(given, ground, bank), keypay_app),
    "vietinbank": lambda given, ground, bank: _played(vietinbank(given, ground, bank), vietinbank_app),
    "bidv": lambda given, ground, bank: _played(bidv(given, ground, bank), bidv_app),
    "ttttqg": lambda given, ground, bank: _played(Ttttqg(given, ground, bank), ttttqg_app),
}

_CALLED: Mapping[str, Callable[[Any, Ground], Flask]] = {
    "csc": lambda given, ground: csc_app(Csc(given, ground)),
    "vnpt_receipts": lambda given, ground: vnpt_receipts_app(VnptReceipts(given, ground)),
    "viettel_receipts": lambda given, ground: viettel_receipts_app(ViettelReceipts(given, ground)),
    "misa_receipts": lambda given, ground: misa_receipts_app(MisaReceipts(given, ground)),
    "dvcqg_sync": lambda given, ground: portal_sync_app(PortalSync(given, ground)),
}
"""Those that only answer."""


class World:
    """Built from its settings; one that listens then has `start` and `stop`, another `stop` alone.

    `apps` and `couriers` go by the names of the servers. Raises `WorldMisconfigured`, also when a port is taken.
    """

    def __init__(self, settings: WorldSettings, *, listen: bool = True, **parts: Unpack[Parts]) -> None:
        folder = settings.state_dir
        state = State(None if folder is None else folder / STATE_FILE)
        self._ground = Ground(state, settings.seed, **parts)
        self._couriers: dict[str, Courier] = {}
        self._apps: dict[str, Flask] = {}
        self._servers: dict[str, Server] = {}
        try:
            ports = self._build(settings)
            if listen:
                for name, app in self._apps.items():
                    self._servers[name] = Server(app, ports[name])
        except WorldMisconfigured:
            self.stop()
            raise

    def _build(self, settings: WorldSettings) -> dict[str, int]:
        """Make every server that has settings; the port that each asks for."""
        ground = self._ground
        bank = Bank(ground, settings.accounts)
        self._apps["bank"] = bank_app(ground, bank)
        ports = {"bank": settings.bank_port}
        for name, play in _TELLERS.items():
            given = getattr(settings, name)
            if given is not None:
                self._apps[name], self._couriers[name] = play(given, ground, bank)
                ports[name] = given.port
        for name, make in _CALLED.items():
            given = getattr(settings, name)
            if given is not None:
                self._apps[name], ports[name] = make(given, ground), given.port
        if settings.post is not None:
            self._apps["post"] = post_app(Post(settings.post, ground))
            ports["post"] = settings.post.port
        if settings.portal is not None:
            portal = Portal(settings.portal, ground, settings.gateway_url)
            self._apps["portal"] = portal_app(portal)
            ports["portal"] = settings.portal.port
        return ports

    @property
    def ground(self) -> Ground:
        """What all of them stand on."""
        return self._ground

    @property
    def apps(self) -> Mapping[str, Flask]:
        """Each server as a WSGI application."""
        return self._apps

    @property
    def couriers(self) -> Mapping[str, Courier]:
        """The courier of each server that tells the gateway something by itself."""
        return self._couriers

    @property
    def urls(self) -> dict[str, str]:
        """The address of each server that listens, without a slash at its end."""
        return {name: server.url for name, server in self._servers.items()}

    def start(self) -> None:
        """Serve, and have the couriers deliver by themselves. For a world that listens."""
        assert self._servers, "nothing listens: whoever carries the calls has the couriers deliver"
        for server in self._servers.values():
            server.start()
        for courier in self._couriers.values():
            courier.start()

    def stop(self) -> None:
        """Stop what listens and what sends, then close the state file. May be called for a world not started."""
        self._ground.stopping.set()
        for courier in self._couriers.values():
            courier.stop()
        for server in self._servers.values():
            server.stop()
        self._ground.state.close()


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """The portal's key from a PEM file without a password. Raises `WorldMisconfigured`."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise WorldMisconfigured(f"{path.name} cannot be read as a private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise WorldMisconfigured(f"{path.name} is not an Ed25519 key")
    return key
