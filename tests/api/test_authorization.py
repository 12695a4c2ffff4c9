"""A key may do what its scopes say, with its own portal's things only. Every route of the API is in a table here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from api_wire import Reply, uploaded
from api_world import FEE_VND, PAPERS, PROCEDURE, World, fingerprint_of_world
from tus_wire import order

from gateway.service import case_papers, sealing, webhooks
from gateway.store import receipts, spine

pytestmark = pytest.mark.service


@dataclass(frozen=True)
class Things:
    """What portal `all` has: one of each kind, by id."""

    draft: str
    case: str
    payment: str
    paid: str
    refund: str
    delivery: str
    endpoint: str
    event: str
    paper: str


@dataclass(frozen=True)
class Order:
    """An upload in parts of the first document of a case: what is wanted stands in headers."""

    case_code: str


Target = Callable[[Things], str]
Body = Callable[[World, Things], Any]

READS: dict[str, Target] = {
    "GET /v1/cases/<case_code>": lambda own: f"/v1/cases/{own.case}",
    "GET /v1/cases/<case_code>/evidence": lambda own: f"/v1/cases/{own.case}/evidence",
    "GET /v1/cases/<case_code>/papers": lambda own: f"/v1/cases/{own.case}/papers",
    "GET /v1/cases/<case_code>/papers/<paper_id>": lambda own: f"/v1/cases/{own.case}/papers/{own.paper}",
    "GET /v1/payments/<payment_id>": lambda own: f"/v1/payments/{own.payment}",
    "GET /v1/payments/<payment_id>/receipt": lambda own: f"/v1/payments/{own.payment}/receipt",
    "GET /v1/refunds/<refund_id>": lambda own: f"/v1/refunds/{own.refund}",
    "GET /v1/deliveries/<delivery_id>": lambda own: f"/v1/deliveries/{own.delivery}",
    "GET /v1/webhook_endpoints/<endpoint_id>": lambda own: f"/v1/webhook_endpoints/{own.endpoint}",
    "GET /v1/webhook_endpoints/<endpoint_id>/attempts": lambda own: (
        f"/v1/webhook_endpoints/{own.endpoint}/attempts"
    ),
}
"""Reading one thing of a portal."""

LISTS: dict[str, Target] = {
    "GET /v1/payments": lambda own: f"/v1/payments?case_code={own.case}",
    "GET /v1/events": lambda _: "/v1/events?limit=500",
}
"""Reading many things: another portal gets its own, which here are none."""

SHARED: dict[str, Target] = {
    "GET /v1/procedures": lambda _: "/v1/procedures",
    "GET /v1/procedures/<code>": lambda _: f"/v1/procedures/{PROCEDURE}",
    "GET /v1/status": lambda _: "/v1/status",
}
"""What every portal may read."""

OF_THE_AGENCY: dict[str, Target] = {
    "GET /v1/figures": lambda _: f"/v1/figures?month={datetime.now(UTC):%Y-%m}",
}
"""What every portal may read of its own agency; `test_figures.py` shows that it is of no other."""

FEES = [{"kind": "phi", "code": "PH1", "name": "Phí", "amount_vnd": FEE_VND}]

WRITES: dict[str, tuple[Target, Body]] = {
    "POST /v1/cases/<case_code>/submit": (lambda own: f"/v1/cases/{own.draft}/submit", lambda *_: None),
    "POST /v1/cases/<case_code>/transitions": (
        lambda own: f"/v1/cases/{own.case}/transitions",
        lambda world, _: {"reference": world.fresh("tr"), "event": "accept"},
    ),
    "POST /v1/cases/<case_code>/fees": (
        lambda own: f"/v1/cases/{own.case}/fees",
        lambda world, _: {"reference": world.fresh("fe"), "lines": FEES, "reason": "set anew"},
    ),
    "POST /v1/cases/<case_code>/extensions": (
        lambda own: f"/v1/cases/{own.case}/extensions",
        lambda world, _: {
            "reference": world.fresh("ex"),
            "reason": "later",
            "new_due_on": datetime.now(UTC).date().isoformat(),
        },
    ),
    "POST /v1/cases/<case_code>/documents": (
        lambda own: f"/v1/cases/{own.draft}/documents",
        lambda world, _: {"documents": world.case_wanted("x")["documents"]},
    ),
    "PUT /v1/cases/<case_code>/documents/<document_code>": (
        lambda own: f"/v1/cases/{own.draft}/documents/to-khai",
        lambda *_: PAPERS["to-khai"],
    ),
    "PUT /v1/cases/<case_code>/result": (lambda own: f"/v1/cases/{own.case}/result", lambda *_: b"%PDF-1.4"),
    "POST /v1/uploads": (lambda _: "/v1/uploads", lambda _, own: Order(own.draft)),
    "POST /v1/payments": (
        lambda _: "/v1/payments",
        lambda world, own: world.payment_wanted(own.case, world.fresh("au")),
    ),
    "POST /v1/payments/<payment_id>/cancel": (
        lambda own: f"/v1/payments/{own.payment}/cancel",
        lambda *_: None,
    ),
    "POST /v1/payments/<payment_id>/attempts": (
        lambda own: f"/v1/payments/{own.payment}/attempts",
        lambda *_: {"provider": "vnpay"},
    ),
    "POST /v1/payments/<payment_id>/refunds": (
        lambda own: f"/v1/payments/{own.paid}/refunds",
        lambda world, _: world.refund_wanted(world.fresh("au")),
    ),
    "POST /v1/deliveries": (
        lambda _: "/v1/deliveries",
        lambda world, own: world.delivery_wanted(own.case, world.fresh("au")),
    ),
    "PATCH /v1/webhook_endpoints/<endpoint_id>": (
        lambda own: f"/v1/webhook_endpoints/{own.endpoint}",
        lambda *_: {"state": "disabled"},
    ),
    "DELETE /v1/webhook_endpoints/<endpoint_id>": (
        lambda own: f"/v1/webhook_endpoints/{own.endpoint}",
        lambda *_: None,
    ),
    "POST /v1/events/<event_id>/resend": (lambda own: f"/v1/events/{own.event}/resend", lambda *_: None),
}
"""Changing something of a portal's."""

