"""The national portal's adapter: what it writes is the sample byte for byte, what it reads is what samples say."""

import json
import socket
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_payment_transport import (
    PATIENCE_S,
    Behaviour,
    Journal,
    answer_breakdown,
    answer_garbage,
    answer_half,
    answer_no_http,
    crowd,
    nobody,
    read_then_close,
    read_then_reset,
    read_then_say_nothing,
    world,
)
from wire_samples import WIRE, answer_bytes, answered, request_bytes

from adapters.portal import dvcqg_sync
from gateway.domain.case import NATIONAL, CaseState
from gateway.domain.errors import GatewayError, Malformed, Refused, Unreachable
from gateway.http import Door
from gateway.ports import (
    Applicant,
    CaseRecord,
    CaseStep,
    FeeLine,
    HttpAnswer,
    HttpRequest,
    KnownCase,
    ListedDocument,
    OnlinePayment,
    SyncVerdict,
    UnknownCase,
)

FOLDER = WIRE / "dvcqg_sync"
SETTINGS = dvcqg_sync.Settings(
    auth_url="https://portal.example/dvcqg/auth",
    adapter_url="https://portal.example/dvcqg/adapter",
    destination="VN:GOV:000.00.00.G22:vpcpdvcprovider",
    unit_code="000.00.00.H28",
    units={"000.00.12.H28": "000.00.12.H28"},
    username="hoabinh",
    password="portal-pass",
)
NOW = datetime(2026, 12, 8, 3, tzinfo=UTC)
CODE = "H28.12-261124-0007"
AGENCY = {"agency_code": "000.00.12.H28", "agency_name": "Sở Tư pháp tỉnh Hòa Bình"}
PERSON = Applicant("Nguyễn Thị Bí Mật", "cccd", "017099000001")
DUE_AT = datetime(2026, 12, 8, 10, tzinfo=UTC)
RECORD = CaseRecord(
    case_code=CODE,
    procedure_code="2.000488",
    procedure_name="Cấp Phiếu lý lịch tư pháp",
    field_name="Lý lịch tư pháp",
    **AGENCY,
    applicant=PERSON,
    state=CaseState.REGISTERED,
    submitted_at=datetime(2026, 11, 24, 3, tzinfo=UTC),
    fees=(
        FeeLine("phi", "LLTP-01", "Phí cung cấp thông tin", 200_000),
        FeeLine("postage", "BCCI", "Cước", 30_000),
    ),
    documents=(
        ListedDocument(
            "to-khai", "Tờ khai yêu cầu", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        ),
    ),
)
DELIVERED = replace(
    RECORD,
    state=CaseState.RESULT_DELIVERED,
    accepted_at=datetime(2026, 11, 24, 3, 30, tzinfo=UTC),
    due_at=DUE_AT,
    ended_at=datetime(2026, 12, 7, 2, tzinfo=UTC),
    handed_over_at=datetime(2026, 12, 8, 1, 30, tzinfo=UTC),
    payment=OnlinePayment.OWN_GATEWAY,
    by_post=True,
)
STEPS = (
    CaseStep(
        CODE, **AGENCY, state=CaseState.ACCEPTED, at=datetime(2026, 11, 24, 3, 30, tzinfo=UTC), due_at=DUE_AT
    ),
    CaseStep(
        CODE,
        **AGENCY,
        state=CaseState.SUPPLEMENT_REQUIRED,
        at=datetime(2026, 11, 25, 1, 30, tzinfo=UTC),
        due_at=DUE_AT,
        note="Thiếu bản chụp\ncăn cước",
    ),
)
Portal = dvcqg_sync.DvcqgSync
CALLS: dict[str, Callable[[Portal], Any]] = {
    "put": lambda portal: portal.put(RECORD, NOW, known=False),
    "put.update": lambda portal: portal.put(DELIVERED, NOW, known=True),
    "tell": lambda portal: portal.tell(STEPS, NOW),
    "look_up": lambda portal: portal.look_up(CODE, AGENCY["agency_code"], NOW),
}
CHANGES = ("put", "put.update", "tell")
each_call = pytest.mark.parametrize("name", CALLS)
each_change = pytest.mark.parametrize("name", CHANGES)


def sample(name: str) -> bytes:
    return (FOLDER / f"{name}.http").read_bytes()


