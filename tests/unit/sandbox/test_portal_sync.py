"""The National Portal as this world plays it, asked by the adapter: both sides of the wire fit.

The rows of faults, words and settings are read from `docs/sandbox.md`.
"""

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client

from adapters.portal import dvcqg_sync
from adapters.portal.dvcqg_sync_wire import encode_record, encode_step
from gateway.domain.case import NATIONAL, TABLE, CaseState
from gateway.domain.errors import OutcomeUnknown
from gateway.ports import (
    Applicant,
    CaseRecord,
    CaseStep,
    FeeLine,
    HttpAnswer,
    HttpRequest,
    ListedDocument,
    SyncAnswer,
    UnknownCase,
)
from sandbox.config import CASE_SERVERS, read_world
from sandbox.errors import WorldMisconfigured
from sandbox.mishaps import MISHAP
from sandbox.portal_sync import NEXT_FAULTS
from sandbox.portal_sync_wire import MOVES
from sandbox.world import World

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text("utf-8")
SECTION = PAGE.partition("## The National Portal, told of cases")[2].partition("\n## ")[0]
SHOWN: dict[str, Any] = json.loads(SECTION.split("```json\n")[1].partition("```")[0])
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
S = CaseState
AGENCY = {"agency_code": "H28", "agency_name": "Sở Tư pháp"}
RECORD = CaseRecord(
    case_code="H28-261124-0001",
    procedure_code="2.000488",
    procedure_name="Cấp Phiếu lý lịch tư pháp",
    field_name="Lý lịch tư pháp",
    **AGENCY,
    applicant=Applicant("Nguyễn Thị Bí Mật", "cccd", "017099000001"),
    state=S.REGISTERED,
    submitted_at=NOW,
    fees=(FeeLine("phi", "P1", "Phí", 200_000),),
    documents=(ListedDocument("to-khai", "Tờ khai", "ab" * 32),),
)


@dataclass
class Side:
    """The portal on a virtual wire, and the adapter at the other end."""

    changes: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    now: datetime = NOW
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        values = whole({"dvcqg_sync": {**SHOWN["dvcqg_sync"], **self.changes, "port": 0}})
        self.world = World(
            read_world({**values, "seed": self.seed}),
            listen=False,
            clock=lambda: self.now,
            send=lambda _: None,
            pause=lambda _: False,
        )
        self.app = self.world.apps["dvcqg_sync"]
        self.portal = dvcqg_sync.DvcqgSync(settings(), self)

    def send(self, request: HttpRequest) -> HttpAnswer:
        told: list[str] = []
        answer = Client(self.app, use_cookies=False).open(
            request.url.partition(".test")[2],
            method=request.method,
            headers=dict(request.headers),
            data=request.body,
            environ_overrides={MISHAP: lambda word, _seconds: told.append(word)},
        )
        self.words.append(told[0] if told else "")
        if self.words[-1] in {"lose_answer", "reset", "hang"}:
            raise OutcomeUnknown("no answer")
        return HttpAnswer(answer.status_code, answer.data)

    def put(self, record: CaseRecord = RECORD, *, known: bool = False) -> str:
        return self._word(lambda: self.portal.put(record, self.now, known=known))

    def tell(self, *steps: CaseStep) -> str:
        return self._word(lambda: self.portal.tell(steps, self.now))

    def _word(self, call: Any) -> str:
        """In the words of the page."""
        self.words.clear()
        try:
            said: SyncAnswer = call()
        except OutcomeUnknown:
            return "in doubt"
        return ("slow, " if "slow" in self.words else "") + said.verdict.value

    def has(self, code: str = RECORD.case_code) -> str:
        """The state of a case by a look-up."""
        found = self.portal.look_up(code, "H28", self.now)
        return "not there" if isinstance(found, UnknownCase) else found.code

    def listed(self) -> dict[str, Any]:
        cases: dict[str, Any] = Client(self.app).get("/_cases").get_json()["cases"]
        return cases

    def control(self, **order: object) -> int:
        return Client(self.app).post("/_control", json=order).status_code


