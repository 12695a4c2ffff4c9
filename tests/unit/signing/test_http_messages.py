import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import http_message_signatures as public_library
import http_sf
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import (
    BadSignature,
    Expired,
    ForbiddenAlgorithm,
    Malformed,
    SigningError,
    UnknownKey,
)
from signing.http_messages import (
    Request,
    Verified,
    check_content_digest,
    content_digest,
    peek_keyid,
    sign_request,
    sign_response,
    verify_request,
    verify_response,
)
from signing.keys import Kind, PrivateKey, PublicKey, generate, verify
from signing.signature_base import Component, base_of, lower_fields, read_claims, signature_params

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
URL = "https://cong4.example.vn/v1/payments?state=paid"
BODY = '{"amount_vnd":180000,"note":"lệ phí"}'.encode()
JSON = {"content-type": "application/json"}
KEYS: dict[str, PrivateKey] = {kind.value: generate(kind) for kind in Kind}
OTHER = generate(Kind.ED25519)
LIBRARY = {
    "ed25519": public_library.algorithms.ED25519,
    "p256": public_library.algorithms.ECDSA_P256_SHA256,
    "rsa": public_library.algorithms.RSA_PSS_SHA512,
}


def resolve(keyid: str) -> PublicKey:
    if keyid not in KEYS:
        raise UnknownKey("nobody")
    return KEYS[keyid].public_key()


def headers_for(
    keyid: str = "ed25519",
    *,
    body: bytes = BODY,
    method: str = "POST",
    created: datetime = NOW,
    nonce: str = "n0nce",
    key: PrivateKey | None = None,
) -> dict[str, str]:
    signing_key = key or KEYS[keyid]
    signed = sign_request(method, URL, JSON, body, key=signing_key, keyid=keyid, created=created, nonce=nonce)
    return JSON | signed


def check(
    headers: Mapping[str, str],
    *,
    method: str = "POST",
    url: str = URL,
    body: bytes = BODY,
    now: datetime = NOW,
    resolve_key: Callable[[str], PublicKey] = resolve,
) -> Verified:
    return verify_request(method, url, headers, body, resolve_key=resolve_key, now=now)


def library_signed(keyid: str, *, components: tuple[str, ...], **options: object) -> dict[str, str]:
    """A request signed by the public library."""
    message = SimpleNamespace(
        method="POST", url=URL, headers={**JSON, "content-digest": content_digest(BODY)}
    )
    resolver = public_library.MappingKeyResolver(public_keys={}, private_keys=KEYS)  # type: ignore[arg-type]
    signer = public_library.HTTPMessageSigner(signature_algorithm=LIBRARY[keyid], key_resolver=resolver)
    settings = {"nonce": "abc", "created": NOW, "use_existing_digest": True} | options
    signer.sign(message, key_id=keyid, covered_component_ids=components, **settings)  # type: ignore[arg-type]
    return message.headers


ALL = ("@method", "@target-uri", "content-digest", "content-type")


@pytest.mark.parametrize("keyid", KEYS)
def test_a_request_that_we_sign_is_verified(keyid: str) -> None:
    verified = check(headers_for(keyid))
    assert (keyid, "n0nce", NOW) == (verified.keyid, verified.nonce, verified.created)


@pytest.mark.parametrize("keyid", KEYS)
def test_the_public_library_verifies_what_we_sign(keyid: str) -> None:
    message = SimpleNamespace(method="POST", url=URL, headers=headers_for(keyid))
    public = {keyid: KEYS[keyid].public_key()}
    resolver = public_library.MappingKeyResolver(public_keys=public, private_keys={})
    verifier = public_library.HTTPMessageVerifier(signature_algorithm=LIBRARY[keyid], key_resolver=resolver)
    results = verifier.verify(message, max_age=timedelta(days=36500), require_components=ALL, body=BODY)
    expected = ["n0nce"]
    assert expected == [result.nonce for result in results]


