"""The messages of the Cloud Signature Consortium's API, version 2 (CSC API 2.0.0.2): what an answer says, and what not.

Every answer is a JSON object, an error too: `{"error": …, "error_description": …}` (section 10.1). The description is
free text of the service and is never repeated: it may hold names.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509

from signing.certificates import chain_of, scheme_of_certificate
from signing.errors import Expired, ForbiddenAlgorithm, Malformed, Refused, SignerAway, SigningError
from signing.signer import Scheme

MAX_ANSWER_BYTES: Final = 1_000_000
MAX_TEXTS: Final = 100

SHA256_OID: Final = "2.16.840.1.101.3.4.2.1"
_SIGN_OIDS: Final = {
    Scheme.ECDSA_SHA256: ("1.2.840.10045.4.3.2", "1.2.840.10045.2.1"),
    Scheme.RSA_SHA256: ("1.2.840.113549.1.1.11", "1.2.840.113549.1.1.1"),
}
"""For each scheme the name of the signature with its digest (RFC 5758, RFC 4055), and the one of the key alone."""

PIN_ERRORS: Final = frozenset({"invalid_pin", "invalid_otp"})
_TOO_BUSY: Final = frozenset({408, 425, 429})
_AWAY: Final = frozenset({"server_error", "temporarily_unavailable"})
_OWNER: Final = frozenset({"access_denied", "authorization_denied", "user_denied"})
_LATE: Final = frozenset({"expired_request", "request_expired", "authorization_expired"})
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Info:
    """What the service says of itself (section 11.1): the version of the API, and the methods that it has."""

    specs: str
    name: str
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Credential:
    """A key at the service with its certificate (section 11.5).

    `sign_oid` names the algorithm to the service. `mode` says how its owner consents: `implicit` by the service's own
    means, `explicit` by the values that `asks` names as (id, type), `oauth2code` in a browser.
    """

    id: str
    certificate: x509.Certificate = field(repr=False)
    chain: tuple[x509.Certificate, ...] = field(repr=False)
    scheme: Scheme
    sign_oid: str
    mode: str
    asks: tuple[tuple[str, str], ...]


def read_object(body: bytes) -> Mapping[str, object]:
    """A JSON object. Raises `Malformed`, and nothing else whatever the bytes."""
    if len(body) > MAX_ANSWER_BYTES:
        raise Malformed("The answer of the signing service is too large")
    try:
        found = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Malformed("The answer of the signing service is not JSON") from None
    if not isinstance(found, dict):
        raise Malformed("The answer of the signing service is not a JSON object")
    return found


def text_of(answer: Mapping[str, object], name: str) -> str:
    """The member `name`, a text; empty when it is absent. Raises `Malformed` for another type."""
    value = answer.get(name, "")
    if not isinstance(value, str):
        raise Malformed(f"{name} in the answer of the signing service is no text")
    return value


def texts_of(answer: Mapping[str, object], name: str) -> tuple[str, ...]:
    """The member `name`, a list of at most 100 texts; none when it is absent. Raises `Malformed`."""
    value = answer.get(name, [])
    if (
        not isinstance(value, list)
        or len(value) > MAX_TEXTS
        or not all(isinstance(each, str) for each in value)
    ):
        raise Malformed(f"{name} in the answer of the signing service is no short list of texts")
    return tuple(value)


def part_of(answer: Mapping[str, object], name: str) -> Mapping[str, object]:
    """The member `name`, an object; empty when it is absent. Raises `Malformed`."""
    value = answer.get(name, {})
    if not isinstance(value, dict):
        raise Malformed(f"{name} in the answer of the signing service is no object")
    return value


def error_of(body: bytes) -> str:
    """The name of an error, or nothing where the answer has none that can be read."""
    try:
        return text_of(read_object(body), "error")
    except Malformed:
        return ""


def failure_of(status: int, error: str) -> SigningError:
    """What an answer with an error means. What has no name here is a refusal: the service did answer."""
    if status >= _SERVER_ERROR or status in _TOO_BUSY or error in _AWAY:
        return SignerAway("The signing service is in trouble")
    if error in _OWNER:
        return Refused("The owner of the key does not confirm the signature")
    if error in _LATE:
        return SignerAway("The owner of the key did not confirm the signature in time")
    if error in PIN_ERRORS:
        return Refused("The signing service does not take the PIN; it is not tried again")
    return Refused(f"The signing service refuses the request (status {status})")


def read_info(answer: Mapping[str, object]) -> Info:
    """The answer to `info`. Raises `Malformed`."""
    return Info(text_of(answer, "specs"), text_of(answer, "name"), texts_of(answer, "methods"))


def read_credential(credential_id: str, answer: Mapping[str, object]) -> Credential:
    """The answer to `credentials/info`.

    Raises `Malformed`, `Expired` for a certificate that the service calls so, `Refused` for one that is revoked or
    suspended and for a key that is disabled, `ForbiddenAlgorithm`.
    """
    key, cert, auth = (part_of(answer, name) for name in ("key", "cert", "auth"))
    if text_of(key, "status") != "enabled":
        raise Refused("The key at the signing service is disabled")
    status = text_of(cert, "status")
    if status == "expired":
        raise Expired("The certificate at the signing service is expired")
    if status not in {"", "valid"}:
        raise Refused("The certificate at the signing service is revoked or suspended")
    leaf, *others = read_chain(texts_of(cert, "certificates"))
    scheme = scheme_of_certificate(leaf)
    offered = texts_of(key, "algo")
    sign_oid = next((each for each in _SIGN_OIDS[scheme] if each in offered), None)
    if sign_oid is None:
        raise ForbiddenAlgorithm(
            "The signing service does not sign with this key in the way that documents are signed"
        )
    return Credential(
        id=credential_id,
        certificate=leaf,
        chain=chain_of(leaf, others),
        scheme=scheme,
        sign_oid=sign_oid,
        mode=text_of(auth, "mode"),
        asks=_asked(auth),
    )


def _asked(auth: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    objects = auth.get("objects", [])
    if not isinstance(objects, list) or len(objects) > MAX_TEXTS:
        raise Malformed("What the owner is asked for is no short list")
    found = []
    for each in objects:
        if not isinstance(each, dict):
            raise Malformed("What the owner is asked for is no object")
        found.append((text_of(each, "id"), text_of(each, "type")))
    return tuple(found)


def read_chain(texts: tuple[str, ...]) -> list[x509.Certificate]:
    """Certificates in Base64 of DER, the key's own first. Raises `Malformed`, also when there is none."""
    if not texts:
        raise Malformed("The signing service gave no certificate")
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(each, validate=True)) for each in texts]
    except ValueError:
        raise Malformed("The signing service gave a certificate that cannot be read") from None


def read_signature(texts: tuple[str, ...]) -> bytes:
    """The one signature that was asked for. Raises `Malformed`."""
    try:
        (text,) = texts
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Malformed("The signing service did not give the one signature that it was asked for") from None