def settings(**changes: Any) -> dvcqg_sync.Settings:
    given = SHOWN["dvcqg_sync"]
    return dvcqg_sync.Settings(
        auth_url="http://portal.test/dvcqg/auth",
        adapter_url="http://portal.test/dvcqg/adapter",
        destination="VN:GOV:000.00.00.G22:vpcpdvcprovider",
        **{name: given[name] for name in ("username", "password", "unit_code")},
        **changes,
    )


def whole(sections: dict[str, Any]) -> dict[str, Any]:
    account = {"bin": "970418", "number": "0123456789", "name": "TTPVHCC"}
    bank = {"port": 0, "accounts": [account]}
    return {"gateway_url": "http://gateway.test", "state_dir": ":memory:", "bank": bank, **sections}


def step(state: CaseState, minute: int = 0, code: str = RECORD.case_code) -> CaseStep:
    return CaseStep(code, **AGENCY, state=state, at=NOW + timedelta(minutes=minute))


def rows(heading: str) -> list[list[str]]:
    lines = SECTION.partition(heading)[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in lines]


FAULTS = rows("| fault | call | the case then |")


# --- what is taken ------------------------------------------------------------------------------


def test_a_case_is_registered_once_and_then_only_updated() -> None:
    side = Side()
    assert "not there" == side.has()
    assert ["taken", "already_there", "taken"] == [side.put(), side.put(), side.put(known=True)]
    assert ("1", 1) == (side.has(), side.listed()[RECORD.case_code]["updates"])
    assert "not_there" == side.put(replace(RECORD, case_code="H28-261124-0002"), known=True)
    assert [RECORD.case_code] == list(side.listed())


@pytest.mark.parametrize("exists_code", ["3", "-3"])
def test_both_codes_of_a_case_that_is_there_are_read_as_that(exists_code: str) -> None:
    side = Side({"exists_code": exists_code})
    assert ["taken", "already_there"] == [side.put(), side.put()]


def test_success_may_be_told_by_a_text_alone() -> None:
    side = Side({"says": "text"})
    assert ["taken", "taken"] == [side.put(), side.tell(step(S.ACCEPTED))]


def test_steps_need_their_case_and_the_state_before_and_a_time_that_does_not_go_back() -> None:
    side = Side()
    assert "not_there" == side.tell(step(S.ACCEPTED))
    side.put()
    assert "refused" == side.tell(step(S.RESULT_READY))
    assert "taken" == side.tell(step(S.ACCEPTED, 2), step(S.PROCESSING, 2))
    assert "refused" == side.tell(step(S.SUPPLEMENT_REQUIRED, 1))
    assert "refused" == side.tell(step(S.FEE_DUE, 3), step(S.RESULT_DELIVERED, 4)), "all of them or none"
    assert "4" == side.has()
    assert ["2", "4"] == [each["TrangThai"] for each in side.listed()[RECORD.case_code]["steps"]]


def test_an_end_is_an_end_and_its_dates_come_with_it() -> None:
    side = Side()
    side.put()
    assert "refused" == side.put(replace(RECORD, refused_at=NOW), known=True)
    assert "taken" == side.tell(step(S.REFUSED))
    assert "taken" == side.put(replace(RECORD, state=S.REFUSED, refused_at=NOW), known=True)
    assert ["refused"] * 9 == [side.tell(step(state, 5)) for state in NATIONAL if state is not S.REFUSED]


def test_every_move_of_our_own_table_is_one_that_the_portal_takes() -> None:
    codes = {state: code for state, (code, _) in NATIONAL.items()}
    ours = {(codes[a], codes[b]) for (a, _), b in TABLE.items() if a is not S.DRAFT}
    assert [] == sorted((a, b) for a, b in ours if b not in MOVES[a])


def test_more_than_ten_steps_are_refused() -> None:
    side = Side()
    side.put()
    states = [S.SUPPLEMENT_REQUIRED, S.ACCEPTED] * 6
    answer = send_raw(side, "CapNhatTienDoHoSoMC", [wire_step(state) for state in states[:11]])
    assert ("500", "1") == (answer["error_code"], side.has())
    assert "0" == send_raw(side, "DongBoTienDo", [wire_step(state) for state in states[:10]])["error_code"]


