"""Merkle trees against the definition of RFC 6962 itself, against `pymerkle`, and canonical JSON against `rfc8785`."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, InvalidProof, verify_consistency, verify_inclusion

from gateway.domain import evidence

Tiles = dict[tuple[int, int], list[bytes]]


def defined_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, written as it stands there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    both = defined_root(leaves[:split]) + defined_root(leaves[split:])
    return hashlib.sha256(b"\x01" + both).digest()


class Log:
    """A tree that grows in batches, kept as tiles."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.tiles: Tiles = {}

    def grow(self, count: int) -> None:
        size = len(self.leaves)
        added = [f"leaf {size + at}".encode() for at in range(count)]
        edge = {
            level: tile
            for level in range(3)
            if (tile := self.tiles.get((level, (size >> 8 * level) // 256))) is not None
        }
        before = {place: tuple(tile) for place, tile in self.tiles.items()}
        self.tiles |= evidence.grow(edge, size, [evidence.leaf_hash(each) for each in added])
        self.leaves += added
        for place, tile in before.items():
            assert list(tile) == self.tiles[place][: len(tile)], "a tile only grows at its end"

    def hashes(self, level: int, first: int, count: int) -> Sequence[bytes]:
        number, at = divmod(first, 256)
        found = self.tiles[level, number][at : at + count]
        assert count == len(found)
        return found

    def root(self, size: int) -> bytes:
        return evidence.tree_root(self.hashes, size)


@pytest.fixture(scope="module")
def log() -> Log:
    made = Log()
    for count in (1, 1, 2, 3, 120, 129, 255, 256, 257, 1000, 1, 63_500):
        made.grow(count)
    return made


SIZES = (1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 65_525)


@pytest.mark.parametrize("size", SIZES)
def test_the_root_out_of_tiles_is_the_one_of_the_definition(log: Log, size: int) -> None:
    assert defined_root(log.leaves[:size]) == log.root(size)


def test_nothing_has_the_root_of_nothing(log: Log) -> None:
    assert hashlib.sha256(b"").digest() == log.root(0)
    assert hashlib.sha256(b"").digest() == evidence.root_of([])


@pytest.mark.parametrize("size", SIZES)
def test_each_leaf_has_a_path_to_the_root(log: Log, size: int) -> None:
    for index in {0, size // 3, size // 2, size - 1}:
        path = evidence.inclusion_proof(log.hashes, index, size)
        leaf = evidence.leaf_hash(log.leaves[index])
        assert log.root(size) == evidence.root_by_inclusion(leaf, index, size, path)


@pytest.mark.parametrize("size", [2, 3, 7, 256, 300, 1025])
def test_a_path_that_was_changed_leads_elsewhere(log: Log, size: int) -> None:
    index = size // 2
    path = evidence.inclusion_proof(log.hashes, index, size)
    leaf = evidence.leaf_hash(log.leaves[index])
    for at in range(len(path)):
        changed = [*path[:at], bytes(32), *path[at + 1 :]]
        assert log.root(size) != evidence.root_by_inclusion(leaf, index, size, changed)
    for wrong in ([*path, bytes(32)], path[:-1]):
        with pytest.raises(ValueError, match="path is too"):
            evidence.root_by_inclusion(leaf, index, size, wrong)
    assert log.root(size) != evidence.root_by_inclusion(evidence.leaf_hash(b"another"), index, size, path)


@pytest.mark.parametrize(
    ("old", "size"), [*pairwise(SIZES), (1, 1025), (3, 7), (256, 65_525), (7, 7), (0, 5)]
)
def test_a_larger_tree_begins_with_the_smaller_one(log: Log, old: int, size: int) -> None:
    path = evidence.consistency_proof(log.hashes, old, size)
    assert evidence.is_consistent(old, log.root(old), size, log.root(size), path)


@pytest.mark.parametrize(("old", "size"), [(1, 2), (3, 7), (4, 8), (255, 513), (256, 1025), (512, 1024)])
def test_a_tree_that_was_written_anew_is_not_consistent(log: Log, old: int, size: int) -> None:
    path = evidence.consistency_proof(log.hashes, old, size)
    good = (old, log.root(old), size, log.root(size), path)
    assert not evidence.is_consistent(old, bytes(32), size, log.root(size), path)
    assert not evidence.is_consistent(old, log.root(old), size, bytes(32), path)
    assert not evidence.is_consistent(*good[:4], [*path, bytes(32)])
    assert not evidence.is_consistent(*good[:4], path[:-1])
    for at in range(len(path)):
        assert not evidence.is_consistent(*good[:4], [*path[:at], bytes(32), *path[at + 1 :]])


def test_what_the_tree_does_not_have_is_not_proved(log: Log) -> None:
    for wrong in (-1, 5, 6):
        with pytest.raises(ValueError, match="no such leaf"):
            evidence.inclusion_proof(log.hashes, wrong, 5)
    with pytest.raises(ValueError, match="larger"):
        evidence.consistency_proof(log.hashes, 6, 5)
    assert not evidence.is_consistent(6, log.root(6), 5, log.root(5), [])


@given(counts=st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_in_whatever_batches_it_grows_the_tree_is_the_same(counts: list[int]) -> None:
    made = Log()
    for count in counts:
        made.grow(count)
    assert defined_root(made.leaves) == made.root(len(made.leaves))


# --- by another's arithmetic ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5, 8, 13, 257])
def test_a_public_verifier_takes_our_proofs(log: Log, size: int) -> None:
    """`pymerkle` computes the same tree (sha256, RFC 6962 prefixes), and its proofs are ours."""
    theirs = InmemoryTree(algorithm="sha256")
    for each in log.leaves[:size]:
        theirs.append_entry(each)
    assert log.root(size) == theirs.get_root(size)
    for index in {0, size // 2, size - 1}:
        proof = theirs.prove_inclusion(index + 1, size)
        leaf = evidence.leaf_hash(log.leaves[index])
        proof.path = [leaf, *evidence.inclusion_proof(log.hashes, index, size)]
        verify_inclusion(leaf, log.root(size), proof)
        for at in range(1, len(proof.path)):
            proof.path[at] = bytes(32)
            with pytest.raises(InvalidProof):
                verify_inclusion(leaf, log.root(size), proof)
    for old in {1, size // 2 or 1, size}:
        verify_consistency(log.root(old), log.root(size), theirs.prove_consistency(old, size))


# --- canonical JSON -----------------------------------------------------------------------------------

NAMES = st.text(st.characters(max_codepoint=0x7F), max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(value=VALUES)
def test_canonical_json_is_that_of_rfc_8785(value: object) -> None:
    assert rfc8785.dumps(value) == evidence.canonical(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", [0.5, float("nan"), 2**53, -(2**53), {"é": 1}, {1: 2}, b"x", {"a": {"b": 1.0}}]
)
def test_what_readers_would_spell_differently_has_no_canonical_form(value: object) -> None:
    with pytest.raises(ValueError, match=r"canonical|number|ASCII"):
        evidence.canonical(value)


def test_a_value_without_an_end_has_no_canonical_form() -> None:
    deep: list[object] = []
    for _ in range(40):
        deep = [deep]
    with pytest.raises(ValueError, match="deep"):
        evidence.canonical(deep)


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ((0, 0), "0/000"),
        ((0, 1_234_067), "0/x001/x234/067"),
        ((1, 5, 3), "1/005.p/3"),
        ((2, 1000), "2/x001/000"),
    ],
)
def test_a_tile_has_one_path(place: tuple[int, ...], path: str) -> None:
    assert path == evidence.tile_path(*place)


def test_a_bundle_says_the_length_of_each_leaf_before_it() -> None:
    assert b"\x00\x02ab\x00\x00\x01\x00" + b"x" * 256 == evidence.bundle([b"ab", b"", b"x" * 256])
    assert b"" == evidence.bundle([])
    assert 2 + 65_535 == len(evidence.bundle([b"x" * 65_535]))
    with pytest.raises(ValueError, match="longer"):
        evidence.bundle([b"x" * 65_536])


def test_the_path_of_entries_is_that_of_tiles_with_another_first_word() -> None:
    assert "entries/x001/x234/067" == evidence.tile_path("entries", 1_234_067)
    assert "entries/000.p/5" == evidence.tile_path("entries", 0, 5)
