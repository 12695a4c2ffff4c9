"""Messages that are signed as they travel: HTTP messages (RFC 9421), webhooks; and the signed notes of the log."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import http_message_signatures as public_library
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from signing import notes, webhooks
from signing.http_messages import Request, sign_request, sign_response, verify_request, verify_response
from signing.keys import Kind, PublicKey, generate
from tests.shows.asked import Thing, flipped, holds, other_letter
from tests.shows.ground import Ground
from tests.shows.made_keys import Bare, by_openssl
from tests.unit.signing.pki_world import NOW

ALGORITHMS = {
    Kind.ED25519: public_library.algorithms.ED25519,
    Kind.P256: public_library.algorithms.ECDSA_P256_SHA256,
    Kind.RSA: public_library.algorithms.RSA_PSS_SHA512,
}
JSON = {"content-type": "application/json"}
URL = "https://cong4.example.vn/v1/payments?state=paid"
BODY = '{"amount_vnd":180000,"note":"lệ phí"}'.encode()
KEYID = "portal-1"
ORIGIN = "cong4.example.vn/log"


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as it arrives, and the key that it is held against. `status` is 0 for a request."""

    method: str
    headers: Mapping[str, str]
    body: bytes
    key: PublicKey
    url: str = URL
    status: int = 0
    asked: Request | None = None


def http_messages(_ground: Ground) -> Iterator[Thing[Sent]]:
    for kind, algorithm in ALGORITHMS.items():
        key, other = generate(kind), generate(kind).public_key()
        given = {"key": key, "keyid": KEYID, "created": NOW}
        headers = JSON | sign_request("POST", URL, JSON, BODY, nonce="n0nce", **given)  # type: ignore[arg-type]
        asked = Request("POST", URL, {name.lower(): value for name, value in headers.items()})
        answer = JSON | sign_response(201, JSON, BODY, answering=asked, request_label="sig1", **given)  # type: ignore[arg-type]
        request = Sent("POST", headers, BODY, key.public_key())
        response = Sent("POST", answer, BODY, key.public_key(), status=201, asked=asked)
        library = {"http-message-signatures": _by_library(algorithm)}
        more = {"the method": replace(request, method="PUT"), "the address": replace(request, url=f"{URL}x")}
        yield Thing(f"HTTP request by {kind}", request, _altered(request, other) | more, library, _read)
        others = {name: value for name, value in asked.headers.items() if name != "signature"}
        elsewhere = Request(
            "POST", URL, others | {"signature": f"sig1=:{base64.b64encode(bytes(64)).decode()}:"}
        )
        more = {
            "the status": replace(response, status=200),
            "the answer to another": replace(response, asked=elsewhere),
        }
        yield Thing(f"HTTP response by {kind}", response, _altered(response, other) | more, library, _read)


def _altered(ours: Sent, other: PublicKey) -> dict[str, Sent]:
    def headed(name: str, change: Callable[[str], str]) -> Sent:
        return replace(ours, headers={**ours.headers, name: change(ours.headers[name])})

    return {
        "a byte of the body": replace(ours, body=ours.body.replace(b"180000", b"180001")),
        "the digest of the body": headed("Content-Digest", lambda text: other_letter(text, 20)),
        "the media type": headed("content-type", lambda _: "text/plain"),
        "the time": headed("Signature-Input", lambda text: text.replace("created=1", "created=2")),
        "a byte of the signature": headed("Signature", lambda text: other_letter(text, 20)),
        "the key of another": replace(ours, key=other),
    }


def _by_library(algorithm: object) -> Callable[[Sent], bool]:
    def accepts(sent: Sent) -> bool:
        resolver = public_library.MappingKeyResolver(public_keys={KEYID: sent.key}, private_keys={})
        verifier = public_library.HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=resolver)
        asked = SimpleNamespace(method=sent.method, url=sent.url, headers=dict(sent.headers))
        if sent.asked is not None:
            asked.headers = dict(sent.asked.headers)
            message = SimpleNamespace(status_code=sent.status, headers=dict(sent.headers), request=asked)
        else:
            message = asked
        try:
            verifier.verify(message, max_age=timedelta(days=36_500), body=sent.body)
        except public_library.InvalidSignature:
            return False
        return True

    return accepts


def _read(sent: Sent) -> str:
    given = {"resolve_key": lambda _: sent.key, "now": NOW}
    if sent.asked is None:
        return holds(lambda: verify_request(sent.method, sent.url, sent.headers, sent.body, **given))  # type: ignore[arg-type]
    bound = {"answering": sent.asked, "request_label": "sig1"}
    return holds(lambda: verify_response(sent.status, sent.headers, sent.body, **given, **bound))  # type: ignore[arg-type]


# --- webhooks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hook:
    message_id: str
    timestamp: str
    signature: str
    body: bytes
    secret: bytes
    key: Ed25519PublicKey


