"""A remote signing service, played by the standard: CSC API 2.0.0.2, over OAuth 2.0 client credentials (RFC 6749).

People leave their keys with it. For each hash it asks their consent: by a PIN that the caller sends, or on their phone,
which the caller waits for with `credentials/authorizeCheck`. A signature activation (SAD) is good for the hashes that
it was asked for, once, and for five minutes. `POST /_control` tells the owner of a phone what to do
(`{"owner": "confirms" | "declines" | "waits"}`) and the service what goes wrong (`{"fault": …}`, see `CscFault`);
`POST /phone/HANDLE/confirm` and `…/decline` are the phone itself.
"""

import base64
import binascii
import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sandbox import csc_keys
from sandbox.csc_keys import PEOPLE, Kept, Person
from sandbox.serving import same, text_of
from sandbox.state import Ground, get_control, set_control

SCHEMA = """
CREATE TABLE IF NOT EXISTS csc_tokens (token TEXT PRIMARY KEY, until TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS csc_consents (
    handle TEXT PRIMARY KEY, credential TEXT NOT NULL, hashes TEXT NOT NULL, state TEXT NOT NULL, at TEXT NOT NULL,
    sad TEXT UNIQUE, spent INTEGER NOT NULL DEFAULT 0);
"""
SERVER = "csc"
SAD_S = 300
PATIENCE_S = 600
SHA256_OID, SHA256_BYTES = "2.16.840.1.101.3.4.2.1", 32
MAX_HASHES = 10
PIN_ID = "PIN"
METHODS = (
    "info",
    "credentials/list",
    "credentials/info",
    "credentials/authorize",
    "credentials/authorizeCheck",
    "signatures/signHash",
)
OWNERS = ("confirms", "declines", "waits")
Told = tuple[dict[str, object], int]


class CscFault(StrEnum):
    """What goes wrong with the whole service until another word."""

    NONE = "none"
    DOWN = "down"
    UNAVAILABLE = "unavailable"
    FAIL = "fail"
    GARBAGE = "garbage"
    WRONG_HASH = "wrong_hash"
    EXPIRED = "expired_credential"
    DISABLED = "disabled_key"
    FORGETS_TOKENS = "forgets_tokens"


@dataclass(frozen=True, slots=True)
class CscSettings:
    """The one client and the PIN of everybody's key. An owner decides `confirm_s` after the phone rang."""

    port: int
    client_id: str
    client_secret: str = field(repr=False)
    pin: str = field(repr=False)
    confirm_s: float = 0.0
    token_s: int = 3600


def refused(error: str, description: str, status: int = 400) -> Told:
    """An error in the form of section 10.1."""
    return {"error": error, "error_description": description}, status


