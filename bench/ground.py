"""What a bench stands on: a PostgreSQL server of its own, and gateways over its databases, as they are shipped."""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from os import environ
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Engine, text

from bench import provider
from gateway.domain.codes import make_order_code
from gateway.store import embedded, migrate, portals
from gateway.store.embedded import Embedded
from gateway.store.engine import make_engine
from gateway.wiring import now
from signing.keys import Kind, PrivateKey, generate

AGENCY = "H28"
KEYID = "bench"
SCOPES = ("cases:write", "payments:write", "read")
TMN_CODE, SECRET = "C4BENCH1", "bench-secret-of-no-value"
AMOUNT_VND = 200_000
FEES = [{"kind": "le_phi", "code": "LP1", "name": "Lệ phí", "amount_vnd": AMOUNT_VND}]
PROCEDURE = "9.000488"
"""A procedure of the bench's own: two documents are needed, and two fee lines are owed."""
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")

_CASES = """
INSERT INTO cases (case_code, portal_id, reference, fingerprint, procedure_code, agency_code, state, money_state,
                   applicant_sealed, answers_sealed, fees, track_token, created_at)
SELECT 'H28-' || code, :portal, code, code, '2.000488', :agency, 'registered', 'due', '', '', CAST(:fees AS jsonb),
       code, :now
FROM unnest(CAST(:codes AS text[])) AS code
"""
_PAYMENTS = """
INSERT INTO payments (portal_id, reference, fingerprint, order_code, case_code, agency_code, state, amount_vnd,
                      lines, payer_sealed, return_url, token, created_at, expires_at)
SELECT :portal, code, code, code, 'H28-' || code, :agency, 'pending', :amount, '[]', '',
       'https://dvc.example.vn/done', code, :now, :expires
FROM unnest(CAST(:codes AS text[])) AS code
"""
_ATTEMPTS = """
INSERT INTO attempts (payment_id, provider, reference, number, state, redirect_url, created_at, sent_at)
SELECT id, 'vnpay', order_code, 1, 'sent', 'https://pay.example.vn', :now, :now
FROM payments WHERE order_code = ANY (CAST(:codes AS text[]))
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """A database with its gateway on `port`, and a portal that may order. `codes` were given to nobody yet."""

    server: Embedded
    url: str
    engine: Engine
    port: int
    portal_id: str
    key: PrivateKey
    codes: Iterator[str]

    @property
    def origin(self) -> str:
        return origin(self.port)


def origin(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@contextmanager
def alone() -> Iterator[Ground]:
    """A server with one database and its gateway, in a folder that goes when they do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder) as server, prepared(server, "bench", folder) as ground, opened(ground, folder):
            yield ground


@contextmanager
def serving(folder: Path) -> Iterator[Embedded]:
    """A server that ends before its folder goes."""
    server = embedded.start(folder / "pg")
    try:
        yield server
    finally:
        server.server.stop()


@contextmanager
def prepared(server: Embedded, database: str, folder: Path) -> Iterator[Ground]:
    """A migrated database of that name, without its gateway yet. Raises `SystemExit` when it is not durable."""
    url = embedded.start(folder / "pg", database).url
    engine = make_engine(url)
    migrate.upgrade(engine)
    _must_be_durable(engine)
    key = generate(Kind.ED25519)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with engine.begin() as connection:
        portal_id = portals.add_portal(connection, name="bench", agency_code=AGENCY, live=False)
        portals.add_key(connection, portal_id=portal_id, keyid=KEYID, public_pem=pem, scopes=SCOPES)
    yield Ground(server, url, engine, _free_port(), portal_id, key, _fresh_codes())
    engine.dispose()


@contextmanager
def opened(ground: Ground, folder: Path) -> Iterator[Ground]:
    """The same with its gateway, which has VNPAY and, answering in no time, the national platform."""
    with provider.running() as provider_port:
        gateway = started(ground, folder, provider_port)
        try:
            yield ground
        finally:
            gateway.terminate()
            gateway.wait(10)


def started(ground: Ground, folder: Path, provider_port: int) -> "subprocess.Popen[bytes]":
    """The gateway as a process that answers, in a session of its own."""
    environment = {**environ, **settings_of(ground, folder, provider_port)}
    with (folder / "serve.log").open("ab") as log:
        gateway = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve"],
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait(f"{ground.origin}/readyz")
    except SystemExit:
        gateway.terminate()
        gateway.wait(10)
        raise
    return gateway


