"""Many processes that number receipts and are killed: afterwards the numbers run from 1 without a gap or a double.

`python -m tests.integration.receipt_race --workers 50` is the long form; `test_receipt_numbers.py` runs a short one.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from sqlalchemy import text

from gateway.config import Settings
from gateway.service import receipts
from gateway.store import embedded, migrate
from gateway.wiring import House, now, open_house

AGENCIES = [
    {
        "code": "H28",
        "name": "Trung tâm Phục vụ hành chính công",
        "account": "0123456789",
        "bank_bin": "970418",
        "account_name": "TTPVHCC",
        "tax_code": "5400000000",
    }
]
_FILL = """
INSERT INTO portals (id, name, agency_code, live) VALUES ('prt_race', 'race', 'H28', false);
INSERT INTO cases (case_code, portal_id, reference, fingerprint, procedure_code, agency_code, state, money_state,
    applicant_sealed, phone_index, answers_sealed, fees, track_token) VALUES ('H28-261124-0001', 'prt_race', 'race',
    'x', '2.000488', 'H28', 'registered', 'paid', 'x', 'x', 'x', '[]', 'race');
"""
_PAYMENTS = """
INSERT INTO payments (id, portal_id, reference, fingerprint, order_code, case_code, agency_code, state, amount_vnd,
    lines, paid_vnd, provider, payer_sealed, return_url, token, expires_at, paid_at)
SELECT 'pay_' || g, 'prt_race', 'r' || g, 'x', 'C' || g, 'H28-261124-0001', 'H28', 'paid', 1000 + g,
    jsonb_build_array(jsonb_build_object('kind', 'phi', 'code', 'P' || g, 'name', 'Phí', 'amount_vnd', 1000 + g)),
    1000 + g, 'vnpay', :payer, 'https://portal.example', 't' || g, now(), now() FROM generate_series(1, :many) g
"""
_ATTEMPTS = """
INSERT INTO attempts (payment_id, provider, reference, number, state, provider_ref, paid_vnd, paid_at, created_at)
SELECT id, 'vnpay', order_code, 1, 'succeeded', 'n' || order_code, paid_vnd, paid_at, now() FROM payments
"""


def opened(url: str, var: Path) -> House:
    return open_house(Settings(var_dir=var, agencies_file=var / "agencies.json", log_level="ERROR"), url)


def filled(house: House, many: int) -> None:
    """So many payments that are paid and have no receipt."""
    migrate.upgrade(house.engine)
    payer = house.context.sealer.seal(json.dumps({"name": "Nguyễn Văn An"}).encode(), "payments.payer")
    with house.engine.begin() as connection:
        for statement in _FILL.split(";\n"):
            if statement.strip():
                connection.execute(text(statement))
        connection.execute(text(_PAYMENTS), {"payer": payer, "many": many})
        connection.execute(text(_ATTEMPTS))


def work(url: str, var: Path, seed: int) -> None:
    """A worker: every payment in an order of its own, some of them twice."""
    house = opened(url, var)
    with house.engine.connect() as connection:
        ids = list(connection.execute(text("SELECT id FROM payments")).scalars())
    random.Random(seed).shuffle(ids)
    for payment_id in ids:
        receipts.issue(house.context, payment_id, now())
    house.close()


def spawn(url: str, var: Path, seed: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--url", url, "--var", str(var), "--seed", str(seed)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": "."})


def _server(folder: Path, connections: int) -> embedded.Embedded:
    """A server with room for all workers: each of them holds a few connections."""
    first = embedded.start(folder)
    with psycopg.connect(first.url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET max_connections = {connections}")
    first.server.cleanup()
    return embedded.start(folder)


def race(workers: int, many: int, kills: int, pause_s: float = 0.3) -> dict[str, object]:
    """What the numbers are like after workers were killed and others went on."""
    chance = random.Random(workers)
    with TemporaryDirectory(prefix="cong4-") as folder:
        var = Path(folder) / "var"
        var.mkdir()
        (var / "agencies.json").write_text(json.dumps(AGENCIES), encoding="utf-8")
        server = _server(Path(folder) / "pg", 50 + 4 * workers)
        house = opened(server.url, var)
        filled(house, many)
        running = [spawn(server.url, var, seed) for seed in range(workers)]
        killed = 0
        while killed < kills and any(each.poll() is None for each in running):
            time.sleep(pause_s)
            alive = [each for each in running if each.poll() is None]
            if alive:
                chance.choice(alive).send_signal(signal.SIGKILL)
                killed += 1
                running.append(spawn(server.url, var, workers + killed))
        ended = [each.wait() for each in running]
        work(server.url, var, 0)  # whoever is left finishes what the killed began
        with house.engine.connect() as connection:
            rows = connection.execute(
                text("SELECT number, state, payment_id FROM receipts ORDER BY number")
            ).all()
        house.close()
        server.server.cleanup()
    return {
        "workers": workers,
        "killed": sum(code == -signal.SIGKILL for code in ended),
        "failed": sum(code > 0 for code in ended),
        "payments": many,
        "receipts": len(rows),
        "gaps": sorted(set(range(1, many + 1)) - {row.number for row in rows}),
        "doubles": len(rows) - len({row.payment_id for row in rows}),
        "not_issued": sum(row.state != "issued" for row in rows),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--payments", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--url")
    parser.add_argument("--var", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    if given.url:
        work(given.url, given.var, given.seed)
        return 0
    found = race(given.workers, given.payments, given.kills)
    print(json.dumps(found))  # noqa: T201 - a command
    return int(bool(found["failed"] or found["gaps"] or found["doubles"] or found["not_issued"]))


if __name__ == "__main__":
    sys.exit(main())
