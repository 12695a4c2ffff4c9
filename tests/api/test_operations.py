"""What operators, machines and integrators read: health, figures, the contract, keys, the list of errors."""

import json
import re
from collections.abc import Iterator

import pytest
from api_world import NOWHERE, World, fingerprint_of_world
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client.parser import text_string_to_metric_families

from gateway.figures import why_not_ready
from gateway.store import embedded, migrate
from gateway.store.engine import make_engine
from gateway.web.problems import HTTP_PROBLEMS, PROBLEMS, UPLOAD_PROBLEMS
from sandbox.portal_client import PortalClient

pytestmark = pytest.mark.service


def test_the_process_says_that_it_lives_and_that_it_is_ready(world: World) -> None:
    for target in ("/healthz", "/readyz"):
        reply = world.plain("GET", target)
        assert (200, {"status": "ok"}) == (reply.status, reply.json)


@pytest.fixture
def empty_database(world: World) -> str:
    return embedded.start(world.house.settings.var_dir / "pg", database="empty").url


def test_a_database_without_our_schema_is_not_ready(empty_database: str) -> None:
    engine = make_engine(empty_database)
    assert f"schema base, code {migrate.head()}" == why_not_ready(engine)
    migrate.upgrade(engine, "0001")
    assert f"schema 0001, code {migrate.head()}" == why_not_ready(engine)
    migrate.upgrade(engine)
    assert why_not_ready(engine) is None
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert why_not_ready(engine) is None, "the code of the release before goes on under a newer schema"
    engine.dispose()


def test_a_database_that_does_not_answer_is_not_ready() -> None:
    engine = make_engine("postgresql://nobody@127.0.0.1:9/none?connect_timeout=2")
    assert "OperationalError" == why_not_ready(engine)
    engine.dispose()


def test_what_is_not_ready_answers_503(world: World) -> None:
    back = f"UPDATE alembic_version SET version_num = '{migrate.head()}'"
    with world.altered("UPDATE alembic_version SET version_num = '0001'", back):
        reply = world.plain("GET", "/readyz")
    assert (503, "not ready") == (reply.status, reply.json["status"])
    assert f"schema 0001, code {migrate.head()}" == reply.json["why"]
    assert 200 == world.plain("GET", "/readyz").status


def test_the_figures_are_in_the_format_of_prometheus(world: World, case_code: str) -> None:
    payment, _ = world.started(case_code, "vnpay")
    reply = world.plain("GET", "/metrics")
    families = {each.name: each for each in text_string_to_metric_families(reply.text)}
    assert 200 == reply.status
    assert {"cong4_payments", "cong4_jobs", "cong4_webhooks_undelivered"} <= set(families)
    states = {each.labels["state"]: each.value for each in families["cong4_payments"].samples}
    counted = world.rows("SELECT state, count(*) AS many FROM payments GROUP BY state")
    assert {row.state: float(row.many) for row in counted} == states
    assert payment["order_code"] not in reply.text


