"""What is read of a message without the library is what the library reads, or nothing."""

from types import SimpleNamespace

from http_message_signatures import HTTPMessageSignaturesException, HTTPSignatureComponentResolver
from hypothesis import example, given
from hypothesis import strategies as st

from signing import plain_components
from signing.errors import Malformed
from signing.signature_base import Claim, Component, Request, Response, base_of, read_claims

URLS = st.one_of(
    st.sampled_from(
        [
            "https://dvc.hoabinh.gov.vn/v1/cases",
            "http://127.0.0.1:8080/v1/cases/H28-261201-1/submit",
            "https://a.vn",
            "https://a.vn/",
            "https://A.vn/x",
            "https://a.vn:/x",
            "https://a.vn/x?y=z",
            "https://a.vn/%C4%90%C6%A1n",
            "https://ai@a.vn/x",
            "https://a.vn/x#y",
            "ftp://a.vn/x",
            "/x",
        ]
    ),
    st.text(alphabet="htps:/a.v0%?#@ \n\u0111", max_size=24),
)
METHODS = st.sampled_from(["GET", "POST", "post", "Post", "M-SEARCH", "", "OPTIONS"])
FIELDS = st.one_of(
    st.sampled_from(
        [
            "application/json",
            " padded ",
            "sig1=:YWJj:",
            "sig1=:YWI=:",
            "sig1=:YWJ=:",
            "sig1=:YWJj:, sig2=:YWJj:",
            "sig1=:YWJj:;a=1",
            "sig1=abc",
            "sig1",
            "",
        ]
    ),
    st.text(alphabet="sig1=:YWJj, ;\u0111\n", max_size=16),
)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "signature", "set-cookie", "content-digest"]), FIELDS, max_size=4
)
PARAMETERS = st.sampled_from(
    [{}, {"key": "sig1"}, {"key": "sig2"}, {"sf": True}, {"bs": True}, {"key": "sig1", "sf": True}, {"x": 1}]
)
NAMES = st.sampled_from(
    [
        "@method",
        "@target-uri",
        "@status",
        "@path",
        "content-type",
        "signature",
        "set-cookie",
        "content-digest",
    ]
)


def _of_library(view: SimpleNamespace, component: Component) -> object:
    """What the library's resolver says; None where it refuses."""
    try:
        return HTTPSignatureComponentResolver(view).resolve(component)  # type: ignore[no-untyped-call, arg-type]
    except (HTTPMessageSignaturesException, ValueError, TypeError):
        return None


@given(METHODS, URLS, HEADERS, NAMES, PARAMETERS)
@example("POST", "https://a.vn/x", {"signature": "sig1=:YWJj:"}, "signature", {"key": "sig1"})
@example("POST", "https://a.vn/x", {"signature": "sig1=:YWJj:;a=1"}, "signature", {"key": "sig1"})
@example("POST", "https://a.vn/x", {"signature": "sig1=:YWJ=:"}, "signature", {"key": "sig1"})
def test_of_a_request_it_is_what_the_library_says_or_nothing(
    method: str, url: str, headers: dict[str, str], name: str, parameters: dict[str, str | bool | int]
) -> None:
    component = Component.of(name, parameters)
    plain = plain_components.of_request(method, url, headers, component)
    view = SimpleNamespace(method=method, url=url, headers=headers)
    assert plain is None or plain == _of_library(view, component)


@given(st.integers(100, 599), HEADERS, NAMES, PARAMETERS)
@example(200, {}, "@status", {"req": False})
@example(200, {"content-type": "x"}, "content-type", {"req": False})
def test_of_a_response_it_is_what_the_library_says_or_nothing(
    status: int, headers: dict[str, str], name: str, parameters: dict[str, str | bool | int]
) -> None:
    component = Component.of(name, parameters)
    plain = plain_components.of_response(status, headers, component)
    view = SimpleNamespace(status_code=status, headers=headers, request=None)
    assert plain is None or plain == _of_library(view, component)


def test_what_every_message_covers_is_plain() -> None:
    """Else nothing would be won, and nobody would see."""
    url, headers = (
        "https://a.vn/v1/cases",
        {"content-type": "application/json", "content-digest": "sha-256=:YWJj:"},
    )
    for name in ("@method", "@target-uri", "content-type", "content-digest"):
        assert plain_components.of_request("POST", url, headers, Component.of(name)) is not None
    bound = Component.of("signature", {"req": True, "key": "sig1"})
    signed = {"Signature": "sig1=:YWJj:"}
    assert plain_components.of_request("POST", url, {"signature": "sig1=:YWJj:"}, bound) == ":YWJj:"
    response = Response(200, headers, Request("POST", url, signed))
    covered = (Component.of("@status"), Component.of("@method", {"req": True}), bound)
    assert base_of(response, covered, {}).decode().splitlines() == [
        '"@status": 200',
        '"@method";req: POST',
        '"signature";req;key="sig1": :YWJj:',
        '"@signature-params": ("@status" "@method";req "signature";req;key="sig1")',
    ]


_NAMES = ["@method", "@target-uri", "content-type", "@signature-params", "@status", "X", "a b"]
_PARAMETERS = [
    *(";created=1", ";created=01", ";created=-1", ";created=1.5", ";created", ";expires=1234567890123456"),
    *(';keyid="k"', ';keyid="a\\\\b"', ';nonce="n n"', ';tag=""', ';alg="x"', ";nonce=5", ';other="1"', " "),
]
INPUTS = st.builds(
    lambda label, names, parameters: f"{label}=({' '.join(names)})" + "".join(parameters),
    st.sampled_from(["sig1", "*a", "sig-1.x", "Sig"]),
    st.lists(st.sampled_from([f'"{name}"' for name in _NAMES] + ['"@method";req', "x"]), max_size=4),
    st.lists(st.sampled_from(_PARAMETERS), max_size=4),
)
SIGNATURES = st.sampled_from(
    [
        "sig1=:YWJj:",
        "sig1=:YWI=:",
        "sig1=:YWJ=:",
        "sig1=:YW=:",
        "*a=:YWJj:",
        "sig-1.x=:YWJj:",
        "sig1=::",
        "sig1=x",
    ]
)


@given(INPUTS, SIGNATURES)
@example('sig1=("@method" "@target-uri");created=1;keyid="k";nonce="n n"', "sig1=:YWJj:")
@example('sig1=("@method" "@method");created=1', "sig1=:YWJj:")
@example('sig1=("@method");created=1;created=2', "sig1=:YWJj:")
@example('sig1=("@signature-params")', "sig1=:YWJj:")
def test_a_plain_claim_is_read_as_the_library_reads_it(told: str, signature: str) -> None:
    plainly = _claims(told, signature)
    # what the library reads alike, and this does not: a blank behind
    asked = _claims(told + " ", signature)
    assert plainly == asked


def test_the_claim_of_every_message_is_plain() -> None:
    told = '("@method" "@target-uri" "content-digest" "content-type");created=1;keyid="k";nonce="n";alg="ed25519"'
    found = plain_components.claim_of(f"sig1={told}", "sig1=:YWJj:")
    assert found is not None
    assert found.names == ("@method", "@target-uri", "content-digest", "content-type")
    assert found.parameters == {"created": 1, "keyid": "k", "nonce": "n", "alg": "ed25519"}
    assert plain_components.claim_of(f"sig1={told} ", "sig1=:YWJj:") is None


def _claims(told: str, signature: str) -> list[Claim] | None:
    try:
        return read_claims({"signature-input": told, "signature": signature})
    except Malformed:
        return None
