import base64
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.receipts import shared
from gateway.domain.errors import (
    BadSignature,
    Malformed,
    Misconfigured,
    OutcomeUnknown,
    Refused,
    Unreachable,
)
from gateway.ports import HttpAnswer, HttpRequest, ReceiptFile, ReceiptSeries, Standing

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
LOGIN = HttpRequest("POST", "https://receipts.example/login")


class Door:
    """A login gives one token after the other; every call is answered by its token."""

    def __init__(self, *stale: str) -> None:
        self.stale, self.logins, self.proofs = stale, 0, list[str]()

    def send(self, request: HttpRequest) -> HttpAnswer:
        if request is LOGIN:
            self.logins += 1
            return HttpAnswer(200, f"token-{self.logins}".encode())
        self.proofs.append(request.url)
        return HttpAnswer(401 if request.url in self.stale else 200, b"")


def session(door: Door, life_s: int = 3600) -> shared.Session:
    return shared.Session(door, LOGIN, lambda body: shared.Token(body.decode(), life_s))


def send(way: shared.Session, now: datetime = NOW) -> HttpAnswer:
    return way.send(lambda token: HttpRequest("POST", token), now, stale=lambda answer: answer.status == 401)


# --- texts and numbers ---


def test_a_text_is_put_on_one_line_and_never_cut() -> None:
    assert "a b" == shared.fitting("x", " a\r\n\tb\x00 ")
    assert "é" == shared.fitting("x", "e\u0301")
    assert "x" * 400 == shared.fitting("x", "x" * 400 + "  ")
    assert "xxx" == shared.fitting("x", "xxx", 3)
    for text, most in (("x" * 401, 400), ("xxxx", 3), ("xxx y", 3)):
        with pytest.raises(Malformed, match=f"the name is longer than {most} characters"):
            shared.fitting("the name", text, most)


@given(st.text(max_size=50))
def test_whatever_fits_can_stand_in_xml_and_in_json(text: str) -> None:
    kept = shared.fitting("x", text)
    assert not set(kept) & set("\n\r\t\x00\ufffe\uffff\ufdd0")
    assert kept == kept.strip() == kept.encode().decode()


def test_what_must_be_there_is_not_empty() -> None:
    assert "a" == shared.given("x", " a ")
    with pytest.raises(Malformed, match="the name is empty"):
        shared.given("the name", " \n")


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", "0000001"), ("0000001", "0000001"), ("000000000042", "0000042"), ("99999999", "99999999")],
)
def test_a_number_is_padded_to_seven_digits(text: str, number: str) -> None:
    assert number == shared.padded(text)


@pytest.mark.parametrize(
    "text", ["", "0", "00000000", "100000000", "-1", "+1", " 1", "1 ", "1.0", "x", "١", "0" * 13]
)
def test_a_number_that_is_none_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        shared.padded(text)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("ERR:13", "ERR:13"),
        ("A_b-c.9", "A_b-c.9"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "?"),
        ("", "?"),
        ("Nguyễn Văn A", "?"),
        ("a b", "?"),
        ("a\n", "?"),
    ],
)
def test_only_a_code_is_repeated(code: str, shown: str) -> None:
    assert shown == shared.shown(code)


def test_a_series_is_the_contracts_own() -> None:
    shared.own_series(ReceiptSeries("5400000000", "01BLP0-001", "AA-26E"), "5400000000")
    with pytest.raises(Misconfigured):
        shared.own_series(ReceiptSeries("5400000000-001", "01BLP0-001", "AA-26E"), "5400000000")


def test_a_standing_is_one_of_ours_or_not_known() -> None:
    assert shared.standing_of({"1": "holds"}, "1") is Standing.HOLDS
    with pytest.raises(OutcomeUnknown, match="status 2 of"):
        shared.standing_of({"1": "holds"}, "2")
    shared.checked_standings({"1": "holds", "2": "cancelled", "3": "replaced"})
    with pytest.raises(Misconfigured):
        shared.checked_standings({"1": "holds", "2": "HOLDS"})