def hooks(ground: Ground) -> Iterator[Thing[Hook]]:
    secret, key = bytes(range(32)), Ed25519PrivateKey.generate()
    now = datetime.now(UTC)  # the public library knows no other clock
    for name, tool, accepts in (
        ("v1", "standardwebhooks", _by_standardwebhooks),
        ("v1a", "openssl pkeyutl", lambda hook: _ed25519(ground, hook.key, _hooked(hook), _value(hook))),
    ):
        chosen = {"secret": secret} if name == "v1" else {"private_key": key}
        made = webhooks.sign(message_id="evt_1", timestamp=now, body=BODY, **chosen)  # type: ignore[arg-type]
        ours = Hook("evt_1", str(int(now.timestamp())), made, BODY, secret, key.public_key())
        yield Thing(
            f"webhook {name}",
            ours,
            {
                "a byte of the body": replace(ours, body=flipped(BODY, 5)),
                "the id": replace(ours, message_id="evt_2"),
                "the time": replace(ours, timestamp=str(int(ours.timestamp) - 1)),
                "a byte of the signature": replace(ours, signature=other_letter(made, 9)),
                "the key of another": replace(
                    ours, secret=flipped(secret, 0), key=Ed25519PrivateKey.generate().public_key()
                ),
            },
            {tool: accepts},
            lambda hook: holds(lambda: _hook_read(hook)),
        )


def _by_standardwebhooks(hook: Hook) -> bool:
    headers = {
        "webhook-id": hook.message_id,
        "webhook-timestamp": hook.timestamp,
        "webhook-signature": hook.signature,
    }
    try:
        standardwebhooks.Webhook(webhooks.generate_secret(hook.secret)).verify(hook.body, headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


def _hooked(hook: Hook) -> bytes:
    return f"{hook.message_id}.{hook.timestamp}.".encode() + hook.body


def _value(hook: Hook) -> bytes:
    return base64.b64decode(hook.signature.partition(",")[2])


def _hook_read(hook: Hook) -> object:
    trust = webhooks.Trust(secrets=(hook.secret,), public_keys=(hook.key,))
    return webhooks.verify(
        message_id=hook.message_id,
        timestamp=hook.timestamp,
        signature=hook.signature,
        body=hook.body,
        trust=trust,
        now=datetime.now(UTC),
    )


def _ed25519(ground: Ground, key: Ed25519PublicKey, content: bytes, signature: bytes) -> bool:
    return by_openssl(ground.bench, [])(Bare(content, signature, key))


# --- signed notes ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Noted:
    note: str
    verifier: notes.Verifier


def signed_notes(ground: Ground) -> Iterator[Thing[Noted]]:
    """The checkpoint that the log signs, and the line of a witness, which signs its time together with it."""
    log, witness, other = (Ed25519PrivateKey.generate() for _ in range(3))
    note = notes.sign(notes.Checkpoint(ORIGIN, 1_000, bytes(range(32))), name=ORIGIN, key=log)
    seen = note + notes.cosign(note, name="witness", key=witness, at_s=int(NOW.timestamp()))
    checkpoint = Noted(note, notes.Verifier(ORIGIN, log.public_key()))
    cosigned = Noted(seen, notes.Verifier("witness", witness.public_key(), notes.COSIGNATURE))
    yield _noted(ground, "checkpoint of the log", checkpoint, other.public_key())
    yield _noted(ground, "cosignature of a witness", cosigned, other.public_key())


def _noted(ground: Ground, name: str, ours: Noted, other: Ed25519PublicKey) -> Thing[Noted]:
    whole, place = ours.note, ours.note.rindex(" ") + 30
    return Thing(
        name,
        ours,
        {
            "the size": replace(ours, note=whole.replace("\n1000\n", "\n1001\n")),
            "a byte of the root": replace(ours, note=whole.replace("\nAAEC", "\nAQEC")),
            "the name of the log": replace(ours, note=whole.replace(f"{ORIGIN}\n1000", f"{ORIGIN}2\n1000")),
            "a byte of the signature": replace(ours, note=other_letter(whole, place)),
            "the key of another": replace(ours, verifier=replace(ours.verifier, key=other)),
        },
        {"openssl pkeyutl": lambda each: _note_accepted(ground, each)},
        lambda each: holds(lambda: _note_read(each)),
    )


def _note_read(noted: Noted) -> object:
    if noted.verifier.kind == notes.COSIGNATURE:
        return notes.verify_cosignature(noted.note, noted.verifier)
    return notes.verify(noted.note, noted.verifier)


def _note_accepted(ground: Ground, noted: Noted) -> bool:
    """By C2SP: the value of the last line is four bytes of key, for a witness eight of time, and the signature."""
    text, _, lines = noted.note.rpartition("\n\n")
    raw = base64.b64decode(lines.splitlines()[-1].split()[2])[4:]
    signed = f"{text}\n".encode()
    if noted.verifier.kind == notes.COSIGNATURE:
        signed = f"cosignature/v1\ntime {int.from_bytes(raw[:8], 'big')}\n".encode() + signed
        raw = raw[8:]
    return _ed25519(ground, noted.verifier.key, signed, raw)
