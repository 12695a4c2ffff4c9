"""The proof log in public, in the tiled layout of C2SP (tlog-tiles): anybody may mirror it and see that it only grows.

Tiles and checkpoints hold hashes and signatures. The leaves themselves stand in bundles of entries, which an
installation may hide; they name nobody (`gateway.domain.leaf`).
"""

from collections.abc import Mapping

from apiflask import APIBlueprint
from flask import Response, jsonify, request
from werkzeug.exceptions import UnsupportedMediaType

from gateway.domain import evidence as tree
from gateway.domain.errors import Malformed, NotFound
from gateway.service import evidence
from gateway.store import log as store
from gateway.web.context import web

blueprint = APIBlueprint("proof_log", __name__, enable_openapi=False, url_prefix="/log")

TEXT, OCTETS = "text/plain; charset=utf-8", "application/octet-stream"
FOR_EVER = "public, max-age=31536000, immutable"
LEVELS, MOST_DIGITS, MOST_WIDTH_DIGITS = frozenset("012345"), 15, 3
ENTRIES = "entries"


@blueprint.get("/checkpoint")
def checkpoint() -> Response:
    """The newest signed checkpoint, with what witnesses signed under it."""
    with web().context.engine.connect() as connection:
        found = store.checkpoint(connection)
    if found is None:
        raise NotFound("nothing is sealed in this log yet")
    return _answer((found.note + found.cosignatures).encode(), TEXT, "no-cache")


@blueprint.post("/checkpoint")
def cosign() -> Response:
    """A witness brings its signature under one of our checkpoints."""
    if request.mimetype != "text/plain":
        raise UnsupportedMediaType("a checkpoint is text/plain")
    new = evidence.cosign(web().context, request.get_data(cache=True).decode("utf-8", "replace"))
    return jsonify(added=new)


@blueprint.get("/key")
def key() -> Response:
    """The log's public key, as verifiers are given it."""
    return _answer(f"{web().context.notary.key}\n".encode(), TEXT, "no-cache")


@blueprint.get("/tile/<path:path>")
def tile(path: str) -> Response:
    """The hashes of a tile, or its leaves, whole or as far as it went when the log had a certain size."""
    level, number, width = _place(path)
    if level == ENTRIES:
        return _answer(_bundle(number, width), OCTETS, FOR_EVER)
    with web().context.engine.connect() as connection:
        found = store.tile(connection, int(level), number)
    if len(found) < width * tree.HASH_BYTES:
        raise NotFound("the log has no such tile yet")
    return _answer(found[: width * tree.HASH_BYTES], OCTETS, FOR_EVER)


def _bundle(number: int, width: int) -> bytes:
    """The leaves that stand under the first `width` hashes of a tile of the lowest level."""
    if not web().are_entries_public:
        raise NotFound("this log does not publish its entries")
    with web().context.engine.connect() as connection:
        bodies = store.bodies(connection, number * tree.TILE_WIDTH, width)
    if len(bodies) < width:
        raise NotFound("the log has no such entries yet")
    return tree.bundle(bodies)


def _place(path: str) -> tuple[str, int, int]:
    """Level (`entries` for leaves), number and width by the path; there is one spelling of each. Raises `NotFound`."""
    whole, _, width = path.partition(".p/")
    level, *groups = whole.split("/")
    digits = "".join(group.removeprefix("x") for group in groups)
    is_level = level == ENTRIES or level in LEVELS
    if is_level and digits.isdecimal() and len(digits) <= MOST_DIGITS:
        wide = int(width) if width.isdecimal() and len(width) <= MOST_WIDTH_DIGITS else tree.TILE_WIDTH
        if 0 < wide <= tree.TILE_WIDTH and tree.tile_path(level, int(digits), wide) == path:
            return level, int(digits), wide
    raise NotFound("this is no tile of the log")


@blueprint.get("/proof/inclusion")
def inclusion() -> Response:
    """The audit path of a leaf in the tree of a size: `index`, `size`; hashes in hexadecimal, lowest first."""
    return _path("index", tree.inclusion_proof)


@blueprint.get("/proof/consistency")
def consistency() -> Response:
    """That the tree of `size` leaves begins with that of `old`."""
    return _path("old", tree.consistency_proof)


def _path(name: str, prove: object) -> Response:
    assert callable(prove)
    asked = _numbers(name, "size")
    with web().context.engine.connect() as connection:
        known = store.size(connection)
        if asked["size"] > known:
            raise NotFound("the log is not that large")
        try:
            path = prove(
                lambda *at: store.hashes(connection, *at),
                asked[name],
                asked["size"],
            )
        except ValueError as error:
            raise Malformed(str(error)) from None
    return jsonify({**asked, "path": [each.hex() for each in path]})


def _numbers(*names: str) -> Mapping[str, int]:
    found = {}
    for name in names:
        text = request.args.get(name, "")
        if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
            raise Malformed(f"{name} is a whole number")
        found[name] = int(text)
    return found


def _answer(body: bytes, kind: str, caching: str) -> Response:
    return Response(body, content_type=kind, headers={"Cache-Control": caching})
