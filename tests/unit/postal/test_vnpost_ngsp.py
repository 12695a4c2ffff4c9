"""What only VNPost's NGSP wire has: its status tables, its clock, its feed of a whole customer."""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import Malformed, Refused
from gateway.ports import (
    HttpAnswer,
    HttpRequest,
    OrderVerdict,
    ParcelOrder,
    Party,
    PostalCapability,
    TrackingPage,
)
from postal.vnpost_ngsp import (
    FROM_THE_BEGINNING,
    Settings,
    VnpostNgsp,
    decode_order_answer,
    decode_tracking,
    encode_order,
)


def _settings(**changes: object) -> Settings:
    values: dict[str, object] = {
        "token_url": "https://post.example/token",
        "order_url": "https://post.example/post",
        "cancel_url": "https://post.example/cancel",
        "tracking_url": "https://post.example/tracking",
        "customer_code": "C4TEST001",
        "consumer_key": "khoa",
        "consumer_secret": "bi-mat",
    }
    return Settings(**(values | changes))


SETTINGS = _settings()
AGENCY = Party(name="Một cửa", phone="0218", address="Số 1", province_code=35, email="motcua@example.invalid")
CITIZEN = Party(name="Bà Thử", phone="0900", address="Xóm 2", province_code=35, email="thu@example.invalid")
ORDER = ParcelOrder(order_number="H28-250630-0001", sender=AGENCY, receiver=CITIZEN)


def _doc(oid: int, **changes: object) -> dict[str, object]:
    return {
        "_id": {"$oid": f"{oid:024x}"},
        "CustomerCode": "C4TEST001",
        "OrderNumber": "H28-250630-0001",
        "EventTime": 1_751_339_531,
        "StatusCode": 4,
    } | changes


def _feed(*docs: dict[str, object], returned: int | None = None) -> bytes:
    count = len(docs) if returned is None else returned
    return json.dumps({"_returned": count, "_embedded": {"rh:doc": docs}}).encode()


def _result(status: int, http_status: int, settings: Settings = SETTINGS) -> OrderVerdict:
    answer = HttpAnswer(status=http_status, body=json.dumps({"Status": status, "Message": None}).encode())
    return decode_order_answer(answer, settings).verdict


class Door:
    def __init__(self, answer: HttpAnswer) -> None:
        self.answer = answer
        self.requests: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.requests.append(request)
        if request.url == SETTINGS.token_url:
            return HttpAnswer(
                status=200, body=b'{"access_token":"t","token_type":"Bearer","expires_in":3600}'
            )
        return self.answer


def _operator(door: Door) -> VnpostNgsp:
    return VnpostNgsp(SETTINGS, door, clock=lambda: datetime(2025, 7, 1, tzinfo=UTC))


# --- order ---


def test_the_list_of_papers_and_the_receivers_mail_stay_here() -> None:
    wire = json.loads(encode_order(ORDER, SETTINGS))
    expected = (None, None, "motcua@example.invalid")
    assert expected == (wire["SenderDesc"], wire["ReceiverEmail"], wire["SenderEmail"])


def test_an_agency_may_have_one_fixed_description() -> None:
    wire = json.loads(encode_order(ORDER, _settings(sender_desc="Kết quả TTHC")))
    expected = "Kết quả TTHC"
    assert expected == wire["SenderDesc"]


def test_letters_are_sent_composed() -> None:
    party = Party(name="Hoà\u0300".replace("à", "a"), phone="1", address="a  b", province_code=35)
    wire = json.loads(encode_order(ParcelOrder(order_number="1", sender=AGENCY, receiver=party), SETTINGS))
    expected = ("Hoà", "a b")
    assert expected == (wire["ReceiverName"], wire["ReceiverAddress"])


@pytest.mark.parametrize(
    ("status", "http_status", "expected"),
    [
        (100, 201, OrderVerdict.ACCEPTED),
        (100, 200, OrderVerdict.UNKNOWN),
        (100, 400, OrderVerdict.UNKNOWN),
        (101, 201, OrderVerdict.ALREADY_KNOWN),
        (101, 409, OrderVerdict.ALREADY_KNOWN),
        (7, 201, OrderVerdict.UNKNOWN),
        (7, 302, OrderVerdict.UNKNOWN),
        (7, 400, OrderVerdict.REFUSED),
    ],
)
def test_only_201_with_a_status_of_the_table_is_accepted(
    status: int, http_status: int, expected: OrderVerdict
) -> None:
    assert expected == _result(status, http_status)


def test_the_status_tables_are_settings() -> None:
    settings = _settings(accepted=frozenset({1}), already_known=frozenset({2}), refused=frozenset({3}))
    expected = [OrderVerdict.ACCEPTED, OrderVerdict.ALREADY_KNOWN, OrderVerdict.REFUSED, OrderVerdict.UNKNOWN]
    assert expected == [_result(status, 201, settings) for status in (1, 2, 3, 100)]


