"""What a fuzzed house has, and the OpenAPI document that names it where something of that name is asked for."""

import base64
import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api_papers import seal, with_papers
from api_world import FEE_VND, PAPERS, PROCEDURE, World

OK = 200
FRESH = "https://fresh"
"""Stands for a reference or a URL that was never used: each call gets its own."""
MADE_UP = frozenset({"reference", "url"})
NEW: Mapping[str, frozenset[str]] = {"CaseIn": frozenset({"case_code"})}
"""Where a name is given to something new: none that is known would do."""


@dataclass(frozen=True)
class Known:
    """What the house has: values of parameters and of members of bodies, by name."""

    parameters: Mapping[str, list[Any]]
    members: Mapping[str, list[Any]]


def seeded(world: World) -> Known:
    """A case of each kind with payments, papers, a refund, a delivery and a webhook."""
    draft, waiting_code = world.draft()["case_code"], world.submitted()["case_code"]
    waiting, done = world.payment(waiting_code)["id"], with_papers(world)
    code, paid = done.code, done.payment
    process = {"reference": world.fresh("fz"), "event": "process"}
    assert world.ask("POST", f"/v1/cases/{code}/transitions", process).status == OK
    refund = world.ask("POST", f"/v1/payments/{paid}/refunds", world.refund_wanted(world.fresh("fz"))).json
    delivery = world.ask("POST", "/v1/deliveries", world.delivery_wanted(code, world.fresh("fz"))).json
    hook = {"url": "https://example.vn/fuzzed", "events": ["*"]}
    endpoint = world.ask("POST", "/v1/webhook_endpoints", hook).json
    events = world.ask("GET", "/v1/events?limit=500").json["events"]
    (document, content), *_ = PAPERS.items()
    seal(world)
    parameters = {
        "case_code": [code, waiting_code, draft],
        "paper_id": list(done.papers),
        "document_code": list(PAPERS),
        "payment_id": [waiting, paid],
        "refund_id": [refund["id"]],
        "delivery_id": [delivery["id"]],
        "endpoint_id": [endpoint["id"]],
        "event_id": [events[0]["id"], events[-1]["id"]],
        "code": [PROCEDURE],
        "month": [f"{datetime.now(UTC):%Y-%m}"],
        "agency": ["H28"],
        "Tus-Resumable": ["1.0.0"],
        "Upload-Length": [str(len(content))],
        "Upload-Metadata": [f"case_code {_base64(draft)},document_code {_base64(document)}"],
    }
    members = {
        "case_code": [waiting_code, code],
        "reference": [FRESH],
        "procedure_code": [PROCEDURE],
        "province_code": ["25"],
        "old_province": ["Hòa Bình"],
        "ward_code": [4792],
        "era": ["34"],
        "provider": ["dvcqg", "vnpay"],
        "operator": ["vnpost_ngsp"],
        "refundable_vnd": [FEE_VND - 1],
        "new_due_on": ["2027-12-31"],
        "url": [FRESH],
        "events": [["*"], ["case.*", "payment.*"]],
    }
    return Known(parameters, members)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def offered(spec: Mapping[str, Any], known: Known, *, only: bool) -> dict[str, Any]:
    """The document without its proof of origin, which is ours to make, and with what is known where it is asked for.

    Known things are examples beside all that the document allows; or, with `only`, nothing else is allowed.
    """
    made = copy.deepcopy(dict(spec))
    del made["security"], made["components"]["securitySchemes"]
    for name, model in made["components"]["schemas"].items():
        if model.get("additionalProperties") is False:  # what is taken in, and not what is answered
            for member in known.members.keys() & model["properties"].keys() - NEW.get(name, frozenset()):
                schema = model["properties"][member]
                model["properties"][member] = _naming(
                    schema, known.members[member], only=only and member not in MADE_UP
                )
    for operation in (each for methods in made["paths"].values() for each in methods.values()):
        for each in operation.get("parameters", ()):
            if each["name"] in known.parameters:
                each["schema"] = _naming(each["schema"], known.parameters[each["name"]], only=only)
    return made


def _naming(schema: Mapping[str, Any], values: list[Any], *, only: bool) -> dict[str, Any]:
    if not only:
        return {**schema, "examples": values}
    return {"enum": [*values, *([None] if {"type": "null"} in schema.get("anyOf", ()) else [])]}
