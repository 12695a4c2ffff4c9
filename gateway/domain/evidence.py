"""The arithmetic of proof: canonical bytes, leaves and Merkle trees (RFC 6962 section 2.1, RFC 8785).

A tree is kept as tiles of 256 hashes (C2SP tlog-tiles): tile (level, n) holds the hashes of the complete subtrees of
`256 ** level` leaves from number `256 * n` on. Every root and proof is computed from them, and the reader of tiles is
an argument: nothing here knows where they are.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence

TILE_BITS = 8
TILE_WIDTH = 1 << TILE_BITS
HASH_BYTES = 32
LARGEST_INTEGER = 2**53 - 1
EMPTY_ROOT = hashlib.sha256(b"").digest()
MOST_DEPTH = 16
MOST_ENTRY_BYTES = 2**16 - 1
"""The longest leaf: a bundle of entries says the length of each in two bytes (C2SP tlog-tiles)."""
_spelled = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode

Hashes = Callable[[int, int, int], Sequence[bytes]]
"""`hashes(level, first, count)`: these hashes of a level of tiles, all of one tile."""


def canonical(value: object) -> bytes:
    """The canonical JSON (RFC 8785) of text, whole numbers, booleans, null, lists and objects with ASCII names.

    Raises `ValueError` for anything else: fractions have no spelling that all readers share, and there are none here.
    """
    check(value)
    return spell(value)


def spell(value: object) -> bytes:
    """The canonical JSON of a value that `check` takes."""
    return _spelled(value).encode("utf-8")


def check(value: object, depth: int = 0) -> None:
    """Raises `ValueError` for what has no canonical form."""
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise ValueError("a number is larger than every reader can hold")
    elif depth >= MOST_DEPTH:
        raise ValueError("the value is nested too deep")
    elif isinstance(value, Mapping):
        for name, each in value.items():
            if not (isinstance(name, str) and name.isascii()):
                raise ValueError("the names of members are ASCII")
            check(each, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        for each in value:
            check(each, depth + 1)
    else:
        raise ValueError(f"a {type(value).__name__} has no canonical form here")


def leaf_hash(body: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over these hashes of complete subtrees of one size; of none, that of the empty tree."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) & (len(hashes) - 1):
        split = _split(len(hashes))
        return node_hash(root_of(hashes[:split]), root_of(hashes[split:]))
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def _split(size: int) -> int:
    """The largest power of two that is smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


# --- roots and proofs out of tiles ------------------------------------------------------------------


def _subtree(hashes: Hashes, start: int, end: int) -> bytes:
    """The hash over the leaves from `start` up to `end`: a subtree as RFC 6962 cuts the tree."""
    size = end - start
    if size & (size - 1):
        split = start + _split(size)
        return node_hash(_subtree(hashes, start, split), _subtree(hashes, split, end))
    height = size.bit_length() - 1
    level, rest = divmod(height, TILE_BITS)
    return root_of(hashes(level, start >> (level * TILE_BITS), 1 << rest))


def tree_root(hashes: Hashes, size: int) -> bytes:
    return _subtree(hashes, 0, size) if size else EMPTY_ROOT


def inclusion_proof(hashes: Hashes, index: int, size: int) -> tuple[bytes, ...]:
    """The audit path of leaf `index` in the tree of `size` leaves, lowest first. Raises `ValueError`."""
    if not 0 <= index < size:
        raise ValueError("the tree has no such leaf")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            path.append(_subtree(hashes, split, end))
            end = split
        else:
            path.append(_subtree(hashes, start, split))
            start = split
    return tuple(reversed(path))


def consistency_proof(hashes: Hashes, old: int, size: int) -> tuple[bytes, ...]:
    """That the tree of `size` leaves begins with that of `old` leaves. Raises `ValueError`."""
    if not 0 <= old <= size:
        raise ValueError("a tree is not consistent with a larger one")
    if old in {0, size}:
        return ()
    path: list[bytes] = []
    start, end, is_whole = 0, size, True
    while old != end:
        split = start + _split(end - start)
        if old <= split:
            path.append(_subtree(hashes, split, end))
            end = split
        else:
            path.append(_subtree(hashes, start, split))
            start, is_whole = split, False
    if not is_whole:
        path.append(_subtree(hashes, start, end))
    return tuple(reversed(path))


# --- checking -----------------------------------------------------------------------------------------


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that the audit path of a leaf's hash leads to. Raises `ValueError` for a path of another length."""
    if not 0 <= index < size:
        raise ValueError("the tree has no such leaf")
    here, last, found = index, size - 1, leaf
    for each in path:
        if last == 0:
            raise ValueError("the path is too long")
        if here & 1 or here == last:
            found = node_hash(each, found)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, each)
        here, last = here >> 1, last >> 1
    if last != 0:
        raise ValueError("the path is too short")
    return found


def is_consistent(old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path proves that the larger tree begins with the smaller one (RFC 9162 section 2.1.4.2)."""
    if not 0 < old <= size:
        return old == 0 and not path
    if old == size:
        return not path and old_root == root
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        return False
    here, last = old - 1, size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old_found = new_found = steps[0]
    for each in steps[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            old_found, new_found = node_hash(each, old_found), node_hash(each, new_found)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            new_found = node_hash(new_found, each)
        here, last = here >> 1, last >> 1
    return last == 0 and old_found == old_root and new_found == root


# --- tiles ---------------------------------------------------------------------------------------------


def grow(
    edge: Mapping[int, Sequence[bytes]], size: int, leaves: Sequence[bytes]
) -> dict[tuple[int, int], list[bytes]]:
    """The tiles that change when these leaves' hashes follow the first `size`, by (level, number), whole.

    `edge` is the tile at the right end of each level (a level that ends with a full tile may be left out).
    """
    changed: dict[tuple[int, int], list[bytes]] = {}
    level, added = 0, list(leaves)
    while added:
        count = size >> (level * TILE_BITS)
        tile = list(edge.get(level, ())) if count % TILE_WIDTH else []
        assert len(tile) == count % TILE_WIDTH
        above: list[bytes] = []
        number, at = count // TILE_WIDTH, 0
        while at < len(added):
            room = TILE_WIDTH - len(tile)
            tile += added[at : at + room]
            at += room
            changed[level, number] = tile
            if len(tile) == TILE_WIDTH:
                above.append(root_of(tile))
                number, tile = number + 1, []
        level, added = level + 1, above
    return changed


def bundle(bodies: Sequence[bytes]) -> bytes:
    """The leaves of a tile as one file: before each its length in two bytes, the larger one first (C2SP tlog-tiles).

    Raises `ValueError` for a leaf longer than `MOST_ENTRY_BYTES`.
    """
    if any(len(body) > MOST_ENTRY_BYTES for body in bodies):
        raise ValueError("a leaf is longer than its length can say")
    return b"".join(len(body).to_bytes(2, "big") + body for body in bodies)


def tile_path(level: int | str, number: int, width: int = TILE_WIDTH) -> str:
    """`0/x001/x234/067`, and `….p/5` for one that is not full (C2SP tlog-tiles); the level of leaves is `entries`."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03d}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"{level}/{'/'.join(reversed(groups))}{partial}"