def test_a_cancellation_is_a_get_with_customer_and_order() -> None:
    door = Door(HttpAnswer(status=201, body=b'{"Status":100}'))
    answer = _operator(door).cancel("H15.50-261008-0975")
    request = door.requests[-1]
    assert answer.verdict == OrderVerdict.ACCEPTED
    assert (request.method, request.body) == ("GET", None)
    expected = {"CustomerCode": ["C4TEST001"], "OrderNumber": ["H15.50-261008-0975"]}
    assert expected == parse_qs(urlsplit(request.url).query)


@pytest.mark.parametrize("confirmed", [True, False])
def test_orders_are_only_repeated_where_the_post_has_confirmed_that_it_knows_them(*, confirmed: bool) -> None:
    door = Door(HttpAnswer(status=201, body=b""))
    settings = _settings(repeated_order_is_known=confirmed)
    operator = VnpostNgsp(settings, door, clock=lambda: datetime(2025, 7, 1, tzinfo=UTC))
    assert confirmed == (PostalCapability.IDEMPOTENT_ORDER in operator.capabilities)


# --- tracking ---


def _page(*docs: dict[str, object]) -> TrackingPage:
    return decode_tracking(_feed(*docs), SETTINGS, cursor=FROM_THE_BEGINNING, page_size=10)


def _only_time(event_time: int) -> datetime:
    page = decode_tracking(
        _feed(_doc(1, EventTime=event_time)), SETTINGS, cursor=FROM_THE_BEGINNING, page_size=10
    )
    return page.events[0].occurred_at


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_751_339_531, datetime(2025, 7, 1, 3, 12, 11, tzinfo=UTC)),
        (1_751_339_531_000, datetime(2025, 7, 1, 3, 12, 11, tzinfo=UTC)),
        (1_751_339_531_250, datetime(2025, 7, 1, 3, 12, 11, 250_000, tzinfo=UTC)),
    ],
)
def test_the_time_of_an_event_is_read_by_its_magnitude(value: int, expected: datetime) -> None:
    assert expected == _only_time(value)


@pytest.mark.parametrize("value", [0, -1, 10**10, 20_250_701_101_211, 2**63 - 1, -(2**63)])
def test_an_impossible_time_is_not_believed(value: int) -> None:
    page = _page(_doc(1, EventTime=value))
    assert [("?4", None, datetime(1970, 1, 1, tzinfo=UTC))] == [
        (event.code, event.meaning, event.occurred_at) for event in page.events
    ]


def test_codes_of_the_settings_have_their_meaning() -> None:
    settings = _settings(tracking_codes={4: DeliveryState.DELIVERED, 6: DeliveryState.RETURNED})
    body = _feed(_doc(1, StatusCode=6), _doc(2, StatusCode=5))
    page = decode_tracking(body, settings, cursor=FROM_THE_BEGINNING, page_size=10)
    expected = [DeliveryState.RETURNED, None]
    assert expected == [event.meaning for event in page.events]


def test_events_of_another_customer_move_the_cursor_only() -> None:
    body = _feed(
        _doc(1), _doc(2, CustomerCode="OTHER"), _doc(3, CustomerCode=None), _doc(4, CustomerCode="OTHER")
    )
    page = decode_tracking(body, SETTINGS, cursor=FROM_THE_BEGINNING, page_size=10)
    assert [f"{1:024x}", f"{3:024x}"] == [event.source_id for event in page.events]
    assert f"{4:024x}" == page.next_cursor


def test_an_event_may_lack_all_that_is_not_needed() -> None:
    body = _feed(_doc(1, POSID="", ItemCode="", StatusMessage=None), _doc(2, POSID=350_100))
    first, second = decode_tracking(body, SETTINGS, cursor=FROM_THE_BEGINNING, page_size=10).events
    assert (first.office, first.item_code, first.message) == (None, None, "")
    assert second.office == "350100"


@pytest.mark.parametrize(
    "body",
    [
        _feed(_doc(1), returned=2),
        _feed(_doc(2), _doc(1)),
        _feed(_doc(1), _doc(1)),
        _feed(_doc(0)),
        _feed(*(_doc(n) for n in range(1, 12))),
        _feed(_doc(1, _id={"$oid": "xyz"})),
        _feed(_doc(1, _id={"$oid": "0" * 23 + "1\n"})),
        b'{"_returned":0}',
        b'{"_returned":0,"_embedded":[]}',
    ],
)
def test_a_page_that_is_cut_mixed_up_or_of_other_types_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode_tracking(body, SETTINGS, cursor=FROM_THE_BEGINNING, page_size=10)


