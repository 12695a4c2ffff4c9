"""The whole of it on one machine: PostgreSQL, web, worker and the sandbox world, each a process of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization

from gateway.config import Settings
from gateway.domain.errors import Misconfigured
from gateway.local_settings import environment
from gateway.local_world import ACCOUNT, GATEWAY, KEYID, PORTS, make_agencies, make_world, world_file
from gateway.store import embedded, migrate, portals
from gateway.wiring import House, now, open_house

__all__ = ["ACCOUNT", "GATEWAY", "PORTS", "Local", "prepared", "running", "settings_of", "stop"]

SCOPES = ("cases:write", "payments:write", "refunds:write", "deliveries:write", "read")
START_S = 30.0
STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Local:
    """An installation on this machine, whose processes are started by name."""

    var: Path
    house: House
    environment: Mapping[str, str]

    @property
    def world_file(self) -> Path:
        return world_file(self.var)

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        """Start `sandbox`, `serve` or `work`, in a process group of its own, with its log in the var folder."""
        module = ["sandbox", "--world", str(self.world_file)] if name == "sandbox" else ["gateway", name]
        environment = {**os.environ, **self.environment, "PGAPPNAME": name}
        with (self.var / f"{name}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own
                [sys.executable, "-m", *module],
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until the gateway is ready and every server of the world answers. Raises `SystemExit` when one does not."""
        _wait(f"{GATEWAY}/readyz")
        for port in PORTS.values():
            _wait(f"http://127.0.0.1:{port}/healthz")


@contextmanager
def prepared(var: Path) -> Iterator[Local]:
    """The database up and migrated, keys and world made, the portal introduced; no process started yet."""
    var = var.resolve()
    server = embedded.start(var / "pg")
    world = make_world(var, now())
    variables = environment(var, world, make_agencies(var), server.url)
    settings = settings_of(variables)
    opened = open_house(settings, server.url)
    try:
        migrate.upgrade(opened.engine)
        _introduce(opened, world)
        yield Local(var, opened, variables)
    finally:
        opened.close()


@contextmanager
def running(var: Path) -> Iterator[Local]:
    """Everything up; stopped again at the end."""
    _nobody_else()
    with prepared(var) as local, ExitStack() as stack:
        for name in ("sandbox", "serve", "work"):
            stack.callback(stop, local.start(name))
        local.wait()
        yield local


def _nobody_else() -> None:
    """Raises `Misconfigured` when somebody listens where we will: it may be another run, with other keys."""
    for port in (urlsplit(GATEWAY).port, *PORTS.values()):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port or 0)) == 0:
                raise Misconfigured(
                    f"port {port} is taken: does `make up`, `make demo` or a test run already?"
                )


def settings_of(variables: Mapping[str, str]) -> Settings:
    """The settings that an environment with these variables has."""
    with _environ(variables):
        return Settings()


@contextmanager
def _environ(values: Mapping[str, str]) -> Iterator[None]:
    """`values` in this process's environment, and what was there before afterwards."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end, and make it end when it does not."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _introduce(opened: House, world: Mapping[str, Any]) -> None:
    key = serialization.load_pem_private_key(Path(world["portal"]["private_key_file"]).read_bytes(), None)
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with opened.engine.begin() as connection:
        portal = portals.add_portal(connection, name="Cổng DVC Hòa Bình", agency_code="H28", live=False)
        portals.add_key(connection, portal_id=portal, keyid=KEYID, public_pem=pem.decode(), scopes=SCOPES)


def _wait(url: str) -> None:
    limit = time.monotonic() + START_S
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own processes on loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"{url} did not answer in {START_S:.0f} s; see the logs in the var folder")
