"""Whether callbacks and orders stay as fast when the database has grown.

Three databases on one server, each with its own gateway: ten thousand stored payments, a tenth of `rows`, and `rows`.
They are measured in turn, round after round, so that what else the machine does falls on each alike; what counts is
the median of the rounds' ratios to the smallest one.
"""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import callback, create, fill, ground, report
from bench.ground import Ground
from gateway.wiring import now

SMALLEST = 10_000
ROUNDS = 7
CALLBACKS, CONNECTIONS = 4000, 16
ORDERS, ORDERS_AT_A_TIME = 300, 4
LARGEST_CHANGE = 0.10


@dataclass(frozen=True, slots=True)
class Size:
    """A database with so many stored payments, and what each round measured on it."""

    payments: int
    here: Ground
    per_s: list[float] = field(default_factory=list)
    callback_ms: list[float] = field(default_factory=list)
    create_ms: list[float] = field(default_factory=list)
    create_p50_ms: list[float] = field(default_factory=list)


def main(rows: int) -> int:
    """Run it; 0 when neither callbacks per second nor the median of ordering changed by more than a tenth."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        server = stack.enter_context(ground.serving(Path(name)))
        sizes = []
        for payments in sorted({SMALLEST, max(SMALLEST, rows // 10), rows}):
            here = stack.enter_context(ground.prepared(server, f"growth_{payments}", Path(name)))
            fill.fill(here.engine, here.portal_id, payments, now())
            sizes.append(Size(payments, here))
        for size in sizes:
            folder = Path(name) / str(size.payments)
            folder.mkdir()
            stack.enter_context(ground.opened(size.here, folder))
        _measure(sizes[0])
        for size in sizes:
            _measure(size)  # a first time for its gateway and its pages in memory
            _forget(size)
        for round_ in range(ROUNDS):
            for size in sizes if round_ % 2 else reversed(sizes):
                _measure(size)
        return max([_tell(size, sizes[0]) for size in sizes])


def _measure(size: Size) -> None:
    codes = ground.seed(size.here, CALLBACKS)
    cases = ground.seed_cases(size.here, ORDERS)
    ground.settle(size.here.engine)
    confirmed = callback.confirm(size.here, codes, CONNECTIONS)
    ordered_ms = create.order_only(size.here, cases, ORDERS_AT_A_TIME)
    size.per_s.append(confirmed.per_s)
    size.callback_ms.extend(1000 * each for each in confirmed.latencies_s)
    size.create_ms.extend(ordered_ms)
    size.create_p50_ms.append(report.percentile(sorted(ordered_ms), 0.50))


def _forget(size: Size) -> None:
    for measured in (size.per_s, size.callback_ms, size.create_ms, size.create_p50_ms):
        measured.clear()


def _tell(size: Size, smallest: Size) -> int:
    speed = median(here / there for here, there in zip(size.per_s, smallest.per_s, strict=True))
    wait = median(
        here / there for here, there in zip(size.create_p50_ms, smallest.create_p50_ms, strict=True)
    )
    ordered_ms, confirmed_ms = sorted(size.create_ms), sorted(size.callback_ms)
    report.line(
        bench="growth",
        payments=size.payments,
        gb=round(fill.size_gb(size.here.engine), 2),
        callbacks_per_s=round(median(size.per_s)),
        callback_ratio=round(speed, 3),
        callback_p99_ms=round(report.percentile(confirmed_ms, 0.99), 2),
        create_p50_ms=round(median(size.create_p50_ms), 2),
        create_ratio=round(wait, 3),
        create_p99_ms=round(report.percentile(ordered_ms, 0.99), 2),
    )
    return 0 if speed >= 1 - LARGEST_CHANGE and wait <= 1 + LARGEST_CHANGE else 1
