"""Values that a field may not have: sums, texts, codes, lists; each is 422 and changes nothing."""

import json
from typing import Any

import pytest
from api_wire import Reply
from api_world import World, fingerprint_of_world

pytestmark = pytest.mark.service

LINE = {"kind": "phi", "code": "P-1", "name": "Phí", "amount_vnd": 50_000}


def refused(world: World, target: str, wanted: object) -> Reply:
    before = fingerprint_of_world(world)
    body = wanted if isinstance(wanted, bytes) else json.dumps(wanted).encode()
    reply = world.call("POST", target, body).send()
    assert before == fingerprint_of_world(world)
    assert (422, "malformed") == (reply.status, reply.json["code"]), reply.text
    return reply


SUMS = ["1.5", "1.0", "1e3", "-1", "0", "-0", '"5"', "true", "null", "100000000000000", "9" * 30, "[1]", "{}"]


@pytest.mark.parametrize("sum_", SUMS)
def test_a_sum_of_a_fee_line_is_a_positive_whole_number(world: World, case_code: str, sum_: str) -> None:
    wanted = world.payment_wanted(case_code, world.fresh("va"), lines=[{**LINE, "amount_vnd": "HERE"}])
    reply = refused(world, "/v1/payments", json.dumps(wanted).replace('"HERE"', sum_).encode())
    assert "lines.0.amount_vnd" == reply.json["errors"][0]["field"]


@pytest.mark.parametrize("sum_", [each for each in SUMS if each not in {"0", "-0"}])
def test_money_on_delivery_is_a_whole_number(world: World, case_code: str, sum_: str) -> None:
    wanted = world.delivery_wanted(case_code, world.fresh("va"), cod_vnd="HERE")
    reply = refused(world, "/v1/deliveries", json.dumps(wanted).replace('"HERE"', sum_).encode())
    assert "cod_vnd" == reply.json["errors"][0]["field"]


def test_lines_that_come_to_more_than_any_provider_can_carry_are_refused(
    world: World, case_code: str
) -> None:
    lines = [{**LINE, "code": f"P-{n}", "amount_vnd": 10**12} for n in range(10)]
    refused(world, "/v1/payments", world.payment_wanted(case_code, world.fresh("va"), lines=lines))


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": []},
        {"lines": [LINE] * 51},
        {"lines": [{**LINE, "kind": "tax"}]},
        {"lines": [{**LINE, "extra": 1}]},
        {"lines": [{**LINE, "account": "0123 45"}]},
        {"expires_in_s": 59},
        {"expires_in_s": 2_592_001},
        {"expires_in_s": 60.0},
        {"expires_in_s": True},
        {"provider": ""},
        {"provider": None, "return_url": "javascript:alert(1)"},
        {"return_url": "https://a b"},
        {"return_url": "//example.vn"},
        {"return_url": "https://" + "a" * 500},
        {"case_code": "H28\x00"},
        {"case_code": ""},
        {"case_code": "H28' OR '1'='1"},
        {"case_code": "a" * 61},
        {"reference": ""},
        {"reference": "a" * 65},
        {"reference": "mã số"},
        {"reference": "a\n"},
        {"reference": "a\x00"},
        {"reference": ".a"},
        {"payer": {"name": "A", "id_number": "12\x0034"}},
        {"payer": {"name": ""}},
        {"payer": {}},
    ],
    ids=lambda each: json.dumps(each)[:40],
)
def test_a_payment_with_a_value_out_of_its_bounds(
    world: World, case_code: str, changes: dict[str, Any]
) -> None:
    refused(world, "/v1/payments", world.payment_wanted(case_code, world.fresh("va"), **changes))


NOT_A_LINE = {
    "zero byte": "A\x00B",
    "line feed": "A\nB",
    "escape": "A\x1b[31mB",
    "next line": "A\x85B",
    "line separator": "A\u2028B",
    "right to left override": "A\u202eB",
    "isolate": "A\u2066B",
    "no character of XML": "A\ufffeB",
    "too long": "a" * 251,
}


