"""A house with real adapters on a real PostgreSQL; the other ends of its wires are played by the test."""

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text

from adapters import dvcqg, vnpay
from gateway.config import Settings
from gateway.domain.errors import Unreachable
from gateway.ports import Agency, HttpAnswer, HttpRequest, InboundMessage, Party
from gateway.service import attempts, cases, payments, reports
from gateway.service.cases import Caller
from gateway.service.context import Context
from gateway.service.documents import store_document
from gateway.store import migrate, portals
from gateway.store import payments as payment_store
from gateway.wiring import House, open_house
from tests.papers import pdf

R = TypeVar("R")

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
VNPAY_SECRET, TMN_CODE = "VNPAYSECRET0123456789ABCDEFGHIJK", "C4TEST01"
DVCQG_SECRET, PARTNER = "dvcqg-secret-0123456789", "C4TEST"
ACCOUNT = "0123456789"
FEE_VND = 200_000
PROCEDURE = "2.000488"
PAPERS = {"to-khai": pdf("to khai"), "giay-to-tuy-than": pdf("giay to")}
GUEST = attempts.Guest("203.0.113.7", "vi")
PERSON = {"name": "Nguyễn Thị Bí Mật", "id_kind": "cccd", "id_number": "017099000001", "phone": "0912345678"}
STEPS = {"accepted": "accept", "processing": "process", "result_ready": "finish"}


def nobody_listens(_: HttpRequest) -> HttpAnswer:
    raise Unreachable("nobody listens there")


@dataclass
class Wire:
    """The other end of an HTTP door: answers as it is told to, and keeps what was asked."""

    answer: Callable[[HttpRequest], HttpAnswer] = nobody_listens
    asked: list[HttpRequest] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request)
        return self.answer(request)


def at_once(many: int, work: Callable[[int], R]) -> list[R]:
    """What `work` gave in each of so many threads that begin together; raises what one of them raised."""
    start = Barrier(many)

    def one(number: int) -> R:
        start.wait(10)
        return work(number)

    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(one, range(many)))


@dataclass
class World:
    house: House
    context: Context
    wire: Wire
    caller: Caller
    stranger: Caller
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def engine(self) -> Engine:
        return self.house.engine

    def fresh(self, prefix: str) -> str:
        return f"{prefix}-{next(self.counter)}"

    def rows(self, query: str, **values: object) -> list[Any]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def one(self, query: str, **values: object) -> Any:
        """The one value of the one row."""
        ((value,),) = self.rows(query, **values)
        return value

    def do(self, query: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(query), values)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            yield connection

    def until_waiting(self, many: int) -> None:
        """Until so many statements wait for a lock."""
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database()"
        )
        for _ in range(2000):
            if self.one(query) >= many:
                return
            time.sleep(0.005)
        raise AssertionError("nobody waited")

    # --- cases and payments -----------------------------------------------------------------------

    def case(self, state: str = "registered", **changes: object) -> str:
        """The code of a case that was submitted and brought to `state` by its agency."""
        code = cases.register(self.context, self.caller, self.case_wanted(**changes), NOW)[0].case_code
        for name, content in PAPERS.items():
            store_document(self.context, self.caller, code, name, content, NOW)
        cases.submit(self.context, self.caller, code, NOW)
        names = list(STEPS)
        for name in names[: names.index(state) + 1 if state in STEPS else 0]:
            self.decide(code, STEPS[name])
        return code

    def case_wanted(self, **changes: object) -> dict[str, Any]:
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
        wanted = {"reference": self.fresh("ca"), "procedure_code": PROCEDURE, "applicant": PERSON}
        return {**wanted, "documents": documents, "answers": {}, **changes}

    def decide(self, case_code: str, event: str) -> None:
        wanted = {"reference": self.fresh("tr"), "event": event}
        cases.transition(self.context, self.caller, case_code, wanted, NOW)

    def payment_wanted(self, case_code: str, **changes: object) -> dict[str, Any]:
        wanted = {"reference": self.fresh("pm"), "case_code": case_code, "payer": {"name": PERSON["name"]}}
        return {**wanted, "return_url": "https://dvc.example.vn/done", **changes}

    def payment(self, case_code: str, **changes: object) -> str:
        wanted = self.payment_wanted(case_code, **changes)
        return payments.create(self.context, self.caller, wanted, NOW)[0].id

    def start(self, payment_id: str, provider: str, at: datetime = NOW) -> payment_store.Attempt:
        return attempts.start(self.context, payment_id, provider, GUEST, at)

    def started(self, case_code: str, provider: str = "vnpay") -> tuple[str, str]:
        """A payment with a try at a provider: its id, and the reference that the provider has."""
        payment_id = self.payment(case_code)
        return payment_id, self.start(payment_id, provider).reference

    def found(self, payment_id: str) -> payment_store.Payment:
        return payments.find(self.context, self.caller, payment_id)

    def tries(self, payment_id: str) -> list[str]:
        """The states of a payment's tries, oldest first."""
        query = "SELECT state FROM attempts WHERE payment_id = :id ORDER BY number"
        return [state for (state,) in self.rows(query, id=payment_id)]

    def hear(self, provider: str, message: InboundMessage, at: datetime = NOW) -> bytes:
        """Let the house hear a provider; returns the body of the answer."""
        return reports.hear(self.context, self.context.providers[provider], message, at).body

    # --- what there is to see ---------------------------------------------------------------------

    def spine(self, subject_id: str) -> list[tuple[str, str | None, str | None, int]]:
        """The events of one subject: type, from, to, version."""
        query = (
            "SELECT type, from_state, to_state, version FROM events WHERE subject_id = :id ORDER BY xid, id"
        )
        return self.rows(query, id=subject_id)

    def types(self, subject_id: str) -> list[str]:
        return [type_ for type_, *_ in self.spine(subject_id)]

    def alarms(self, subject: str) -> list[str]:
        return [
            name for (name,) in self.rows("SELECT name FROM alarms WHERE subject = :s ORDER BY id", s=subject)
        ]

    def jobs(self, task: str, subject: str) -> list[tuple[dict[str, Any], datetime | None]]:
        """The jobs of a task and subject that wait: arguments, and when they are due."""
        query = "SELECT args, scheduled_at FROM procrastinate_jobs WHERE lock = :lock AND status = 'todo' ORDER BY id"
        return self.rows(query, lock=f"{task}:{subject}")

    def ledger(self, payment_id: str) -> list[tuple[str, int, int]]:
        query = (
            "SELECT l.account, l.debit_vnd, l.credit_vnd FROM ledger l JOIN events e ON e.id = l.event_id "
            "WHERE e.subject_id = :id ORDER BY l.id"
        )
        return self.rows(query, id=payment_id)

    def obligations(self, payment_id: str) -> list[tuple[str, int]]:
        return self.rows(
            "SELECT kind, amount_vnd FROM obligations WHERE payment_id = :id ORDER BY created_at",
            id=payment_id,
        )


