import json

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import BadSignature, ForbiddenAlgorithm, Malformed, SigningError, UnknownKey
from signing.jose import Jwks, jwk_of, public_key_of, sign_compact, verify_compact
from signing.jwk import b64url, unb64url
from signing.keys import Kind, generate, sign
from signing.mac import hmac_hex

KEYS = {kind: generate(kind) for kind in Kind}
JWKS: Jwks = {"keys": [jwk_of(key.public_key(), kid=kind.value) for kind, key in KEYS.items()]}

# RFC 8037 appendix A.4: a token made by somebody else
RFC8037_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
RFC8037_SIGNING_INPUT = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"


def token(header: dict[str, object], *, kind: Kind = Kind.ED25519, payload: bytes = b"{}") -> str:
    signing_input = f"{b64url(json.dumps(header).encode())}.{b64url(payload)}"
    return f"{signing_input}.{b64url(sign(KEYS[kind], signing_input.encode()))}"


@pytest.mark.parametrize("kind", [Kind.ED25519, Kind.P256])
def test_a_token_gives_back_what_was_signed(kind: Kind) -> None:
    made = sign_compact("kết quả".encode(), key=KEYS[kind], kid=kind.value, typ="receipt+jws")
    read = verify_compact(made, JWKS)
    assert ("kết quả".encode(), kind.value, "receipt+jws") == (read.payload, read.kid, read.typ)


def test_a_resolver_may_stand_in_for_the_key_set() -> None:
    made = sign_compact(b"x", key=KEYS[Kind.P256], kid="any", typ="JWT")
    expected = b"x"
    assert expected == verify_compact(made, lambda _kid: KEYS[Kind.P256].public_key()).payload


def test_a_changed_payload_is_refused() -> None:
    header, _, signature = sign_compact(b"100", key=KEYS[Kind.P256], kid="p256", typ="JWT").split(".")
    with pytest.raises(BadSignature):
        verify_compact(f"{header}.{b64url(b'900')}.{signature}", JWKS)


def test_the_token_of_the_rfc_is_refused_only_because_it_names_no_key() -> None:
    with pytest.raises(Malformed, match="kid"):
        verify_compact(f"{RFC8037_SIGNING_INPUT}.AA", lambda _kid: public_key_of(RFC8037_KEY))


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "ES256", "RS256", "", None, 5])
def test_an_algorithm_that_is_not_the_keys_is_forbidden(alg: object) -> None:
    with pytest.raises(ForbiddenAlgorithm):
        verify_compact(token({"alg": alg, "kid": "ed25519"}), JWKS)


def test_alg_none_without_signature_is_forbidden() -> None:
    head = b64url(b'{"alg":"none","kid":"ed25519"}')
    with pytest.raises(ForbiddenAlgorithm):
        verify_compact(f"{head}.{b64url(b'{}')}.", JWKS)


def test_an_hmac_under_the_public_key_is_forbidden() -> None:
    header = b64url(b'{"alg":"HS256","kid":"ed25519"}')
    signing_input = f"{header}.{b64url(b'{}')}"
    public = json.dumps(JWKS["keys"][0]).encode()
    code = b64url(bytes.fromhex(hmac_hex(public, signing_input.encode(), "sha256")))
    with pytest.raises(ForbiddenAlgorithm):
        verify_compact(f"{signing_input}.{code}", JWKS)


@pytest.mark.parametrize("name", ["crit", "b64", "jwk", "jku", "x5u"])
def test_header_parameters_that_change_the_rules_are_forbidden(name: str) -> None:
    with pytest.raises(ForbiddenAlgorithm):
        verify_compact(token({"alg": "EdDSA", "kid": "ed25519", name: ["exp"]}), JWKS)


def test_an_rsa_key_signs_no_token() -> None:
    with pytest.raises(ForbiddenAlgorithm):
        sign_compact(b"", key=KEYS[Kind.RSA], kid="rsa", typ="JWT")
    with pytest.raises(ForbiddenAlgorithm):
        verify_compact(token({"alg": "PS512", "kid": "rsa"}, kind=Kind.RSA), JWKS)


def test_an_unknown_kid_is_said_to_be_unknown() -> None:
    with pytest.raises(UnknownKey):
        verify_compact(token({"alg": "EdDSA", "kid": "who"}), JWKS)


def test_a_kid_that_stands_twice_in_the_set_is_not_guessed_at() -> None:
    doubled: Jwks = {"keys": [*JWKS["keys"], *JWKS["keys"]]}
    with pytest.raises(UnknownKey):
        verify_compact(token({"alg": "EdDSA", "kid": "ed25519"}), doubled)


def test_an_ecdsa_signature_in_der_is_refused() -> None:
    head, body, signature = token({"alg": "ES256", "kid": "p256"}, kind=Kind.P256).split(".")
    raw = unb64url(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    with pytest.raises(BadSignature):
        verify_compact(f"{head}.{body}.{b64url(der)}", JWKS)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "a",
        "a.b",
        "a.b.c.d",
        "..",
        "e30=.e30.AA",
        "e30.e30.A",
        "W10.e30.AA",
        "bm90IGpzb24.e30.AA",
        "e30.é.AA",
    ],
)
def test_what_is_no_token_is_malformed(bad: str) -> None:
    with pytest.raises(Malformed):
        verify_compact(bad, JWKS)


def test_a_header_that_names_a_parameter_twice_is_malformed() -> None:
    head = b64url(b'{"alg":"none","alg":"EdDSA","kid":"ed25519"}')
    with pytest.raises(Malformed):
        verify_compact(f"{head}.e30.AA", JWKS)


def test_a_token_that_is_too_long_is_malformed() -> None:
    long = sign_compact(bytes(150_000), key=KEYS[Kind.ED25519], kid="ed25519", typ="JWT")
    with pytest.raises(Malformed, match="too long"):
        verify_compact(long, JWKS)


def test_deep_json_in_the_header_is_malformed() -> None:
    with pytest.raises(Malformed):
        verify_compact(f"{b64url(b'[' * 50_000)}.e30.AA", JWKS)


@given(
    st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,90}")
)
def test_no_text_raises_anything_but_the_tree(text: str) -> None:
    with pytest.raises(SigningError):
        verify_compact(text, JWKS)


@given(st.binary(max_size=100))
def test_no_header_raises_anything_but_the_tree(header: bytes) -> None:
    with pytest.raises(SigningError):
        verify_compact(f"{b64url(header)}.e30.AA", JWKS)