@pytest.mark.parametrize("keyid", KEYS)
def test_we_verify_what_the_public_library_signs(keyid: str) -> None:
    expected = ("abc", "pyhms")
    verified = check(library_signed(keyid, components=ALL))
    assert expected == (verified.nonce, verified.label)


def test_the_signed_bytes_and_their_hash_are_handed_back_for_the_proof() -> None:
    verified = check(headers_for())
    params = '("@method" "@target-uri" "content-digest" "content-type");created=1795489200'
    expected = "\n".join(
        [
            '"@method": POST',
            f'"@target-uri": {URL}',
            f'"content-digest": {content_digest(BODY)}',
            '"content-type": application/json',
            f'"@signature-params": {params};keyid="ed25519";nonce="n0nce";alg="ed25519"',
        ]
    ).encode()
    assert expected == verified.base
    assert hashlib.sha256(expected).hexdigest() == verified.signature_base_sha256
    KEYS["ed25519"].public_key().verify(verified.signature, verified.base)  # type: ignore[union-attr, call-arg]


def test_the_ed25519_example_of_the_standard_verifies() -> None:
    # RFC 9421 appendix B.2.6, key test-key-ed25519; it has no nonce, so it is checked as far as the nonce
    pem = (
        b"-----BEGIN PUBLIC KEY-----\n"
        b"MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n"
        b"-----END PUBLIC KEY-----\n"
    )
    key = load_pem_public_key(pem)
    headers = {
        "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "Content-Type": "application/json",
        "Content-Length": "18",
        "Signature-Input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"',
        "Signature": "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5"
        "lIp5WPpBKRCw==:",
    }

    fields = lower_fields(headers)
    claim = read_claims(fields)[0]
    request = Request("POST", "https://example.com/foo?param=Value&Pet=dog", fields)
    verify(key, claim.signature, base_of(request, claim.components, claim.parameters))  # type: ignore[arg-type]
    with pytest.raises(BadSignature):
        verify(key, claim.signature, base_of(request, claim.components[:-1], claim.parameters))  # type: ignore[arg-type]


def test_a_request_without_body_needs_neither_digest_nor_type() -> None:
    headers = sign_request("GET", URL, {}, b"", key=KEYS["ed25519"], keyid="ed25519", created=NOW, nonce="1")
    assert set(headers) == {"Signature-Input", "Signature"}
    expected = "1"
    assert expected == check(headers, method="GET", body=b"").nonce


@pytest.mark.parametrize("keyid", KEYS)
def test_whatever_is_changed_is_refused(keyid: str) -> None:
    headers = headers_for(keyid)
    with pytest.raises(BadSignature):
        check(headers, method="PUT")
    with pytest.raises(BadSignature):
        check(headers, url=URL.replace("paid", "void"))
    with pytest.raises(BadSignature):
        check(headers, body=BODY.replace(b"180000", b"180001"))
    with pytest.raises(BadSignature):
        check(headers | {"content-type": "text/plain"})
    with pytest.raises(BadSignature):
        check(headers | {"Signature-Input": headers["Signature-Input"].replace("n0nce", "n1nce")})


def test_a_body_put_into_a_request_that_was_signed_without_is_refused() -> None:
    headers = headers_for(body=b"", method="GET")
    with pytest.raises(Malformed, match="content-digest"):
        check(headers | {"content-digest": content_digest(BODY)}, method="GET")


@pytest.mark.parametrize("left_out", ALL)
def test_each_component_must_be_covered(left_out: str) -> None:
    components = tuple(name for name in ALL if name != left_out)
    with pytest.raises(Malformed, match=left_out):
        check(library_signed("ed25519", components=components))


def test_a_component_with_a_parameter_does_not_stand_for_the_plain_one() -> None:
    components = ("@method", "@target-uri", '"content-digest";key="sha-256"', "content-type")
    with pytest.raises(Malformed, match="content-digest"):
        check(library_signed("ed25519", components=components))


def test_covering_more_is_welcome() -> None:
    expected = "abc"
    assert expected == check(library_signed("ed25519", components=(*ALL, "@authority", "@query"))).nonce


