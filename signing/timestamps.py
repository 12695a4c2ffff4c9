"""Time stamps of RFC 3161: asking an authority for one, and reading what it gave.

The request names a nonce and asks for the authority's certificate (certReq); the answer's status, imprint, nonce and
signature are checked before anything is believed. The HTTP part is RFC 3161 section 3.4.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from asn1crypto import cms, core, tsp
from cryptography import x509
from pyhanko.sign.general import (
    CMSExtractionError,
    CMSStructuralError,
    extract_certificate_info,
    extract_signer_info,
)
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity

from signing.errors import BadSignature, Malformed, SignerAway
from signing.revocation import UNREADABLE, Fetch, bounded
from signing.trust_words import TRY_LATER
from signing.verdicts import Indication, Judgement

MAX_TOKEN_BYTES: Final = 65_536
SHA256_BYTES: Final = 32
_NONCE_BYTES: Final = 8
_QUERY: Final = "application/timestamp-query"
_UNREADABLE: Final = (
    *UNREADABLE,
    LookupError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
    RecursionError,
    CMSExtractionError,
    CMSStructuralError,
    SignatureValidationError,
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token says once its arithmetic holds: when, by whom; the certificates are those that came with it.

    `digest_name` is what was stamped with, `signature_digests` are what the authority signed with.
    """

    at: datetime
    certificate: x509.Certificate = field(repr=False)
    others: tuple[x509.Certificate, ...] = field(repr=False)
    digest_name: str
    signature_digests: frozenset[str]
    nonce: int | None = field(repr=False)
    policy: str


class StampTrust(Protocol):
    """Who says whether a stamp's signer may stamp: `signing.trust.CertificateTrust`."""

    def judge_stamp(self, stamp: Stamp, *, at: datetime) -> Judgement: ...


def digest_name_of(token: bytes) -> str:
    """The digest that the token's imprint is made with, by its name in hashlib. Raises `Malformed`."""
    try:
        return str(_info(_signed(token))["message_imprint"]["hash_algorithm"]["algorithm"].native)
    except _UNREADABLE as error:
        raise Malformed("This is no time-stamp token") from error


def read_stamp(token: bytes, digest: bytes) -> Stamp:
    """The token over `digest`, its signature checked, its signer not yet trusted.

    Raises `Malformed` for what is no token, `BadSignature` for a token over something else or with a wrong signature.
    """
    try:
        signed = _signed(token)
        info = _info(signed)
        certificates = extract_certificate_info(signed)
        genuine = _genuine(signed, certificates.signer_cert)
        imprint = info["message_imprint"]
        stamp = Stamp(
            at=info["gen_time"].native,
            certificate=_certificate(certificates.signer_cert),
            others=tuple(map(_certificate, certificates.other_certs)),
            digest_name=str(imprint["hash_algorithm"]["algorithm"].native),
            signature_digests=_signature_digests(extract_signer_info(signed)),
            nonce=info["nonce"].native,
            policy=info["policy"].dotted,
        )
        imprinted = imprint["hashed_message"].native
    except _UNREADABLE as error:
        raise Malformed("This is no time-stamp token") from error
    if imprinted != digest:
        raise BadSignature("The time stamp is of something else")
    if not genuine:
        raise BadSignature("The time stamp's signature does not hold")
    return stamp


def _signed(token: bytes) -> Any:
    if len(token) > MAX_TOKEN_BYTES:
        raise ValueError("The token is too long")
    content = cms.ContentInfo.load(token, strict=True)
    if content["content_type"].native != "signed_data":
        raise ValueError("The token is not signed")
    return content["content"]


def _info(signed: Any) -> Any:
    inner = signed["encap_content_info"]
    if inner["content_type"].native != "tst_info":
        raise ValueError("The token holds something else")
    info = inner["content"].parsed
    if not isinstance(info, tsp.TSTInfo):
        raise TypeError("The token holds something else")
    return info


def _genuine(signed: Any, signer: Any) -> bool:
    info = extract_signer_info(signed)
    if info["signed_attrs"] is core.VOID:
        return False
    name = info["digest_algorithm"]["algorithm"].native
    content = signed["encap_content_info"]["content"]
    intact, valid = validate_sig_integrity(
        info, signer, "tst_info", hashlib.new(name, bytes(content)).digest()
    )
    return bool(intact and valid)


def _signature_digests(info: Any) -> frozenset[str]:
    names = {str(info["digest_algorithm"]["algorithm"].native)}
    algorithm = info["signature_algorithm"]
    if algorithm["algorithm"].native != "rsassa_pkcs1v15":  # rsaEncryption names no digest of its own
        names.add(str(algorithm.hash_algo))
    return frozenset(names)


def _certificate(certificate: Any) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.dump())


class HttpTimeStamper:
    """A time-stamping authority at `url`: `signing.verdicts.TimeStamper`. `policy` is the OID asked for, if any."""

    def __init__(
        self,
        url: str,
        fetch: Fetch,
        *,
        trust: StampTrust,
        policy: str = "",
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._trust = trust
        self._policy = policy
        self._random = random

    def stamp(self, digest: bytes) -> bytes:
        """The token over a SHA-256 digest, DER.

        Raises `SignerAway` when the authority is away, answers with something else or grants nothing; `BadSignature`
        when the token is over something else, answers another question, or its signer may not stamp.
        """
        if len(digest) != SHA256_BYTES:
            raise Malformed("A SHA-256 digest has 32 bytes")
        nonce = int.from_bytes(self._random(_NONCE_BYTES), "big")
        answer = bounded(self._fetch, self._url, _QUERY, self._question(digest, nonce), limit=MAX_TOKEN_BYTES)
        token = _granted(answer)
        try:
            stamp = read_stamp(token, digest)
        except Malformed as error:
            raise BadSignature("The time stamp cannot be read") from error
        self._check(stamp, nonce)
        return token

    def _question(self, digest: bytes, nonce: int) -> bytes:
        members = {
            "version": "v1",
            "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest},
            "nonce": nonce,
            "cert_req": True,
        }
        if self._policy:
            members["req_policy"] = self._policy
        return bytes(tsp.TimeStampReq(members).dump())

    def _check(self, stamp: Stamp, nonce: int) -> None:
        if stamp.digest_name != "sha256":
            raise BadSignature("The time stamp is of something else")
        if stamp.nonce != nonce:
            raise BadSignature("The time-stamping authority answers another question")
        if self._policy and stamp.policy != self._policy:
            raise BadSignature("The time stamp is under another policy")
        judgement = self._trust.judge_stamp(stamp, at=stamp.at)
        # that its revocation cannot be looked up now is no reason to go without the time: it is looked up later
        if judgement.indication is not Indication.PASSED and judgement != TRY_LATER:
            raise BadSignature(judgement.why)


def _granted(answer: bytes) -> bytes:
    try:
        response = tsp.TimeStampResp.load(answer, strict=True)
        status = response["status"]["status"].native
        token = bytes(response["time_stamp_token"].dump())
    except _UNREADABLE:
        raise SignerAway("The time-stamping authority answers with something else") from None
    if status not in {"granted", "granted_with_mods"}:
        raise SignerAway("The time-stamping authority grants no time stamp now")
    return token
