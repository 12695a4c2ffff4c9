"""The post's NGSP interface, played: token, order, cancel, tracking feed.

Field names, the 201 of order and cancel and the RESTHeart shape of the feed are those of the public SDK of 2017.
What `Status` says is not public: the three values are settings. Parcels move by themselves when the feed is read;
no thread is needed, and a restart changes nothing.
"""

import base64
import binascii
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Flask, Response, request

from sandbox.post_feed import (
    COLLECTED,
    DELIVERED,
    FIRST_CURSOR,
    TEXTS,
    is_object_id,
    item_code,
    journey,
    object_id,
)
from sandbox.post_wire import cod_vnd, order_fault, page_size
from sandbox.serving import json_answer, new_app, read_json, same, text_of
from sandbox.state import Ground, get_control, set_control

SCHEMA = """
CREATE TABLE IF NOT EXISTS post_tokens (token TEXT PRIMARY KEY, expires_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS post_orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT, order_number TEXT NOT NULL UNIQUE, item_code TEXT NOT NULL,
    cod_vnd INTEGER NOT NULL, emitted INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL,
    collected INTEGER NOT NULL DEFAULT 0, released INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'moving');
CREATE TABLE IF NOT EXISTS post_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, object_id TEXT NOT NULL UNIQUE, order_number TEXT NOT NULL,
    item_code TEXT NOT NULL, code INTEGER NOT NULL, happened_ms INTEGER NOT NULL);
"""
BASE = "/apiVNPostNGSP/p1.0/order"


@dataclass(frozen=True, slots=True)
class PostSettings:
    """`step_s` seconds between two events of an order; the `status_…` are this world's values of MResult."""

    port: int
    consumer_key: str
    customer_code: str
    consumer_secret: str = field(repr=False)
    step_s: float = 0.3
    token_ttl_s: float = 3600.0
    status_accepted: int = 100
    status_exists: int = 101
    status_refused: int = 102


