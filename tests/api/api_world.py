"""The real application on a real PostgreSQL, served over HTTP in this process, and what tests ask of it."""

import hashlib
import io
import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

from api_log import captured_log
from api_wire import JSON, Call, Key, Reply, exchange, uploaded
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from sqlalchemy import Engine, text
from werkzeug.serving import WSGIRequestHandler, make_server

from gateway.config import DvcqgSettings, Settings, VnpaySettings, VnpostSettings
from gateway.ports import Outcome, Report
from gateway.store import embedded, migrate, portals, reports
from gateway.store.reports import Told
from gateway.store.tables import metadata
from gateway.wiring import House, make_app, open_house
from tests.papers import pdf

NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there
VNPAY_SECRET, TMN_CODE = "VNPAYSECRET0123456789ABCDEFGHIJK", "C4TEST01"
DVCQG_SECRET, PARTNER = "dvcqg-secret-0123456789", "C4TEST"
ALL_SCOPES = ("cases:write", "payments:write", "refunds:write", "deliveries:write", "read")
PROCEDURE = "2.000488"
PAPERS = {"to-khai": pdf("to khai"), "giay-to-tuy-than": pdf("giay to")}
FEE_VND = 200_000
MAX_BODY_BYTES = 200_000
MAX_DOCUMENT_BYTES = 400_000

PERSON = {
    "name": "Nguyễn Thị Bí Mật",
    "id_kind": "cccd",
    "id_number": "017099000001",
    "phone": "0912345678",
    "email": "bi.mat@example.vn",
    "address": "Số 1 phố Kín Đáo",
}
NOT_BUSINESS = frozenset({"inbox", "nonces", "calls", "alarms", "cursors", "track_tries"})
"""Evidence and counters: what may grow when a message is refused."""


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the application's own log is what is looked at."""


