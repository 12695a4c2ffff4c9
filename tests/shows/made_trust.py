"""What the test authorities give, and we judge: chains, answers of OCSP, lists of revocation, time-stamps."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import ocsp

from sandbox.pki import Service
from signing.arithmetic import load_certificate
from signing.certificates import ensure_certificate
from signing.keystore import Keystore
from signing.timestamps import HttpTimeStamper, Stamp
from signing.trust import CertificateTrust, Roots
from signing.trust_policy import Policy, Revocation
from signing.verdicts import Indication, Judgement, ValidationData
from tests.shows.asked import Thing, flipped, said
from tests.shows.ground import Ground, pem
from tests.unit.signing.pki_world import NOW, fetch

REFUSED_SIGNERS = {
    "expired": "signer-expired",
    "not yet valid": "signer-future",
    "revoked": "signer-revoked",
    "under a revoked authority": "signer-under-revoked",
    "of a root that is not ours": "signer-foreign",
    "RSA of 1024 bits": "signer-rsa1024",
    "signed with SHA-1": "signer-sha1",
    "another curve": "signer-p384",
    "for a web server": "signer-web",
    "for encryption only": "signer-encipher",
}
"""Signers of `sandbox/pki.yml`, each with one thing wrong with it."""


def _judged(
    trust: CertificateTrust, certificate: bytes, others: Sequence[bytes], **more: ValidationData
) -> Judgement:
    loaded = load_certificate(certificate)
    return trust.judge(loaded, [x509.load_der_x509_certificate(each) for each in others], at=NOW, **more)


# --- chains ------------------------------------------------------------------------------------------------


def chains(ground: Ground) -> Iterator[Thing[bytes]]:
    """A signer's certificate under the root, with every list of revocation at hand."""
    pki = ground.world.server.pki
    above = [pki.certificate(each) for each in ("issuing", "revoked-issuing")]
    options = [
        "-auth_level",
        "2",
        "-crl_check_all",
        *ground.moment,
        "-CAfile",
        ground.anchors,
        "-untrusted",
        ground.issuers,
    ]
    for label in ("signer", "signer-rsa"):
        ours = pki.certificate(label)
        altered = {what: pki.certificate(each) for what, each in REFUSED_SIGNERS.items()}
        yield Thing(
            f"certificate of a {label}",
            ours,
            {
                "a byte of its signature": flipped(ours, -3),
                "a byte of its content": flipped(ours, 60),
                **altered,
            },
            {"openssl verify": lambda each: _verified(ground, each, options)},
            lambda each: said(lambda: _judged(ground.trust, each, above)),
        )
    yield _made_here(ground)


def _verified(ground: Ground, certificate: bytes, options: Sequence[str | Path]) -> bool:
    return ground.bench.accepts(
        "openssl", "verify", *options, ground.bench.file("certificate.der", certificate)
    )


def _made_here(ground: Ground) -> Thing[bytes]:
    """The certificate that a gateway makes for itself under a root of its own, where it was given none."""
    held = ensure_certificate(
        Keystore.open(ground.bench.folder / "keys"), "receipt", subject="Cổng 4", now=NOW
    )
    other = ensure_certificate(
        Keystore.open(ground.bench.folder / "other"), "receipt", subject="Cổng 4", now=NOW
    )
    root = ground.bench.file("own-root.pem", pem(held.root))
    trust = CertificateTrust(Roots(national=(held.root,)), policy=Policy(revocation=Revocation.NONE))
    ours = held.certificate.public_bytes(Encoding.DER)
    options = ["-auth_level", "2", "-x509_strict", *ground.moment, "-CAfile", root]
    return Thing(
        "certificate that a gateway makes",
        ours,
        {
            "a byte of its signature": flipped(ours, -3),
            "a byte of its content": flipped(ours, 60),
            "of another gateway": other.certificate.public_bytes(Encoding.DER),
        },
        {"openssl verify": lambda each: _verified(ground, each, options)},
        lambda each: said(lambda: _judged(trust, each, ())),
    )


# --- revocation --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer of OCSP, and about which certificate it is asked."""

    answer: bytes
    about: str


def ocsp_answers(ground: Ground) -> Iterator[Thing[Answered]]:
    """What is kept inside of a signature of level B-LT; judged offline, with the list about the issuer beside it."""
    pki = ground.world.server.pki
    ours = Answered(_answer(ground, "signer"), "signer")
    above, root_list = (pki.certificate("issuing"),), (ground.crl("root"),)

    def read(each: Answered) -> str:
        data = ValidationData(above, (each.answer,), root_list)
        return said(lambda: _judged(ground.offline, pki.certificate(each.about), above, data=data))

    def openssl(each: Answered) -> bool:
        """It says so in words; its exit code is 0 for a revoked certificate too."""
        bench = ground.bench
        certificate = bench.file("about.pem", pem(ground.world.certificate(each.about)))
        files = ["-respin", bench.file("answer.der", each.answer), "-sha256", "-cert", certificate]
        trusted = ["-issuer", ground.issuers, "-CAfile", ground.root, *ground.moment]
        words = bench.said("openssl", "ocsp", *trusted, *files)
        # its -attime is for certificates only: whether an answer is fresh, it asks of the clock of the machine
        return (
            b"Response verify OK" in words and re.search(rb"^(.*: )?good$", words, re.MULTILINE) is not None
        )

    yield Thing(
        "answer of OCSP",
        ours,
        {
            "a byte of the signature": replace(ours, answer=_spoilt(ours.answer, signature=True)),
            "a byte of the content": replace(ours, answer=_spoilt(ours.answer, signature=False)),
            "about another certificate": replace(ours, answer=_answer(ground, "signer-rsa")),
            "that says revoked": Answered(_answer(ground, "signer-revoked"), "signer-revoked"),
            "signed by who may not answer": replace(ours, answer=_usurped(ground)),
        },
        {"openssl ocsp": openssl},
        read,
    )


