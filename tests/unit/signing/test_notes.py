"""Signed notes and checkpoints: what others made is read, what we make is refused once it was changed."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from signing import notes
from signing.errors import BadSignature, Malformed, SigningError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ORIGIN = "cong4.example/log"
MINE = notes.Verifier(ORIGIN, KEY.public_key())
SEEN = notes.Verifier("witness.example", WITNESS.public_key(), notes.COSIGNATURE)
CHECKPOINT = notes.Checkpoint(ORIGIN, 1234, bytes(range(32)))
NOTE = notes.sign(CHECKPOINT, name=ORIGIN, key=KEY)

PUBLIC_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLIC_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
"""The worked example of the note package of Go, by another implementation."""


def test_the_note_of_another_implementation_holds() -> None:
    known = notes.read_verifier(PUBLIC_KEY)
    assert PUBLIC_KEY == known.text()
    with pytest.raises(Malformed, match="not a checkpoint"):  # its signature holds; it is a saying
        notes.verify(PUBLIC_NOTE, known)
    with pytest.raises(BadSignature):
        notes.verify(PUBLIC_NOTE.replace("think", "thank"), known)


def test_a_checkpoint_is_read_as_it_was_signed() -> None:
    assert CHECKPOINT == notes.verify(NOTE, MINE)
    assert NOTE.startswith(f"{ORIGIN}\n1234\n{base64.b64encode(bytes(range(32))).decode()}\n\n— {ORIGIN} ")
    assert NOTE.endswith("\n")


@pytest.mark.parametrize("at", range(len(NOTE)))
def test_a_changed_letter_is_refused(at: int) -> None:
    changed = NOTE[:at] + ("x" if NOTE[at] != "x" else "y") + NOTE[at + 1 :]
    with pytest.raises(SigningError):
        notes.verify(changed, MINE)


def test_a_checkpoint_of_another_key_or_name_is_refused() -> None:
    with pytest.raises(BadSignature):
        notes.verify(NOTE, notes.Verifier(ORIGIN, WITNESS.public_key()))
    with pytest.raises(BadSignature):
        notes.verify(NOTE, notes.Verifier("another.example/log", KEY.public_key()))
    foreign = notes.sign(notes.Checkpoint("another.example/log", 1, bytes(32)), name=ORIGIN, key=KEY)
    with pytest.raises(Malformed):
        notes.verify(foreign, MINE)


def test_a_witness_signs_its_time_with_the_checkpoint() -> None:
    cosigned = NOTE + notes.cosign(NOTE, name=SEEN.name, key=WITNESS, at_s=1_790_000_000)
    assert 1_790_000_000 == notes.verify_cosignature(cosigned, SEEN)
    assert CHECKPOINT == notes.verify(cosigned, MINE)
    later = NOTE + notes.cosign(NOTE, name=SEEN.name, key=KEY, at_s=1_790_000_000)
    with pytest.raises(BadSignature):
        notes.verify_cosignature(later, SEEN)
    with pytest.raises(BadSignature):
        notes.verify_cosignature(NOTE, SEEN)
    moved = cosigned.replace("1234", "1235")
    with pytest.raises(BadSignature):
        notes.verify_cosignature(moved, SEEN)


def test_a_log_key_is_no_witness_key() -> None:
    line = NOTE + notes.cosign(NOTE, name=ORIGIN, key=KEY, at_s=1)
    assert CHECKPOINT == notes.verify(line, MINE)
    only = line.replace(NOTE.rpartition("\n\n")[2], "", 1)
    with pytest.raises(BadSignature):
        notes.verify(only, MINE)


def test_a_cosignature_is_over_what_c2sp_says() -> None:
    line = notes.cosign(NOTE, name=SEEN.name, key=WITNESS, at_s=1_790_000_000)
    raw = base64.b64decode(line.split()[2])
    told_id = hashlib.sha256(b"witness.example\n\x04" + WITNESS.public_key().public_bytes_raw()).digest()[:4]
    assert (told_id, 1_790_000_000) == (raw[:4], int.from_bytes(raw[4:12], "big"))
    root = base64.b64encode(bytes(range(32))).decode()
    signed = f"cosignature/v1\ntime 1790000000\ncong4.example/log\n1234\n{root}\n"
    WITNESS.public_key().verify(raw[12:], signed.encode())


def test_a_line_of_the_same_name_by_another_key_is_passed_over() -> None:
    both = NOTE + notes.cosign(NOTE, name=ORIGIN, key=KEY, at_s=7)
    assert 7 == notes.verify_cosignature(both, notes.Verifier(ORIGIN, KEY.public_key(), notes.COSIGNATURE))


def test_another_spelling_of_the_same_signature_is_refused() -> None:
    assert NOTE.endswith("=\n")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spare = letters[letters.index(NOTE[-3]) + 1]  # bits that no byte is made of
    with pytest.raises(Malformed, match="as Base64 writes it"):
        notes.verify(f"{NOTE[:-3]}{spare}=\n", MINE)
    with pytest.raises(Malformed, match="not Base64"):
        notes.verify(f"{NOTE[:-3]}*=\n", MINE)


@pytest.mark.parametrize(
    ("note", "words"), [(NOTE + "x" * notes.MAX_NOTE_BYTES, "too large"), ("\ud800", "no letter")]
)
def test_what_is_no_note_of_a_size_that_is_read_is_refused(note: str, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        notes.verify(note, MINE)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_root_of_another_length_is_refused(length: int) -> None:
    note = notes.sign(notes.Checkpoint(ORIGIN, 1, bytes(length)), name=ORIGIN, key=KEY)
    with pytest.raises(Malformed, match=r"32 bytes|not Base64"):
        notes.verify(note, MINE)


def test_the_key_of_a_witness_is_read_and_one_of_another_kind_or_name_is_not() -> None:
    assert SEEN == notes.read_verifier(SEEN.text())
    for other in (notes.Verifier("w", WITNESS.public_key(), 2), notes.Verifier("a b", WITNESS.public_key())):
        with pytest.raises(Malformed, match="no log and no witness"):
            notes.read_verifier(other.text())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        f"{ORIGIN}+00000000+AAAA",
        MINE.text().replace("+", "-", 1),
        MINE.text()[:-4],
        MINE.text().replace(ORIGIN, "other"),
        f"a b{MINE.text()[len(ORIGIN) :]}",
    ],
)
def test_a_key_that_is_spelled_wrongly_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        notes.read_verifier(text)


@given(st.text(max_size=200) | st.text(max_size=60).map(lambda text: f"{NOTE}{text}"))
def test_whatever_comes_raises_nothing_else(text: str) -> None:
    for read in (lambda: notes.verify(text, MINE), lambda: notes.verify_cosignature(text, SEEN)):
        try:
            read()
        except SigningError:
            continue
        assert text == NOTE


@given(st.text(max_size=120))
def test_whatever_is_given_as_a_key_raises_nothing_else(text: str) -> None:
    with pytest.raises(Malformed):
        notes.read_verifier(text)