@dataclass(repr=False)
class World:
    """The running house, its portals' keys, and everything that it logged."""

    url: str
    house: House
    app: Flask
    keys: Mapping[str, Key]
    logged: io.StringIO
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def engine(self) -> Engine:
        return self.house.engine

    def fresh(self, prefix: str) -> str:
        """A reference that was never used."""
        return f"{prefix}-{next(self.counter)}"

    def call(self, method: str, target: str, body: object = None, *, who: str = "all", **other: Any) -> Call:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return Call(self.url, self.keys[who], method, target, raw, **other)

    def ask(self, method: str, target: str, body: object = None, *, who: str = "all") -> Reply:
        return self.call(method, target, body, who=who).send()

    def put(self, target: str, content: bytes, *, who: str = "all") -> Reply:
        return uploaded(self.call("PUT", target, content, who=who, content_type="application/pdf")).send()

    def plain(self, method: str, target: str, **other: Any) -> Reply:
        """A request without signature: a citizen's, a provider's, a stranger's."""
        return exchange(self.url, method, target, other.get("headers", ()), other.get("body"))

    def form(self, target: str, fields: str) -> Reply:
        kind = ("Content-Type", "application/x-www-form-urlencoded")
        return self.plain("POST", target, headers=[kind, ("Accept", "text/html")], body=fields.encode())

    def rows(self, query: str, **values: object) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), values))

    @contextmanager
    def altered(self, change: str, back: str) -> Iterator[None]:
        """The database, changed for a while."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(change)
        try:
            yield
        finally:
            with self.engine.begin() as connection:
                connection.exec_driver_sql(back)

    def one(self, query: str, **values: object) -> Any:
        (row,) = self.rows(query, **values)
        return row

    def case_wanted(self, reference: str, /, **changes: object) -> dict[str, Any]:
        documents = [
            {
                "code": code,
                "name": f"{code}.pdf",
                "media_type": "application/pdf",
                "size_bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for code, content in PAPERS.items()
        ]
        wanted = {"reference": reference, "procedure_code": PROCEDURE, "applicant": PERSON}
        return {**wanted, "documents": documents, "answers": {}, **changes}

    def draft(self, *, who: str = "all", **changes: object) -> dict[str, Any]:
        return _ok(self.ask("POST", "/v1/cases", self.case_wanted(self.fresh("ca"), **changes), who=who), 201)

    def submitted(self, *, who: str = "all") -> dict[str, Any]:
        code = self.draft(who=who)["case_code"]
        for document, content in PAPERS.items():
            _ok(self.put(f"/v1/cases/{code}/documents/{document}", content, who=who), 200)
        return _ok(self.ask("POST", f"/v1/cases/{code}/submit", who=who), 200)

    def payment_wanted(self, case_code: str, reference: str, /, **changes: object) -> dict[str, Any]:
        payer = {"name": PERSON["name"], "id_number": PERSON["id_number"], "address": PERSON["address"]}
        base = {"reference": reference, "case_code": case_code, "payer": payer}
        return {**base, "return_url": "https://dvc.example.vn/done", **changes}

    def payment(self, case_code: str, /, *, who: str = "all", **changes: object) -> dict[str, Any]:
        wanted = self.payment_wanted(case_code, self.fresh("pm"), **changes)
        return _ok(self.ask("POST", "/v1/payments", wanted, who=who), 201)

    def started(self, case_code: str, provider: str) -> tuple[dict[str, Any], str]:
        """A payment with a try at a provider, and the reference that the provider knows it by."""
        payment = self.payment(case_code)
        target = f"/v1/payments/{payment['id']}/attempts"
        made = _ok(self.ask("POST", target, {"provider": provider}), 201)
        assert made["state"] == "sent"
        row = self.one("SELECT reference FROM attempts WHERE id = :id", id=made["id"])
        return payment, str(row.reference)

    def paid(self, case_code: str) -> str:
        """A payment that VNPAY took the money of."""
        payment, reference = self.started(case_code, "vnpay")
        with self.house.context.pool.connection() as connection:
            report = Report(
                Outcome.PAID, reference, payment["amount_vnd"], "VND", self.fresh("170"), "00", None
            )
            told = Told("test", "vnpay", report, None, datetime.now(UTC))
            assert ["ok"] == reports.record(connection, [told])
        return str(payment["id"])

    def refund_wanted(self, reference: str, /, **changes: object) -> dict[str, Any]:
        """A refund of 1 VND of a payment of which nothing was given back yet."""
        base = {"reference": reference, "amount_vnd": 1, "refundable_vnd": FEE_VND, "reason": "thu thừa"}
        return {**base, **changes}

    def delivery_wanted(self, case_code: str, reference: str, /, **changes: object) -> dict[str, Any]:
        place = {"text": "Số 1, phường Tân Hòa", "ward_code": 4792, "province_code": "25", "era": "34"}
        receiver = {"name": PERSON["name"], "phone": PERSON["phone"]}
        base = {"reference": reference, "case_code": case_code, "method": "post"}
        return {**base, "recipient": receiver, "address": place, **changes}

    def payment_state(self, payment_id: str) -> str:
        return str(self.one("SELECT state FROM payments WHERE id = :id", id=payment_id).state)

    def bookings(self, payment_id: str) -> list[tuple[str, int, int]]:
        """The ledger rows of a payment: account, debit, credit."""
        query = (
            "SELECT l.account, l.debit_vnd, l.credit_vnd FROM ledger l JOIN events e ON e.id = l.event_id "
            "WHERE e.subject_id = :id ORDER BY l.id"
        )
        return [tuple(row) for row in self.rows(query, id=payment_id)]

    def kept_since(self, mark: int) -> list[Any]:
        return self.rows("SELECT * FROM inbox WHERE id > :mark ORDER BY id", mark=mark)

    def mark(self) -> int:
        """Where the inbox stands: what comes later is `kept_since` it."""
        return int(self.one("SELECT coalesce(max(id), 0) AS last FROM inbox").last)

    def alarms_of(self, subject: str) -> list[str]:
        return [row.name for row in self.rows("SELECT name FROM alarms WHERE subject = :s", s=subject)]


def _ok(reply: Reply, status: int) -> dict[str, Any]:
    assert (status, JSON) == (reply.status, reply.media_type), reply.text
    return dict(reply.json)


def fingerprint_of_world(world: World) -> dict[str, tuple[int, str]]:
    """Every business table as its number of rows and a digest of all that they say, and the files kept."""
    names = sorted({table.name for table in metadata.sorted_tables} - NOT_BUSINESS)
    each = [
        f"SELECT '{name}' AS name, count(*) AS many, coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '') "
        f"AS said FROM {name} t"
        for name in [*names, "procrastinate_jobs"]
    ]
    found = {row.name: (row.many, row.said) for row in world.rows(" UNION ALL ".join(each))}
    files = sorted(
        path.name for path in (world.house.settings.var_dir / "files").rglob("*") if path.is_file()
    )
    return {**found, "files": (len(files), hashlib.sha256("".join(files).encode()).hexdigest())}


def _settings(var: Path, base_url: str) -> Settings:
    agencies = var / "agencies.json"
    sender = {"name": "TTHCC", "phone": "02183888888", "address": "Hòa Bình", "province_code": 35}
    rows = [
        {
            "code": code,
            "name": f"Trung tâm {code}",
            "account": f"01234567{code[1:]}",
            "bank_bin": "970418",
            "account_name": code,
            "sender": sender,
        }
        for code in ("H28", "H15")
    ]
    agencies.write_text(json.dumps(rows), encoding="utf-8")
    return Settings(
        var_dir=var,
        public_url=base_url,
        agencies_file=agencies,
        max_body_bytes=MAX_BODY_BYTES,
        max_document_bytes=MAX_DOCUMENT_BYTES,
        vnpay=VnpaySettings(
            tmn_code=TMN_CODE, secret=VNPAY_SECRET, pay_url=f"{NOWHERE}/pay", query_url=f"{NOWHERE}/query"
        ),
        dvcqg=DvcqgSettings(
            partner_code=PARTNER,
            secret=DVCQG_SECRET,
            init_url=f"{base_url}/the-platform/init",
            query_url=f"{NOWHERE}/query",
        ),
        vnpost_ngsp=VnpostSettings(
            token_url=f"{NOWHERE}/token",
            base_url=f"{NOWHERE}/p1.0",
            customer_code="H28HCC",
            consumer_key="c4",
            consumer_secret="post-secret-0123456789",
        ),
    )


def _platform(environ: Mapping[str, Any], start_response: Any) -> list[bytes]:
    """What stands for the national platform: it takes every INIT and names a page."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", JSON)])
    return [json.dumps({"MaLoi": "00", "UrlThanhToan": f"{NOWHERE}/tra-tien"}).encode()]