@pytest.mark.parametrize("nonce", [None, "", "x" * 129])
def test_a_nonce_has_1_to_128_characters(nonce: str | None) -> None:
    with pytest.raises(Malformed, match="nonce"):
        check(library_signed("ed25519", components=ALL, nonce=nonce))


def test_we_sign_no_nonce_that_we_would_refuse() -> None:
    for nonce in ("", "x" * 129, "đ", "a\nb"):
        with pytest.raises(Malformed):
            headers_for(nonce=nonce)


def test_created_is_asked_for() -> None:
    headers = headers_for()
    bare = headers["Signature-Input"].replace(";created=1795489200", "")
    with pytest.raises(Malformed, match="created"):
        check(headers | {"Signature-Input": bare})


@pytest.mark.parametrize("seconds", [301, -301])
def test_a_signature_out_of_the_window_is_expired(seconds: int) -> None:
    with pytest.raises(Expired):
        check(headers_for(), now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [300, -300])
def test_a_signature_at_the_edge_of_the_window_is_good(seconds: int) -> None:
    assert check(headers_for(), now=NOW + timedelta(seconds=seconds)).created == NOW


def test_expires_is_honoured() -> None:
    headers = library_signed("ed25519", components=ALL, expires=NOW + timedelta(seconds=10))
    assert check(headers, now=NOW + timedelta(seconds=10)).keyid == "ed25519"
    with pytest.raises(Expired):
        check(headers, now=NOW + timedelta(seconds=11))


def test_an_unknown_key_is_said_to_be_unknown() -> None:
    with pytest.raises(UnknownKey):
        check(headers_for("stranger", key=OTHER))


def test_a_known_keyid_with_another_key_is_a_bad_signature() -> None:
    with pytest.raises(BadSignature):
        check(headers_for("ed25519", key=OTHER))


def test_an_algorithm_that_is_not_the_keys_is_forbidden() -> None:
    headers = headers_for("p256", key=KEYS["ed25519"])
    with pytest.raises(ForbiddenAlgorithm):
        check(headers)
    lying = headers_for()["Signature-Input"].replace('alg="ed25519"', 'alg="hmac-sha256"')
    with pytest.raises(ForbiddenAlgorithm):
        check(headers_for() | {"Signature-Input": lying})


def test_the_algorithm_need_not_be_named() -> None:
    expected = "ed25519"
    assert expected == check(library_signed("ed25519", components=ALL, include_alg=False)).algorithm