@dataclass
class Wire:
    """Answers a login as in its sample, and every other call by the next of `answers`, the last one for ever."""

    answers: list[HttpAnswer]
    login: HttpAnswer = field(default_factory=lambda: answered(sample("login.answer")))
    asked: list[HttpRequest] = field(default_factory=list)
    login_s: float = 0.0

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request)
        if request.url == SETTINGS.auth_url:
            time.sleep(self.login_s)
            return self.login
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def logins(self) -> int:
        return sum(request.url == SETTINGS.auth_url for request in self.asked)


def wired(*names: str, **changes: object) -> tuple[Portal, Wire]:
    wire = Wire([answered(sample(name)) for name in names])
    return Portal(replace(SETTINGS, **changes), wire), wire


def coded(call: str, code: str) -> HttpAnswer:
    name = "put" if call.startswith("put") else call
    return answered(sample(f"{name}.code").replace(b"@@", code.encode()))


def said(name: str, answer: HttpAnswer, **changes: object) -> object:
    """What a call came to: the verdict, what was found, or the name of the error."""
    try:
        answer = CALLS[name](Portal(replace(SETTINGS, **changes), Wire([answer])))
    except GatewayError as error:
        return type(error).__name__
    return getattr(answer, "verdict", answer)


# --- what is written ------------------------------------------------------------------------------


@each_call
def test_a_request_is_the_sample_byte_for_byte(name: str) -> None:
    portal, wire = wired("look_up.found" if name == "look_up" else "put.taken")
    CALLS[name](portal)
    assert [sample("login.request"), sample(f"{name}.request")] == [
        request_bytes(each) for each in wire.asked
    ]


def test_an_agency_without_a_code_of_its_own_calls_under_the_common_one() -> None:
    portal, wire = wired("put.taken")
    portal.put(replace(RECORD, agency_code="H28"), NOW, known=False)
    assert b'"madonvi":"000.00.00.H28"' in (wire.asked[-1].body or b"")


@pytest.mark.parametrize("state", NATIONAL)
def test_every_state_is_told_as_it_is(state: CaseState) -> None:
    portal, wire = wired("put.taken")
    portal.tell((replace(STEPS[0], state=state),), NOW)
    portal.put(replace(RECORD, state=state), NOW, known=True)
    code = NATIONAL[state][0]
    assert f'"TrangThai":"{code}"'.encode() in (wire.asked[1].body or b"")
    assert f'"TrangThaiHoSo":"{code}"'.encode() in (wire.asked[2].body or b"")
    assert code == 9 or b'"9"' not in (wire.asked[1].body or b"") + (wire.asked[2].body or b"")


def test_a_draft_is_not_told() -> None:
    portal, wire = wired("put.taken")
    with pytest.raises(Malformed):
        portal.put(replace(RECORD, state=CaseState.DRAFT), NOW, known=False)
    with pytest.raises(Malformed):
        portal.tell((replace(STEPS[0], state=CaseState.DRAFT),), NOW)
    assert [] == wire.asked


@pytest.mark.parametrize(
    "steps", [(), STEPS * 6, (STEPS[0], replace(STEPS[1], case_code="H28.12-261124-0008"))], ids=len
)
def test_a_call_has_one_to_ten_steps_of_one_case(steps: tuple[CaseStep, ...]) -> None:
    portal, wire = wired("tell.taken")
    with pytest.raises(Malformed):
        portal.tell(steps, NOW)
    assert [] == wire.asked


@pytest.mark.parametrize(
    ("kind", "number", "told"),
    [
        ("cccd", "017099000001", '[{"LoaiDinhDanh":"1","SoDinhDanh":"017099000001"}]'),
        ("cmnd", "113456789", '[{"LoaiDinhDanh":"2","SoDinhDanh":"113456789"}]'),
        ("cccd", "0170990000", None),
        ("passport", "B1234567", None),
    ],
)
def test_an_identity_has_its_kind_only_where_the_number_is_of_its_form(
    kind: str, number: str, told: str | None
) -> None:
    portal, wire = wired("put.taken")
    portal.put(replace(RECORD, applicant=Applicant("Nguyễn Văn A", kind, number)), NOW, known=False)
    body = (wire.asked[-1].body or b"").decode()
    assert f'"SoGiayToChuHoSo":"{number}"' in body
    assert (told is None) == ("DinhDanhCHS" not in body)
    assert told is None or f'"DinhDanhCHS":{told}' in body


