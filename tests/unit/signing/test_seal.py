import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import BadSignature
from signing.seal import KEY_BYTES, NONCE_BYTES, Sealer

KEY = bytes(range(KEY_BYTES))
CONTEXT = "cases.applicant"


@given(st.binary(max_size=300), st.text(max_size=40))
def test_what_is_sealed_opens_again(plain: bytes, context: str) -> None:
    sealer = Sealer(KEY)
    assert plain == sealer.open(sealer.seal(plain, context), context)


def test_a_sealed_value_tells_nothing_but_its_length() -> None:
    plain = "Nguyễn Văn A".encode()
    sealed = Sealer(KEY).seal(plain, CONTEXT)
    assert plain not in sealed
    assert 1 + NONCE_BYTES + len(plain) + 16 == len(sealed)


def test_the_same_value_sealed_twice_looks_different() -> None:
    sealer = Sealer(KEY)
    assert sealer.seal(b"same", CONTEXT) != sealer.seal(b"same", CONTEXT)


def test_the_nonce_is_drawn_anew_each_time_and_whole() -> None:
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return bytes([len(asked)]) * size

    sealer = Sealer(KEY, entropy)
    first, second = sealer.seal(b"x", CONTEXT), sealer.seal(b"x", CONTEXT)
    assert [NONCE_BYTES, NONCE_BYTES] == asked
    assert (b"\x01" * NONCE_BYTES, b"\x02" * NONCE_BYTES) == (first[1:13], second[1:13])


def test_one_changed_byte_anywhere_does_not_open() -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal(b"personal data", CONTEXT)
    for position in range(len(sealed)):
        for bit in (0x01, 0x80):
            spoilt = bytearray(sealed)
            spoilt[position] ^= bit
            with pytest.raises(BadSignature):
                sealer.open(bytes(spoilt), CONTEXT)


def test_a_value_that_was_cut_or_lengthened_does_not_open() -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal(b"personal data", CONTEXT)
    for size in range(len(sealed)):
        with pytest.raises(BadSignature):
            sealer.open(sealed[:size], CONTEXT)
    with pytest.raises(BadSignature):
        sealer.open(sealed + b"\x00", CONTEXT)


@given(st.binary(max_size=100))
def test_arbitrary_bytes_do_not_open(sealed: bytes) -> None:
    with pytest.raises(BadSignature):
        Sealer(KEY).open(sealed, CONTEXT)


@pytest.mark.parametrize("context", ["payments.payer", "", "cases.applicant ", "Cases.applicant"])
def test_a_value_that_was_moved_elsewhere_does_not_open(context: str) -> None:
    sealer = Sealer(KEY)
    with pytest.raises(BadSignature):
        sealer.open(sealer.seal(b"x", CONTEXT), context)


def test_another_key_does_not_open() -> None:
    with pytest.raises(BadSignature):
        Sealer(bytes(KEY_BYTES)).open(Sealer(KEY).seal(b"x", CONTEXT), CONTEXT)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(bytes(size))


def test_nothing_of_the_key_is_shown() -> None:
    shown = repr(Sealer(KEY)) + str(Sealer(KEY))
    assert KEY.hex() not in shown
    assert repr(KEY) not in shown
    with pytest.raises(BadSignature) as caught:
        Sealer(KEY).open(b"\x01" + bytes(40), CONTEXT)
    assert CONTEXT not in str(caught.value)


def test_an_index_is_equal_for_equal_values_of_one_context_under_one_key() -> None:
    index = Sealer(KEY).index("5678", "cases.phone")
    assert index == Sealer(KEY).index("5678", "cases.phone")
    others = [
        Sealer(KEY).index("5679", "cases.phone"),
        Sealer(KEY).index("5678", "cases.name"),
        Sealer(bytes(KEY_BYTES)).index("5678", "cases.phone"),
    ]
    assert 4 == len({index, *others})
    assert 32 == len(index)


def test_an_index_does_not_confuse_context_and_value() -> None:
    sealer = Sealer(KEY)
    assert sealer.index("b", "a") != sealer.index("", "ab")
    assert sealer.index("b.c", "a") != sealer.index("c", "a.b")


def test_an_index_takes_text_that_no_encoding_can_write() -> None:
    assert 32 == len(Sealer(KEY).index("\ud800", "cases.phone"))