CREATES: dict[str, tuple[Target, Body]] = {
    "POST /v1/cases": (lambda _: "/v1/cases", lambda world, _: world.case_wanted(world.fresh("au"))),
    "POST /v1/webhook_endpoints": (
        lambda _: "/v1/webhook_endpoints",
        lambda world, _: {"url": f"https://example.vn/{world.fresh('hook')}", "events": ["*"]},
    ),
}
"""Making something of nothing: what another portal makes is its own."""


LINKS = (
    "PATCH /v1/uploads/<link>",
    "DELETE /v1/uploads/<link>",
    "POST /v1/uploads/<link>",
)
"""Who has the link may, and nobody is asked who they are; `test_tus.py` shows that nobody else may."""


@pytest.fixture(scope="module")
def own(world: World, case_code: str) -> Things:
    payment = world.payment(case_code)["id"]
    delivery = world.ask("POST", "/v1/deliveries", world.delivery_wanted(case_code, world.fresh("au"))).json
    refunded = world.paid(case_code)
    refund = world.ask(
        "POST", f"/v1/payments/{refunded}/refunds", world.refund_wanted(world.fresh("au"))
    ).json
    hook = {"url": "https://example.vn/au", "events": ["payment.created"]}
    endpoint = world.ask("POST", "/v1/webhook_endpoints", hook).json
    pdf = world.house.context.files.put(b"%PDF-1.4 bien lai")
    with world.engine.begin() as connection:
        event = next(e for e in spine.of_case(connection, case_code) if e.subject_id == payment)
        webhooks.fan_out(connection, [event])
        number = receipts.take_number(connection, "AU")
        paper = receipts.add(
            connection, payment_id=payment, series="AU", number=number, facts_sealed=b"sealed"
        )
        receipts.issue(
            connection, paper, papers={"pdf_sha256": pdf, "json_sha256": pdf}, now=datetime.now(UTC)
        )
    papers = world.rows("SELECT id FROM case_papers WHERE case_code = :c", c=case_code)
    case_papers.issue(world.house.context, papers[0].id, datetime.now(UTC))
    while sealing.seal(world.house.context, datetime.now(UTC)):
        pass
    return Things(
        draft=world.draft()["case_code"],
        case=case_code,
        payment=payment,
        paid=world.paid(case_code),
        refund=refund["id"],
        delivery=delivery["id"],
        endpoint=endpoint["id"],
        event=f"evt_{event.id}",
        paper=papers[0].id,
    )


