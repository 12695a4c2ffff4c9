"""How long a portal waits for a payment that it orders, and for a try at a provider whose answer takes no time.

Both by real HTTP with real signatures (RFC 9421), one and four at a time: `POST /v1/payments`, then `POST
/v1/payments/{id}/attempts` at the national platform, whose INIT a process of the bench answers at once. So all that is
measured is our own. The limits hold for the order; a try is five commits and a call, and stands beside it.
"""

import json
import secrets
from dataclasses import dataclass

from bench import ground, load, report
from bench.ground import KEYID, Ground
from gateway.wiring import now
from signing.http_messages import sign_request

MANY, WARM_UP = 1000, 100
ROUNDS = 3
CEILING_P50_MS, CEILING_P99_MS = 15.0, 60.0
_CREATED = (201, b'"order_code"')
_STARTED = (201, b'"state":"sent"')


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of each payment, in the order they were asked for: ordered, and tried at its provider."""

    created_ms: list[float]
    tried_ms: list[float]

    @property
    def both_ms(self) -> list[float]:
        return [sum(each) for each in zip(self.created_ms, self.tried_ms, strict=True)]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the bench: how many payments are ordered at a time."""

    name: str
    connections: int


ROWS = (Row("create", 4), Row("create1", 1))


def main() -> int:
    """Run it; 0 when the percentiles of ordering are within their limits."""
    with ground.alone() as here:
        order(here, ground.seed_cases(here, WARM_UP), ROWS[0].connections)
        return max([_measure(here, row) for row in ROWS])


def _measure(here: Ground, asked: Row) -> int:
    created_ms, tried_ms, both_ms = [], [], []
    for _ in range(ROUNDS):
        cases = ground.seed_cases(here, MANY)
        ground.settle(here.engine)
        times = order(here, cases, asked.connections)
        created_ms += times.created_ms
        tried_ms += times.tried_ms
        both_ms += times.both_ms
    kinds = {"create": sorted(created_ms), "try": sorted(tried_ms), "both": sorted(both_ms)}
    facts = {
        f"{kind}_p{share}_ms": round(report.percentile(values, share / 100), 2)
        for kind, values in kinds.items()
        for share in (50, 99)
    }
    report.table(
        f"A payment ordered by a signed request, then a try at a provider that answers in no time, "
        f"{asked.connections} at a time",
        [
            {"ms": kind, "p50": facts[f"{kind}_p50_ms"], "p99": facts[f"{kind}_p99_ms"], "of": len(values)}
            for kind, values in kinds.items()
        ],
    )
    report.line(bench=asked.name, **facts, payments=len(created_ms), connections=asked.connections)
    within = facts["create_p50_ms"] < CEILING_P50_MS and facts["create_p99_ms"] < CEILING_P99_MS
    return 0 if within else 1


def order(here: Ground, cases: list[str], connections: int) -> Times:
    """A payment for each of `cases`, then a try at each. Raises `WrongAnswer`."""
    made = _order(here, cases, connections)
    ids = [json.loads(body)["id"] for body in made.bodies]
    tries = [_signed(here, f"/v1/payments/{each}/attempts", {"provider": "dvcqg"}) for each in ids]
    tried = load.run(here.port, tries, connections=connections, wanted=[_STARTED])
    return Times(_ms(made), _ms(tried))


def order_only(here: Ground, cases: list[str], connections: int) -> list[float]:
    """The milliseconds of ordering a payment for each of `cases`. Raises `WrongAnswer`."""
    return _ms(_order(here, cases, connections))


def _order(here: Ground, cases: list[str], connections: int) -> load.Load:
    orders = [_signed(here, "/v1/payments", _wanted(code)) for code in cases]
    return load.run(here.port, orders, connections=connections, wanted=[_CREATED])


def _ms(measured: load.Load) -> list[float]:
    return [1000 * each for each in measured.latencies_s]


def _wanted(case_code: str) -> dict[str, object]:
    return {
        "reference": f"TT-{case_code}",
        "case_code": case_code,
        "payer": {"name": "Nguyễn Văn Bình", "id_number": "012345678901", "address": "Hòa Bình"},
        "return_url": "https://dvc.example.vn/done",
    }


def _signed(here: Ground, path: str, content: dict[str, object]) -> bytes:
    """A request as a portal sends it."""
    body = json.dumps(content, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"}
    headers |= sign_request(
        "POST",
        here.origin + path,
        headers,
        body,
        key=here.key,
        keyid=KEYID,
        created=now(),
        nonce=secrets.token_hex(16),
    )
    return load.post(f"127.0.0.1:{here.port}", path, headers, body)