def _introduce(house: House) -> dict[str, Key]:
    wanted = {
        "all": ("Hòa Bình", "H28", False, ALL_SCOPES),
        "reader": ("Hòa Bình", "H28", False, ("read",)),
        "writer": ("Hòa Bình", "H28", False, tuple(each for each in ALL_SCOPES if each != "read")),
        "other": ("Đắk Lắk", "H15", False, ALL_SCOPES),
        "live": ("Cổng thật", "H28", True, ALL_SCOPES),
    }
    made: dict[str, Key] = {}
    with house.engine.begin() as connection:
        for name, (title, agency, live, scopes) in wanted.items():
            portal = portals.add_portal(connection, name=title, agency_code=agency, live=live)
            made[name] = Key(f"{name}-2026", Ed25519PrivateKey.generate())
            portals.add_key(
                connection, portal_id=portal, keyid=f"{name}-2026", public_pem=made[name].pem, scopes=scopes
            )
    return made


@contextmanager
def running_world(var: Path) -> Iterator[World]:
    """The house opened and served on a free port; closed again at the end."""
    with ExitStack() as stack:
        logged = stack.enter_context(captured_log())
        postgres = embedded.start(var / "pg")
        stack.callback(postgres.server.cleanup)
        server = make_server("127.0.0.1", 0, _platform, threaded=True, request_handler=_Quiet)
        url = f"http://127.0.0.1:{server.port}"
        house = open_house(_settings(var, url), postgres.url)
        stack.callback(house.close)
        migrate.upgrade(house.engine)
        app = make_app(house)

        def either(environ: dict[str, Any], start_response: Any) -> Any:
            outside = environ["PATH_INFO"].startswith("/the-platform/")
            return (_platform if outside else app)(environ, start_response)

        server.app = either
        thread = Thread(target=server.serve_forever, args=(0.05,), name="house", daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        yield World(url, house, app, _introduce(house), logged)


def but_for_the_schedule(world: World) -> dict[str, tuple[int, str]]:
    """The world, whenever its jobs are due: who comes back from a provider has it asked sooner, and no more."""
    return {name: said for name, said in fingerprint_of_world(world).items() if name != "procrastinate_jobs"}
