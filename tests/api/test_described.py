"""What the OpenAPI document says of each operation is what happens: proof, queries, and every way to go wrong."""

import json
import re
from typing import Any

import pytest
from api_callbacks import Vnpay
from api_wire import Reply
from api_world import FEE_VND, World

pytestmark = pytest.mark.service

IDS = {
    "case_code": "H28-261124-9999",
    "document_code": "D-1",
    "paper_id": "pap_" + "0" * 32,
    "payment_id": "pay_" + "0" * 32,
    "delivery_id": "dlv_" + "0" * 32,
    "refund_id": "ref_" + "0" * 32,
    "endpoint_id": "whk_" + "0" * 32,
    "event_id": "evt_999999999",
    "code": "1.000000",
}


@pytest.fixture(scope="module")
def spec(world: World) -> dict[str, Any]:
    return dict(world.plain("GET", "/openapi.json").json)


def operations(spec: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    ]


def bad_calls(world: World, method: str, path: str) -> list[Reply]:
    """One operation, called in every way that is wrong."""
    target = re.sub(r"{(\w+)}", lambda found: IDS[found[1]], path)
    calls = [world.plain(method, target), world.ask(method, target), world.ask(method, target, who="reader")]
    if method in {"POST", "PATCH"}:
        calls += [
            world.call(method, target, b"{").send(),
            world.call(method, target, b"{}").send(),
            world.call(method, target, b"{}", content_type="text/plain").send(),
            world.call(method, target, b" " * 2_000_000).send(),
        ]
    if method == "PUT":
        calls += [world.put(target, b"x"), world.call(method, target, b"x").send()]
    return calls


def test_every_operation_asks_for_a_signature_and_says_so(spec: dict[str, Any]) -> None:
    assert [{"signature": []}] == spec["security"]
    scheme = spec["components"]["securitySchemes"]["signature"]
    assert ("apiKey", "header", "Signature") == (scheme["type"], scheme["in"], scheme["name"])
    assert [] == [path for _, path, operation in operations(spec) if "security" in operation]
    assert [] == [path for _, path, each in operations(spec) if not {"401", "403"} <= set(each["responses"])]


def test_every_problem_that_is_described_is_a_problem_by_type_and_schema(spec: dict[str, Any]) -> None:
    for _, path, operation in operations(spec):
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert ["application/problem+json"] == list(answer["content"]), path
                assert answer["description"].startswith("`"), (path, status)
    assert set(re.findall(r"#/components/schemas/(\w+)", json.dumps(spec))) <= set(
        spec["components"]["schemas"]
    )


def test_whatever_is_wrong_with_a_call_the_answer_is_one_that_is_described(
    world: World, spec: dict[str, Any]
) -> None:
    seen = set()
    for method, path, operation in operations(spec):
        for reply in bad_calls(world, method, path):
            assert str(reply.status) in operation["responses"], (method, path, reply.status, reply.text)
            seen.add(reply.status)
    assert {401, 403, 404, 400, 413, 415, 422} <= seen


def test_conflicts_and_old_pictures_are_described(world: World, spec: dict[str, Any], case_code: str) -> None:
    wanted = world.payment_wanted(case_code, world.fresh("de"))
    assert 201 == world.ask("POST", "/v1/payments", wanted).status
    other = {**wanted, "return_url": "https://portal.example/other"}
    payment, reference = world.started(case_code, "vnpay")
    assert "00" == Vnpay().word(Vnpay().paid(reference, FEE_VND).send(world))
    refund = {"reference": world.fresh("de"), "amount_vnd": 1, "refundable_vnd": 2, "reason": "test"}
    for target, body, path, status in (
        ("/v1/payments", other, "/v1/payments", 409),
        (f"/v1/payments/{payment['id']}/refunds", refund, "/v1/payments/{payment_id}/refunds", 412),
        (f"/v1/payments/{payment['id']}/cancel", None, "/v1/payments/{payment_id}/cancel", 409),
    ):
        assert status == world.ask("POST", target, body).status
        assert str(status) in spec["paths"][path]["post"]["responses"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/v1/payments", ["case_code", "reference", "state", "from", "to", "cursor", "limit"]),
        ("/v1/events", ["after", "limit"]),
        ("/v1/procedures", ["level", "q"]),
    ],
)
def test_what_can_be_asked_for_is_described(
    world: World, spec: dict[str, Any], path: str, names: list[str]
) -> None:
    described = [each for each in spec["paths"][path]["get"]["parameters"] if each["in"] == "query"]
    assert names == [each["name"] for each in described]
    for each in described:
        schema = each["schema"]
        for good in [
            *schema.get("enum", ()),
            *[schema[name] for name in ("minimum", "maximum") if name in schema],
        ]:
            assert 200 == world.ask("GET", f"{path}?{each['name']}={good}").status
        if "enum" in schema or "minimum" in schema or "pattern" in schema or "format" in schema:
            assert 422 == world.ask("GET", f"{path}?{each['name']}=nonsense").status
