"""One house for all tests of this folder; the folder is not a package, so its modules are put on the path."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("api_world")

from api_wire import Key  # noqa: E402 - found by the line above
from api_world import World, running_world  # noqa: E402 - as above

from sandbox.portal_client import PortalClient  # noqa: E402 - as above


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture(autouse=True)
def every_provider_is_up(world: World) -> None:
    """What failed in one test keeps no other one from a provider: here nobody answers questions."""
    with world.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM provider_health")


@pytest.fixture(scope="session")
def case_code(world: World) -> str:
    """A submitted case of portal `all`, on which any number of payments may be ordered."""
    return str(world.submitted()["case_code"])


@pytest.fixture
def client(world: World) -> Iterator[PortalClient]:
    """The honest portal: it checks the gateway's signatures too."""
    key: Key = world.keys["all"]
    made = PortalClient(world.url, key.keyid, key.private)
    yield made
    made.close()