def test_no_secret_and_no_person_is_shown() -> None:
    portal, _ = wired("put.taken")
    shown = " ".join(map(repr, (SETTINGS, portal, RECORD, STEPS, portal.put(RECORD, NOW, known=False))))
    for hidden in ("portal-pass", PERSON.name, PERSON.id_number, "b2Zmc2V0", "Thiếu bản chụp"):
        assert hidden not in shown


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "call", "verdict"),
    [
        *(
            (f"{call}.{how}", call, SyncVerdict.TAKEN)
            for call in ("put", "tell")
            for how in ("taken", "taken_as_number")
        ),
        ("put.taken_by_text", "put", SyncVerdict.TAKEN),
        ("tell.taken_by_text", "tell", SyncVerdict.TAKEN),
        ("put.exists", "put", SyncVerdict.ALREADY_THERE),
        ("put.exists_decomposed", "put", SyncVerdict.ALREADY_THERE),
        ("put.not_by_text", "put", SyncVerdict.UNKNOWN),
        ("put.three_without_text", "put", SyncVerdict.UNKNOWN),
        ("look_up.found", "look_up", KnownCase(CODE, CaseState.SUPPLEMENT_REQUIRED, "5")),
        ("look_up.unknown_state", "look_up", KnownCase(CODE, None, "12")),
        ("look_up.empty", "look_up", UnknownCase(CODE)),
        ("look_up.not_there", "look_up", UnknownCase(CODE)),
        ("look_up.another", "look_up", "Malformed"),
    ],
)
def test_an_answer_says_what_its_sample_says(name: str, call: str, verdict: object) -> None:
    assert verdict == said(call, answered(sample(name)))


@each_change
@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        *((code, SyncVerdict.REFUSED) for code in ("200", "302", "500")),
        ("201", SyncVerdict.NOT_THERE),
        *((code, "Refused") for code in ("101", "106", "108", "100")),
        *((code, SyncVerdict.UNKNOWN) for code in ("1", "-1", "00", "9", "99", "-3", "abc", "")),
    ],
)
def test_every_code_is_read_by_its_table_and_any_other_is_not_known(
    name: str, code: str, verdict: object
) -> None:
    assert verdict == said(name, coded(name, code))


@pytest.mark.parametrize("code", ["200", "500", "-3", "9", ""])
def test_a_look_up_that_gives_no_case_tells_nothing(code: str) -> None:
    assert "OutcomeUnknown" == said("look_up", coded("look_up", code))


def test_the_tables_are_settings() -> None:
    assert SyncVerdict.REFUSED == said("put", coded("put", "77"), refusals=frozenset({"77"}))
    assert SyncVerdict.UNKNOWN == said("put", coded("put", "500"), refusals=frozenset({"77"}))
    there, words = answered(sample("put.exists")), unicodedata.normalize("NFD", "Đã Tồn Tại")
    assert SyncVerdict.ALREADY_THERE == said("put", there, exists_text=words)
    assert SyncVerdict.UNKNOWN == said("put", there, exists_text="")


@each_call
@pytest.mark.parametrize(
    ("status", "outcome"), [(400, "Refused"), (404, "Refused"), (429, "Refused"), (503, "OutcomeUnknown")]
)
def test_a_status_that_is_not_200_is_not_read(name: str, status: int, outcome: str) -> None:
    answer = answered(sample("look_up.found" if name == "look_up" else "put.taken"))
    assert outcome == said(name, HttpAnswer(status, answer.body))


@each_call
def test_garbage_is_in_doubt_after_a_change_and_malformed_after_a_question(name: str) -> None:
    assert ("OutcomeUnknown" if name in CHANGES else "Malformed") == said(name, answered(sample("garbage")))


@each_call
@given(body=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)))
def test_whatever_is_answered_it_has_a_meaning(name: str, body: bytes) -> None:
    assert said(name, HttpAnswer(200, body)) in {"OutcomeUnknown", "Malformed", SyncVerdict.UNKNOWN}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-200, 600) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@each_call
@given(told=st.fixed_dictionaries({}, optional={"error_code": _JSON, "message": _JSON, "data": _JSON}))
def test_whatever_stands_in_an_envelope_only_a_listed_code_is_a_yes(name: str, told: dict[str, Any]) -> None:
    outcome = said(name, HttpAnswer(200, json.dumps(told).encode()))
    if outcome is SyncVerdict.TAKEN or isinstance(outcome, KnownCase):
        assert str(told.get("error_code")) == "0"
    if isinstance(outcome, UnknownCase):
        assert str(told["error_code"]) in {"0", "201"}


