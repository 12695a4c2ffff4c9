from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import wire
from gateway.domain.errors import Malformed, OutcomeUnknown, Refused

MOMENTS = st.datetimes(
    datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(9999, 12, 29),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)


@given(MOMENTS)
def test_a_stamp_names_its_moment_to_the_second(moment: datetime) -> None:
    assert wire.parse_local_stamp(wire.local_stamp(moment)) == moment.replace(microsecond=0)


def test_a_stamp_is_written_in_vietnam_whatever_zone_it_comes_from() -> None:
    moment = datetime(2026, 12, 31, 12, 5, 9, tzinfo=timezone(timedelta(hours=-6)))
    assert wire.local_stamp(moment) == "20270101010509"


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1), datetime.max.replace(tzinfo=UTC)])  # noqa: DTZ001 - the point
def test_a_moment_that_no_stamp_can_name_is_malformed(moment: datetime) -> None:
    with pytest.raises(Malformed):
        wire.local_stamp(moment)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "20261124 30405",
        "20261324000000",
        "20260230000000",
        "20261124240000",
        "20261124235960",
        "00010101000000",
        "２０２６１１２４０００００００",
        "20261124000000\n",
        "2026-11-24T00:00:00",
    ],
)
def test_a_text_that_names_no_moment_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        wire.parse_local_stamp(text)
    assert wire.readable_stamp(text) is None


def test_accents_fold_to_their_letters() -> None:
    assert wire.ascii_fold("Đường Nguyễn Huệ, số 5 – đợt ①") == "Duong Nguyen Hue, so 5  dot 1"


@given(st.text(max_size=300), st.integers(1, 60))
def test_a_memo_holds_only_what_every_encoder_writes_alike(text: str, limit: int) -> None:
    memo = wire.plain_memo(text, limit)
    assert set(memo) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .:_-")
    assert len(memo) <= limit
    assert memo == " ".join(memo.split())


@given(st.text(max_size=300), st.integers(1, 60))
def test_a_line_is_one_line_and_keeps_its_vietnamese(text: str, limit: int) -> None:
    line = wire.one_line(f"Lệ phí\n{text}", limit, without="|")
    assert line.splitlines() in ([line], [])
    assert len(line) <= limit
    assert "|" not in line
    assert "Lệ phí".startswith(line[:6])


def test_a_text_that_is_cut_does_not_end_in_a_blank() -> None:
    assert (wire.plain_memo("ab cd", 3), wire.one_line("ab cd", 3)) == ("ab", "ab")


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("00180000", 180_000), ("9" * 15, 10**15 - 1)])
def test_digits_are_a_whole_number(text: str, value: int) -> None:
    assert wire.whole_number(text) == value


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1e3", " 1", "1\n", "1_000", "٣", "²", "9" * 16])
def test_anything_else_is_not_a_whole_number(text: str) -> None:
    with pytest.raises(Malformed):
        wire.whole_number(text)


@given(st.text(st.characters(codec="utf-8")))
def test_a_value_comes_back_from_its_form_encoding(text: str) -> None:
    encoded = wire.form_encode(text)
    assert wire.form_decode(encoded.encode("ascii")) == text
    assert not set(encoded) & set(" ~&=#")


@pytest.mark.parametrize("value", [b"%FF", b"a%C3", b"\xe1\xba"])
def test_a_form_value_that_is_not_utf_8_is_malformed(value: bytes) -> None:
    with pytest.raises(Malformed):
        wire.form_decode(value)


def test_raw_pairs_keep_their_order_and_their_escapes() -> None:
    assert list(wire.raw_query_pairs(b"b=%41+c&a=&c==").items()) == [("b", b"%41+c"), ("a", b""), ("c", b"=")]


@pytest.mark.parametrize("query", [b"", b"a", b"a=1&", b"=1", b"a=1&a=1", b"%61=1", b"a=" + b"x" * 20_000])
def test_a_query_that_is_no_list_of_pairs_is_malformed(query: bytes) -> None:
    with pytest.raises(Malformed):
        wire.raw_query_pairs(query)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"b":[{"a":1,"a":1}]}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":"\xff"}',
        b"[]",
        b"1",
        b"null",
        b"",
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"{}" + b" " * 5_000_000,
    ],
)
def test_a_document_that_can_be_read_in_two_ways_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        wire.strict_json_object(data)


def test_a_plain_document_is_read() -> None:
    data = '{"a":"Lệ phí \\u0111\\ud83d\\ude00","b":[1,2.5,null,{"c":true}]}'.encode()
    assert wire.strict_json_object(data) == {"a": "Lệ phí đ😀", "b": [1, 2.5, None, {"c": True}]}


@given(st.binary() | st.binary().map(lambda data: b'{"a":' + data + b"}"))
def test_any_bytes_are_an_object_or_malformed(data: bytes) -> None:
    try:
        kind = type(wire.strict_json_object(data))
    except Malformed as error:
        kind = type(error)
    assert kind in (dict, Malformed)


def test_what_was_printed_is_what_is_hashed() -> None:
    fields = {"text": "0180", "number": -180, "null": None}
    assert [wire.printed(fields, name) for name in ("text", "number", "null", "absent")] == [
        "0180",
        "-180",
        "",
        "",
    ]


@pytest.mark.parametrize("value", [True, False, 1.0, [], {}])
def test_a_value_with_more_than_one_print_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        wire.printed({"a": value}, "a")


@pytest.mark.parametrize("status", [200, 201, 299])
def test_a_success_may_be_read(status: int) -> None:
    assert wire.usable_status(status) is None


@pytest.mark.parametrize("status", [100, 199, 300, 302, 408, 500, 503, 999])
def test_an_answer_after_which_something_may_have_been_done_is_unknown(status: int) -> None:
    with pytest.raises(OutcomeUnknown):
        wire.usable_status(status)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 499])
def test_a_refusal_carries_its_status_as_code(status: int) -> None:
    with pytest.raises(Refused) as caught:
        wire.usable_status(status)
    assert caught.value.code == f"HTTP {status}"


@pytest.mark.parametrize(
    ("url", "plain", "safe"),
    [
        ("https://a.example/x?y=1", False, True),
        ("http://127.0.0.1:8182/x", True, True),
        ("http://127.0.0.1:8182/x", False, False),
        ("https://a.example/x", True, True),
        ("javascript:alert(1)", True, False),
        ("//a.example/x", True, False),
        ("https:///x", False, False),
        ("https://[x/", False, False),
        ("https://a.example/x y", False, False),
        ("https://a.example/\r\nSet-Cookie:a=b", False, False),
        ("https://a.example/" + "x" * 2048, False, False),
        ("", True, False),
    ],
)
def test_a_browser_is_sent_only_to_a_web_address(url: str, *, plain: bool, safe: bool) -> None:
    assert wire.is_web_address(url, plain=plain) == safe
