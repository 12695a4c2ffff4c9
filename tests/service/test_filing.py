"""What filing a case asks of the database: few statements, and one that holds whatever comes at the same moment."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from service_world import NOW, World
from sqlalchemy import text

from bench.pgbench import Statement, listening
from gateway.domain.errors import ReferenceConflict
from gateway.service import cases, filing, handing_in
from gateway.service.context import Context
from gateway.store.engine import make_pool

pytestmark = pytest.mark.service


def address(world: World) -> str:
    return world.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def heard(world: World) -> Iterator[tuple[Context, list[Statement]]]:
    with listening(address(world)) as (pool, statements):
        yield replace(world.context, pool=pool), statements


def test_a_case_is_filed_by_five_statements(world: World, heard: tuple[Context, list[Statement]]) -> None:
    context, statements = heard
    wanted = world.case_wanted(keeps_documents=True, case_code="H28-261130-90001")
    made, _ = filing.register(context, world.caller, wanted, NOW)
    assert 2 == len(statements)
    handing_in.submit(context, world.caller, made.case.case_code, NOW)
    assert 5 == len(statements)


def test_what_filing_answers_is_what_is_there(world: World) -> None:
    made, _ = filing.register(world.context, world.caller, world.case_wanted(keeps_documents=True), NOW)
    code = made.case.case_code
    assert cases.find_whole(world.context, world.caller, code) == made
    submitted = handing_in.submit(world.context, world.caller, code, NOW)
    assert cases.find_whole(world.context, world.caller, code) == submitted


def test_a_code_that_another_case_has_is_a_conflict_and_takes_no_number(world: World) -> None:
    code = cases.register(world.context, world.caller, world.case_wanted(), NOW)[0].case_code
    head, _, number = code.rpartition("-")
    following = f"{head}-{int(number) + 1:04}"
    wanted = world.case_wanted(case_code=following)
    assert following == cases.register(world.context, world.caller, wanted, NOW)[0].case_code
    for _ in range(2):
        with pytest.raises(ReferenceConflict):
            cases.register(world.context, world.caller, world.case_wanted(case_code=code), NOW)
    after = cases.register(world.context, world.caller, world.case_wanted(), NOW)[0].case_code
    assert f"{head}-{int(number) + 2:04}" == after, "the number that a portal gave itself is passed over"


def test_a_connection_that_the_server_has_closed_fails_nobody(world: World) -> None:
    with make_pool(address(world), size=1) as pool, world.engine.connect() as other:
        with pool.connection() as connection:
            process = connection.info.backend_pid
        assert other.execute(
            text("SELECT pg_terminate_backend(:process, 5000)"), {"process": process}
        ).scalar()
        with pool.connection() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