def wire_step(state: CaseState) -> dict[str, object]:
    return encode_step(settings(), step(state))


def wire_case() -> dict[str, object]:
    return encode_record(settings(), RECORD)


def session(side: Side) -> str:
    return str(login(side)["session"])


def login(side: Side, **changes: str) -> dict[str, Any]:
    given = {name: SHOWN["dvcqg_sync"][name] for name in ("username", "password")}
    headers = {"dstcode": changes.pop("dstcode", settings().destination)}
    answer = Client(side.app).post("/dvcqg/auth", json={**given, **changes}, headers=headers).get_json()
    assert isinstance(answer, dict)
    return answer


def send_raw(side: Side, service: str, data: Sequence[object], **changes: object) -> dict[str, Any]:
    message = {
        "session": session(side),
        "madonvi": "000.00.00.H28",
        "service": service,
        "data": data,
        **changes,
    }
    answer = Client(side.app).post("/dvcqg/adapter", json=message).get_json()
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"MaHoSo": "H28"}, "302"),
        ({"MaHoSo": ""}, "200"),
        ({"TenNguoi": "x"}, "302"),
        ({"NgayNopHoSo": "24/11/2026"}, "302"),
        ({"KenhThucHien": "9"}, "302"),
        ({"TrangThaiHoSo": "11"}, "302"),
        ({"TrichYeuHoSo": "x" * 1001}, "302"),
        ({"DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "12"}]}, "302"),
        ({"DanhSachLePhi": [{"Gia": "1.5", "LoaiPhiLePhi": "1"}]}, "302"),
        ({"TaiLieuNop": [{"Ten": "x"}]}, "302"),
        ({"TaiLieuNop": "x"}, "302"),
    ],
)
def test_a_case_that_is_not_as_prescribed_is_refused(change: dict[str, object], code: str) -> None:
    side = Side()
    assert code == send_raw(side, "DongBoHoSoMC", [{**wire_case(), **change}])["error_code"]
    assert {} == side.listed()
    assert "0" == send_raw(side, "DongBoHoSoMC", [wire_case()])["error_code"]


@pytest.mark.parametrize(
    "change",
    [{"NguoiXuLy": "x" * 51}, {"NguoiXuLy": ""}, {"ThoiDiemXuLy": "x"}, {"TrangThai": "0"}, {"X": "y"}],
)
def test_a_step_that_is_not_as_prescribed_is_refused(change: dict[str, object]) -> None:
    side = Side()
    side.put()
    answer = send_raw(side, "CapNhatTienDoHoSoMC", [{**wire_step(S.ACCEPTED), **change}])
    assert (True, "1") == (answer["error_code"] in {"200", "302"}, side.has())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"madonvi": "H29"}, "106"),
        ({"service": "XoaHoSo"}, "500"),
        ({"data": []}, "302"),
        ({"session": "x"}, "100"),
    ],
)
def test_a_call_that_is_not_as_prescribed_changes_nothing(change: dict[str, object], code: str) -> None:
    side = Side()
    assert (
        code == send_raw(side, **{"service": "DongBoHoSoMC", "data": [wire_case()], **change})["error_code"]
    )
    assert {} == side.listed()


@pytest.mark.parametrize("name", ["username", "password", "dstcode"])
def test_a_login_that_is_not_ours_gives_no_session(name: str) -> None:
    assert "session" not in login(Side(), **{name: "another"})


# --- sessions and faults ------------------------------------------------------------------------