@pytest.mark.parametrize("name", NOT_A_LINE.values(), ids=NOT_A_LINE.keys())
def test_a_name_is_one_line_that_reads_as_it_is_written(world: World, case_code: str, name: str) -> None:
    """What is shown on a page of ours may not turn the order of what stands after it."""
    ways: list[tuple[str, Any]] = [
        ("/v1/payments", world.payment_wanted(case_code, world.fresh("va"), payer={"name": name})),
        (
            "/v1/payments",
            world.payment_wanted(case_code, world.fresh("va"), lines=[{**LINE, "name": name}]),
        ),
        (
            "/v1/deliveries",
            world.delivery_wanted(
                case_code, world.fresh("va"), recipient={"name": name, "phone": "0912345678"}
            ),
        ),
    ]
    wanted = world.case_wanted(world.fresh("va"))
    ways.append(("/v1/cases", {**wanted, "applicant": {**wanted["applicant"], "name": name}}))
    for target, body in ways:
        refused(world, target, body)


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": {"a": 1.5}},
        {"answers": {"a": 2**53}},
        {"answers": {"a": -(2**63)}},
        {"answers": {"a": [1]}},
        {"answers": {"a b": "x"}},
        {"answers": {"a": "x\x00"}},
        {"answers": {"a": "x" * 10_001}},
        {"answers": {f"a{n}": 1 for n in range(201)}},
        {"answers": {"reduction": 5}},
        {"answers": {"reduction": True}},
        {"answers": {"reduction": "everybody"}},
        {"case_code": "H28-260230-0001"},
        {"case_code": "not a code"},
        {"case_code": "H28-261124-0001\x00"},
        {"applicant": {"name": "A"}},
        {"applicant": None},
    ],
    ids=lambda each: json.dumps(each)[:40],
)
def test_a_case_with_a_value_out_of_its_bounds(world: World, changes: dict[str, Any]) -> None:
    refused(world, "/v1/cases", world.case_wanted(world.fresh("va"), **changes))


def test_a_document_that_is_announced_twice_is_refused(world: World) -> None:
    wanted = world.case_wanted(world.fresh("va"))
    refused(world, "/v1/cases", {**wanted, "documents": [*wanted["documents"], wanted["documents"][0]]})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size_bytes", 0),
        ("size_bytes", -1),
        ("size_bytes", 2**63),
        ("size_bytes", 1.0),
        ("sha256", "A" * 64),
        ("sha256", "a" * 63),
        ("media_type", "application/pdf; x=1"),
        ("media_type", "../../etc"),
        ("code", "../to-khai"),
        ("code", ""),
        ("name", "a\x00.pdf"),
    ],
)
def test_a_document_with_a_value_out_of_its_bounds(world: World, name: str, value: object) -> None:
    wanted = world.case_wanted(world.fresh("va"))
    wanted["documents"][0][name] = value
    refused(world, "/v1/cases", wanted)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": {"name": "A", "phone": "12345"}},
        {"recipient": {"name": "A", "phone": "0912-345-678"}},
        {"recipient": {"name": "A", "phone": "٠٩١٢٣٤٥٦٧٨"}},
        {"method": "pigeon"},
        {"address": {"text": "x", "province_code": "25", "era": "12"}},
        {"address": {"text": "x", "province_code": "25\x00", "era": "34"}},
        {"address": {"text": "x", "province_code": "không có", "era": "34"}},
        {"address": {"text": "x", "province_code": "25", "era": "34", "ward_code": -1}},
        {"address": {"text": "x", "province_code": "25", "era": "34", "old_province": "\x00"}},
    ],
    ids=lambda each: json.dumps(each)[:40],
)
def test_a_delivery_with_a_value_out_of_its_bounds(
    world: World, case_code: str, changes: dict[str, Any]
) -> None:
    refused(world, "/v1/deliveries", world.delivery_wanted(case_code, world.fresh("va"), **changes))


@pytest.mark.parametrize(
    "wanted",
    [
        {"url": "ftp://example.vn", "events": ["*"]},
        {"url": "https://example.vn", "events": []},
        {"url": "https://example.vn", "events": ["everything"]},
        {"url": "https://example.vn", "events": ["case.\x00"]},
        {"url": "https://example.vn", "events": ["*"] * 41},
        {"url": "https://example.vn", "events": ["*"], "secret": "whsec_"},
        {"url": "https://example.vn", "events": ["*"], "secret": "whsec_====", "x": 1},
        {"url": "https://example.vn", "events": ["*"], "secret": "whsec_QUJD"},
        {"url": "https://example.vn/\x00", "events": ["*"]},
    ],
    ids=lambda each: json.dumps(each)[:60],
)
def test_an_endpoint_with_a_value_out_of_its_bounds(world: World, wanted: dict[str, Any]) -> None:
    refused(world, "/v1/webhook_endpoints", wanted)
