import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import BadSignature, ForbiddenAlgorithm, Malformed, SigningError
from signing.jwk import b64url, jwk_of, public_key_of, thumbprint, unb64url
from signing.keys import Kind, generate, kind_of, sign, verify

KEYS = {kind: generate(kind) for kind in Kind}

# RFC 8037 appendix A.2 and A.3
RFC8037 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


@pytest.mark.parametrize("kind", Kind)
def test_what_a_key_signs_its_public_half_verifies(kind: Kind) -> None:
    key = KEYS[kind]
    signature = sign(key, b"data")
    verify(key.public_key(), signature, b"data")
    assert kind is kind_of(key)
    assert kind is kind_of(key.public_key())


@pytest.mark.parametrize("kind", Kind)
def test_one_changed_byte_is_refused(kind: Kind) -> None:
    signature = sign(KEYS[kind], b"data")
    with pytest.raises(BadSignature):
        verify(KEYS[kind].public_key(), signature, b"dato")
    with pytest.raises(BadSignature):
        verify(KEYS[kind].public_key(), bytes([signature[0] ^ 1]) + signature[1:], b"data")


@pytest.mark.parametrize("kind", Kind)
@given(signature=st.binary(max_size=80))
def test_an_arbitrary_signature_is_refused_and_nothing_else(kind: Kind, signature: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(KEYS[kind].public_key(), signature, b"data")


def test_an_ecdsa_signature_is_r_and_s_in_64_bytes() -> None:
    assert {64} == {len(sign(KEYS[Kind.P256], bytes([n]))) for n in range(50)}


def test_an_ecdsa_signature_with_a_zero_put_between_is_refused() -> None:
    signature = sign(KEYS[Kind.P256], b"data")
    with pytest.raises(BadSignature):
        verify(KEYS[Kind.P256].public_key(), signature[:32] + b"\0" + signature[32:], b"data")


def test_another_curve_and_other_rsa_sizes_are_forbidden() -> None:
    with pytest.raises(ForbiddenAlgorithm):
        kind_of(ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(ForbiddenAlgorithm):
        kind_of(rsa.generate_private_key(public_exponent=65537, key_size=1024))


def test_the_thumbprint_of_the_rfc_comes_out() -> None:
    expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert expected == thumbprint(public_key_of(RFC8037))


@pytest.mark.parametrize("kind", Kind)
def test_a_jwk_is_read_back_as_the_same_key(kind: Kind) -> None:
    public = KEYS[kind].public_key()
    jwk = jwk_of(public)
    assert public == public_key_of(jwk)
    assert {"kty", "use", "alg", "kid"} <= jwk.keys()
    assert thumbprint(public) == jwk["kid"]
    assert "d" not in jwk


@pytest.mark.parametrize(
    "jwk",
    [
        {**RFC8037, "x": "AA"},
        {**RFC8037, "x": 5},
        {"kty": "OKP", "crv": "Ed25519"},
        {"kty": "EC", "crv": "P-256", "x": b64url(bytes(32)), "y": b64url(bytes(32))},
        {"kty": "EC", "crv": "P-256", "x": b64url(bytes(31) + b"\1"), "y": "=="},
        {"kty": "RSA", "n": "AA", "e": "AQAB"},
        {"kty": "RSA", "n": "_" * 8000, "e": "AQAB"},
        {"kty": "RSA", "n": b64url(b"\xff" * 256), "e": ""},
    ],
)
def test_a_jwk_that_is_no_key_is_malformed(jwk: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        public_key_of(jwk)


def test_coordinates_that_are_split_at_another_place_are_malformed() -> None:
    jwk = jwk_of(KEYS[Kind.P256].public_key())
    point = unb64url(jwk["x"]) + unb64url(jwk["y"])
    with pytest.raises(Malformed):
        public_key_of(jwk | {"x": b64url(point[:31]), "y": b64url(point[31:])})


@pytest.mark.parametrize("kty", ["oct", "OKP", None, "EC"])
def test_a_jwk_of_another_type_is_forbidden(kty: str | None) -> None:
    with pytest.raises(ForbiddenAlgorithm):
        public_key_of({"kty": kty, "k": "c2VjcmV0"})


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e"]),
        st.sampled_from(["OKP", "EC", "RSA", "Ed25519", "P-256", "AQAB"])
        | st.text(max_size=50)
        | st.integers(),
    )
)
def test_reading_any_jwk_raises_nothing_but_the_tree(jwk: dict[str, object]) -> None:
    try:
        public_key_of(jwk)
    except SigningError:
        return


@given(st.binary())
def test_base64url_goes_there_and_back(data: bytes) -> None:
    assert data == unb64url(b64url(data))


@pytest.mark.parametrize("text", ["AA==", "A", "AB", "A A", "+/", "é", "QQ\n"])
def test_base64url_with_a_second_spelling_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        unb64url(text)