class Post:
    """Orders, their fate, and the feed."""

    def __init__(self, settings: PostSettings, ground: Ground) -> None:
        self.settings = settings
        self._ground = ground
        ground.state.define(SCHEMA)

    def _now(self) -> float:
        return self._ground.clock().timestamp()

    def new_token(self) -> dict[str, object]:
        token = self._ground.token()
        with self._ground.state.transaction() as db:
            db.execute("DELETE FROM post_tokens WHERE expires_at < ?", (self._now(),))
            db.execute(
                "INSERT INTO post_tokens (token, expires_at) VALUES (?, ?)",
                (token, self._now() + self.settings.token_ttl_s),
            )
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(self.settings.token_ttl_s),
            "scope": "default",
        }

    def admits(self, authorization: str) -> bool:
        """Whether the header carries a token that has not expired."""
        scheme, _, token = authorization.partition(" ")
        with self._ground.state.transaction() as db:
            row = db.execute("SELECT expires_at FROM post_tokens WHERE token = ?", (token,)).fetchone()
        return scheme.lower() == "bearer" and row is not None and row["expires_at"] > self._now()

    def knows_caller(self, authorization: str) -> bool:
        """HTTP Basic with our key and secret."""
        scheme, _, credentials = authorization.partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return False
        expected = f"{self.settings.consumer_key}:{self.settings.consumer_secret}"
        return scheme.lower() == "basic" and same(expected, given)

    def order(self, asked: Mapping[str, object]) -> tuple[int, str]:
        """MResult of an order. An OrderNumber is taken once; whatever comes after it "exists"."""
        wrong = order_fault(asked, self.settings.customer_code)
        if wrong is not None:
            return self.settings.status_refused, wrong
        number = text_of(asked["OrderNumber"])
        with self._ground.state.transaction() as db:
            known = db.execute("SELECT 1 FROM post_orders WHERE order_number = ?", (number,)).fetchone()
            if known is not None:
                return self.settings.status_exists, "Đơn hàng đã tồn tại"
            cursor = db.execute(
                "INSERT INTO post_orders (order_number, item_code, cod_vnd, next_at) VALUES (?, '', ?, ?)",
                (number, cod_vnd(asked.get("CODAmount")), self._now() + self.settings.step_s),
            )
            row_id = cursor.lastrowid or 0
            db.execute(
                "UPDATE post_orders SET item_code = ? WHERE id = ?",
                (item_code(self._ground.seed, row_id), row_id),
            )
        return self.settings.status_accepted, "Thành công"

    def cancel(self, customer_code: str, number: str) -> tuple[int, str]:
        """MResult of a cancellation: possible until the parcel has been collected, and any number of times."""
        if customer_code != self.settings.customer_code:
            return self.settings.status_refused, "CustomerCode không đúng"
        with self._ground.state.transaction() as db:
            self._advance(db)
            row = db.execute("SELECT * FROM post_orders WHERE order_number = ?", (number,)).fetchone()
            if row is None:
                return self.settings.status_refused, "Không tìm thấy đơn hàng"
            if row["collected"]:
                return self.settings.status_refused, "Bưu gửi đã được lấy, không thể hủy"
            db.execute("UPDATE post_orders SET state = 'cancelled' WHERE id = ?", (row["id"],))
        return self.settings.status_accepted, "Thành công"

    def tracking(self, page_size: int, last_id: str) -> dict[str, object]:
        """The events after `last_id`, oldest first, of all orders of the customer."""
        with self._ground.state.transaction() as db:
            self._advance(db)
            size = db.execute(
                "SELECT count(*) AS n FROM post_events WHERE object_id > ?", (last_id,)
            ).fetchone()["n"]
            rows = db.execute(
                "SELECT * FROM post_events WHERE object_id > ? ORDER BY object_id LIMIT ?",
                (last_id, page_size),
            ).fetchall()
        documents = [self._document(row) for row in rows]
        return {
            "_size": size,
            "_total_pages": -(-size // page_size),
            "_returned": len(documents),
            "_embedded": {"rh:doc": documents},
        }

    def _document(self, row: sqlite3.Row) -> dict[str, object]:
        return {
            "_id": {"$oid": row["object_id"]},
            "CustomerCode": self.settings.customer_code,
            "OrderNumber": row["order_number"],
            "EventTime": row["happened_ms"],
            "POSID": "350000",
            "ItemCode": row["item_code"],
            "StatusCode": row["code"],
            "StatusMessage": TEXTS[row["code"]],
            "Notes": "",
        }

    def _advance(self, db: sqlite3.Connection) -> None:
        """Let every event happen that is due."""
        held = get_control(db, "post", "hold") is not None
        rows = db.execute(
            "SELECT * FROM post_orders WHERE state = 'moving' AND next_at <= ? ORDER BY next_at, id",
            (self._now(),),
        ).fetchall()
        for row in rows:
            self._move(db, row, held=held and not row["released"])

    def _move(self, db: sqlite3.Connection, row: sqlite3.Row, *, held: bool) -> None:
        steps = journey(self._ground.seed, row["order_number"])
        done, at, collected = row["emitted"], row["next_at"], row["collected"]
        while done < len(steps) and at <= self._now():
            step = steps[done]
            if step.code == DELIVERED and held:
                break
            happened = self._now() if step.code == DELIVERED else at - step.lag * self.settings.step_s
            self._emit(db, row, code=step.code, happened_ms=round(happened * 1000))
            done, at, collected = done + 1, at + self.settings.step_s, collected or step.code == COLLECTED
        db.execute(
            "UPDATE post_orders SET emitted = ?, next_at = ?, collected = ?, state = ? WHERE id = ?",
            (done, at, int(collected), "moving" if done < len(steps) else "done", row["id"]),
        )

    def _emit(self, db: sqlite3.Connection, row: sqlite3.Row, *, code: int, happened_ms: int) -> None:
        last = db.execute("SELECT id, object_id FROM post_events ORDER BY id DESC LIMIT 1").fetchone()
        number, second = (0, 0) if last is None else (last["id"], int(last["object_id"][:8], 16))
        db.execute(
            "INSERT INTO post_events (object_id, order_number, item_code, code, happened_ms) VALUES (?, ?, ?, ?, ?)",
            (
                object_id(max(second, int(self._now())), self._ground.seed, number + 1),
                row["order_number"],
                row["item_code"],
                code,
                happened_ms,
            ),
        )

    def control(self, order: Mapping[str, object]) -> bool:
        """`{"hold": true|false}` keeps every parcel from delivery; `{"deliver": number}` ends one journey now."""
        hold, deliver = order.get("hold"), order.get("deliver")
        with self._ground.state.transaction() as db:
            if isinstance(hold, bool):
                set_control(db, "post", "hold", value="1" if hold else None)
                return True
            row = db.execute(
                "SELECT * FROM post_orders WHERE order_number = ? AND state = 'moving'", (text_of(deliver),)
            ).fetchone()
            if row is None:
                return False
            missing = len(journey(self._ground.seed, row["order_number"])) - row["emitted"]
            start = min(row["next_at"], self._now() - missing * self.settings.step_s)
            db.execute("UPDATE post_orders SET released = 1, next_at = ? WHERE id = ?", (start, row["id"]))
            self._advance(db)
        return True


def _result(status: int, message: str) -> Response:
    return json_answer({"Status": status, "Message": message}, 201)


def _guard(app: Flask, post: Post) -> None:
    """`POST /token`, and no other address of the interface without one."""

    @app.before_request
    def admit() -> Response | None:
        if not request.path.startswith(BASE) or post.admits(request.headers.get("Authorization", "")):
            return None
        fault = {"code": 900901, "message": "Invalid Credentials", "description": "Access token không hợp lệ"}
        return json_answer({"fault": fault}, 401)

    @app.post("/token")
    def token() -> Response:
        if not post.knows_caller(request.headers.get("Authorization", "")):
            return json_answer({"error": "invalid_client"}, 401)
        if request.form.get("grant_type") != "client_credentials":
            return json_answer({"error": "unsupported_grant_type"}, 400)
        return json_answer(post.new_token())


def post_app(post: Post) -> Flask:
    """The addresses of the interface, and `POST /_control`."""
    app = new_app("post")
    _guard(app, post)

    @app.post(f"{BASE}/post")
    def order() -> Response:
        asked = read_json()
        if asked is None:
            return json_answer({"Status": post.settings.status_refused, "Message": "JSON không đúng"}, 400)
        return _result(*post.order(asked))

    @app.get(f"{BASE}/cancel")
    def cancel() -> Response:
        given = request.args
        return _result(*post.cancel(given.get("CustomerCode", ""), given.get("OrderNumber", "")))

    @app.get(f"{BASE}/tracking")
    def tracking() -> Response:
        size, last_id = page_size(request.args.get("pagesize", "")), request.args.get("lastId", FIRST_CURSOR)
        if size is None or not is_object_id(last_id):
            return json_answer({"http status code": 400, "message": "pagesize hoặc lastId không đúng"}, 400)
        return json_answer(post.tracking(size, last_id))

    @app.post("/_control")
    def control() -> Response:
        done = post.control(read_json() or {})
        return json_answer({"ok": done}, 200 if done else 400)

    return app