def test_a_session_ends_by_time_by_calls_and_by_a_word() -> None:
    side = Side({"session_ttl_s": 60.0})
    side.portal = dvcqg_sync.DvcqgSync(settings(session_life_s=3600), side)
    assert "taken" == side.put()
    side.now += timedelta(seconds=61)
    assert ("taken", 3) == (side.put(known=True), len(side.words)), "refused, a new session, taken"
    assert 200 == side.control(expire_sessions=True)
    assert ("taken", 3) == (side.put(known=True), len(side.words))
    side = Side({"session_calls": 2})
    assert ["taken", "taken", "taken"] == [side.put(), side.put(known=True), side.put(known=True)]
    assert 3 == len(side.words)


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row[0])
def test_a_fault_happens_as_the_page_says_and_only_as_often_as_it_was_asked_for(row: list[str]) -> None:
    fault, call, then = row
    side = Side()
    assert 200 == side.control(fault=fault, service="DongBoHoSoMC")
    assert call == side.put()
    assert then == ("not there" if side.has() == "not there" else "there")
    assert ("taken" if then == "not there" else "already_there") == side.put()


def test_the_page_has_a_row_for_each_fault() -> None:
    assert set(NEXT_FAULTS) == {row[0] for row in FAULTS}


def test_while_away_nothing_is_taken_and_afterwards_everything_is_as_before() -> None:
    side = Side()
    side.put()
    side.control(away=True)
    assert "in doubt" == side.put(known=True)
    side.control(away=False)
    assert ("1", 0) == (side.has(), side.listed()[RECORD.case_code]["updates"])


def test_the_seed_chooses_faults_about_as_often_as_asked_and_the_same_ones_again() -> None:
    def met(seed: int) -> list[str]:
        side = Side({"fault_every": 4}, seed=seed)
        return [side.put(replace(RECORD, case_code=f"H28-261124-{number:04d}")) for number in range(200)]

    first = met(4)
    assert 25 <= 200 - first.count("taken") <= 80
    assert first == met(4)
    assert first != met(5)


@pytest.mark.parametrize("row", rows("| object | effect |"), ids=lambda row: row[0])
def test_a_word_of_the_page_is_understood(row: list[str]) -> None:
    for word in re.findall(r"\{[^}]+\}", row[0]):
        assert 200 == Side().control(**json.loads(word))


@pytest.mark.parametrize(
    "word", [{}, {"away": 1}, {"fault": "none"}, {"fault": "reset", "times": 0}, {"fault": []}]
)
def test_any_other_word_is_not_understood(word: dict[str, object]) -> None:
    assert 400 == Side().control(**word)


# --- the world ----------------------------------------------------------------------------------


def test_the_section_that_is_shown_can_be_read_and_every_setting_is_told() -> None:
    assert set(CASE_SERVERS) == set(SHOWN)
    told = {name: default for name, default, _ in rows("| optional setting | default | what it is |")}
    kind = CASE_SERVERS["dvcqg_sync"]
    given = {
        each.name: each.default
        for each in dataclasses.fields(kind)
        if each.default is not dataclasses.MISSING
    }
    assert {
        name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in given.items()
    } == told
    for key in SHOWN["dvcqg_sync"]:
        less = {part: value for part, value in SHOWN["dvcqg_sync"].items() if part != key}
        with pytest.raises(WorldMisconfigured, match=rf"^dvcqg_sync\.{key} must be "):
            read_world(whole({"dvcqg_sync": less}))


def test_no_password_is_shown() -> None:
    assert "an invented password" not in repr(read_world(whole(SHOWN)))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def test_every_message_is_answered() -> None:
    side = Side()
    key = session(side)
    client = Client(side.app)
    services = st.sampled_from(["DongBoHoSoMC", "CapNhatTienDoHoSoMC", "TraCuuHoSo", "", "x"])
    names = sorted({*wire_case(), *wire_step(S.ACCEPTED)})
    data = _JSON | st.lists(st.dictionaries(st.sampled_from(names), _JSON, max_size=20), max_size=3)

    @given(services, data, _JSON)
    def answered(service: str, told: Any, updating: Any) -> None:
        message = {"session": key, "madonvi": "000.00.00.H28", "service": service, "isUpdating": updating}
        answer = client.post("/dvcqg/adapter", json={**message, "data": told})
        assert (200, False) == (answer.status_code, answer.get_json()["error_code"] == "0")
        assert client.post("/dvcqg/auth", json=told).status_code == 200
        assert client.post("/_control", data=json.dumps(told)).status_code in {200, 400}

    answered()
    assert {} == side.listed()
