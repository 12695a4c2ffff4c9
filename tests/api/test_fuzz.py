"""Whatever JSON is sent to whatever route, the answer is a clear one and never an error of ours."""

import json
from urllib.parse import urlencode

import pytest
from api_bodies import Taker, takers
from api_world import World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.service

RULES = (
    "/v1/cases",
    "/v1/cases/<case_code>/transitions",
    "/v1/cases/<case_code>/extensions",
    "/v1/cases/<case_code>/fees",
    "/v1/payments",
    "/v1/payments/<payment_id>/attempts",
    "/v1/payments/<payment_id>/refunds",
    "/v1/deliveries",
    "/v1/webhook_endpoints",
    "/v1/webhook_endpoints/<endpoint_id>",
)

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(
        ["", "\x00", "\u202e", "H28-261124-0001", "25", "34", "post", "vnpay", "*", "whsec_AA=="]
    )
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
BOUNDED = settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def known(world: World, case_code: str) -> dict[str, Taker]:
    return takers(world, case_code)


@pytest.mark.parametrize("rule", RULES)
@BOUNDED
@given(data=st.data())
def test_a_good_body_with_some_other_values_is_answered(
    world: World, known: dict[str, Taker], rule: str, data: st.DataObject
) -> None:
    wanted = known[rule].wanted()
    names = data.draw(st.lists(st.sampled_from(sorted(wanted)), min_size=1, max_size=3, unique=True))
    for name in names:
        inner = wanted[name]
        if isinstance(inner, dict) and inner and data.draw(st.booleans()):
            wanted[name] = {**inner, data.draw(st.sampled_from(sorted(inner))): data.draw(_JSON)}
        else:
            wanted[name] = data.draw(_JSON)
    reply = world.ask(known[rule].method, known[rule].target, wanted)
    assert reply.status < 500, (wanted, reply.text)


@pytest.mark.parametrize("rule", RULES)
@BOUNDED
@given(value=_JSON)
def test_any_json_is_answered(world: World, known: dict[str, Taker], rule: str, value: object) -> None:
    reply = world.call(known[rule].method, known[rule].target, json.dumps(value).encode()).send()
    assert reply.status < 500, (value, reply.text)


@pytest.mark.parametrize("rule", RULES)
@BOUNDED
@given(body=st.binary(max_size=200))
def test_any_bytes_are_answered(world: World, known: dict[str, Taker], rule: str, body: bytes) -> None:
    reply = world.call(known[rule].method, known[rule].target, body).send()
    assert reply.status < 500


@BOUNDED
@given(
    query=st.dictionaries(
        st.sampled_from(
            [
                *("case_code", "reference", "state", "from", "to", "cursor", "limit", "after"),
                *("q", "level", "month", "agency", "field"),
            ]
        ),
        st.text(max_size=30)
        | st.sampled_from(["2026-01-01T00:00:00+07:00", "9999-12-31T23:59:59-12:00", "0-0", "1", "2026-11"]),
    ),
    target=st.sampled_from(["/v1/payments", "/v1/events", "/v1/procedures", "/v1/status", "/v1/figures"]),
)
def test_any_query_is_answered(world: World, query: dict[str, str], target: str) -> None:
    given_ = urlencode({name: value.encode("utf-8", "replace") for name, value in query.items()})
    assert world.ask("GET", f"{target}?{given_}").status < 500