# --- answers ---


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, OutcomeUnknown) for status in (100, 199, 300, 308, 408, 425, 429, 500, 599)),
        *((status, Refused) for status in (400, 401, 404, 424, 430, 499)),
    ],
)
def test_a_status_decides_or_leaves_it_open(status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        shared.decided(HttpAnswer(status, b"x"))
    assert b"x" == shared.decided(HttpAnswer(200, b"x")) == shared.decided(HttpAnswer(299, b"x"))


@pytest.mark.parametrize(("raised", "seen"), [(Malformed, OutcomeUnknown), (BadSignature, OutcomeUnknown)])
def test_what_cannot_be_read_after_a_change_is_in_doubt(
    raised: type[Exception], seen: type[Exception]
) -> None:
    with pytest.raises(seen), shared.in_doubt():
        raise raised("x")


def test_a_refusal_is_not_in_doubt() -> None:
    with pytest.raises(Refused), shared.in_doubt():
        raise Refused("x", code="1")


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_a_file_is_of_the_kind_that_was_asked_for() -> None:
    pdf, xml = b"%PDF-1.7 x", b"\xef\xbb\xbf\r\n<?xml version='1.0'?><a/>"
    assert pdf == shared.file_of(encoded(pdf), ReceiptFile.PDF)
    assert xml == shared.file_of(encoded(xml), ReceiptFile.XML)
    wrong = ((pdf, ReceiptFile.XML), (xml, ReceiptFile.PDF), (b"", ReceiptFile.PDF), (b"x", ReceiptFile.XML))
    for content, kind in (*wrong, (b"%PDF", ReceiptFile.PDF)):
        with pytest.raises(Malformed):
            shared.file_of(encoded(content), kind)


@pytest.mark.parametrize("text", ["JVBERi0", "JVBE Ri0=", "JVBERi0=é", "%PDF-1.4", "JVBERi0==="])
def test_a_file_that_is_not_base64_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        shared.file_of(text, ReceiptFile.PDF)


# --- a login ---


def test_a_token_is_kept_until_a_minute_before_its_end() -> None:
    door = Door()
    way = session(door, life_s=3600)
    ages = (0, 3539, 3540, 3541, 7079, 7080)
    for age in ages:
        send(way, NOW + timedelta(seconds=age))
    assert ["token-1", "token-1", "token-2", "token-2", "token-2", "token-3"] == door.proofs


@pytest.mark.parametrize("life_s", [0, 30, 60])
def test_a_token_that_ends_at_once_serves_one_call(life_s: int) -> None:
    door = Door()
    way = session(door, life_s)
    send(way)
    send(way)
    assert ["token-1", "token-2"] == door.proofs


def test_a_token_that_never_ends_is_asked_for_anew_each_day() -> None:
    door = Door()
    way = session(door, life_s=10**9)
    for age in (0, 24 * 3600 - 61, 24 * 3600 - 60):
        send(way, NOW + timedelta(seconds=age))
    assert ["token-1", "token-1", "token-2"] == door.proofs


def test_a_stale_token_is_renewed_once_for_all_who_hold_it() -> None:
    door = Door("token-1")
    way = session(door)
    assert 200 == send(way).status == send(way).status
    assert ["token-1", "token-2", "token-2"] == door.proofs
    door = Door("token-1", "token-2", "token-3")
    with pytest.raises(Refused, match="new token") as caught:
        send(session(door))
    assert ("HTTP 401", ["token-1", "token-2"]) == (caught.value.code, door.proofs)


def test_another_threads_newer_token_is_not_thrown_away() -> None:
    way = session(Door())
    first = way.token(NOW)
    assert "token-2" == way.token(NOW, unless=first) == way.token(NOW, unless=first)


def test_a_token_is_forgotten_on_demand() -> None:
    door = Door()
    way = session(door)
    send(way)
    way.forget()
    send(way)
    assert ["token-1", "token-2"] == door.proofs


def test_many_threads_log_in_once() -> None:
    door = Door()
    way = session(door)
    threads = [threading.Thread(target=send, args=(way,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (1, 8) == (door.logins, len(door.proofs))


def test_a_login_that_fails_does_not_leave_an_old_token_behind() -> None:
    door = Door()
    way = session(door)
    send(way)
    answers = [HttpAnswer(503, b""), HttpAnswer(403, b"")]
    genuine, door.send = door.send, lambda _: answers.pop(0)  # type: ignore[method-assign]
    for error in (Unreachable, Refused):
        with pytest.raises(error):
            send(way, NOW + timedelta(hours=2))
    door.send = genuine  # type: ignore[method-assign]
    send(way, NOW)
    assert ["token-1", "token-2"] == door.proofs


@pytest.mark.parametrize("value", [None, "", "a b", "a\n", "é", 7, ["t"], "x" * 4097, "\x7f", " t"])
def test_a_token_fits_into_a_header(value: object) -> None:
    assert "x" * 4096 == shared.token_of("x" * 4096, 1, usual_life_s=9).value
    with pytest.raises(Malformed):
        shared.token_of(value, 1, usual_life_s=9)


@pytest.mark.parametrize(
    ("life", "life_s"), [(1, 1), (1199, 1199), (0, 9), (-1, 9), (None, 9), (True, 9), ("60", 9), (60.0, 9)]
)
def test_the_life_of_a_token_is_what_the_login_says_or_the_usual_one(life: object, life_s: int) -> None:
    assert life_s == shared.token_of("t", life, usual_life_s=9).life_s


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(shared.Token("secret", 1))