def ask(world: World, who: str, name: str, target: str, body: object = None) -> Reply:
    method = name.partition(" ")[0]
    if isinstance(body, Order):
        return order(world, body.case_code, "to-khai", len(PAPERS["to-khai"]), who=who)
    call = world.call(method, target, body, who=who)
    if method == "PUT":
        call = uploaded(world.call(method, target, body, who=who, content_type="application/pdf"))
    return call.send()


def test_every_route_of_the_api_stands_in_a_table_here(world: World) -> None:
    routes = {
        f"{method} {rule.rule}"
        for rule in world.app.url_map.iter_rules()
        if rule.rule.startswith("/v1")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert routes == {*READS, *LISTS, *SHARED, *OF_THE_AGENCY, *WRITES, *CREATES, *LINKS}


@pytest.mark.parametrize("name", [*WRITES, *CREATES])
def test_a_key_that_may_only_read_changes_nothing(world: World, own: Things, name: str) -> None:
    target, body = {**WRITES, **CREATES}[name]
    before = fingerprint_of_world(world)
    reply = ask(world, "reader", name, target(own), body(world, own))
    assert (403, "application/problem+json") == (reply.status, reply.media_type)
    assert "scope" == reply.json["code"]
    assert before == fingerprint_of_world(world)


@pytest.mark.parametrize("name", [*READS, *LISTS, *SHARED, *OF_THE_AGENCY])
def test_a_key_that_may_not_read_gets_nothing(world: World, own: Things, name: str) -> None:
    reply = ask(world, "writer", name, {**READS, **LISTS, **SHARED, **OF_THE_AGENCY}[name](own))
    assert (403, "scope") == (reply.status, reply.json["code"])


@pytest.mark.parametrize("name", READS)
def test_the_owner_reads_its_own(world: World, own: Things, name: str) -> None:
    assert 200 == ask(world, "reader", name, READS[name](own)).status


@pytest.mark.parametrize("name", READS)
def test_what_is_another_portals_is_not_found(world: World, own: Things, name: str) -> None:
    reply = ask(world, "other", name, READS[name](own))
    assert (404, "not_found") == (reply.status, reply.json["code"])


@pytest.mark.parametrize("name", WRITES)
def test_what_is_another_portals_cannot_be_changed(world: World, own: Things, name: str) -> None:
    target, body = WRITES[name]
    before = fingerprint_of_world(world)
    reply = ask(world, "other", name, target(own), body(world, own))
    assert (404, "not_found") == (reply.status, reply.json["code"])
    assert before == fingerprint_of_world(world)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_holds_nothing_of_another_portal(world: World, own: Things, name: str) -> None:
    mine = ask(world, "all", name, LISTS[name](own)).text
    theirs = ask(world, "other", name, LISTS[name](own)).text
    assert own.case in mine
    assert own.case not in theirs


@pytest.mark.parametrize("name", SHARED)
def test_what_is_shared_is_the_same_for_all(world: World, own: Things, name: str) -> None:
    replies = [ask(world, who, name, SHARED[name](own)) for who in ("all", "other")]
    assert [200, 200] == [reply.status for reply in replies]
    assert replies[0].json == replies[1].json


def test_the_same_reference_of_two_portals_is_two_things(world: World) -> None:
    reference = world.fresh("both")
    made = [world.ask("POST", "/v1/cases", world.case_wanted(reference), who=who) for who in ("all", "other")]
    assert [201, 201] == [reply.status for reply in made]
    assert made[0].json["case_code"] != made[1].json["case_code"]


def test_a_case_code_of_another_portal_s_agency_is_refused_and_tells_nothing(
    world: World, own: Things
) -> None:
    before = fingerprint_of_world(world)
    wanted = world.case_wanted(world.fresh("own"), case_code=own.case)
    reply = world.ask("POST", "/v1/cases", wanted, who="other")
    assert (422, "malformed") == (reply.status, reply.json["code"])
    assert before == fingerprint_of_world(world)
