"""The town of `python -m tests.shows procedures`: an installation, the portals that call it, and how they wait."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.local import Local
from gateway.store import portals
from sandbox.config import load_world
from sandbox.portal_client import PortalAnswer, PortalClient
from sandbox.world import read_private_key

PATIENCE_S, PAUSE_S = 60.0, 0.2
MINISTRY = "G17"


class NotAsPlayed(AssertionError):  # noqa: N818 - named for what happened
    """A step of a case did not end as the law and the contract have it."""


def expect(wanted: object, found: object, what: str) -> None:
    if wanted != found:
        raise NotAsPlayed(f"{what}: expected {wanted}, found {found}")


@dataclass
class Town:
    """The portal of a province, its public, and the processes of the gateway."""

    local: Local
    client: PortalClient
    url: str
    out: Path

    def ok(self, answer: PortalAnswer) -> dict[str, Any]:
        if answer.status not in {200, 201}:
            raise NotAsPlayed(f"expected 200 or 201, got {answer.status}: {answer.json}")
        return answer.json

    def until(self, path: str, holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:
            seen = self.ok(self.client.get(path))
            if holds(seen):
                return seen
            time.sleep(PAUSE_S)
        raise NotAsPlayed(f"{what} did not come in {PATIENCE_S:.0f} s")

    def public(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=10)

    def command(self, *words: str) -> str:
        """What an official types at the agency."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *words],
            env={"PATH": "/usr/bin:/bin", **self.local.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise NotAsPlayed(f"{' '.join(words)}: {done.stderr[-300:]}")
        return done.stdout


def town_of(local: Local) -> Town:
    """The town whose portal the installation has introduced."""
    world = load_world(local.world_file)
    assert world.portal is not None
    key = read_private_key(Path(world.portal.private_key_file))
    client = PortalClient(world.gateway_url, world.portal.key_id, key)
    return Town(local, client, world.gateway_url, local.world_file.parent)


def ministry(town: Town) -> PortalClient:
    """A portal of a ministry, which works on what is handed over to it; introduced as the town's own was."""
    key = Ed25519PrivateKey.generate()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with town.local.house.engine.begin() as connection:
        portal = portals.add_portal(connection, name="Bộ Xây dựng", agency_code=MINISTRY, live=False)
        scopes = ("cases:write", "read")
        portals.add_key(connection, portal_id=portal, keyid="bxd-2026", public_pem=pem, scopes=scopes)
    return PortalClient(town.url, "bxd-2026", key)
