"""The post's side: tokens, orders, and a feed that is doubled, disordered and full of surprises."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sandbox.post_feed import DELIVERED, JOURNEY, UNKNOWN_CODE, is_object_id, item_code, journey, object_id
from sandbox.post_wire import order_fault

BASE = "/apiVNPostNGSP/p1.0/order"
ZEROS = "0" * 24
ORDER = {
    "CustomerCode": "H28HCC",
    "OrderNumber": "H28-261124-0001",
    "CODAmount": 0.0,
    "SenderProvince": 35,
    "SenderDistrict": None,
    "SenderAddress": "Số 1 đường Thử",
    "SenderName": "TTPVHCC",
    "SenderTel": "02180000000",
    "ReceiverName": "Nguyễn Văn A",
    "ReceiverAddress": "Số 2 đường Thử",
    "ReceiverTel": "0900000000",
    "ReceiverProvince": 10,
}


class Post:
    def __init__(self, url: str) -> None:
        self.url = url
        self.token = self.ask_token().json()["access_token"]

    def ask_token(self, auth: Any = ("key", "secret"), grant: Any = "client_credentials") -> Any:
        return requests.post(f"{self.url}/token", data={"grant_type": grant}, auth=auth, timeout=5)

    def headers(self) -> Any:
        return {"Authorization": f"Bearer {self.token}"}

    def order(self, **other: Any) -> Any:
        return requests.post(
            f"{self.url}{BASE}/post", json={**ORDER, **other}, headers=self.headers(), timeout=5
        )

    def get(self, call: str, **params: Any) -> Any:
        return requests.get(f"{self.url}{BASE}/{call}", params=params, headers=self.headers(), timeout=5)

    def events(self, cursor: str = ZEROS, size: int = 1000) -> Any:
        return self.get("tracking", pagesize=size, lastId=cursor).json()["_embedded"]["rh:doc"]

    def wait_for_delivery(self, order_number: str) -> Any:
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            events = [e for e in self.events() if e["OrderNumber"] == order_number]
            if any(e["StatusCode"] == DELIVERED for e in events):
                return events
            time.sleep(0.02)
        raise AssertionError("never delivered")


@pytest.fixture
def post(world: Any) -> Any:
    return Post(world.urls["post"])


@pytest.mark.parametrize(
    ("serial", "check"),
    [("47312482", "9"), ("00071758", "1"), ("96633102", "0"), ("12345678", "5"), ("00000000", "5")],
)
def test_an_item_code_ends_in_the_check_digit_of_s10(serial: str, check: str) -> None:
    assert f"RH{serial}{check}VN" == item_code(0, int(serial))


def test_object_ids_grow_and_look_like_mongodbs() -> None:
    ids = [object_id(100, 4, 1), object_id(100, 4, 2), object_id(101, 4, 1)]
    assert ids == sorted(ids)
    assert all(is_object_id(text) for text in ids)
    assert not is_object_id("G" * 24)


def test_every_journey_holds_every_event_the_unknown_one_and_one_double_and_ends_in_delivery() -> None:
    journeys = [[step.code for step in journey(4, f"H28-{n}")] for n in range(50)]
    assert {tuple(sorted(set(JOURNEY)))} == {tuple(sorted(set(codes))) for codes in journeys}
    assert {len(JOURNEY) + 1} == {len(codes) for codes in journeys}
    assert {DELIVERED} == {codes[-1] for codes in journeys}
    assert {1} == {codes.count(DELIVERED) for codes in journeys}
    in_order = [list(dict.fromkeys(codes)) == list(JOURNEY) for codes in journeys]
    assert {True, False} == set(in_order)
    assert [step.code for step in journey(4, "H28-7")] == journeys[7]


def test_a_token_is_given_for_the_key_and_secret_only(post: Any) -> None:
    assert 200 == post.ask_token().status_code
    assert [401, 401, 400] == [
        post.ask_token(auth=("key", "other")).status_code,
        post.ask_token(auth=None).status_code,
        post.ask_token(grant="password").status_code,
    ]
    answer = post.ask_token().json()
    assert ("Bearer", 3600) == (answer["token_type"], answer["expires_in"])


def test_no_call_is_answered_without_a_living_token(setting: Any) -> None:
    now = [datetime(2026, 11, 24, 3, 0, tzinfo=UTC)]
    post = Post(setting.start(clock=lambda: now[0]).urls["post"])
    assert 201 == post.order().status_code
    now[0] += timedelta(hours=1, seconds=1)
    assert [401, 401, 401] == [
        post.order().status_code,
        post.get("cancel", CustomerCode="H28HCC", OrderNumber="x").status_code,
        post.get("tracking", pagesize=1, lastId=ZEROS).status_code,
    ]
    post.token = post.ask_token().json()["access_token"]
    assert 201 == post.order().status_code


def test_an_order_is_taken_once_and_known_ever_after(post: Any) -> None:
    first, again = post.order(), post.order(ReceiverName="Trần Thị B")
    assert (201, 100) == (first.status_code, first.json()["Status"])
    assert (201, 101) == (again.status_code, again.json()["Status"])


def test_a_wrong_order_is_refused_in_the_result(post: Any) -> None:
    for wrong in (
        {"CustomerCode": "OTHER"},
        {"OrderNumber": ""},
        {"ReceiverTel": None},
        {"SenderProvince": "35"},
        {"ReceiverProvince": True},
        {"CODAmount": -1},
        {"CODAmount": "0"},
    ):
        assert 102 == post.order(**wrong).json()["Status"], wrong


@given(
    st.dictionaries(
        st.sampled_from([*ORDER, "x"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.none()),
    )
)
def test_no_order_breaks_its_reader(fields: Any) -> None:
    asked = {**ORDER, **fields}
    answer = order_fault(asked, "H28HCC")
    assert answer is None or (isinstance(answer, str) and asked != ORDER)


def test_bodies_that_are_not_json_objects_are_bad_requests(post: Any) -> None:
    for body in (b"\xff", b"[]", b"[" * 100_000, b'{"OrderNumber":"\\ud800"}'):
        answer = requests.post(f"{post.url}{BASE}/post", data=body, headers=post.headers(), timeout=5)
        assert 400 == answer.status_code


def test_a_parcel_moves_by_itself_to_delivery_with_an_unknown_event_on_the_way(post: Any) -> None:
    started_ms = time.time() * 1000
    post.order()
    events = post.wait_for_delivery("H28-261124-0001")
    codes = [event["StatusCode"] for event in events]
    assert ({1, 2, 3, 4, UNKNOWN_CODE}, 6) == (set(codes), len(codes))
    assert 1 == len({event["ItemCode"] for event in events})
    delivered = next(event for event in events if event["StatusCode"] == DELIVERED)
    assert started_ms < delivered["EventTime"] <= time.time() * 1000
    assert ("H28HCC", "Phát thành công") == (delivered["CustomerCode"], delivered["StatusMessage"])


def test_the_feed_is_read_page_by_page_without_a_gap_or_a_repeat(post: Any) -> None:
    for n in range(3):
        post.order(OrderNumber=f"H28-261124-{n:04d}")
    for n in range(3):
        post.wait_for_delivery(f"H28-261124-{n:04d}")
    whole = [event["_id"]["$oid"] for event in post.events()]
    cursor, seen = ZEROS, []
    while page := post.events(cursor, size=4):
        seen += [event["_id"]["$oid"] for event in page]
        cursor = seen[-1]
    assert (18, whole, sorted(whole)) == (len(seen), seen, seen)
    answer = post.get("tracking", pagesize=4, lastId=ZEROS).json()
    assert (18, 5, 4) == (answer["_size"], answer["_total_pages"], answer["_returned"])
    last = post.get("tracking", pagesize=4, lastId=cursor).json()
    assert (0, 0, []) == (last["_size"], last["_returned"], last["_embedded"]["rh:doc"])


def test_a_page_size_or_cursor_out_of_bounds_is_a_bad_request(post: Any) -> None:
    for size, cursor in ((0, ZEROS), (1001, ZEROS), ("x", ZEROS), (1, "0"), (1, "Z" * 24), ("²", ZEROS)):
        assert 400 == post.get("tracking", pagesize=size, lastId=cursor).status_code
    assert 200 == post.get("tracking", pagesize=1000, lastId=ZEROS).status_code


def test_an_order_is_cancelled_until_the_parcel_is_collected(post: Any) -> None:
    post.order(OrderNumber="A")
    post.order(OrderNumber="B")

    def cancel(number: str, customer: str = "H28HCC") -> Any:
        return post.get("cancel", CustomerCode=customer, OrderNumber=number)

    assert (201, 100) == (cancel("A").status_code, cancel("A").json()["Status"])
    post.wait_for_delivery("B")
    assert [102, 102, 102] == [
        cancel("B").json()["Status"],
        cancel("NOSUCH").json()["Status"],
        cancel("A", "OTHER").json()["Status"],
    ]
    assert {"B"} == {event["OrderNumber"] for event in post.events()} - {"A"}
    assert 2 not in [event["StatusCode"] for event in post.events() if event["OrderNumber"] == "A"]


def test_while_held_no_parcel_is_delivered_except_the_one_a_story_names(post: Any, control: Any) -> None:
    assert 200 == control(post.url, {"hold": True})
    post.order(OrderNumber="A")
    post.order(OrderNumber="B")
    time.sleep(0.6)
    before = post.events()
    assert (10, False) == (len(before), any(event["StatusCode"] == DELIVERED for event in before))
    assert 200 == control(post.url, {"deliver": "A"})
    delivered = [event["OrderNumber"] for event in post.events() if event["StatusCode"] == DELIVERED]
    assert ["A"] == delivered
    assert 400 == control(post.url, {"deliver": "NOSUCH"})
    control(post.url, {"hold": False})
    post.wait_for_delivery("B")


def test_a_story_can_end_a_journey_that_has_just_begun(setting: Any, control: Any) -> None:
    setting.values["post"]["step_s"] = 3600.0
    post = Post(setting.start().urls["post"])
    post.order()
    assert [] == post.events()
    assert 200 == control(post.url, {"deliver": "H28-261124-0001"})
    assert (6, DELIVERED) == (len(post.events()), post.events()[-1]["StatusCode"])


def test_a_restart_keeps_orders_tokens_the_hold_and_the_feed(setting: Any, control: Any) -> None:
    world = setting.start()
    post = Post(world.urls["post"])
    control(post.url, {"hold": True})
    post.order()
    time.sleep(0.5)
    before = post.events()
    setting.stop(world)
    post.url = setting.start().urls["post"]
    assert before == post.events()
    assert 101 == post.order().json()["Status"]
    control(post.url, {"hold": False})
    assert before == post.wait_for_delivery("H28-261124-0001")[: len(before)]