def _answer(ground: Ground, label: str) -> bytes:
    world = ground.world
    builder = ocsp.OCSPRequestBuilder()
    asked = builder.add_certificate(
        world.certificate(label), world.certificate("issuing"), hashes.SHA256()
    ).build()
    answer = world.server.pki.answer(Service.OCSP, "issuing", asked.public_bytes(Encoding.DER))
    assert answer.status == 200, label
    return answer.body


def _spoilt(answer: bytes, *, signature: bool) -> bytes:
    read = ocsp.load_der_ocsp_response(answer)
    part = read.signature if signature else read.tbs_response_bytes[-20:]
    return flipped(answer, answer.index(part) + len(part) - 1)


def _usurped(ground: Ground) -> bytes:
    """A good answer by a key whose certificate the authority issued, but not for answering."""
    world = ground.world
    signer, issuer = world.certificate("signer"), world.certificate("issuing")
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=signer, issuer=issuer, algorithm=hashes.SHA256(), cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=NOW, next_update=NOW + timedelta(hours=12), revocation_time=None, revocation_reason=None,
    )  # fmt: skip
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer).certificates([signer])
    key = load_pem_private_key(world.server.pki.key("signer"), None)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)  # type: ignore[arg-type]


def revocation_lists(ground: Ground) -> Iterator[Thing[bytes]]:
    pki = ground.world.server.pki
    ours = ground.crl("issuing")
    above = (pki.certificate("issuing"),)
    authority = ground.bench.file("authority.pem", pem(ground.world.certificate("issuing")))

    def read(each: bytes) -> str:
        data = ValidationData(above, (), (each, ground.crl("root")))
        return said(lambda: _judged(ground.offline, pki.certificate("signer"), above, data=data))

    def openssl(each: bytes) -> bool:
        """It only speaks of the signature of the list, and ends with 0 whatever it says."""
        command = ["openssl", "crl", "-inform", "DER", "-noout", "-CAfile", authority]
        return b"verify OK" in ground.bench.said(*command, "-in", ground.bench.file("list.crl", each))

    yield Thing(
        "list of revocation (CRL)",
        ours,
        {
            "a byte of the signature": flipped(ours, -3),
            "a byte of the content": flipped(ours, ours.index(b"2611") + 4),
            "of another authority": ground.crl("revoked-issuing"),
        },
        {"openssl crl": openssl},
        read,
    )


# --- time-stamps -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stamped:
    token: bytes
    digest: bytes


class Everyone:
    """Trusts whoever stamps, so that a show gets tokens that our own trust would not have taken."""

    def judge_stamp(self, stamp: Stamp, *, at: datetime) -> Judgement:
        return Judgement(Indication.PASSED)


def stamp_of(ground: Ground, authority: str, digest: bytes) -> bytes:
    """A time-stamp of any of the authorities, good or not."""
    url = ground.world.server.pki.address(Service.TSA, authority)
    return HttpTimeStamper(url, fetch, trust=Everyone()).stamp(digest)


def time_stamps(ground: Ground) -> Iterator[Thing[Stamped]]:
    digest = hashlib.sha256(b"what is stamped").digest()
    ours = Stamped(ground.world.stamper().stamp(digest), digest)
    moment = ours.token.index(NOW.strftime("%Y%m%d%H%M%SZ").encode())

    def read(each: Stamped) -> str:
        found = ground.trust.stamped_at(each.token, each.digest)
        return said(lambda: found) if isinstance(found, Judgement) else ""

    def openssl(each: Stamped) -> bool:
        file = ground.bench.file("token.der", each.token)
        options = [
            "-token_in",
            "-in",
            file,
            "-digest",
            each.digest.hex(),
            "-CAfile",
            ground.root,
            *ground.moment,
        ]
        return ground.bench.accepts("openssl", "ts", "-verify", *options)

    yield Thing(
        "time-stamp",
        ours,
        {
            "over something else": replace(ours, digest=hashlib.sha256(b"another").digest()),
            "a byte of its time": replace(ours, token=flipped(ours.token, moment + 11)),
            "a byte of the signature": replace(ours, token=flipped(ours.token, -5)),
            "of an authority that is not ours": replace(ours, token=stamp_of(ground, "tsa-foreign", digest)),
            "whose purpose is not critical": replace(ours, token=stamp_of(ground, "tsa-loose", digest)),
            "of an authority for other things too": replace(
                ours, token=stamp_of(ground, "tsa-mixed", digest)
            ),
        },
        {"openssl ts": openssl},
        read,
    )
