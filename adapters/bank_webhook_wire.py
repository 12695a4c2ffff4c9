"""How notices of money are signed and where their facts stand: profiles, the text that is signed, the proof.

The rules and their source are in the docstring of `adapters.bank_webhook`, the only module that uses these.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.domain import wire
from gateway.domain.errors import BadSignature, Malformed, Misconfigured
from gateway.ports import InboundMessage
from signing import rsa
from signing.errors import SigningError
from signing.mac import Algorithm, hmac_base64, hmac_hex, same

KEPT_KEYS: Final = 64
_STAMP = re.compile(r"[0-9]{1,15}")
_MEMBER = re.compile(r"[A-Za-z0-9_]{1,64}")
_HIDDEN_MEMBER = re.compile(r"&[A-Za-z0-9_]+=")


class Proof(StrEnum):
    """What the sender signs with."""

    HMAC_SHA256 = "sha256"
    HMAC_SHA512 = "sha512"
    RSA_SHA256 = "rsa_sha256"
    """PKCS#1 v1.5, in Base64."""


class Over(StrEnum):
    """What is signed: the body as it came, with the timestamp before it, or a text made of what the body says."""

    BODY = "body"
    STAMPED_BODY = "stamped_body"
    STAMPED_SORTED_JSON = "stamped_sorted_json"
    SORTED_MEMBERS = "sorted_members"


@dataclass(frozen=True, slots=True)
class Profile:
    """How one sender writes. A path names a member of the body, `data.amount` one inside another.

    The signature is in the header `signature_header` after `prefix`, or there as `t=…,v1=…` when `pairs`, or in the
    body at `signature_path`. The timestamp is in `stamp_header` or is that `t`, in units of 1/`stamp_per_s` second.
    `codes_in` and `codes_out` are what `code` says of money that came and went; with `negative_out` a minus says it.
    """

    proof: Proof
    over: Over
    account: str
    amount: str
    memo: str
    number: str
    moment: str
    code: str
    codes_in: frozenset[str]
    codes_out: frozenset[str] = frozenset()
    currency: str = ""
    negative_out: bool = False
    signature_header: str = ""
    signature_path: str = ""
    prefix: str = ""
    pairs: bool = False
    in_base64: bool = False
    stamp_header: str = ""
    stamp_per_s: int = 1
    members_of: str = ""
    done: bytes = b'{"success":true}'

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if bool(self.signature_header) == bool(self.signature_path):
            raise Misconfigured("bank_webhook: a signature is in a header or in the body")
        if self.stamped != bool(self.pairs or self.stamp_header):
            raise Misconfigured("bank_webhook: a timestamp is named where it is signed, and only there")
        paths = (self.account, self.amount, self.memo, self.number, self.moment, self.code)
        if self.over is Over.SORTED_MEMBERS and not all(
            each.startswith(f"{self.members_of}.") for each in (*paths, self.currency or paths[0])
        ):
            raise Misconfigured("bank_webhook: a fact is read from outside of what is signed")

    @property
    def stamped(self) -> bool:
        return self.over in {Over.STAMPED_BODY, Over.STAMPED_SORTED_JSON}


SEPAY: Final = Profile(
    proof=Proof.HMAC_SHA256,
    over=Over.STAMPED_BODY,
    signature_header="x-sepay-signature",
    prefix="sha256=",
    stamp_header="x-sepay-timestamp",
    account="accountNumber",
    amount="transferAmount",
    memo="content",
    number="id",
    moment="transactionDate",
    code="transferType",
    codes_in=frozenset({"in"}),
    codes_out=frozenset({"out"}),
)
CASSO_V2: Final = Profile(
    proof=Proof.HMAC_SHA512,
    over=Over.STAMPED_SORTED_JSON,
    signature_header="x-casso-signature",
    pairs=True,
    stamp_per_s=1000,
    account="data.accountNumber",
    amount="data.amount",
    memo="data.description",
    number="data.id",
    moment="data.transactionDateTime",
    code="error",
    codes_in=frozenset({"0"}),
    negative_out=True,
)
PAYOS: Final = Profile(
    proof=Proof.HMAC_SHA256,
    over=Over.SORTED_MEMBERS,
    signature_path="signature",
    members_of="data",
    account="data.accountNumber",
    amount="data.amount",
    memo="data.description",
    number="data.reference",
    moment="data.transactionDateTime",
    code="data.code",
    currency="data.currency",
    codes_in=frozenset({"00"}),
)
PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {"sepay": SEPAY, "casso_v2": CASSO_V2, "payos": PAYOS}
)


