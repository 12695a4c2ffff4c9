"""The National Public Service Portal as the systems that process cases see it, played: session, cases, progress.

Messages are those of `specs/case.md` B4: a session by user name and password under the header `dstcode`; then one
address for every service, `{session, madonvi, service, isUpdating, data}`. Public are `error_code` 0, 3 and -3 with the
text "đã tồn tại", and ten steps a call at most; the other codes are those of the national service bus. What a look-up
answers, and the order that is asked for (a case before its steps, the moves of B3, no time that goes back), are this
world's choice: stricter than the public texts, so that whoever passes here is in order there.
"""

import json
import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Flask, Response, request

from sandbox import mishaps
from sandbox.faults import UNDONE, Fault
from sandbox.portal_sync_wire import MOVES, case_fault, step_fault
from sandbox.serving import json_answer, new_app, read_json, same, text_of
from sandbox.state import Ground, get_control, set_control

SCHEMA = """
CREATE TABLE IF NOT EXISTS national_sessions (
    session TEXT PRIMARY KEY, expires_at REAL NOT NULL, calls INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS national_cases (
    code TEXT PRIMARY KEY, unit TEXT NOT NULL, state INTEGER NOT NULL, record TEXT NOT NULL, last_at TEXT NOT NULL,
    updates INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS national_steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, state INTEGER NOT NULL, at TEXT NOT NULL,
    step TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS national_calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, fault TEXT NOT NULL);
"""
SERVER: Final = "dvcqg_sync"
BASE: Final = "/dvcqg"
STEPS_MOST: Final = 10
CASES_MOST: Final = 50
AWAY, NEXT = "away", "next_fault"
SEEDED: Final = (Fault.LOSE_ANSWER, Fault.GARBAGE, Fault.UNAVAILABLE, Fault.RESET, Fault.SLOW)
NEXT_FAULTS: Final = {each.value: each for each in (*SEEDED, Fault.HANG)}

OK, AUTHEN, UNIT, UNREADABLE, MISSING, NOT_FOUND, INCORRECT = "0", "100", "106", "302", "200", "201", "500"
Refusal = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PortalSyncSettings:
    """`session_ttl_s` and `session_calls` end a session by time and by number of calls (0: no end).

    About one call in `fault_every` meets a fault that the seed chooses (0: none). With `says` `text`, success is told
    by a text alone, as some servers do. `exists_code` comes when a case is registered a second time.
    """

    port: int
    username: str
    unit_code: str
    password: str = field(repr=False)
    destination: str = "VN:GOV:000.00.00.G22:vpcpdvcprovider"
    session_ttl_s: float = 1800.0
    session_calls: int = 0
    exists_code: str = "-3"
    says: str = "code"
    fault_every: int = 0
    slow_s: float = 12.0


