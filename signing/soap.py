"""WS-Security 1.1 with X.509 tokens (OASIS): a SOAP message whose Body and Timestamp are signed.

Made: a BinarySecurityToken, a Timestamp, and a signature over Body, Timestamp and token, exclusive canonical form.
Read: the one Security header; Body and Timestamp must be among what is signed and stand in their own places, anything
else that is signed must be a header; the certificate is the token's, in X509Data, or one that the caller knows and the
message names by key identifier, thumbprint, or issuer and serial number. What comes back is the Body as it was signed.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from signing.arithmetic import (
    Allow,
    SignedBy,
    judged,
    key_identifier,
    load_certificate,
    require_one_certificate,
)
from signing.errors import Expired, Malformed, UnknownKey
from signing.signer import Signer
from signing.verdicts import Judgement, Trust
from signing.xml_core import (
    DEFAULT_CANONICAL,
    Part,
    Parts,
    add,
    base64_of,
    certificates_in,
    check_reference,
    check_value,
    decoded,
    ds,
    fill,
    take_apart,
)
from signing.xml_document import DS, WSU, at_place, canonical, ids, only_child, parse, reparsed, text_of

LIFE: Final = timedelta(minutes=5)
SKEW: Final = timedelta(seconds=60)
_SOAP: Final = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
_OASIS: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_WSSE: Final = f"{_OASIS}-wssecurity-secext-1.0.xsd"
_X509: Final = f"{_OASIS}-x509-token-profile-1.0#X509v3"
_KEY_ID: Final = f"{_OASIS}-x509-token-profile-1.0#X509SubjectKeyIdentifier"
_BASE64: Final = f"{_OASIS}-soap-message-security-1.0#Base64Binary"
_THUMBPRINT: Final = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1"


@dataclass(frozen=True, slots=True)
class Message:
    """The Body as it was signed, when it was made and ends, and by whom. Believe it only where `judgement.good`.

    `fingerprint` is the same for every copy of this one message: keep it until `expires_at` to refuse it a second time.
    """

    body: etree._Element = field(repr=False)
    created_at: datetime
    expires_at: datetime
    by: SignedBy
    fingerprint: bytes = field(repr=False)

    @property
    def judgement(self) -> Judgement:
        return self.by.judgement


def sign(envelope: bytes, signer: Signer, *, at: datetime, life: timedelta = LIFE) -> bytes:
    """The envelope with a Security header, valid from `at` for `life`.

    Raises `Malformed` for what is no SOAP envelope, or one that has a Security header already; what the signer raises
    passes through.
    """
    root = parse(envelope)
    soap, body = _namespace(root), _body(root)
    header = root.find(f"{{{soap}}}Header")
    if header is None:
        header = etree.Element(f"{{{soap}}}Header")
        root.insert(0, header)
    if header.find(_wsse("Security")) is not None:
        raise Malformed("The message has a Security header already")
    body.set(_wsu("Id"), body.get(_wsu("Id"), "body"))
    security = etree.SubElement(
        header, _wsse("Security"), {f"{{{soap}}}mustUnderstand": "1"}, nsmap={"wsse": _WSSE, "wsu": WSU}
    )
    moment = _add_timestamp(security, at, life)
    token = add(
        security,
        _wsse("BinarySecurityToken"),
        base64_of(signer.certificate.public_bytes(Encoding.DER)),
        **{_wsu("Id"): "token", "ValueType": _X509, "EncodingType": _BASE64},
    )
    signature = etree.SubElement(security, ds("Signature"), nsmap={"ds": DS})
    named = add(add(signature, ds("KeyInfo")), _wsse("SecurityTokenReference"))
    add(named, _wsse("Reference"), URI="#token", ValueType=_X509)
    ids(root)
    parts = [Part(f"#{each.get(_wsu('Id'))}", canonical(each)) for each in (body, moment, token)]
    fill(signature, parts, signer)
    return bytes(etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=True))


def verify(
    envelope: bytes,
    trust: Trust,
    *,
    at: datetime,
    certificates: Sequence[x509.Certificate] = (),
    allow: Collection[Allow] = (),
    longest_life: timedelta = LIFE,
    skew: timedelta = SKEW,
) -> Message:
    """The Body of a message that came `at`, which it was signed for.

    `certificates` are those that a message may name without holding them; clocks may differ by `skew`. Raises
    `Expired` outside of the window of the Timestamp, `Malformed`, `ForbiddenAlgorithm`, `UnknownKey`, `BadSignature`.
    """
    root = parse(envelope)
    named = ids(root)
    soap, body = _namespace(root), _body(root)
    header = only_child(root, f"{{{soap}}}Header")
    security = only_child(header, _wsse("Security"))
    moment = only_child(security, _wsu("Timestamp"))
    parts = take_apart(only_child(security, ds("Signature")), allow)
    certificate, others = _certificate(parts, security, named, certificates)
    check_value(parts, certificate, allow)
    _check_references(parts, named, (body, moment), (header, security), allow)
    created_at, expires_at = _window(moment, longest_life)
    if not created_at - skew <= at <= expires_at + skew:
        raise Expired("The message is not from now: its Timestamp is over, or of a time to come")
    judgement, _ = judged(certificate, others, trust, at=at, stamps=())
    return Message(
        body=reparsed(canonical(body)),
        created_at=created_at,
        expires_at=expires_at,
        by=SignedBy(certificate, created_at, None, "XMLDSIG", judgement),
        fingerprint=hashlib.sha256(parts.octets).digest(),
    )


def _wsse(name: str) -> str:
    return f"{{{_WSSE}}}{name}"


def _wsu(name: str) -> str:
    return f"{{{WSU}}}{name}"


def _namespace(root: etree._Element) -> str:
    for namespace in _SOAP:
        if root.tag == f"{{{namespace}}}Envelope":
            return namespace
    raise Malformed("This is not a SOAP envelope")


def _body(root: etree._Element) -> etree._Element:
    """The Body, which is the last of the envelope, with nothing before it but a Header."""
    soap = _namespace(root)
    tags = [child.tag for child in root]
    if tags not in ([f"{{{soap}}}Body"], [f"{{{soap}}}Header", f"{{{soap}}}Body"]):
        raise Malformed("A SOAP envelope has a Header and a Body, and nothing else")
    return root[-1]


def _add_timestamp(security: etree._Element, at: datetime, life: timedelta) -> etree._Element:
    moment = add(security, _wsu("Timestamp"), **{_wsu("Id"): "timestamp"})
    for name, when in (("Created", at), ("Expires", at + life)):
        add(moment, _wsu(name), when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z")
    return moment


def _window(moment: etree._Element, longest_life: timedelta) -> tuple[datetime, datetime]:
    created_at = _time(only_child(moment, _wsu("Created")))
    expires_at = _time(only_child(moment, _wsu("Expires")))
    if not timedelta(0) < expires_at - created_at <= longest_life:
        raise Expired(
            "The Timestamp of the message lasts for longer than is accepted, or ends before it begins"
        )
    return created_at, expires_at


def _time(element: etree._Element) -> datetime:
    """xs:dateTime; WS-Security says that one without a zone is UTC."""
    try:
        found = datetime.fromisoformat(text_of(element).strip())
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed("A time of the Timestamp is no time") from None


def _check_references(
    parts: Parts,
    named: dict[str, etree._Element],
    needed: Sequence[etree._Element],
    holders: Sequence[etree._Element],
    allow: Collection[str],
) -> None:
    """Each reference holds; those that are needed are there once; every other one is a header."""
    seen: list[etree._Element] = []
    for each in parts.references:
        element = named.get(each.uri[1:]) if each.uri.startswith("#") else None
        if element is None or each.enveloped or element in seen or element is parts.element:
            raise Malformed(
                "The signature names something that is not in the message, or in another way than is read"
            )
        if element not in needed and element.getparent() not in holders:
            raise Malformed("What is signed is neither the Body nor a header")
        octets = canonical(element, each.how or DEFAULT_CANONICAL)
        check_reference(each, octets, f"The {etree.QName(element).localname}", allow)
        seen.append(element)
    if any(each not in seen for each in needed):
        raise Malformed("The Body and the Timestamp of the message are not both signed")


def _certificate(
    parts: Parts,
    security: etree._Element,
    named: dict[str, etree._Element],
    known: Sequence[x509.Certificate],
) -> tuple[x509.Certificate, Sequence[x509.Certificate]]:
    """The certificate that KeyInfo names, and the others that came with it."""
    if parts.key_info is None or len(parts.key_info) != 1:
        raise UnknownKey("The message does not name the certificate of its signer")
    there = parts.key_info[0]
    if there.tag != _wsse("SecurityTokenReference"):
        found = certificates_in(parts.key_info)
        if not found:
            raise UnknownKey("The message does not name the certificate of its signer")
        return found[0], [*found[1:], *known]
    if len(there) != 1:
        raise Malformed("The token of the message is named in more than one way")
    by = there[0]
    if by.tag == _wsse("Reference"):
        return _token(by, security, named), known
    if by.tag == _wsse("KeyIdentifier"):
        return require_one_certificate(_identified(by, known)), known
    if by.tag == ds("X509Data"):
        return require_one_certificate(_numbered(by, known)), known
    raise Malformed("The token of the message is named in a way that is not read")


def _token(
    reference: etree._Element, security: etree._Element, named: dict[str, etree._Element]
) -> x509.Certificate:
    uri = reference.get("URI", "")
    token = named.get(uri[1:]) if uri.startswith("#") else None
    if token is None or token.getparent() is not security or token.tag != _wsse("BinarySecurityToken"):
        raise Malformed("The token that the message names is not in its Security header")
    if token.get("ValueType") != _X509 or token.get("EncodingType", _BASE64) != _BASE64:
        raise Malformed("The token of the message is not an X.509 certificate")
    return load_certificate(decoded(token))


def _identified(element: etree._Element, known: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    value, kind = decoded(element), element.get("ValueType")
    if kind == _KEY_ID:
        return [each for each in known if key_identifier(each) == value]
    if kind == _THUMBPRINT:
        # SHA-1 only finds a certificate that is known here already
        return [each for each in known if each.fingerprint(hashes.SHA1()) == value]  # noqa: S303 - as above
    raise Malformed("The token of the message is named in a way that is not read")


def _numbered(data: etree._Element, known: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    place = at_place(data, (ds("X509IssuerSerial"),))
    issuer, number = (text_of(only_child(place, ds(name))) for name in ("X509IssuerName", "X509SerialNumber"))
    try:
        named, serial = x509.Name.from_rfc4514_string(issuer.strip()), int(number)
    except ValueError:
        raise Malformed("The issuer or the serial number of the certificate cannot be read") from None
    return [each for each in known if each.serial_number == serial and each.issuer == named]