def signed_text(rules: Profile, body: bytes, stamp: str) -> bytes:
    """What the signature of `body` is made over. Raises `Malformed`."""
    match rules.over:
        case Over.BODY:
            return body
        case Over.STAMPED_BODY:
            return stamp.encode() + b"." + body
        case Over.STAMPED_SORTED_JSON:
            return stamp.encode() + b"." + _compact(wire.strict_json_object(body))
        case Over.SORTED_MEMBERS:
            members = member_of(wire.strict_json_object(body), rules.members_of)
            if not isinstance(members, dict):
                raise Malformed(f"bank_webhook: {rules.members_of} is not an object")
            return _sorted_members(members).encode("utf-8")


def proof_of(rules: Profile, message: InboundMessage) -> tuple[str, str]:
    """The signature and the timestamp (empty where none is signed) that a message brings."""
    if rules.signature_path:
        return text_of(wire.strict_json_object(message.body), rules.signature_path), ""
    header = message.headers.get(rules.signature_header, "")
    stamp = message.headers.get(rules.stamp_header, "") if rules.stamp_header else ""
    if rules.pairs:
        parts = [part.strip().partition("=") for part in header.split(",")]
        found = {name: value for name, _, value in parts}
        if len(found) != len(parts):
            raise BadSignature("bank_webhook: the signature is given twice")
        header, stamp = found.get("v1", ""), found.get("t", "")
    if not header.startswith(rules.prefix):
        raise BadSignature("bank_webhook: the signature is not of the sender's form")
    if rules.stamped and not _STAMP.fullmatch(stamp):
        raise BadSignature("bank_webhook: the signed timestamp is absent")
    return header.removeprefix(rules.prefix), stamp


def holds(rules: Profile, given: str, text: bytes, *, key: str) -> bool:
    """Whether `given` is the signature of `text`; `key` is the shared secret, or for RSA the public key in PEM."""
    if rules.proof is Proof.RSA_SHA256:
        try:
            rsa.verify_base64(rsa_key(key), given, text)
        except SigningError:
            return False
        return True
    algorithm: Algorithm = "sha512" if rules.proof is Proof.HMAC_SHA512 else "sha256"
    make = hmac_base64 if rules.in_base64 else hmac_hex
    return same(given, make(key.encode(), text, algorithm))


@lru_cache(maxsize=KEPT_KEYS)
def rsa_key(pem: str) -> RSAPublicKey:
    """The sender's key, from a public key or a certificate; loaded once. Raises `Misconfigured`."""
    try:
        return rsa.load_public(pem)
    except SigningError:
        raise Misconfigured("bank_webhook: public_key is an RSA key or a certificate in PEM") from None


def member_of(document: Mapping[str, object], path: str) -> object:
    """The member that `path` names, None where it is absent. Raises `Malformed` where it cannot be."""
    value: object = document
    for name in path.split("."):
        if not isinstance(value, dict):
            raise Malformed(f"bank_webhook: {path} is not there")
        value = value.get(name)
    return value


def text_of(document: Mapping[str, object], path: str) -> str:
    """The text or whole number that `path` names, as printed; empty where it is absent. Raises `Malformed`."""
    return wire.printed({path: member_of(document, path)}, path)


def _sorted_members(members: Mapping[str, object]) -> str:
    """`name=value` by name, joined by `&`, as the sender's scripts print a value; null and its words are empty.

    Nothing is encoded, so a value that holds `&name=` would read as two members: such a message is refused.
    """
    pairs = []
    for name, value in sorted(members.items()):
        if isinstance(value, dict):
            raise Malformed("bank_webhook: an object cannot be signed here")
        text = value if isinstance(value, str) else _compact(value).decode("utf-8")
        text = "" if text in {"null", "undefined"} else text
        if not _MEMBER.fullmatch(name) or _HIDDEN_MEMBER.search(text):
            raise Malformed("bank_webhook: what is signed can be read in two ways")
        pairs.append(f"{name}={text}")
    return "&".join(pairs)


def _compact(value: object) -> bytes:
    """JSON without blanks, keys sorted at every depth, letters as they are."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    except RecursionError:  # what could just be read need not be writable a few frames deeper
        raise Malformed("bank_webhook: the notice is nested too deep") from None
    return text.encode("utf-8")