NUMBER = "H28-250630-0001"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"StatusCode": "4"}, (NUMBER, "?4")),
        ({"StatusCode": "4a"}, (NUMBER, "?4a")),
        ({"StatusCode": 4.0}, (NUMBER, "?")),
        ({"StatusCode": True}, (NUMBER, "?")),
        ({"StatusCode": None}, (NUMBER, "?")),
        ({"StatusCode": {"$numberLong": "4"}}, (NUMBER, "?")),
        ({"StatusCode": "9" * 99}, (NUMBER, "?" + "9" * 20)),
        ({"StatusCode": 2**70}, (NUMBER, "?1180591620717411303424"[:21])),
        ({"OrderNumber": ""}, ("", "?4")),
        ({"OrderNumber": None}, ("", "?4")),
        ({"OrderNumber": 7}, ("7", "?4")),
        ({"OrderNumber": "A\x00B"}, ("AB", "?4")),
        ({"OrderNumber": "A" * 101}, ("A" * 100, "?4")),
        ({"EventTime": "1751339531"}, (NUMBER, "?4")),
        ({"EventTime": None}, (NUMBER, "?4")),
        ({"ItemCode": 7}, (NUMBER, "?4")),
        ({"CustomerCode": 7, "OrderNumber": []}, ("", "?4")),
    ],
)
def test_x20_an_event_that_cannot_be_read_is_kept_as_such_and_the_others_go_on(
    changes: dict[str, object], expected: tuple[str, str]
) -> None:
    page = _page(_doc(1), _doc(2, **changes), _doc(3))
    assert [DeliveryState.DELIVERED, None, DeliveryState.DELIVERED] == [
        event.meaning for event in page.events
    ]
    assert expected == (page.events[1].order_number, page.events[1].code)
    assert f"{3:024x}" == page.next_cursor


def test_an_event_that_cannot_be_read_is_dated_by_its_id() -> None:
    oid = f"{1_751_339_531:08x}{'0' * 16}"
    page = _page(_doc(1, _id={"$oid": oid}, EventTime=0))
    assert datetime(2025, 7, 1, 3, 12, 11, tzinfo=UTC) == page.events[0].occurred_at


@given(
    st.dictionaries(
        st.sampled_from(["OrderNumber", "EventTime", "StatusCode", "ItemCode", "POSID", "StatusMessage"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.integers(), max_size=2),
    )
)
def test_whatever_stands_in_an_event_the_ones_around_it_are_read(changes: dict[str, object]) -> None:
    events = _page(_doc(1), _doc(2, **changes), _doc(3)).events
    assert [f"{n:024x}" for n in (1, 2, 3)] == [event.source_id for event in events]
    assert DeliveryState.DELIVERED == events[0].meaning == events[2].meaning
    middle = events[1]
    assert "\x00" not in f"{middle.order_number}{middle.code}{middle.item_code}{middle.office}"
    assert not (middle.code.startswith("?") and middle.meaning)


def test_text_that_the_database_would_not_take_is_left_out_of_an_event() -> None:
    event = _page(_doc(1, ItemCode="RB\x00", POSID="\x00", StatusMessage="a\x00b")).events[0]
    assert ("RB", None, "ab") == (event.item_code, event.office, event.message)


def test_a_code_that_is_set_later_has_its_meaning_from_then_on() -> None:
    operator = VnpostNgsp(
        _settings(tracking_codes={4: DeliveryState.DELIVERED, 6: DeliveryState.RETURNED}),
        Door(HttpAnswer(status=200, body=b"")),
        clock=lambda: datetime(2025, 7, 1, tzinfo=UTC),
    )
    expected = [DeliveryState.RETURNED, None, None, None]
    assert expected == [operator.meaning_of(code) for code in ("6", "7", "?6", "06")]


@pytest.mark.parametrize(("limit", "expected"), [(1, "1"), (1000, "1000"), (5000, "1000")])
def test_a_page_has_at_most_a_thousand_events(limit: int, expected: str) -> None:
    door = Door(HttpAnswer(status=200, body=_feed()))
    _operator(door).tracking(None, limit)
    assert {"pagesize": [expected], "lastId": ["0" * 24]} == parse_qs(urlsplit(door.requests[-1].url).query)


@pytest.mark.parametrize("status", [201, 204, 302, 400, 404])
def test_a_feed_that_is_not_given_is_a_refusal(status: int) -> None:
    with pytest.raises(Refused):
        _operator(Door(HttpAnswer(status=status, body=_feed()))).tracking(None, 10)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["_returned", "_embedded", "rh:doc", "_id", "$oid"]), inner)
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_page_or_malformed(value: object) -> None:
    body = json.dumps(value).encode()
    try:
        page = decode_tracking(body, SETTINGS, cursor=FROM_THE_BEGINNING, page_size=10)
    except Malformed:
        return
    assert page.events == ()


@given(st.text(max_size=30), st.text(max_size=30), st.integers())
def test_any_order_is_written_as_json_or_malformed(name: str, number: str, cod_vnd: int) -> None:
    receiver = Party(name=name, phone="1", address="a", province_code=35)
    order = ParcelOrder(order_number=number, sender=AGENCY, receiver=receiver, cod_vnd=cod_vnd)
    try:
        wire = json.loads(encode_order(order, SETTINGS))
    except Malformed:
        return
    assert cod_vnd == wire["CODAmount"]
    assert name.split() == [] or wire["ReceiverName"]


def test_settings_show_no_secret() -> None:
    text = repr(SETTINGS)
    assert [word for word in ("khoa", "bi-mat") if word in text] == []