def contiguous(spine: Sequence[tuple[str, str | None, str | None, int]]) -> bool:
    """Whether versions run from 1 without a gap and each change begins where the one before it ended."""
    versions = [version for *_, version in spine]
    ends: list[str | None] = [None, *(to for _, _, to, _ in spine)]
    starts = [from_ for _, from_, _, _ in spine]
    return versions == list(range(1, len(spine) + 1)) and starts == ends[:-1]


def minutes(many: float) -> datetime:
    """So many minutes after `NOW`."""
    return NOW + timedelta(minutes=many)


AGENCY = Agency(
    code="H28",
    name="Trung tâm Phục vụ hành chính công tỉnh Hòa Bình",
    account=ACCOUNT,
    bank_bin="970418",
    account_name="TTPVHCC TINH HOA BINH",
    tax_code="5400000000",
    sender=Party(name="TTPVHCC", phone="02183888888", address="Phường Hòa Bình", province_code=35),
)


@contextmanager
def opened_world(url: str, var: Path) -> Iterator[World]:
    house = open_house(Settings(var_dir=var), url)
    try:
        migrate.upgrade(house.engine)
        wire, nowhere = Wire(), "http://127.0.0.1:9"
        bank = vnpay.Settings(TMN_CODE, VNPAY_SECRET, nowhere, nowhere)
        platform = dvcqg.Settings(PARTNER, DVCQG_SECRET, nowhere, nowhere)
        context = replace(
            house.context,
            agencies={"H28": AGENCY},
            providers={"vnpay": vnpay.Vnpay(bank, wire), "dvcqg": dvcqg.Dvcqg(platform, wire)},
            webhook_door=Wire(),
            clock=lambda: NOW,
        )
        with house.engine.begin() as connection:
            ours, theirs = (
                portals.add_portal(connection, name=name, agency_code="H28", live=False)
                for name in ("Hòa Bình", "Phú Thọ")
            )
        yield World(house, context, wire, Caller(ours, "H28", "test"), Caller(theirs, "H28", "test"))
    finally:
        house.close()
