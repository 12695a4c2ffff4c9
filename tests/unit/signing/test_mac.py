import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from signing.mac import hmac_base64, hmac_hex, same, sha256_hex

KEY, DATA = b"key", b"The quick brown fox jumps over the lazy dog"


def test_the_published_hmac_examples_come_out() -> None:
    sha256 = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    assert sha256 == hmac_hex(KEY, DATA, "sha256")
    expected = "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"
    assert expected == hmac_hex(KEY, DATA, "sha1")
    # RFC 4231 test case 2
    rfc4231 = (
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
    )
    assert rfc4231 == hmac_hex(b"Jefe", b"what do ya want for nothing?", "sha512")


def test_base64_is_the_same_code_in_other_clothes() -> None:
    expected = "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg="
    assert expected == hmac_base64(KEY, DATA, "sha256")


def test_text_is_hashed_as_utf8() -> None:
    assert hashlib.sha256("đồng|bí mật".encode()).hexdigest() == sha256_hex("đồng|bí mật")
    assert sha256_hex(b"abc") == sha256_hex("abc")


def test_a_lone_surrogate_from_json_is_hashed_and_not_thrown() -> None:
    expected = 64
    assert expected == len(sha256_hex(json.loads('"\\ud800"')))


def test_hexadecimal_is_compared_without_regard_to_case() -> None:
    assert same("AbCdEf0123", "aBcDeF0123")
    assert not same("abcdef0123", "abcdef0124")
    assert not same("abcdef", "abcdef0123")


def test_base64_is_compared_with_regard_to_case() -> None:
    assert same("97yD9DBT+w==", "97yD9DBT+w==")
    assert not same("97yD9DBT+w==", "97YD9DBT+W==")


def test_what_is_not_ascii_equals_nothing_not_even_itself() -> None:
    assert not same("a\u212a", "a\u212a")  # the Kelvin sign, whose lower case is a plain k
    assert not same("é", "é")
    assert not same("\ud800", "\ud800")


def test_what_is_not_text_equals_nothing() -> None:
    assert not same(None, None)  # type: ignore[arg-type]
    assert not same("a", 5)  # type: ignore[arg-type]


@given(st.text(), st.text())
def test_comparing_never_raises_and_agrees_with_equality(a: str, b: str) -> None:
    if same(a, b):
        assert a.lower() == b.lower()


@given(st.text(alphabet="0123456789abcdefABCDEF"))
def test_a_hexadecimal_text_equals_itself_in_capitals(text: str) -> None:
    assert same(text, text.upper())