# --- the session ----------------------------------------------------------------------------------


def test_a_session_is_kept_for_its_life_and_then_renewed() -> None:
    portal, wire = wired("put.taken", session_life_s=60)
    for after_s in (0, 59, 60, 61):
        portal.put(RECORD, NOW + timedelta(seconds=after_s), known=False)
    assert 2 == wire.logins()


@each_call
def test_a_call_whose_session_has_ended_is_made_again_once_with_a_new_one(name: str) -> None:
    portal, wire = wired("stale", "look_up.found" if name == "look_up" else "put.taken")
    CALLS[name](portal)
    assert (2, 4) == (wire.logins(), len(wire.asked))


@each_call
def test_a_portal_that_takes_none_of_its_sessions_has_not_looked_at_the_case(name: str) -> None:
    portal, wire = wired("stale")
    with pytest.raises(Refused):
        CALLS[name](portal)
    assert (2, 4) == (wire.logins(), len(wire.asked))
    portal, wire = wired("stale")
    wire.answers = [HttpAnswer(401, b"")]
    with pytest.raises(Refused):
        CALLS[name](portal)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (HttpAnswer(200, b'{"error_code":"100","session":""}'), Refused),
        (HttpAnswer(403, b""), Refused),
        (HttpAnswer(200, b'{"error_code":0}'), Refused),
        (HttpAnswer(503, b""), Unreachable),
        (HttpAnswer(200, b"<html>"), Unreachable),
        (HttpAnswer(200, b'{"error_code":0.5,"session":"x"}'), Unreachable),
    ],
)
def test_without_a_session_nothing_of_the_case_goes_out(answer: HttpAnswer, error: type[Exception]) -> None:
    portal, wire = wired("put.taken")
    wire.login = answer
    with pytest.raises(error):
        portal.put(RECORD, NOW, known=False)
    assert [SETTINGS.auth_url] == [request.url for request in wire.asked]


def test_threads_that_need_a_session_at_once_ask_for_one() -> None:
    portal, wire = wired("put.taken")
    wire.login_s = 0.1
    threads = [threading.Thread(target=lambda: portal.put(RECORD, NOW, known=False)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (1, 9) == (wire.logins(), len(wire.asked))


# --- over real sockets ----------------------------------------------------------------------------


def over_sockets(name: str, port: int) -> str:
    url = f"http://127.0.0.1:{port}"
    moved = replace(SETTINGS, auth_url=f"{url}/auth", adapter_url=f"{url}/adapter", timeout_s=PATIENCE_S)
    try:
        CALLS[name](Portal(moved, Door(Journal(), allow_private=True)))
    except GatewayError as error:
        return type(error).__name__
    return "done"


def after_login(behaviour: Behaviour) -> Behaviour:
    def treat(caller: socket.socket, done: threading.Event) -> None:
        asked = caller.recv(65_536, socket.MSG_PEEK)
        if b"/auth" in asked.partition(b"\r\n")[0]:
            caller.recv(65_536)
            answer = answered(sample("login.answer"))
            whole = answer_bytes(answer)
            caller.sendall(
                whole.replace(b"\r\n\r\n", b"\r\ncontent-length: %d\r\n\r\n" % len(answer.body), 1)
            )
        else:
            behaviour(caller, done)

    return treat


@pytest.mark.service
@pytest.mark.parametrize("place", [nobody, crowd])
def test_a_connection_that_was_never_made_may_be_tried_again(place: Callable) -> None:
    with place() as port:
        assert {"Unreachable"} == {over_sockets(name, port) for name in CALLS}


@pytest.mark.service
@pytest.mark.parametrize(
    "behaviour",
    [read_then_close, read_then_reset, read_then_say_nothing, answer_half, answer_no_http, answer_breakdown],
)
def test_a_call_that_broke_off_may_only_be_looked_up(behaviour: Behaviour) -> None:
    for name in CALLS:
        with world(after_login(behaviour)) as port:
            assert "OutcomeUnknown" == over_sockets(name, port), name


@pytest.mark.service
@pytest.mark.parametrize(
    "behaviour", [read_then_close, read_then_say_nothing, answer_breakdown, answer_garbage]
)
def test_a_login_that_broke_off_let_nothing_of_the_case_out(behaviour: Behaviour) -> None:
    for name in CALLS:
        with world(behaviour) as port:
            assert "Unreachable" == over_sockets(name, port), name