class PortalSync:
    """Sessions, cases and their steps."""

    def __init__(self, settings: PortalSyncSettings, ground: Ground) -> None:
        self.settings, self.ground = settings, ground
        ground.state.define(SCHEMA)

    # --- sessions ---------------------------------------------------------------------------------

    def log_in(self, asked: Mapping[str, object], destination: str) -> Response:
        ours = self.settings
        right = (
            same(ours.username, text_of(asked.get("username"))),
            same(ours.password, text_of(asked.get("password"))),
            same(ours.destination, destination),
        )
        if not all(right):
            return _no(AUTHEN, "Sai tài khoản hoặc mật khẩu")
        session, now = self.ground.token(), self.ground.clock().timestamp()
        with self.ground.state.transaction() as db:
            db.execute("DELETE FROM national_sessions WHERE expires_at < ?", (now,))
            db.execute(
                "INSERT INTO national_sessions (session, expires_at) VALUES (?, ?)",
                (session, now + ours.session_ttl_s),
            )
        return json_answer({"error_code": 0, "session": session})

    def _admits(self, db: sqlite3.Connection, session: str) -> bool:
        row = db.execute("SELECT * FROM national_sessions WHERE session = ?", (session,)).fetchone()
        most = self.settings.session_calls
        if row is None or row["expires_at"] <= self.ground.clock().timestamp() or 0 < most <= row["calls"]:
            return False
        db.execute("UPDATE national_sessions SET calls = calls + 1 WHERE session = ?", (session,))
        return True

    # --- one call ---------------------------------------------------------------------------------

    def call(self, asked: Mapping[str, object]) -> Response:
        """Carry out one service, or let the call meet its fault; a call that is refused changes nothing."""
        service, data = text_of(asked.get("service")), asked.get("data")
        with self.ground.state.transaction() as db:
            fault = self._fault(db, service)
            if fault in UNDONE:
                given = _no(INCORRECT, "")
            elif not self._admits(db, text_of(asked.get("session"))):
                given = _no(AUTHEN, "Phiên làm việc không hợp lệ hoặc đã hết hạn")
            elif not same(self.settings.unit_code, text_of(asked.get("madonvi"))):
                given = _no(UNIT, "Mã đơn vị không đúng")
            elif not isinstance(data, list) or not all(isinstance(each, dict) for each in data) or not data:
                given = _no(UNREADABLE, "data không phải danh sách")
            else:
                given = self._served(db, service, data, is_update=asked.get("isUpdating") is True)
        return mishaps.answer(fault, given, ground=self.ground, slow_s=self.settings.slow_s)

    def _served(
        self, db: sqlite3.Connection, service: str, data: list[dict[str, object]], *, is_update: bool
    ) -> Response:
        if service == "TraCuuHoSo":
            return self._looked_up(db, data)
        services: Mapping[str, Callable[[], Refusal | None]] = {
            "DongBoHoSoMC": lambda: self._cases(db, data, is_update=is_update),
            "CapNhatTienDoHoSoMC": lambda: self._steps(db, data),
            "DongBoTienDo": lambda: self._steps(db, data),
        }
        if service not in services:
            return _no(INCORRECT, "Không có dịch vụ này")
        db.execute("SAVEPOINT call")
        refusal = services[service]()
        if refusal is not None:
            db.execute("ROLLBACK TO call")
        db.execute("RELEASE call")
        if refusal is not None:
            return _no(*refusal)
        if self.settings.says == "text":
            return json_answer({"message": "Đồng bộ thành công"})
        return json_answer({"error_code": OK, "message": "Thành công"})

    def _fault(self, db: sqlite3.Connection, service: str) -> Fault:
        if get_control(db, SERVER, AWAY) is not None:
            return Fault.UNAVAILABLE
        fault = self._chosen(db, service)
        db.execute("INSERT INTO national_calls (service, fault) VALUES (?, ?)", (service[:40], fault.value))
        return fault

    def _chosen(self, db: sqlite3.Connection, service: str) -> Fault:
        told = get_control(db, SERVER, NEXT)
        if told is not None:
            order: dict[str, Any] = json.loads(told)
            if order["service"] in {"", service}:
                order["times"] -= 1
                set_control(db, SERVER, NEXT, value=json.dumps(order) if order["times"] else None)
                return NEXT_FAULTS[order["fault"]]
        every = self.settings.fault_every
        if not every:
            return Fault.NONE
        number = db.execute("SELECT count(*) AS n FROM national_calls").fetchone()["n"]
        chance = random.Random(f"{self.ground.seed}:{number}")
        return chance.choice(SEEDED) if chance.randrange(every) == 0 else Fault.NONE

    # --- what the services do ---------------------------------------------------------------------

    def _cases(
        self, db: sqlite3.Connection, data: Sequence[Mapping[str, object]], *, is_update: bool
    ) -> Refusal | None:
        if len(data) > CASES_MOST:
            return INCORRECT, f"Không quá {CASES_MOST} hồ sơ mỗi lần gọi"
        for case in data:
            wrong = case_fault(case)
            if wrong is not None:
                return (MISSING if wrong.startswith("Thiếu") else UNREADABLE), wrong
            refusal = self._update(db, case) if is_update else self._register(db, case)
            if refusal is not None:
                return refusal
        return None

    def _register(self, db: sqlite3.Connection, case: Mapping[str, object]) -> Refusal | None:
        code = text_of(case["MaHoSo"])
        if _row(db, code) is not None:
            return self.settings.exists_code, f"Hồ sơ {code} đã tồn tại"
        db.execute(
            "INSERT INTO national_cases (code, unit, state, record, last_at) VALUES (?, ?, ?, ?, ?)",
            (
                code,
                self.settings.unit_code,
                int(text_of(case["TrangThaiHoSo"])),
                json.dumps(case, ensure_ascii=False),
                text_of(case["NgayNopHoSo"]),
            ),
        )
        return None

    def _update(self, db: sqlite3.Connection, case: Mapping[str, object]) -> Refusal | None:
        code, state = text_of(case["MaHoSo"]), int(text_of(case["TrangThaiHoSo"]))
        row = _row(db, code)
        if row is None:
            return NOT_FOUND, "Không tìm thấy hồ sơ"
        if state != row["state"] and state not in MOVES[row["state"]]:
            return INCORRECT, f"TrangThaiHoSo {state} không thể sau {row['state']}"
        db.execute(
            "UPDATE national_cases SET state = ?, record = ?, updates = updates + 1 WHERE code = ?",
            (state, json.dumps(case, ensure_ascii=False), code),
        )
        return None

    def _steps(self, db: sqlite3.Connection, data: Sequence[Mapping[str, object]]) -> Refusal | None:
        if len(data) > STEPS_MOST:
            return INCORRECT, f"Không quá {STEPS_MOST} tiến trình mỗi lần gọi"
        for step in data:
            refusal = self._step(db, step)
            if refusal is not None:
                return refusal
        return None

    def _step(self, db: sqlite3.Connection, step: Mapping[str, object]) -> Refusal | None:
        wrong = step_fault(step)
        if wrong is not None:
            return (MISSING if wrong.startswith("Thiếu") else UNREADABLE), wrong
        code, state, at = (text_of(step[name]) for name in ("MaHoSo", "TrangThai", "ThoiDiemXuLy"))
        row = _row(db, code)
        if row is None:
            return NOT_FOUND, "Không tìm thấy hồ sơ"
        if int(state) not in MOVES[row["state"]]:
            return INCORRECT, f"TrangThai {state} không thể sau {row['state']}"
        if at < row["last_at"]:
            return INCORRECT, "ThoiDiemXuLy trước tiến trình đã có"
        db.execute("UPDATE national_cases SET state = ?, last_at = ? WHERE code = ?", (int(state), at, code))
        db.execute(
            "INSERT INTO national_steps (code, state, at, step) VALUES (?, ?, ?, ?)",
            (code, int(state), at, json.dumps(step, ensure_ascii=False)),
        )
        return None

    def _looked_up(self, db: sqlite3.Connection, data: Sequence[Mapping[str, object]]) -> Response:
        rows = [_row(db, text_of(each.get("MaHoSo"))) for each in data[:CASES_MOST]]
        found = [row for row in rows if row is not None]
        if not found:
            return _no(NOT_FOUND, "Không tìm thấy hồ sơ")
        told = [{**json.loads(row["record"]), "TrangThaiHoSo": str(row["state"])} for row in found]
        return json_answer({"error_code": OK, "message": "Thành công", "data": told})

    # --- for whoever tells a story ----------------------------------------------------------------

    def listed(self) -> Response:
        """Every case with its record and its steps, as they came, and how often each service was called."""
        with self.ground.state.transaction() as db:
            cases = db.execute("SELECT * FROM national_cases ORDER BY rowid").fetchall()
            steps = db.execute("SELECT * FROM national_steps ORDER BY id").fetchall()
            calls = db.execute(
                "SELECT service, count(*) AS n FROM national_calls GROUP BY service"
            ).fetchall()
        told = {
            row["code"]: {
                "state": row["state"],
                "updates": row["updates"],
                "record": json.loads(row["record"]),
                "steps": [json.loads(step["step"]) for step in steps if step["code"] == row["code"]],
            }
            for row in cases
        }
        return json_answer({"cases": told, "calls": {row["service"]: row["n"] for row in calls}})

    def control(self, order: Mapping[str, object]) -> bool:
        """`{"away": true|false}`, `{"expire_sessions": true}`, or `{"fault": "reset", "times": 2, "service": "…"}`."""
        away, fault = order.get("away"), order.get("fault")
        times, service = order.get("times", 1), order.get("service", "")
        with self.ground.state.transaction() as db:
            if isinstance(away, bool):
                set_control(db, SERVER, AWAY, value="1" if away else None)
            elif order.get("expire_sessions") is True:
                db.execute("DELETE FROM national_sessions")
            elif isinstance(fault, str) and fault in NEXT_FAULTS and isinstance(times, int) and times > 0:
                told = {"fault": fault, "times": times, "service": text_of(service)}
                set_control(db, SERVER, NEXT, value=json.dumps(told))
            else:
                return False
        return True


def _row(db: sqlite3.Connection, code: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute("SELECT * FROM national_cases WHERE code = ?", (code,)).fetchone()
    return row


def _no(code: str, message: str) -> Response:
    return json_answer({"error_code": code, "message": message})


def portal_sync_app(portal: PortalSync) -> Flask:
    """`POST /dvcqg/auth`, `POST /dvcqg/adapter`, `GET /_cases` and `POST /_control`."""
    app = new_app(SERVER)

    @app.post(f"{BASE}/auth")
    def auth() -> Response:
        with portal.ground.state.transaction() as db:
            is_away = get_control(db, SERVER, AWAY) is not None
        if is_away:
            return Response("", status=503)
        return portal.log_in(read_json() or {}, request.headers.get("dstcode", ""))

    @app.post(f"{BASE}/adapter")
    def adapter() -> Response:
        asked = read_json()
        return _no(UNREADABLE, "JSON không đúng") if asked is None else portal.call(asked)

    @app.get("/_cases")
    def cases() -> Response:
        return portal.listed()

    @app.post("/_control")
    def control() -> Response:
        done = portal.control(read_json() or {})
        return json_answer({"ok": done}, 200 if done else 400)

    return app
