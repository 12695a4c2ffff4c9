"""The world in one process: every server of the world file on its own port, over one state file."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sandbox.bank import Bank, bank_app
from sandbox.config import WorldSettings
from sandbox.courier import Courier
from sandbox.dvcqg import Dvcqg, dvcqg_app
from sandbox.errors import WorldMisconfigured
from sandbox.portal import Portal, portal_app
from sandbox.post import Post, post_app
from sandbox.serving import Server
from sandbox.state import Ground, State
from sandbox.vnpay import Vnpay, vnpay_app

STATE_FILE = "sandbox.sqlite3"


class World:
    """Built from its settings, then `start`, then `stop`. Raises `WorldMisconfigured` when a port is taken."""

    def __init__(self, settings: WorldSettings, *, clock: Callable[[], datetime] | None = None) -> None:
        state = State(settings.state_dir / STATE_FILE)
        self._ground = Ground(state, settings.seed) if clock is None else Ground(state, settings.seed, clock)
        self._couriers: list[Courier] = []
        self._servers: dict[str, Server] = {}
        try:
            self._build(settings)
        except WorldMisconfigured:
            self.stop()
            raise

    def _build(self, settings: WorldSettings) -> None:
        ground = self._ground
        bank = Bank(ground, settings.accounts)
        self._servers["bank"] = Server(bank_app(ground, bank), settings.bank_port)
        if settings.vnpay is not None:
            vnpay = Vnpay(settings.vnpay, ground, bank)
            self._servers["vnpay"] = Server(vnpay_app(vnpay), settings.vnpay.port)
            self._couriers.append(vnpay.courier)
        if settings.dvcqg is not None:
            dvcqg = Dvcqg(settings.dvcqg, ground, bank)
            self._servers["dvcqg"] = Server(dvcqg_app(dvcqg), settings.dvcqg.port)
            self._couriers.append(dvcqg.courier)
        if settings.post is not None:
            post = Post(settings.post, ground)
            self._servers["post"] = Server(post_app(post), settings.post.port)
        if settings.portal is not None:
            portal = Portal(settings.portal, ground, settings.gateway_url)
            self._servers["portal"] = Server(portal_app(portal), settings.portal.port)

    @property
    def urls(self) -> dict[str, str]:
        """The address of each server by name, without a slash at its end."""
        return {name: server.url for name, server in self._servers.items()}

    def start(self) -> None:
        for server in self._servers.values():
            server.start()
        for courier in self._couriers:
            courier.start()

    def stop(self) -> None:
        """Stop what listens and what sends, then close the state file. May be called for a world not started."""
        self._ground.stopping.set()
        for courier in self._couriers:
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
