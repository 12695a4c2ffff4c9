"""How soon a case is found by its code and four digits of a phone, when so many are stored.

In the database: the look-up by code and digits, then all that the page asks, by the gateway's own use cases in this
process, as the sum of the time that their statements take; beside it as many statements that do nothing, which tells
how busy the machine was. Over HTTP: the whole page, four at a time. The databases are asked in turn, round after round.
The limit holds for the look-up.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from time import perf_counter
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, event, text

from bench import fill, ground, load, report
from bench.fill_cases import DIGITS
from bench.ground import Ground
from gateway.domain.workdays import day_of
from gateway.service import standing, tracking
from gateway.wiring import House, now

ROUNDS = 3
MANY, WARM_UP, CONNECTIONS = 400, 100, 4
CEILING_P99_MS = 10.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_PAGE = [(200, "Hồ sơ được tiếp nhận".encode())]
_SOME = """
SELECT found.case_code FROM unnest(CAST(:drawn AS text[])) AS drawn, LATERAL (
    SELECT case_code FROM cases WHERE portal_id = :portal AND reference >= 'HS-' || drawn ORDER BY reference LIMIT 1
) AS found
"""


@dataclass(frozen=True, slots=True)
class Size:
    """A database with so many stored cases, and what was measured on it, in milliseconds."""

    cases: int
    here: Ground
    house: House
    look_up_ms: list[float] = field(default_factory=list)
    database_ms: list[float] = field(default_factory=list)
    nothing_ms: list[float] = field(default_factory=list)
    page_ms: list[float] = field(default_factory=list)


def measure(sizes: Sequence[Size]) -> int:
    """Print a row `track` for each size; 0 when all are within the limit."""
    chance = Random(5)
    for size in sizes:
        _ask(size, _codes(size, chance, WARM_UP))
        for measured in (size.look_up_ms, size.database_ms, size.nothing_ms, size.page_ms):
            measured.clear()
    for round_ in range(ROUNDS):
        for size in sizes if round_ % 2 else list(reversed(sizes)):
            _ask(size, _codes(size, chance, MANY))
    return max([_tell(size) for size in sizes])


def _ask(size: Size, codes: Sequence[str]) -> None:
    ground.settle(size.here.engine)
    context = size.house.context
    with _timed(context.engine) as took:
        for code in codes:
            took.clear()
            case = tracking.look_up(context, code, DIGITS, None, now()).case
            size.look_up_ms.append(sum(took))
            assert case is not None
            for part in (tracking.steps, standing.costs, tracking.papers):
                part(context, case)
            standing.holder(context, case, day_of(now()))
            asked = took.copy()
            took.clear()
            with context.engine.connect() as connection:
                for _ in asked:
                    connection.execute(text("SELECT 1"))
            size.database_ms.append(sum(asked))
            size.nothing_ms.append(sum(took))
    forms = [f"case_code={quote(code)}&phone={DIGITS}".encode() for code in codes]
    pages = [load.post(f"127.0.0.1:{size.here.port}", "/track", _FORM, form) for form in forms]
    made = load.run(size.here.port, pages, connections=CONNECTIONS, wanted=_PAGE)
    size.page_ms.extend(1000 * each for each in made.latencies_s)


@contextmanager
def _timed(engine: Engine) -> Iterator[list[float]]:
    """The milliseconds of each statement over the engine, one after the other."""
    took: list[float] = []
    began = [0.0]

    def begin(*_: Any) -> None:
        began[0] = perf_counter()

    def end(*_: Any) -> None:
        took.append(1000 * (perf_counter() - began[0]))

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    try:
        yield took
    finally:
        event.remove(engine, "before_cursor_execute", begin)
        event.remove(engine, "after_cursor_execute", end)


def _codes(size: Size, chance: Random, many: int) -> Sequence[str]:
    """Codes of cases that lie anywhere in the database."""
    drawn = [chance.randbytes(4).hex() for _ in range(many)]
    with size.here.engine.connect() as connection:
        found = connection.execute(text(_SOME), {"drawn": drawn, "portal": size.here.portal_id}).scalars()
        return list(found)


def _tell(size: Size) -> int:
    measured = {
        "look_up": sorted(size.look_up_ms),
        "database": sorted(size.database_ms),
        "nothing": sorted(size.nothing_ms),
        "page": sorted(size.page_ms),
    }
    facts = {
        f"{name}_p{share}_ms": round(report.percentile(ms, share / 100), 2)
        for name, ms in measured.items()
        for share in (50, 99)
    }
    report.line(
        bench="track",
        cases=size.cases,
        gb=round(fill.size_gb(size.here.engine), 2),
        **facts,
        of=len(size.look_up_ms),
    )
    return 0 if facts["look_up_p99_ms"] < CEILING_P99_MS else 1
