"""Payments confirmed per second by signed VNPAY callbacks, beside pgbench doing the same durable work.

Both run on the same server, one after the other in the same run, with as many connections: granian with two workers
and eight threads each takes real IPNs, verifies them and calls `record_report`; pgbench calls the same function with
prepared statements and no Python. Both write the same rows and wait for the same flush to disk.
"""

import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from os import environ
from pathlib import Path
from random import Random

from sqlalchemy import Engine, text

from bench import load, report
from gateway.domain.codes import make_order_code
from gateway.store import embedded, migrate
from gateway.store.embedded import Embedded
from gateway.store.engine import make_engine
from gateway.store.reports import FROM_STATES
from gateway.wiring import now
from sandbox.vnpay_wire import signed_query

ROUNDS = 3
SECONDS = 8.0
WARM_UP_S = 3.0
SPARE_RATE = 6000
"""Payments made ready for each second: more than either side can confirm."""
PORT = 8091
TMN_CODE, SECRET = "C4BENCH1", "bench-secret-of-no-value"
AMOUNT_VND = 200_000
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")

_SEED = """
INSERT INTO cases (case_code, portal_id, reference, fingerprint, procedure_code, agency_code, state, money_state,
                   applicant_sealed, answers_sealed, fees, track_token, created_at)
SELECT 'H28-' || code, :portal, code, code, '2.000488', 'H28', 'registered', 'due', '', '', '[]', code, :now
FROM unnest(CAST(:codes AS text[])) AS code;
INSERT INTO payments (portal_id, reference, fingerprint, order_code, case_code, agency_code, state, amount_vnd,
                      lines, payer_sealed, return_url, token, created_at, expires_at)
SELECT :portal, code, code, code, 'H28-' || code, 'H28', 'pending', :amount, '[]', '',
       'https://dvc.example.vn/done', code, :now, :expires
FROM unnest(CAST(:codes AS text[])) AS code;
INSERT INTO attempts (payment_id, provider, reference, number, state, redirect_url, created_at, sent_at)
SELECT id, 'vnpay', order_code, 1, 'sent', 'https://pay.example.vn', :now, :now
FROM payments WHERE order_code = ANY (CAST(:codes AS text[]));
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the bench: how many connections, and what is asked of it."""

    name: str
    connections: int
    floor_ratio: float
    ceiling_p99_ms: float


ROWS = (Row("callback", 16, 0.45, 25.0), Row("callback64", 64, 0.60, 1000.0))


@dataclass(frozen=True, slots=True)
class Ready:
    """A database with payments that wait for money; `codes` not yet confirmed."""

    server: Embedded
    engine: Engine
    codes: Iterator[str]


def main() -> int:
    """Run it; 0 when the ratio and the 99th percentile are within their limits."""
    with tempfile.TemporaryDirectory() as folder:
        server = embedded.start(Path(folder) / "pg")
        engine = make_engine(server.url)
        migrate.upgrade(engine)
        _must_be_durable(engine)
        with _gateway(server.url, Path(folder)):
            ready = Ready(server, engine, _fresh_codes())
            _callbacks(ready, WARM_UP_S, ROWS[0].connections)
            return max([_measure(ready, row) for row in ROWS])


def _must_be_durable(engine: Engine) -> None:
    with engine.connect() as connection:
        off = [name for name in DURABLE if connection.execute(text(f"SHOW {name}")).scalar() != "on"]
    if off:
        raise SystemExit(f"the bench is worth nothing with {', '.join(off)} switched off")


def _measure(ready: Ready, asked: Row) -> int:
    rows, latencies_ms = [], []
    for round_ in range(1, ROUNDS + 1):
        limit_per_s = _pgbench(ready, SECONDS, asked.connections)
        measured = _callbacks(ready, SECONDS, asked.connections)
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
    confirmed = _confirmed(ready.engine)
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


def _callbacks(ready: Ready, seconds: float, connections: int) -> load.Load:
    codes = _seed(ready, seconds)
    requests = [load.get(f"127.0.0.1:{PORT}", f"/callbacks/vnpay?{_ipn(code, at)}") for at, code in codes]
    return load.run(PORT, iter(requests), connections=connections, seconds=seconds, wanted=b'"RspCode":"00"')


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