class Csc:
    """The service. Every method answers (JSON object, status) and never raises, whatever it is asked."""

    def __init__(self, settings: CscSettings, ground: Ground) -> None:
        self.settings = settings
        self.ground = ground
        ground.state.define(SCHEMA + csc_keys.SCHEMA)

    # --- what a story says --------------------------------------------------------------------------

    def control(self, order: Mapping[str, object]) -> bool:
        """Carry out `{"fault": …}` or `{"owner": …}`; False when it is neither."""
        for key, allowed in (("fault", tuple(CscFault)), ("owner", OWNERS)):
            value = order.get(key)
            if isinstance(value, str) and value in allowed:
                with self.ground.state.transaction() as db:
                    set_control(db, SERVER, key, value=value)
                return True
        return False

    def fault(self) -> CscFault:
        with self.ground.state.transaction() as db:
            return CscFault(get_control(db, SERVER, "fault") or CscFault.NONE)

    def phone(self, handle: str, decision: str) -> bool:
        """The owner's finger; False when nothing of this handle waits for it."""
        with self.ground.state.transaction() as db:
            changed = db.execute(
                "UPDATE csc_consents SET state = ? WHERE handle = ? AND state = 'waiting'", (decision, handle)
            )
            return changed.rowcount == 1

    def waiting(self) -> list[dict[str, str]]:
        """What the phones show: whose key, and the hashes that are to be signed."""
        with self.ground.state.transaction() as db:
            rows = db.execute("SELECT * FROM csc_consents WHERE state = 'waiting' ORDER BY at").fetchall()
        return [{name: row[name] for name in ("handle", "credential", "hashes")} for row in rows]

    # --- who calls ----------------------------------------------------------------------------------

    def token(self, form: Mapping[str, str]) -> Told:
        """RFC 6749 section 4.4."""
        known = same(form.get("client_id", ""), self.settings.client_id)
        if not known or not same(form.get("client_secret", ""), self.settings.client_secret):
            return refused("invalid_client", "Client authentication failed", 401)
        if form.get("grant_type") != "client_credentials":
            return refused("unsupported_grant_type", "Only client_credentials")
        made, until = self.ground.token(), self._in(self.settings.token_s)
        with self.ground.state.transaction() as db:
            db.execute("INSERT INTO csc_tokens VALUES (?, ?)", (made, until.isoformat()))
        life: dict[str, object] = {
            "token_type": "Bearer",
            "expires_in": self.settings.token_s,
            "scope": "service",
        }
        return {"access_token": made, **life}, 200

    def knows(self, authorization: str) -> bool:
        """Whether the header holds a token of ours that is still good."""
        scheme, _, token = authorization.partition(" ")
        with self.ground.state.transaction() as db:
            if get_control(db, SERVER, "fault") == CscFault.FORGETS_TOKENS:
                db.execute("DELETE FROM csc_tokens")
                set_control(db, SERVER, "fault", value=None)
            row = db.execute("SELECT until FROM csc_tokens WHERE token = ?", (token,)).fetchone()
        good = row is not None and self.ground.clock() < datetime.fromisoformat(row["until"])
        return good and scheme.lower() == "bearer"

    def _in(self, seconds: float) -> datetime:
        return self.ground.clock() + timedelta(seconds=seconds)

    # --- section 11 ---------------------------------------------------------------------------------

    def info(self, _: Mapping[str, object]) -> Told:
        """11.1."""
        said: dict[str, object] = {
            "specs": "2.0.0.2",
            "name": "Ký số từ xa (thử nghiệm)",
            "logo": "https://ky.example.vn/logo.png",
            "region": "VN",
            "lang": "vi-VN",
            "description": "Dịch vụ ký số từ xa của môi trường thử nghiệm",
            "authType": ["oauth2client"],
            "asynchronousOperationMode": False,
            "methods": list(METHODS),
        }
        return said, 200

    def credentials(self, _: Mapping[str, object]) -> Told:
        """11.4: one client, so everybody's."""
        return {"credentialIDs": list(PEOPLE)}, 200

    def credential(self, asked: Mapping[str, object]) -> Told:
        """11.5."""
        person = PEOPLE.get(text_of(asked.get("credentialID")))
        if person is None:
            return refused("invalid_request", "Invalid parameter credentialID")
        fault, held = self.fault(), self._kept(person)
        key = {"status": "disabled" if fault is CscFault.DISABLED else "enabled", "algo": held.algorithms}
        status = "expired" if fault is CscFault.EXPIRED else "valid"
        wanted = asked.get("certificates", "single")
        chain = {"none": [], "single": held.chain()[:1], "chain": held.chain()}.get(str(wanted), [])
        said: dict[str, object] = {
            "description": person.name,
            "key": {**key, "len": held.key.key_size},
            "cert": {"status": status, "certificates": chain},
            "auth": {"mode": "implicit"} if person.by_phone else _by_pin(),
            "SCAL": "2",
            "multisign": MAX_HASHES,
        }
        return said, 200

    def authorize(self, asked: Mapping[str, object]) -> Told:
        """11.6: a SAD at once for the right PIN, a handle for a phone."""
        person, hashed = PEOPLE.get(text_of(asked.get("credentialID"))), _hashes(asked)
        if person is None or hashed is None or asked.get("numSignatures") != len(hashed):
            return refused("invalid_request", "Invalid parameter credentialID, hashes or numSignatures")
        if not person.by_phone and not same(_pin_of(asked), self.settings.pin):
            return refused("invalid_pin", "The PIN is not the one of this credential")
        state = "waiting" if person.by_phone else "confirmed"
        handle, at = self.ground.token(), self.ground.clock().isoformat()
        with self.ground.state.transaction() as db:
            db.execute(
                "INSERT INTO csc_consents (handle, credential, hashes, state, at) VALUES (?, ?, ?, ?, ?)",
                (handle, person.credential, json.dumps(hashed), state, at),
            )
            return ({"handle": handle}, 202) if person.by_phone else self._activate(db, handle)

    def check(self, asked: Mapping[str, object]) -> Told:
        """11.7: whether the owner has decided."""
        handle = text_of(asked.get("handle"))
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM csc_consents WHERE handle = ?", (handle,)).fetchone()
            if row is None:
                return refused("invalid_request", "Invalid parameter handle")
            waited_s = (self.ground.clock() - datetime.fromisoformat(row["at"])).total_seconds()
            state, owner = row["state"], get_control(db, SERVER, "owner") or "confirms"
            if state == "waiting" and owner != "waits" and waited_s >= self.settings.confirm_s:
                state = {"confirms": "confirmed", "declines": "declined"}[owner]
                db.execute("UPDATE csc_consents SET state = ? WHERE handle = ?", (state, handle))
            if state == "declined":
                return refused("access_denied", "The user did not authorize the operation")
            if state == "waiting":
                late = waited_s > PATIENCE_S
                return (
                    refused("expired_request", "The request has expired")
                    if late
                    else ({"handle": handle}, 202)
                )
            return self._activate(db, handle)

    def _activate(self, db: sqlite3.Connection, handle: str) -> Told:
        sad = self.ground.token()
        now = self.ground.clock().isoformat()
        db.execute("UPDATE csc_consents SET sad = ?, at = ? WHERE handle = ?", (sad, now, handle))
        return {"SAD": sad, "expiresIn": SAD_S}, 200

    def sign(self, asked: Mapping[str, object]) -> Told:
        """11.10: only what was consented to, and once."""
        person, hashed = PEOPLE.get(text_of(asked.get("credentialID"))), _hashes(asked)
        if person is None or hashed is None:
            return refused("invalid_request", "Invalid parameter credentialID or hashes")
        held, fault = self._kept(person), self.fault()
        if fault is CscFault.EXPIRED:
            return refused("invalid_request", "The certificate of the credential is expired")
        if asked.get("signAlgo") not in held.algorithms or asked.get("operationMode", "S") != "S":
            return refused("invalid_request", "Invalid parameter signAlgo or operationMode")
        since = self._in(-SAD_S).isoformat()
        with self.ground.state.transaction() as db:
            spent = db.execute(
                "UPDATE csc_consents SET spent = 1 WHERE sad = ? AND credential = ? AND hashes = ? AND spent = 0"
                " AND state = 'confirmed' AND at > ?",
                (text_of(asked.get("SAD")), person.credential, json.dumps(hashed), since),
            )
            if spent.rowcount != 1:
                return refused("invalid_request", "Invalid parameter SAD")
        digests = [base64.b64decode(each) for each in hashed]
        if fault is CscFault.WRONG_HASH:
            digests = [hashlib.sha256(each).digest() for each in digests]
        made = [base64.b64encode(held.sign(each, raw=person.raw)).decode() for each in digests]
        return {"signatures": made}, 200

    def _kept(self, person: Person) -> Kept:
        with self.ground.state.transaction() as db:
            return csc_keys.kept(db, person, self.ground.clock())


def _by_pin() -> dict[str, object]:
    asked = {"type": "Password", "id": PIN_ID, "format": "N", "label": "Mã PIN"}
    return {"mode": "explicit", "expression": PIN_ID, "objects": [asked]}


def _pin_of(asked: Mapping[str, object]) -> str:
    given = asked.get("authData")
    for each in given if isinstance(given, list) else []:
        if isinstance(each, dict) and each.get("id") == PIN_ID:
            return text_of(each.get("value"))
    return ""


def _hashes(asked: Mapping[str, object]) -> list[str] | None:
    """The hashes that are to be signed, or None when they are no SHA-256 digests in Base64."""
    given = asked.get("hashes")
    if not isinstance(given, list) or not 0 < len(given) <= MAX_HASHES:
        return None
    if asked.get("hashAlgorithmOID") != SHA256_OID:
        return None
    try:
        digests = [base64.b64decode(text_of(each), validate=True) for each in given]
    except (binascii.Error, ValueError):
        return None
    return (
        [base64.b64encode(each).decode() for each in digests]
        if {SHA256_BYTES} == set(map(len, digests))
        else None
    )
