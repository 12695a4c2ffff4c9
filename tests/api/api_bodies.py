"""Which routes take JSON, and a good body for each: what is spoilt in the tests of bodies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api_world import FEE_VND, World


@dataclass(frozen=True)
class Taker:
    """A route that takes JSON: where it is for this case, payment and endpoint, and what it takes."""

    method: str
    target: str
    wanted: Callable[[], dict[str, Any]]


def takers(world: World, case_code: str) -> dict[str, Taker]:
    """Every route that takes JSON, by its rule."""
    payment = world.payment(case_code)["id"]
    hook = {"url": f"https://example.vn/{world.fresh('hook')}", "events": ["case.*"]}
    endpoint = world.ask("POST", "/v1/webhook_endpoints", hook).json["id"]

    def fresh() -> str:
        return world.fresh("bo")

    return {
        "/v1/cases": Taker("POST", "/v1/cases", lambda: world.case_wanted(fresh())),
        "/v1/cases/<case_code>/documents": Taker(
            "POST",
            f"/v1/cases/{case_code}/documents",
            lambda: {"documents": world.case_wanted(fresh())["documents"]},
        ),
        "/v1/cases/<case_code>/transitions": Taker(
            "POST", f"/v1/cases/{case_code}/transitions", lambda: {"reference": fresh(), "event": "finish"}
        ),
        "/v1/cases/<case_code>/extensions": Taker(
            "POST",
            f"/v1/cases/{case_code}/extensions",
            lambda: {"reference": fresh(), "reason": "later", "new_due_on": "2026-12-31"},
        ),
        "/v1/cases/<case_code>/fees": Taker(
            "POST",
            f"/v1/cases/{case_code}/fees",
            lambda: {
                "reference": fresh(),
                "lines": [{"kind": "phi", "code": "PH1", "name": "Phí", "amount_vnd": FEE_VND}],
                "reason": "set anew",
            },
        ),
        "/v1/payments": Taker("POST", "/v1/payments", lambda: world.payment_wanted(case_code, fresh())),
        "/v1/payments/<payment_id>/attempts": Taker(
            "POST", f"/v1/payments/{payment}/attempts", lambda: {"provider": "vnpay"}
        ),
        "/v1/payments/<payment_id>/refunds": Taker(
            "POST", f"/v1/payments/{world.paid(case_code)}/refunds", lambda: world.refund_wanted(fresh())
        ),
        "/v1/deliveries": Taker("POST", "/v1/deliveries", lambda: world.delivery_wanted(case_code, fresh())),
        "/v1/webhook_endpoints": Taker(
            "POST", "/v1/webhook_endpoints", lambda: {"url": f"https://example.vn/{fresh()}", "events": ["*"]}
        ),
        "/v1/webhook_endpoints/<endpoint_id>": Taker(
            "PATCH", f"/v1/webhook_endpoints/{endpoint}", lambda: {"state": "enabled"}
        ),
    }