def both(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """The headers of `first` with the signature of `second` beside its own, under the label `proxy`."""
    joined = dict(first)
    for name in ("Signature-Input", "Signature"):
        joined[name] = f"{first[name]}, {second[name].replace('sig1=', 'proxy=', 1)}"
    return joined


def test_beside_a_proxys_signature_the_one_known_key_decides() -> None:
    expected = ("ed25519", "sig1")
    verified = check(both(headers_for(), headers_for("proxy-key", key=OTHER)))
    assert expected == (verified.keyid, verified.label)


def test_two_signatures_by_known_keys_are_refused() -> None:
    with pytest.raises(Malformed, match="Several"):
        check(both(headers_for("ed25519"), headers_for("p256")))


def test_two_signatures_by_unknown_keys_are_unknown() -> None:
    with pytest.raises(UnknownKey):
        check(both(headers_for("a", key=OTHER), headers_for("b", key=OTHER)))


def test_five_signatures_are_too_many() -> None:
    headers = headers_for("a", key=OTHER)
    for name in ("Signature-Input", "Signature"):
        headers[name] = ", ".join(headers[name].replace("sig1=", f"s{n}=", 1) for n in range(5))
    with pytest.raises(Malformed, match="too many"):
        check(headers)


def test_the_keyid_can_be_read_before_the_key_is_known() -> None:
    expected = "stranger"
    assert expected == peek_keyid(headers_for("stranger", key=OTHER))
    with pytest.raises(Malformed, match="several"):
        peek_keyid(both(headers_for("ed25519"), headers_for("p256")))
    with pytest.raises(Malformed):
        peek_keyid({})


GOOD = '"@method" "@target-uri" "content-digest" "content-type"'
REST = ';created=1795489200;keyid="ed25519";nonce="n"'


@pytest.mark.parametrize(
    ("signature_input", "why"),
    [
        ("", "do not name"),
        ("sig1", "inner list"),
        ("sig1=5", "inner list"),
        (f"sig1=({GOOD}", "not a dictionary"),
        (f"sig1=({GOOD} token){REST}", "lower case"),
        (f'sig1=({GOOD} "@METHOD"){REST}', "lower case"),
        (f'sig1=({GOOD} "@signature-params"){REST}', "lower case"),
        (f'sig1=({GOOD} "@method"){REST}', "twice"),
        (f'sig1=({GOOD} "date";sf;key="a" "date";key="a";sf){REST}', "twice"),
        (f'sig1=({GOOD}){REST};secret="x"', "not registered"),
        (f'sig1=({GOOD});created="1795489200";keyid="ed25519";nonce="n"', "another type"),
        (f'sig1=({GOOD});created=?1;keyid="ed25519";nonce="n"', "another type"),
        (f'sig1=({GOOD});created=1795489200.0;keyid="ed25519";nonce="n"', "another type"),
        (f'sig1=({GOOD});created=1795489200;keyid=ed25519;nonce="n"', "another type"),
        (f"sig1=({GOOD}){REST};created=1795489201", "repeats"),
        (f'sig1=({GOOD});created=1795489200;keyid="";nonce="n"', "keyid"),
        (f'sig1=({GOOD});created=1795489200;nonce="n"', "keyid"),
        (f"sig2=({GOOD}){REST}", "do not name"),
        (f"sig1=({GOOD}){REST}, sig1=({GOOD}){REST}", "repeats"),
        (f"sig1=({GOOD} {' '.join(f'{chr(34)}x{n}{chr(34)}' for n in range(30))}){REST}", "too much"),
        (f"sig1=({GOOD}){REST}" + " " * 9000, "too long"),
        (f'sig1=({GOOD} "@method";sf){REST}', "cannot be read"),
        (f'sig1=({GOOD} "@query-param";name=5){REST}', "cannot be read"),
        (f'sig1=({GOOD} "@status"){REST}', "cannot be read"),
        (f'sig1=({GOOD} "@method";req){REST}', "cannot be read"),
        (f'sig1=({GOOD} "@unknown"){REST}', "cannot be read"),
        (f'sig1=({GOOD} "content-type";tr){REST}', "cannot be read"),
    ],
)
def test_an_input_that_breaks_the_standard_is_malformed(signature_input: str, why: str) -> None:
    headers = headers_for() | {"Signature-Input": signature_input}
    with pytest.raises(Malformed, match=why):
        check(headers)


def test_a_signature_that_is_no_byte_sequence_is_malformed() -> None:
    for bad in ("sig1=5", "sig1", "sig1=(1 2)", 'sig1="AAAA"'):
        with pytest.raises(Malformed, match="byte sequence"):
            check(headers_for() | {"Signature": bad})


def test_a_component_that_the_message_lacks_is_malformed() -> None:
    headers = headers_for()
    wider = headers["Signature-Input"].replace('"@method"', '"@method" "x-absent"')
    with pytest.raises(Malformed):
        check(headers | {"Signature-Input": wider})


def test_a_line_break_in_a_covered_header_is_malformed() -> None:
    with pytest.raises(Malformed):
        check(headers_for() | {"content-type": 'application/json\n"@method": GET'})


@pytest.mark.parametrize("url", ["", "/v1/payments", "not a url", "https://a/ b", "https://a/\u00e9"])
def test_a_url_that_is_none_is_malformed(url: str) -> None:
    with pytest.raises(Malformed):
        check(headers_for(), url=url)


def test_header_names_are_read_in_any_case() -> None:
    shouting = {name.upper(): value for name, value in headers_for().items()}
    assert check(shouting).keyid == "ed25519"


def test_the_repr_of_a_message_shows_no_signature_and_no_url() -> None:
    verified = check(headers_for())
    assert "payments" not in repr(verified)
    assert "payments" not in repr(Request("GET", URL, {}))


# --- responses ------------------------------------------------------------------------------------


def response_for(**options: object) -> dict[str, str]:
    signed = sign_response(
        201,
        JSON,
        BODY,
        key=KEYS["p256"],
        keyid="p256",
        created=NOW,
        **options,  # type: ignore[arg-type]
    )
    return JSON | signed


def check_response(headers: Mapping[str, str], status: int = 201, **options: object) -> Verified:
    return verify_response(
        status,
        headers,
        BODY,
        resolve_key=resolve,
        now=NOW,
        **options,  # type: ignore[arg-type]
    )


def test_a_response_is_verified_and_its_status_is_covered() -> None:
    headers = response_for()
    assert check_response(headers).nonce == ""
    with pytest.raises(BadSignature):
        check_response(headers, status=200)


def test_a_response_can_be_bound_to_its_request() -> None:
    asked = Request("POST", URL, headers_for())
    headers = response_for(answering=asked, request_label="sig1")
    assert check_response(headers, answering=asked, request_label="sig1").keyid == "p256"
    other = Request("POST", URL, headers_for(nonce="another"))
    with pytest.raises(BadSignature):
        check_response(headers, answering=other, request_label="sig1")
    with pytest.raises(BadSignature):
        check_response(headers, answering=Request("PUT", URL, headers_for()), request_label="sig1")


def test_a_response_that_is_not_bound_is_no_answer_to_a_request() -> None:
    asked = Request("POST", URL, headers_for())
    with pytest.raises(Malformed, match="@method"):
        check_response(response_for(), answering=asked)
    with pytest.raises(Malformed, match="signature"):
        check_response(response_for(answering=asked), answering=asked, request_label="sig1")


def test_a_response_bound_to_a_request_cannot_be_read_without_it() -> None:
    headers = response_for(answering=Request("POST", URL, headers_for()))
    with pytest.raises(Malformed):
        check_response(headers)


def test_the_public_library_verifies_a_bound_response() -> None:
    asked = Request("POST", URL, headers_for())
    headers = response_for(answering=asked, request_label="sig1")
    message = SimpleNamespace(
        status_code=201,
        headers=headers,
        request=SimpleNamespace(method="POST", url=URL, headers=asked.headers),
    )
    public = {"p256": KEYS["p256"].public_key()}
    resolver = public_library.MappingKeyResolver(public_keys=public, private_keys={})
    verifier = public_library.HTTPMessageVerifier(signature_algorithm=LIBRARY["p256"], key_resolver=resolver)
    results = verifier.verify(message, max_age=timedelta(days=36500), body=BODY)
    assert len(results) == 1


# --- Content-Digest -------------------------------------------------------------------------------


def digest(algorithm: str, body: bytes) -> str:
    value = hashlib.new(algorithm.replace("-", ""), body).digest()
    return f"{algorithm}=:{base64.b64encode(value).decode()}:"


def test_the_digest_example_of_the_standard_comes_out() -> None:
    # RFC 9530 appendix B.1 in RFC 9421's form: the test request of RFC 9421 appendix B.2
    body = b'{"hello": "world"}'
    expected = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    assert expected == content_digest(body)
    check_content_digest(
        "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        body,
    )


def test_every_known_digest_must_fit() -> None:
    good = f"{digest('sha-256', BODY)}, {digest('sha-512', BODY)}"
    check_content_digest(good, BODY)
    for bad in (
        f"{digest('sha-256', BODY)}, {digest('sha-512', b'x')}",
        f"{digest('sha-256', b'x')}, {digest('sha-512', BODY)}",
    ):
        with pytest.raises(BadSignature):
            check_content_digest(bad, BODY)


def test_an_unknown_digest_is_passed_over_but_is_not_enough() -> None:
    check_content_digest(f"md5=:AAAA:, {digest('sha-256', BODY)}", BODY)
    with pytest.raises(Malformed):
        check_content_digest("md5=:AAAA:", BODY)


@pytest.mark.parametrize(
    "header", ["", "sha-256", "sha-256=5", "sha-256=(1 2)", "sha-256=:??:", "é", "\ud800"]
)
def test_a_digest_that_cannot_be_read_is_malformed(header: str) -> None:
    with pytest.raises(Malformed):
        check_content_digest(header, BODY)


def test_a_digest_header_that_is_too_long_is_malformed() -> None:
    others = ", ".join(f"x{n}=:AAAA:" for n in range(100))
    with pytest.raises(Malformed, match="too long"):
        check_content_digest(f"{digest('sha-256', BODY)}, {others}", BODY)


def test_a_digest_that_stands_twice_is_malformed() -> None:
    with pytest.raises(Malformed):
        check_content_digest(f"{digest('sha-256', b'x')}, {digest('sha-256', BODY)}", BODY)


def test_a_digest_cut_short_is_refused() -> None:
    with pytest.raises(BadSignature):
        check_content_digest("sha-256=::", BODY)


# --- arbitrary input ------------------------------------------------------------------------------

NAMES = st.sampled_from(
    [
        "created",
        "expires",
        "nonce",
        "alg",
        "keyid",
        "tag",
        "x",
        "@method",
        "@status",
        "@query-param",
        "content-type",
    ]
)
PIECES = st.lists(
    st.sampled_from(
        [
            "sig1=",
            "(",
            ")",
            '"',
            ";",
            "=",
            ",",
            " ",
            ":",
            "1",
            "-",
            "?1",
            "@",
            "ed25519",
            "AA==",
            "key",
            "req",
            "sf",
            "%",
        ]
    )
    | NAMES,
    max_size=40,
).map("".join)


@given(st.text(max_size=100) | PIECES, st.text(max_size=100) | PIECES, st.text(max_size=50) | PIECES)
def test_no_header_raises_anything_but_the_tree(signature_input: str, signature: str, digests: str) -> None:
    headers = {"signature-input": signature_input, "signature": signature, "content-digest": digests}
    with pytest.raises(SigningError):
        check(headers)


@given(
    st.lists(
        st.tuples(
            NAMES, st.dictionaries(st.sampled_from(["req", "sf", "key", "bs", "name", "tr"]), st.booleans())
        ),
        max_size=4,
    ),
    st.dictionaries(
        NAMES.filter(str.isalpha), st.integers(-9, 10**15 - 1) | st.sampled_from(["ed25519", "n"])
    ),
    st.data(),
)
def test_no_well_formed_input_raises_anything_but_the_tree(
    components: list[tuple[str, dict[str, bool]]], parameters: dict[str, int | str], data: st.DataObject
) -> None:
    needed = [(name, {}) for name in (ALL if data.draw(st.booleans()) else ("@status", *ALL[2:]))]
    inner = (needed + components, {"keyid": "ed25519", "nonce": "n", "created": 1795489200} | parameters)
    headers = headers_for() | {"Signature-Input": http_sf.ser({"sig1": inner})}
    with pytest.raises(SigningError):
        check(headers)
    with pytest.raises(SigningError):
        check_response(headers)
    with pytest.raises(SigningError):
        check_response(headers, answering=Request("POST", URL, JSON))


@given(
    st.dictionaries(
        st.sampled_from(["created", "expires", "nonce", "alg", "keyid", "tag"]),
        st.integers(-(10**15) + 1, 10**15 - 1)
        | st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)),
    )
)
def test_parameters_are_written_as_the_structured_field_library_writes_them(
    parameters: dict[str, int | str],
) -> None:
    components = (Component.of("@method"), Component.of("@target-uri", {"req": True}))
    inner = ([("@method", {}), ("@target-uri", {"req": True})], parameters)
    assert http_sf.ser({"s": inner}) == f"s={signature_params(components, parameters)}"
