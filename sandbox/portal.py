"""The portal's own address: receives the gateway's webhooks and keeps what came.

Standard Webhooks: `v1` (HMAC with the endpoint's secret) is checked by the public library, `v1a` (Ed25519) with the
keys of the gateway's JWKS. Both must hold when a secret is set, `v1a` always.
"""

import base64
import binascii
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, Response, request
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from sandbox.errors import Untrusted, WorldMisconfigured
from sandbox.portal_client import KeySet
from sandbox.serving import json_answer, json_object, new_app, read_json
from sandbox.state import Ground, get_control, set_control

SCHEMA = """
CREATE TABLE IF NOT EXISTS portal_received (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, webhook_id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, id TEXT NOT NULL,
    at TEXT NOT NULL, body TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1);
"""
TOLERANCE_S = 300
MAX_ID = 200
MAX_ROWS = 1000
MAX_SIGNATURES = 10
MAX_REFUSALS = 100
SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix of every such secret
CLIENT_ERROR, SERVER_ERROR_END = 400, 600


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """`key_id` and `private_key_file` (PEM, Ed25519) are for the portal's own calls."""

    port: int
    key_id: str
    private_key_file: str
    webhook_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises `WorldMisconfigured`."""
        if self.webhook_secret is not None and not self.webhook_secret.startswith(SECRET_PREFIX):
            raise WorldMisconfigured(
                f"portal.webhook_secret must be a secret that starts with {SECRET_PREFIX}"
            )


class Portal:
    """What the portal received, each message once."""

    def __init__(self, settings: PortalSettings, ground: Ground, gateway_url: str) -> None:
        self._settings = settings
        self._ground = ground
        self._keys = KeySet(gateway_url, ground.send)
        ground.state.define(SCHEMA)

    def receive(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Status and a word: 400 when a signature does not hold, 200 also for a message that came before."""
        try:
            self._check(headers, body)
        except Untrusted as error:
            return 400, str(error)
        message = json_object(body)
        if message is None:
            return 400, "the body is not a JSON object"
        with self._ground.state.transaction() as db:
            refusal = self._ordered_refusal(db)
            if refusal:
                return refusal, "as ordered by the story"
            db.execute(
                "INSERT INTO portal_received (webhook_id, type, id, at, body) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (webhook_id) DO UPDATE SET times = times + 1",
                (
                    headers["webhook-id"],
                    str(message.get("type", "")),
                    str(message.get("id", "")),
                    self._ground.now_local().isoformat(),
                    body.decode("utf-8"),
                ),
            )
        return 200, "received"

    def _check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises `Untrusted` unless every signature that is due holds."""
        webhook_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not 0 < len(webhook_id) <= MAX_ID:
            raise Untrusted("webhook-id is absent or too long")
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > len("10000000000"):
            raise Untrusted("webhook-timestamp is not a number of seconds")
        if abs(self._ground.clock().timestamp() - int(stamp)) > TOLERANCE_S:
            raise Untrusted("webhook-timestamp is too old or too new")
        secret = self._secret()
        if secret is not None:
            _check_v1(secret, headers, body)
        signed = f"{webhook_id}.{stamp}.".encode() + body
        signatures = _signatures(headers.get("webhook-signature", ""))
        if not _any_holds(self._keys.all(), signatures, signed) and not _any_holds(
            self._keys.all(fresh=True), signatures, signed
        ):
            raise Untrusted("no v1a signature of the gateway's keys holds")

    def _secret(self) -> str | None:
        with self._ground.state.transaction() as db:
            told = get_control(db, "portal", "webhook_secret")
        return told or self._settings.webhook_secret

    def _ordered_refusal(self, db: sqlite3.Connection) -> int:
        """The status that a story asked for, as long as its count lasts; 0 for none."""
        told = get_control(db, "portal", "refuse")
        if told is None:
            return 0
        status, left = (int(part) for part in told.split(":"))
        set_control(db, "portal", "refuse", value=f"{status}:{left - 1}" if left > 1 else None)
        return status

    def received(self, kind: str, wanted: str) -> list[dict[str, object]]:
        """What came, oldest first; `kind` filters by type, `wanted` by the body's id or the webhook-id."""
        with self._ground.state.transaction() as db:
            rows = db.execute(
                "SELECT * FROM portal_received WHERE (? = '' OR type = ?) AND (? = '' OR id = ? OR webhook_id = ?)"
                " ORDER BY seq LIMIT ?",
                (kind, kind, wanted, wanted, wanted, MAX_ROWS),
            ).fetchall()
        return [
            {
                "webhook_id": row["webhook_id"],
                "type": row["type"],
                "id": row["id"],
                "received_at": row["at"],
                "times": row["times"],
                "body": json.loads(row["body"]),
            }
            for row in rows
        ]

    def control(self, order: Mapping[str, object]) -> bool:
        """`{"webhook_secret": "whsec_…"}`, or `{"answer": 503, "times": 2}` to refuse the next genuine messages."""
        secret, status, times = order.get("webhook_secret"), order.get("answer"), order.get("times", 1)
        with self._ground.state.transaction() as db:
            if isinstance(secret, str) and secret.startswith(SECRET_PREFIX):
                set_control(db, "portal", "webhook_secret", value=secret)
                return True
            if not isinstance(status, int) or not CLIENT_ERROR <= status < SERVER_ERROR_END:
                return False
            if not isinstance(times, int) or not 0 < times <= MAX_REFUSALS:
                return False
            set_control(db, "portal", "refuse", value=f"{status:d}:{times:d}")
        return True


def _check_v1(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    try:
        Webhook(secret).verify(body, {name: headers.get(name, "") for name in names}, json_parse=False)
    except (WebhookVerificationError, ValueError) as error:  # ValueError: the library on a malformed header
        raise Untrusted("no v1 signature with the endpoint's secret holds") from error


def _signatures(header: str) -> list[bytes]:
    """The `v1a` signatures of a webhook-signature header."""
    found = []
    for part in header.split(" ")[:MAX_SIGNATURES]:
        version, _, text = part.partition(",")
        if version == "v1a":
            try:
                found.append(base64.b64decode(text, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def _any_holds(keys: tuple[Ed25519PublicKey, ...], signatures: list[bytes], signed: bytes) -> bool:
    return any(_holds(key, signature, signed) for key in keys for signature in signatures)


def _holds(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def portal_app(portal: Portal) -> Flask:
    """`POST /webhooks`, `GET /received`, `POST /_control`, and where a browser comes back to."""
    app = new_app("portal")

    @app.post("/webhooks")
    def webhooks() -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, word = portal.receive(headers, request.get_data())
        return json_answer({"result": word}, status)

    @app.get("/received")
    def received() -> Response:
        rows = portal.received(request.args.get("type", ""), request.args.get("id", ""))
        return json_answer({"received": rows})

    @app.get("/return")
    def back() -> Response:
        return json_answer({"ok": True})

    @app.post("/_control")
    def control() -> Response:
        done = portal.control(read_json() or {})
        return json_answer({"ok": done}, 200 if done else 400)

    return app
