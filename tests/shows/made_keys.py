"""Bare signatures and codes, JWS, webhooks, signed HTTP messages, signed notes: what needs a key and no certificate."""

import base64
import hashlib
import hmac as codes
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing import jose, mac, rsa
from signing.jwk import b64url, unb64url
from signing.keys import Kind, PrivateKey, PublicKey, der_of_halves, generate, sign, verify
from tests.shows.asked import Thing, flipped, holds, other_letter
from tests.shows.ground import Ground
from tests.shows.public_tools import Bench

TEXT = "Đã thu 180.000 đồng, mã hồ sơ H28-261124-0001".encode()


@dataclass(frozen=True, slots=True)
class Bare:
    """A content, the signature over it as we write it, and whose key it is held against."""

    content: bytes
    signature: bytes
    key: PublicKey


def bare_signatures(ground: Ground) -> Iterator[Thing[Bare]]:
    ways: list[tuple[str, str, Callable[[PrivateKey, bytes], bytes], Callable[[Bare], object], list[str]]] = [
        ("Ed25519", "ed25519", sign, _verified, []),
        ("ECDSA P-256", "p256", sign, _verified, ["-sha256"]),
        ("RSA-PSS", "rsa", sign, _verified, ["-sha512", *_PSS]),
        ("RSA PKCS#1", "rsa", _pkcs1, _pkcs1_verified, ["-sha256"]),
    ]
    for name, kind, make, check, options in ways:
        key, other = generate(Kind(kind)), generate(Kind(kind))
        ours = Bare(TEXT, make(key, TEXT), key.public_key())
        yield Thing(
            f"signature by {name}",
            ours,
            _altered(ours, other.public_key(), make(key, TEXT + b"0")),
            {"openssl pkeyutl" if kind == "ed25519" else "openssl dgst": by_openssl(ground.bench, options)},
            lambda each, check=check: holds(lambda: check(each)),
        )


_PSS = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:64", "-sigopt", "rsa_mgf1_md:sha512"]


def _verified(each: Bare) -> None:
    verify(each.key, each.signature, each.content)


def _pkcs1(key: PrivateKey, content: bytes) -> bytes:
    assert isinstance(key, RSAPrivateKey)
    return base64.b64decode(rsa.sign_base64(key, content))


def _pkcs1_verified(each: Bare) -> None:
    assert isinstance(each.key, RSAPublicKey)
    rsa.verify_base64(each.key, base64.b64encode(each.signature).decode(), each.content)


def _altered(ours: Bare, other: PublicKey, elsewhere: bytes) -> dict[str, Bare]:
    return {
        "a byte of the content": replace(ours, content=flipped(ours.content, 9)),
        "the end of the content cut": replace(ours, content=ours.content[:-1]),
        "a byte of the signature": replace(ours, signature=flipped(ours.signature, 40)),
        "the signature of another content": replace(ours, signature=elsewhere),
        "the key of another": replace(ours, key=other),
    }


def by_openssl(bench: Bench, options: list[str]) -> Callable[[Bare], bool]:
    """By `dgst`, where a digest is named, else by `pkeyutl`: Ed25519 has none."""

    def accepts(each: Bare) -> bool:
        key = bench.file("key.pem", each.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        signature = each.signature
        if options == ["-sha256"] and not isinstance(each.key, RSAPublicKey):
            signature = der_of_halves(signature)
        content, beside = bench.file("content", each.content), bench.file("signature", signature)
        if options:
            return bench.accepts("openssl", "dgst", *options, "-verify", key, "-signature", beside, content)
        given = ["-pubin", "-inkey", key, "-rawin", "-in", content, "-sigfile", beside]
        return bench.accepts("openssl", "pkeyutl", "-verify", *given)

    return accepts


# --- message authentication codes ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Coded:
    content: bytes
    code: str
    key: bytes


def codes_of_messages(ground: Ground) -> Iterator[Thing[Coded]]:
    key = hashlib.sha256(b"a shared secret").digest()
    algorithms: tuple[mac.Algorithm, ...] = ("sha256", "sha512")
    for algorithm in algorithms:
        ours = Coded(TEXT, mac.hmac_hex(key, TEXT, algorithm), key)
        yield Thing(
            f"code by HMAC-{algorithm.upper()}",
            ours,
            {
                "a byte of the content": replace(ours, content=flipped(TEXT, 9)),
                "a digit of the code": replace(ours, code=other_letter(ours.code, 0)),
                "the code cut": replace(ours, code=ours.code[:-2]),
                "the key of another": replace(ours, key=flipped(key, 0)),
            },
            {"openssl mac": _code_openssl(ground.bench, algorithm)},
            lambda each, name=algorithm: holds(
                lambda: mac.same(each.code, mac.hmac_hex(each.key, each.content, name))
            ),
        )


def _code_openssl(bench: Bench, algorithm: str) -> Callable[[Coded], bool]:
    def accepts(each: Coded) -> bool:
        content = bench.file("content", each.content)
        given = ["-digest", algorithm, "-macopt", f"hexkey:{each.key.hex()}", "-in", content]
        return bench.said("openssl", "mac", *given, "HMAC").strip().lower() == each.code.encode()

    return accepts


# --- JSON Web Signatures --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    key: PublicKey


def tokens(ground: Ground) -> Iterator[Thing[Token]]:
    facts = json.dumps({"case_code": "H28-261124-0001", "total_vnd": 180_000}).encode()
    for kind, alg in ((Kind.P256, "ES256"), (Kind.ED25519, "EdDSA")):
        key, other = generate(kind), generate(kind)
        text = jose.sign_compact(facts, key=key, kid="submission", typ="receipt+jws")
        ours = Token(text, key.public_key())
        options = ["-sha256"] if kind is Kind.P256 else []
        yield Thing(
            f"JWS by {alg}",
            ours,
            {
                "a byte of the payload": replace(
                    ours, text=text.replace(b64url(facts), b64url(flipped(facts, -2)))
                ),
                "a byte of the signature": replace(ours, text=other_letter(text, -40)),
                "the algorithm none": replace(ours, text=_headed(text, alg="none", signature="")),
                "the public key as a secret": replace(ours, text=_confused(ours)),
                "a byte of the header": replace(ours, text=_headed(text, typ="receipt+jwt")),
                "the key of another": replace(ours, key=other.public_key()),
            },
            {"openssl dgst" if options else "openssl pkeyutl": _token_openssl(ground.bench, options)},
            lambda each: holds(lambda: jose.verify_compact(each.text, lambda _kid: each.key)),
        )


def _token_openssl(bench: Bench, options: list[str]) -> Callable[[Token], bool]:
    bare = by_openssl(bench, options)

    def accepts(each: Token) -> bool:
        signed, _, signature = each.text.rpartition(".")
        return bare(Bare(signed.encode(), _raw(signature), each.key))

    return accepts


def _raw(signature: str) -> bytes:
    """64 bytes, or zeros for what is no such signature, so that openssl has something to refuse."""
    raw = unb64url(signature)
    return raw if len(raw) == 64 else bytes(64)


def _headed(text: str, *, signature: str | None = None, **changes: str) -> str:
    head, payload, tail = text.split(".")
    header = json.loads(unb64url(head)) | changes
    return f"{b64url(json.dumps(header).encode())}.{payload}.{tail if signature is None else signature}"


def _confused(token: Token) -> str:
    """Algorithm confusion (RFC 8725 section 2.1): an HMAC whose secret is the public key."""
    public = token.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = _headed(token.text, alg="HS256").rpartition(".")[0]
    return f"{signed}.{b64url(codes.digest(public, signed.encode(), hashlib.sha256))}"