def test_the_contract_is_openapi_3_1_and_names_every_route(world: World) -> None:
    reply = world.plain("GET", "/openapi.json")
    contract = reply.json
    assert (200, "3.1.0") == (reply.status, contract["openapi"])
    routes = {
        (method.lower(), re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in world.app.url_map.iter_rules()
        if rule.rule.startswith("/v1/")
        and not rule.endpoint.startswith("upload_links.")  # tus tells of these itself
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    told = {
        (method, path)
        for path, items in contract["paths"].items()
        for method in items
        if method in {"get", "post", "put", "patch", "delete"}
    }
    assert routes == told
    for each in _references(contract):
        assert _found(contract, each), each


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _found(contract: object, reference: str) -> bool:
    for name in reference.removeprefix("#/").split("/"):
        if not isinstance(contract, dict) or name not in contract:
            return False
        contract = contract[name]
    return True


def test_the_published_keys_have_no_private_part(world: World) -> None:
    reply = world.plain("GET", "/.well-known/jwks.json")
    keys = reply.json["keys"]
    assert 3 == len(keys)
    assert {"OKP", "EC"} == {key["kty"] for key in keys}
    for key in keys:
        assert {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}.isdisjoint(key)
        assert key["kid"]


def test_the_page_of_errors_has_an_anchor_for_every_code(world: World) -> None:
    page = world.plain("GET", "/docs/errors").text
    codes = {each.code for each in [*PROBLEMS.values(), *HTTP_PROBLEMS.values(), *UPLOAD_PROBLEMS.values()]}
    assert codes == set(re.findall(r'id="([a-z_]+)"', page))


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("GET", "/v1/payments/pay_none", None, 404),
        ("GET", "/v1/payments?limit=0", None, 422),
        ("POST", "/v1/payments", {}, 422),
        ("POST", "/v1/cases", b"{", 400),
        ("GET", "/v1/nothing", None, 404),
        ("DELETE", "/v1/cases", None, 405),
    ],
)
def test_a_problem_is_whole_and_signed(
    world: World, client: PortalClient, method: str, target: str, body: object, status: int
) -> None:
    raw = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.send(method, target, body=raw, content_type="application/json" if raw else "")
    assert (status, "application/problem+json") == (answer.status_code, answer.headers["Content-Type"])
    problem = answer.json()
    assert {"type", "title", "title_vi", "status", "detail", "code", "trace_id"} <= set(problem)
    assert all(problem[name] for name in ("type", "title", "title_vi", "detail", "code", "trace_id"))
    assert status == problem["status"]
    assert f"/docs/errors#{problem['code']}" == problem["type"]
    assert "Signature" in answer.headers  # and it holds, or the client had said so
    assert world.plain("GET", problem["type"].partition("#")[0]).status == 200


def test_an_answer_to_an_unproved_request_is_signed_too(world: World) -> None:
    key = Ed25519PrivateKey.generate()
    stranger = PortalClient(world.url, "stranger", key)
    answer = stranger.send("GET", "/v1/payments")
    assert 401 == answer.status_code
    assert "Signature" in answer.headers
    stranger.close()


def test_a_method_that_is_not_offered_names_those_that_are(world: World) -> None:
    reply = world.ask("DELETE", "/v1/payments")
    assert (405, {"GET", "HEAD", "OPTIONS", "POST"}) == (
        reply.status,
        set(reply.headers["allow"].replace(" ", "").split(",")),
    )


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">]><x>&e;&e;&e;</x>"""
OUTSIDE = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "{NOWHERE}/y">]><x>&y;</x>'.encode()


@pytest.mark.parametrize("body", [BOMB, OUTSIDE], ids=["bomb", "outside"])
@pytest.mark.parametrize("content_type", ["application/xml", "text/xml; charset=utf-8", "application/json"])
def test_no_route_reads_xml(world: World, body: bytes, content_type: str) -> None:
    before, calls = fingerprint_of_world(world), world.one("SELECT count(*) AS many FROM calls").many
    for rule in world.app.url_map.iter_rules():
        for method in {"POST", "PATCH"} & rule.methods:
            target = re.sub(r"<[^>]+>", "x", rule.rule)
            if rule.rule.startswith("/v1/"):
                reply = world.call(method, target, body, content_type=content_type).send()
                takes_nothing = rule.rule.endswith(("/submit", "/cancel", "/resend"))
                expected = {415} if "xml" in content_type else {404, 422} if takes_nothing else {400}
            else:
                target = target.replace("/callbacks/x", "/callbacks/dvcqg")
                reply = world.plain(method, target, headers=[("Content-Type", content_type)], body=body)
                expected = {200} if rule.rule.startswith("/callbacks/") else {415}
                if rule.rule.startswith("/inquiries/"):
                    expected = {404}  # nobody of this name asks
            if rule.rule.startswith("/v1/uploads"):
                expected = {405, 412, 415}  # who speaks no tus is not heard at all
            assert reply.status in expected, (method, target, reply.text)
            if expected == {200}:
                assert "99" == reply.json["MaLoi"]  # the provider's own word for what cannot be read
    assert before == fingerprint_of_world(world)
    assert calls == world.one("SELECT count(*) AS many FROM calls").many
