"""The Merkle tree of the log: its root, and its proofs of inclusion and of consistency, asked of pymerkle."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pymerkle import InmemoryTree, InvalidProof, verify_consistency, verify_inclusion
from pymerkle.proof import ConsistencyProof

from gateway.domain import evidence
from tests.shows.asked import Thing, flipped, holds
from tests.shows.ground import Ground

SIZES = (1_000, 256, 65_537)
"""Sizes that fill no tile, one, and a second level."""


def leaves_of(size: int) -> list[bytes]:
    return [f'{{"id":{number},"type":"payment.succeeded"}}'.encode() for number in range(size)]


class Tiles:
    """Our tree of these leaves, as the database keeps it."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.tiles = evidence.grow({}, 0, [evidence.leaf_hash(each) for each in leaves])

    def hashes(self, level: int, first: int, count: int) -> Sequence[bytes]:
        number, at = divmod(first, evidence.TILE_WIDTH)
        return self.tiles[level, number][at : at + count]

    def root(self, size: int) -> bytes:
        return evidence.tree_root(self.hashes, size)


def theirs_of(leaves: Sequence[bytes]) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for each in leaves:
        tree.append_entry(each)
    return tree


# --- the root ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rooted:
    leaves: tuple[bytes, ...]
    root: bytes


def roots(_ground: Ground) -> Iterator[Thing[Rooted]]:
    for size in (7, *SIZES[:2]):
        leaves = tuple(leaves_of(size))
        ours = Rooted(leaves, Tiles(leaves).root(size))
        yield Thing(
            f"root of a log of {size}",
            ours,
            {
                "a byte of a leaf": replace(ours, leaves=(*leaves[:4], flipped(leaves[4], 6), *leaves[5:])),
                "two leaves exchanged": replace(
                    ours, leaves=(*leaves[:4], leaves[5], leaves[4], *leaves[6:])
                ),
                "a leaf left out": replace(ours, leaves=(*leaves[:4], *leaves[5:])),
                "the last leaf twice": replace(ours, leaves=(*leaves, leaves[-1])),
                "a byte of the root": replace(ours, root=flipped(ours.root, 0)),
            },
            {"pymerkle": lambda each: each.root == theirs_of(each.leaves).get_root(len(each.leaves))},
            lambda each: holds(lambda: each.root == Tiles(each.leaves).root(len(each.leaves))),
        )


# --- inclusion ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Included:
    leaf: bytes
    index: int
    size: int
    path: tuple[bytes, ...]
    root: bytes


def inclusions(_ground: Ground) -> Iterator[Thing[Included]]:
    for size in SIZES:
        leaves = leaves_of(size)
        tree, theirs, index = Tiles(leaves), theirs_of(leaves), size // 3
        path = evidence.inclusion_proof(tree.hashes, index, size)
        ours = Included(leaves[index], index, size, path, tree.root(size))

        def pymerkle(each: Included, theirs: InmemoryTree = theirs) -> bool:
            proof = theirs.prove_inclusion(each.index + 1, each.size)
            leaf = hashlib.sha256(b"\x00" + each.leaf).digest()
            proof.path = [leaf, *each.path]
            try:
                verify_inclusion(leaf, each.root, proof, index=each.index + 1, size=each.size)
            except InvalidProof:
                return False
            return True

        yield Thing(
            f"inclusion in a log of {size}",
            ours,
            {
                "a byte of the leaf": replace(ours, leaf=flipped(ours.leaf, 6)),
                "another place": replace(ours, index=index + 1),
                "another size": replace(ours, size=index + 1),
                "a byte of the proof": replace(ours, path=(flipped(path[0], 0), *path[1:])),
                "the proof re-ordered": replace(ours, path=(path[1], path[0], *path[2:])),
                "the proof cut": replace(ours, path=path[:-1]),
                "the proof lengthened": replace(ours, path=(*path, bytes(32))),
                "the root of another": replace(ours, root=tree.root(size - 1)),
            },
            {"pymerkle": pymerkle},
            lambda each: holds(
                lambda: (
                    each.root
                    == evidence.root_by_inclusion(
                        evidence.leaf_hash(each.leaf), each.index, each.size, each.path
                    )
                )
            ),
        )


# --- consistency -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Consistent:
    old: int
    old_root: bytes
    size: int
    root: bytes
    path: tuple[bytes, ...]


def consistencies(_ground: Ground) -> Iterator[Thing[Consistent]]:
    for old, size in ((300, 1_000), (256, 1_000), (777, 65_537)):
        leaves = leaves_of(size)
        tree, rewritten, theirs = Tiles(leaves), Tiles([b"{}", *leaves[1:]]), theirs_of(leaves)
        path = evidence.consistency_proof(tree.hashes, old, size)
        ours = Consistent(old, tree.root(old), size, tree.root(size), path)
        of_roots = {
            "a log that was written anew": replace(ours, root=rewritten.root(size)),
            "an older root that was another": replace(ours, old_root=rewritten.root(old)),
            "another older size": replace(ours, old=old + 1),
        }
        of_path = {
            "a byte of the proof": replace(ours, path=(flipped(path[0], 0), *path[1:])),
            "the proof re-ordered": replace(ours, path=(path[1], path[0], *path[2:])),
            "the proof cut": replace(ours, path=path[:-1]),
            "the proof lengthened": replace(ours, path=(*path, bytes(32))),
        }
        own = {"pymerkle": lambda each, theirs=theirs: _by_its_own_proof(theirs, each)}
        yield Thing(f"roots of {old} and of {size}", ours, of_roots, own, _consistent)
        arithmetic = {"pymerkle arithmetic": _by_our_path}
        yield Thing(f"consistency of {old} and {size}", ours, of_roots | of_path, arithmetic, _consistent)


def _consistent(each: Consistent) -> str:
    return holds(lambda: evidence.is_consistent(each.old, each.old_root, each.size, each.root, each.path))


def _by_its_own_proof(theirs: InmemoryTree, each: Consistent) -> bool:
    """It has another layout for such a proof than RFC 6962, so its `verify` can only be asked of our roots."""
    proof = theirs.prove_consistency(each.old, each.size)
    try:
        verify_consistency(each.old_root, each.root, proof, prior_size=each.old, later_size=each.size)
    except InvalidProof:
        return False
    return True


def _by_our_path(each: Consistent) -> bool:
    """Its arithmetic over our path, in the order of RFC 9162 section 2.1.4.2, which is worked out here."""
    here, last = each.old - 1, each.size - 1
    path = [each.old_root, *each.path] if each.old & here == 0 else list(each.path)
    while here & 1:
        here, last = here >> 1, last >> 1
    sides, before = [0], [1]
    while last:
        left = bool(here & 1) or here == last
        sides.append(int(left))
        before.append(int(left))
        while left and not here & 1 and here:
            here, last = here >> 1, last >> 1
        here, last = here >> 1, last >> 1
    if len(path) != len(sides):
        return False
    # its bit says on which side the hash so far stands for the next one; the first says nothing
    proof = ConsistencyProof("sha256", True, each.size, each.old, [*sides[1:], 0], before, path)
    return (each.old_root, each.root) == (proof.retrieve_prior_state(), proof.compute_root())
