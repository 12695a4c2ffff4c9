"""Samples of a payment adapter: raw bytes as on the wire, and what is expected of them.

A folder `wire/<name>/` holds `case.json` and HTTP messages (`*.http`: head, empty line, body, CRLF as on the
wire). `docs/adding-a-bank.md` says which files there are and what each is for.
"""

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

from gateway.ports import (
    Agency,
    Bill,
    FeeLine,
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    InboundMessage,
    Payer,
    PaymentProvider,
    RefundOrder,
    RefundReport,
    Report,
    StartOrder,
)

WIRE = Path(__file__).parent / "wire"


@dataclass(frozen=True, slots=True)
class Case:
    """One adapter under test. `expected` gives, per sample file, what it says or the name of an error.

    `silent` gives a reason for each thing that the provider never says or proves. `refund` is asked for by the
    samples of a refund.
    """

    name: str
    folder: Path
    settings: object
    secrets: tuple[str, ...]
    provider: Callable[[object, HttpDoor], PaymentProvider]
    order: StartOrder
    now: datetime
    request_id: str
    expected: Mapping[str, object]
    silent: Mapping[str, str]
    refund: RefundOrder

    def build(self, door: HttpDoor) -> PaymentProvider:
        return self.provider(self.settings, door)

    def at(self, url: str, *, timeout_s: float) -> "Case":
        """The same case with every address in its settings replaced, and less patience."""
        moved = {
            name.name: url
            for name in fields(self.settings)
            if str(getattr(self.settings, name.name)).startswith(("https://", "http://"))
        }
        return replace(self, settings=replace(self.settings, **moved, timeout_s=timeout_s))

    def bill(self, *, payable: bool) -> Bill:
        """What is owed for the order, as an inquiry is answered with it."""
        order = self.order
        return Bill(
            reference=order.reference,
            amount_vnd=order.amount_vnd,
            description=order.description,
            payable=payable,
            case_code=order.case_code,
            agency=order.agency,
            lines=order.lines,
            payer=order.payer,
            expires_at=order.expires_at,
        )

    def sample(self, file: str) -> bytes:
        return (self.folder / file).read_bytes()

    def samples(self, prefix: str) -> tuple[str, ...]:
        """The names of the samples that begin with `prefix` and have an expectation."""
        return tuple(sorted(file for file in self.expected if file.startswith(prefix)))


def load(name: str, *, module: ModuleType | None = None, folder: Path | None = None) -> Case:
    """The case of `adapters/<name>.py` with the samples in `wire/<name>/`, or of a module and folder given."""
    module = module or importlib.import_module(f"adapters.{name}")
    folder = folder or WIRE / name
    told = json.loads((folder / "case.json").read_bytes())
    settings = module.Settings(
        **{key: frozenset(v) if isinstance(v, list) else v for key, v in told["settings"].items()}
    )
    providers = [
        found
        for found in vars(module).values()
        if isinstance(found, type) and found.__module__ == module.__name__ and hasattr(found, "capabilities")
    ]
    assert len(providers) == 1, f"{name} has one class with capabilities"
    order = _order(told["order"])
    return Case(
        name=name,
        folder=folder,
        settings=settings,
        secrets=tuple(told["settings"][key] for key in told["secrets"]),
        provider=providers[0],
        order=order,
        now=datetime.fromisoformat(told["now"]),
        request_id=told["request_id"],
        expected=told["expected"],
        silent=told["silent"],
        refund=_refund(told.get("refund", {}), order, told["expected"]),
    )


def inbound(raw: bytes) -> InboundMessage:
    """An HTTP request of a sample as the gateway hands it on."""
    first, headers, body = _parts(raw)
    method, target, _ = first.split(b" ")
    path, _, query = target.partition(b"?")
    return InboundMessage(method=method.decode(), path=path.decode(), query=query, headers=headers, body=body)


def answered(raw: bytes) -> HttpAnswer:
    """An HTTP answer of a sample."""
    first, headers, body = _parts(raw)
    return HttpAnswer(status=int(first.split(b" ")[1]), headers=headers, body=body)


def request_bytes(request: HttpRequest) -> bytes:
    """A request of ours as a sample is written: the whole URL in the first line, headers by name."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in sorted(request.headers.items()))
    return f"{request.method} {request.url} HTTP/1.1\r\n{headers}\r\n".encode() + (request.body or b"")


def answer_bytes(answer: HttpAnswer) -> bytes:
    """An answer of ours as a sample is written."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in sorted(answer.headers.items()))
    return f"HTTP/1.1 {answer.status}\r\n{headers}\r\n".encode() + answer.body


def told(report: Report | RefundReport) -> dict[str, object]:
    """A report in the words of `case.json`; the memo only of a notice, which has one."""
    facts: dict[str, object] = {
        "outcome": report.outcome.value,
        "reference": report.reference,
        "amount_vnd": report.amount_vnd,
        "provider_ref": report.provider_ref,
        "code": report.code,
    }
    if isinstance(report, RefundReport):
        return facts
    facts |= {
        "currency": report.currency,
        "occurred_at": report.occurred_at.isoformat() if report.occurred_at else None,
    }
    return {**facts, "memo": report.memo} if report.memo else facts


def provider_ref(expected: Mapping[str, object]) -> str | None:
    """The provider's number of the order, as the samples of its success give it."""
    for file in ("callback.paid.http", "query.paid.http"):
        if isinstance(said := expected.get(file), dict):
            return said["provider_ref"]
    return None


def _parts(raw: bytes) -> tuple[bytes, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    pairs = (line.decode().split(": ", 1) for line in lines)
    return first, {name.lower(): value for name, value in pairs}, body


def _order(told: dict[str, object]) -> StartOrder:
    times = {key: datetime.fromisoformat(told.pop(key)) for key in ("created_at", "expires_at")}
    lines = tuple(FeeLine(**line) for line in told.pop("lines"))
    agency, payer = Agency(**told.pop("agency")), Payer(**told.pop("payer"))
    return StartOrder(**told, **times, lines=lines, agency=agency, payer=payer)


def _refund(told: dict[str, object], order: StartOrder, expected: Mapping[str, object]) -> RefundOrder:
    """The refund of `case.json`; where it says nothing, half of the order, asked for a day later."""
    created_at = told.pop("created_at", None)
    started_at = told.pop("started_at", None)
    facts = {
        "reference": "R4261125K7Q2M9XT",
        "payment_reference": order.reference,
        "provider_ref": provider_ref(expected),
        "amount_vnd": order.amount_vnd // 2,
        "paid_vnd": order.amount_vnd,
        "reason": "Hoan phi",
        "requested_by": "ketoan01",
        "started_at": datetime.fromisoformat(started_at) if started_at else order.created_at,
        "created_at": (
            datetime.fromisoformat(created_at) if created_at else order.created_at + timedelta(days=1)
        ),
    }
    return RefundOrder(**{**facts, **told})
