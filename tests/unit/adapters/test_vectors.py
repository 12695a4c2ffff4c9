"""Every worked example of a signature is an example of what is refused too: one byte more, less or other.

The examples come from public code and documents, and were recomputed with public libraries. How each adapter uses them
stands in its own tests; here is asked of all that nothing but the very bytes is genuine.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters import vietqr
from adapters.statements.mt940 import parse
from gateway.domain.errors import Malformed
from signing import rsa
from signing.errors import BadSignature
from signing.mac import hmac_base64, hmac_hex, same, sha256_hex

FOLDER = Path(__file__).parent
VECTORS: Mapping[str, Mapping[str, Any]] = {
    name: told
    for file in sorted(FOLDER.glob("vectors*.json"))
    for name, told in json.loads(file.read_bytes()).items()
}


def code_of(told: Mapping[str, Any]) -> str:
    """The code or signature that the example gives for its text."""
    if "query" in told:
        return str(told["query"].rpartition("vnp_SecureHash=")[2])
    expected = told["expected"]
    return str(expected["sha256"] if isinstance(expected, dict) else expected)


SIGNED = {name: code_of(told) for name, told in VECTORS.items() if "string_to_sign" in told}
BY_RSA = [name for name in SIGNED if "key" in VECTORS[name]]
BY_CODE = sorted(SIGNED.keys() - set(BY_RSA))
PAYLOADS = [told.get("payload") or told["expected"] for name, told in VECTORS.items() if "vietqr_g" in name]


def codes(secret: bytes, text: bytes) -> Iterator[str]:
    """The code of `text` in each way that a wire of ours makes it."""
    for algorithm in ("sha1", "sha256", "sha512"):
        yield hmac_hex(secret, text, algorithm)  # type: ignore[arg-type]  # each is one
        yield hmac_base64(secret, text, algorithm)  # type: ignore[arg-type]  # as above
    yield sha256_hex(text)


def others(text: bytes) -> Iterator[bytes]:
    """The text with each byte changed, cut off, or doubled, and lengthened."""
    for at, byte in enumerate(text):
        yield text[:at] + bytes([byte ^ 1]) + text[at + 1 :]
        yield text[:at] + text[at + 1 :]
        yield text[:at] + bytes([byte]) + text[at:]
    yield text + b" "
    yield b""


@pytest.mark.parametrize("name", BY_CODE)
def test_a_code_is_of_its_text_and_of_no_other(name: str) -> None:
    told, expected = VECTORS[name], SIGNED[name]
    secret, text = str(told.get("secret", "")).encode(), told["string_to_sign"].encode()
    (way,) = [at for at, code in enumerate(codes(secret, text)) if same(expected, code)]
    for other in others(text):
        if other != text:
            assert not same(expected, list(codes(secret, other))[way]), other


@pytest.mark.parametrize("name", BY_CODE)
def test_a_code_with_one_other_character_is_refused(name: str) -> None:
    expected = SIGNED[name]
    for at, character in enumerate(expected):
        other = "1" if character != "1" else "2"
        assert not same(expected, expected[:at] + other + expected[at + 1 :])
        assert not same(expected, expected[:at] + expected[at + 1 :])
    assert not same(expected, "")


@pytest.mark.parametrize("name", BY_RSA)
def test_a_signature_is_of_its_text_and_of_no_other(name: str) -> None:
    key = rsa.load_public(VECTORS["rsa_test_key"]["public_pem"])
    told, signature = VECTORS[name], SIGNED[name]
    text = told["string_to_sign"].encode()
    rsa.verify_base64(key, signature, text)
    for other in others(text):
        if other != text:
            with pytest.raises(BadSignature):
                rsa.verify_base64(key, signature, other)
    raw = base64.b64decode(signature)
    for at in range(len(raw)):
        spoilt = base64.b64encode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).decode()
        with pytest.raises(BadSignature):
            rsa.verify_base64(key, spoilt, text)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_code_to_scan_with_one_other_character_is_refused(payload: str) -> None:
    vietqr.parse(payload)
    for at, character in enumerate(payload[:-4]):
        spoilt = payload[:at] + ("0" if character != "0" else "1") + payload[at + 1 :]
        with pytest.raises(Malformed):
            vietqr.parse(spoilt)


def test_a_statement_of_which_one_digit_is_another_does_not_add_up() -> None:
    told = VECTORS["mt940_statement"]
    text = told["text"]
    read = parse(text.encode())
    amounts = [f"{line.amount_vnd} VND" for line in read.lines]
    assert [entry["amount"] for entry in told["expected"]] == amounts
    for whole in ("180000,", "50000,", "1000000,", "1130000,"):
        with pytest.raises(Malformed):
            parse(text.replace(whole, f"1{whole}", 1).encode())
