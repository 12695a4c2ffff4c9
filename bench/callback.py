"""Payments confirmed per second by signed VNPAY callbacks, beside pgbench doing the same durable work.

Both run on the same server, one after the other in the same run, with as many connections: granian with the workers
and threads that are shipped takes real IPNs, verifies them and calls `record_report`; pgbench calls the same function
with prepared statements and no Python. Both write the same rows and wait for the same flush to disk.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from math import inf

from sqlalchemy import Engine, text

from bench import ground, load, pgbench, report
from bench.ground import AMOUNT_VND, DURABLE, SECRET, TMN_CODE, Ground
from gateway.store.reports import FROM_STATES
from gateway.wiring import now
from sandbox.vnpay_wire import signed_query

ROUNDS = 3
SECONDS = 8.0
WARM_UP_S = 3.0
SPARE_RATE = 8000
"""Payments made ready for each second: more than either side can confirm."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the bench: how many connections, and what is asked of it."""

    name: str
    connections: int
    floor_ratio: float
    ceiling_p99_ms: float


ROWS = (Row("callback", 16, 0.45, 25.0), Row("callback64", 64, 0.60, inf))


def main() -> int:
    """Run it; 0 when each row's ratio and 99th percentile are within their limits."""
    with ground.alone() as here:
        for row in ROWS:
            confirm(here, ground.seed(here, _enough(WARM_UP_S)), row.connections, seconds=WARM_UP_S)
        return max([_measure(here, row) for row in ROWS])


def _enough(seconds: float) -> int:
    return int(seconds * SPARE_RATE)


def _measure(here: Ground, asked: Row) -> int:
    rows, latencies_ms = [], []
    for round_ in range(1, ROUNDS + 1):
        limit_per_s = _pgbench(here, SECONDS, asked.connections)
        codes = ground.seed(here, _enough(SECONDS))
        ground.settle(here.engine)
        measured = confirm(here, codes, asked.connections, seconds=SECONDS)
        times_ms = sorted(1000 * each for each in measured.latencies_s)
        latencies_ms += times_ms
        rows.append(
            {
                "round": round_,
                "pgbench/s": round(limit_per_s),
                "callbacks/s": round(measured.per_s),
                "ratio": round(measured.per_s / limit_per_s, 3),
                "p50 ms": round(report.percentile(times_ms, 0.50), 1),
                "p99 ms": round(report.percentile(times_ms, 0.99), 1),
            }
        )
    confirmed = _confirmed(here.engine)
    report.table(
        f"Payments confirmed by signed VNPAY callbacks, {asked.connections} connections, "
        f"{', '.join(f'{name} on' for name in DURABLE)}",
        rows,
    )
    print(f"  every one is there: {confirmed} payments paid, each with one event and two ledger rows")
    per_s, limit = (
        sum(float(str(row[name])) for row in rows) / ROUNDS for name in ("callbacks/s", "pgbench/s")
    )
    latencies_ms.sort()
    ratio, p99_ms = per_s / limit, report.percentile(latencies_ms, 0.99)
    report.line(
        bench=asked.name,
        ratio=round(ratio, 3),
        per_s=round(per_s),
        limit_per_s=round(limit),
        p50_ms=round(report.percentile(latencies_ms, 0.50), 2),
        p99_ms=round(p99_ms, 2),
        connections=asked.connections,
    )
    return 0 if ratio >= asked.floor_ratio and p99_ms < asked.ceiling_p99_ms else 1


def confirm(
    here: Ground, codes: list[tuple[int, str]], connections: int, *, seconds: float = inf
) -> load.Load:
    """Callbacks for the payments of `codes`, for `seconds` or for all. Raises `WrongAnswer`."""
    host = f"127.0.0.1:{here.port}"
    requests = [load.get(host, f"/callbacks/vnpay?{_ipn(code, at)}") for at, code in codes]
    return load.run(
        here.port, requests, connections=connections, wanted=[(200, b'"RspCode":"00"')], seconds=seconds
    )


def _ipn(code: str, number: int) -> str:
    fields = {
        "vnp_Amount": str(AMOUNT_VND * 100),
        "vnp_BankCode": "NCB",
        "vnp_BankTranNo": f"VNP{number}",
        "vnp_CardType": "ATM",
        "vnp_OrderInfo": f"Phi ho so H28-{code}",
        "vnp_PayDate": (now() + timedelta(hours=7)).strftime("%Y%m%d%H%M%S"),
        "vnp_ResponseCode": "00",
        "vnp_TmnCode": TMN_CODE,
        "vnp_TransactionNo": str(number),
        "vnp_TransactionStatus": "00",
        "vnp_TxnRef": code,
    }
    return signed_query(SECRET, fields)


def _pgbench(here: Ground, seconds: float, connections: int) -> float:
    """Confirmations per second of pgbench, with the same function and arguments of the same size."""
    _tell_pgbench(here.engine, ground.seed(here, _enough(seconds)))
    ground.settle(here.engine)
    example = f"\\x{_ipn('X' * 18, time.time_ns() // 1000).encode().hex()}"
    states = [f"'{each}'::text[]" for each in FROM_STATES]
    script = (
        "WITH n AS MATERIALIZED (SELECT nextval('bench_at') AS at)\n"
        "SELECT record_report('vnpay', 'GET', '/callbacks/vnpay', "
        f"'{example}'::bytea, '{{\"user-agent\": \"bench\"}}'::jsonb, ''::bytea, 'vnpay', b.code, 'paid', "
        f"{AMOUNT_VND}, 'VND', n.at::text, '00/00', now(), now(), {', '.join(states)}, false)\n"
        "FROM n JOIN bench_codes b ON b.at = n.at;\n"
    )
    return pgbench.run(here, script, seconds=seconds, connections=connections)


def _tell_pgbench(engine: Engine, codes: list[tuple[int, str]]) -> None:
    """The same payments as rows of a table, and a sequence that gives each of them once."""
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS bench_codes"))
        connection.execute(text("DROP SEQUENCE IF EXISTS bench_at"))
        connection.execute(
            text(
                "CREATE TABLE bench_codes AS SELECT * FROM unnest(CAST(:numbers AS bigint[]), CAST(:codes AS text[])) "
                "AS given (at, code)"
            ),
            {"numbers": [at for at, _ in codes], "codes": [code for _, code in codes]},
        )
        connection.execute(text("ALTER TABLE bench_codes ADD PRIMARY KEY (at)"))
        connection.execute(text(f"CREATE SEQUENCE bench_at START {codes[0][0]}"))


def _confirmed(engine: Engine) -> int:
    """How many payments are paid. Raises `AssertionError` unless each has its event and its two ledger rows."""
    query = (
        "SELECT (SELECT count(*) FROM payments WHERE state = 'paid'), "
        "(SELECT count(*) FROM events WHERE type = 'payment.succeeded'), (SELECT count(*) FROM ledger) / 2.0, "
        "(SELECT count(*) FROM inbox)"
    )
    answers = "SELECT verdict, count(*) FROM inbox GROUP BY verdict"
    with engine.connect() as connection:
        paid, *others = connection.execute(text(query)).one()
        verdicts = [tuple(row) for row in connection.execute(text(answers))]
    assert all(int(paid) == each for each in others), (paid, others, verdicts)
    return int(paid)