@contextmanager
def working(ground: Ground, folder: Path) -> Iterator[None]:
    """With a worker of the gateway beside it."""
    environment = {**environ, **settings_of(ground, folder, provider_port=9)}
    with (folder / "work.log").open("ab") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "gateway", "work"], stdout=log, stderr=log, env=environment
        )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(20)


def seed(ground: Ground, many: int) -> list[tuple[int, str]]:
    """`many` payments that wait for money, as (number at their provider, order code)."""
    first = time.time_ns() // 1000
    codes = _seed(ground, many, [_CASES, _PAYMENTS, _ATTEMPTS])
    return list(enumerate(codes, start=first))


def seed_cases(ground: Ground, many: int) -> list[str]:
    """The codes of `many` cases whose fees are due and not yet ordered."""
    return [f"H28-{code}" for code in _seed(ground, many, [_CASES])]


def settle(engine: Engine) -> None:
    """What the server would do behind is done before the clock starts."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def _seed(ground: Ground, many: int, statements: list[str]) -> list[str]:
    codes = [next(ground.codes) for _ in range(many)]
    at = now()
    values = {
        "portal": ground.portal_id,
        "agency": AGENCY,
        "now": at,
        "expires": at + timedelta(days=1),
        "codes": codes,
        "amount": AMOUNT_VND,
        "fees": json.dumps(FEES, ensure_ascii=False),
    }
    with ground.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), values)
    return codes


def _must_be_durable(engine: Engine) -> None:
    with engine.connect() as connection:
        off = [name for name in DURABLE if connection.execute(text(f"SHOW {name}")).scalar() != "on"]
    if off:
        raise SystemExit(f"the bench is worth nothing with {', '.join(off)} switched off")


def _fresh_codes() -> Iterator[str]:
    """Order codes as the gateway draws them, none twice."""
    drawn, known = Random(4), set[str]()
    while True:
        code = make_order_code(now().date(), drawn.randbytes(16))
        if code not in known:
            known.add(code)
            yield code


def settings_of(ground: Ground, folder: Path, provider_port: int) -> Mapping[str, str]:
    agencies = folder / "agencies.json"
    agency = {
        "code": AGENCY,
        "name": "Bench",
        "account": "0123456789",
        "bank_bin": "970418",
        "account_name": "BENCH",
        "tax_code": "5400000000",
        "sender": {"name": "Bench", "phone": "02183888888", "address": "Hòa Bình", "province_code": 35},
    }
    agencies.write_text(json.dumps([agency]), encoding="utf-8")
    procedures = folder / "procedures"
    procedures.mkdir(exist_ok=True)
    (procedures / f"{PROCEDURE}.json").write_text(_procedure(), encoding="utf-8")
    nobody = "http://127.0.0.1:9"
    return {
        "GATEWAY_VAR_DIR": str(folder),
        "GATEWAY_DATABASE_URL": ground.url,
        "GATEWAY_PUBLIC_URL": ground.origin,
        "GATEWAY_LISTEN_PORT": str(ground.port),
        "GATEWAY_AGENCIES_FILE": str(agencies),
        "GATEWAY_PROCEDURES_DIR": str(procedures),
        "GATEWAY_VNPAY__TMN_CODE": TMN_CODE,
        "GATEWAY_VNPAY__SECRET": SECRET,
        "GATEWAY_VNPAY__PAY_URL": f"{nobody}/pay",
        "GATEWAY_VNPAY__QUERY_URL": f"{nobody}/query",
        "GATEWAY_DVCQG__PARTNER_CODE": "C4BENCH",
        "GATEWAY_DVCQG__SECRET": SECRET,
        "GATEWAY_DVCQG__INIT_URL": f"{origin(provider_port)}/init",
        "GATEWAY_DVCQG__QUERY_URL": f"{nobody}/query",
    }


def _procedure() -> str:
    """A procedure that ships, with a second fee line beside its own."""
    shipped = resources.files("gateway").joinpath("data", "procedures", "2.000488.json")
    known = json.loads(shipped.read_text(encoding="utf-8"))
    known["code"] = PROCEDURE
    for version in known["versions"]:
        first = version["fees"][0]
        version["fees"].append(
            {**first, "kind": "le_phi", "code": "LP1", "name": FEES[0]["name"], "reductions": []}
        )
    return json.dumps(known, ensure_ascii=False)


def json_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _free_port() -> int:
    """A port that nobody listens at: another run's gateway would answer for ours."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str) -> None:
    for _ in range(900):
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own process on loopback
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the gateway did not start")
