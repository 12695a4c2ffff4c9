"""Our own key is changed for another while the web runs: no answer is refused, and nothing is restarted."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from api_world import World

from sandbox.portal_client import PortalClient
from signing.keystore import MIN_LEAD, Keystore

CALLERS, PAUSE_S = 4, 0.02


@pytest.fixture
def folder(world: World) -> Iterator[Keystore]:
    """The folder of the running house as another process sees it; what is added is taken away again."""
    store = Keystore.open(world.house.settings.var_dir / "keys")
    yield store
    (store.folder / "http.0002.pem").unlink()


def published(world: World) -> list[str]:
    return [key["kid"] for key in world.plain("GET", "/.well-known/jwks.json").json["keys"]]


def signed_by(world: World) -> str:
    """The kid under which an answer comes."""
    found = re.search(r'keyid="([^"]+)"', world.ask("GET", "/v1/events?limit=1").headers["signature-input"])
    assert found is not None
    return found[1]


def test_a_running_web_signs_by_the_next_key_when_its_turn_comes(world: World, folder: Keystore) -> None:
    now = datetime.now(UTC)
    old = folder.current("http", now=now)
    new = folder.rotate("http", now=now, since=now + MIN_LEAD)
    assert {old.kid, new.kid} <= set(published(world))
    assert old.kid == signed_by(world)
    key, until = world.keys["all"], new.term.since.timestamp() + 1

    def call(_: int) -> int:
        """How many answers an honest portal believed; it raises for one that it does not believe."""
        client, many = PortalClient(world.url, key.keyid, key.private), 0
        while time.time() < until:
            many += client.get("/v1/events?limit=1").status == 200
            time.sleep(PAUSE_S)
        client.close()
        return many

    with ThreadPoolExecutor(CALLERS) as pool:
        believed = list(pool.map(call, range(CALLERS)))
    assert [] == [many for many in believed if many < 20]
    assert new.kid == signed_by(world)
    assert {old.kid, new.kid} <= set(published(world))
