"""One PostgreSQL server for all tests of this folder, and a database of its own for each of its modules."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("service_world")

from service_world import World, opened_world  # noqa: E402 - found by the line above

from gateway.store import embedded  # noqa: E402 - as above


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[[str], str]]:
    """Makes a database of that name on the session's server and returns its URL.

    The server's folder is none of pytest's: each session that begins closes their parent to the server's own user.
    """
    with TemporaryDirectory(prefix="cong4-") as folder:
        server = embedded.start(Path(folder) / "pg").server
        yield lambda name: embedded.start(Path(folder) / "pg", name).url
        server.cleanup()


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest,
    new_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    name = request.module.__name__.rpartition(".")[2]
    with opened_world(new_database(name), tmp_path_factory.mktemp(name)) as made:
        yield made