def _pgbench(ready: Ready, seconds: float, connections: int) -> float:
    """Confirmations per second of pgbench, with the same function and arguments of the same size."""
    _seed(ready, seconds, table="bench_codes")
    example = f"\\x{_ipn('X' * 18, time.time_ns() // 1000).encode().hex()}"
    states = [f"'{each}'::text[]" for each in FROM_STATES]
    script = (
        "WITH n AS MATERIALIZED (SELECT nextval('bench_at') AS at)\n"
        "SELECT record_report('vnpay', 'GET', '/callbacks/vnpay', "
        f"'{example}'::bytea, '{{\"user-agent\": \"bench\"}}'::jsonb, ''::bytea, 'vnpay', b.code, 'paid', "
        f"{AMOUNT_VND}, 'VND', n.at::text, '00/00', now(), now(), {', '.join(states)}, false)\n"
        "FROM n JOIN bench_codes b ON b.at = n.at;\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".sql", encoding="utf-8") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [
                str(ready.server.bin_path / "pgbench"),
                *("--no-vacuum", "--protocol", "prepared", "--jobs", "2", "--file", file.name),
                *("--client", str(connections), "--time", str(int(seconds)), ready.server.url),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise SystemExit(f"pgbench failed: {done.stderr[-500:]}")
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout
    return float(found.group(1))


def _fresh_codes() -> Iterator[str]:
    """Order codes as the gateway draws them, none twice."""
    drawn, known = Random(4), set[str]()
    while True:
        code = make_order_code(now().date(), drawn.randbytes(16))
        if code not in known:
            known.add(code)
            yield code


def _seed(ready: Ready, seconds: float, table: str | None = None) -> list[tuple[int, str]]:
    """Payments that wait for money, as (number, order code); also as rows of `table` when it is named."""
    codes = [next(ready.codes) for _ in range(int(seconds * SPARE_RATE))]
    at, first = now(), time.time_ns() // 1000
    with ready.engine.begin() as connection:
        given = {
            "portal": _portal(ready.engine),
            "now": at,
            "expires": at + timedelta(days=1),
            "codes": codes,
        }
        for statement in _SEED.strip().split(";\n"):
            connection.execute(text(statement.rstrip(";")), {**given, "amount": AMOUNT_VND})
        if table is not None:
            connection.execute(text("DROP TABLE IF EXISTS bench_codes"))
            connection.execute(text("DROP SEQUENCE IF EXISTS bench_at"))
            connection.execute(
                text(
                    "CREATE TABLE bench_codes AS SELECT CAST(:first AS bigint) + at - 1 AS at, code "
                    "FROM unnest(CAST(:codes AS text[])) WITH ORDINALITY AS given (code, at)"
                ),
                {"codes": codes, "first": first},
            )
            connection.execute(text("ALTER TABLE bench_codes ADD PRIMARY KEY (at)"))
            connection.execute(text(f"CREATE SEQUENCE bench_at START {first}"))
    with ready.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
    return list(enumerate(codes, start=first))


def _portal(engine: Engine) -> str:
    query = (
        "INSERT INTO portals (name, agency_code, live) VALUES ('bench', 'H28', false) "
        "ON CONFLICT (name) DO UPDATE SET live = false RETURNING id"
    )
    with engine.begin() as connection:
        return str(connection.execute(text(query)).scalar_one())


def _confirmed(engine: Engine) -> int:
    """How many payments are paid. Raises `AssertionError` unless each has its event and its two ledger rows."""
    query = (
        "SELECT (SELECT count(*) FROM payments WHERE state = 'paid'), "
        "(SELECT count(*) FROM events WHERE type = 'payment.succeeded'), (SELECT count(*) FROM ledger) / 2.0, "
        "(SELECT count(*) FROM inbox)"
    )
    with engine.connect() as connection:
        paid, *others = connection.execute(text(query)).one()
    assert all(int(paid) == each for each in others), (paid, others)
    return int(paid)


@contextmanager
def _gateway(url: str, folder: Path) -> Iterator[None]:
    environment = {
        **environ,
        "GATEWAY_VAR_DIR": str(folder),
        "GATEWAY_DATABASE_URL": url,
        "GATEWAY_LISTEN_PORT": str(PORT),
        "GATEWAY_VNPAY__TMN_CODE": TMN_CODE,
        "GATEWAY_VNPAY__SECRET": SECRET,
        "GATEWAY_VNPAY__PAY_URL": "http://127.0.0.1:9/pay",
        "GATEWAY_VNPAY__QUERY_URL": "http://127.0.0.1:9/query",
    }
    with (folder / "serve.log").open("ab") as log:
        serving = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve"], stdout=log, stderr=log, env=environment
        )
    try:
        _wait(f"http://127.0.0.1:{PORT}/readyz")
        yield
    finally:
        serving.terminate()
        serving.wait(10)


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own process on loopback
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the gateway did not start")
