"""Uploads in parts by tus 1.0.0 (https://tus.io/protocols/1.0.0): core, creation, checksum, expiration, termination.

A portal orders an upload by a signed request; the link that it gets is a capability for this one upload, which it may
hand to the citizen's device (ADR 0023). A chunk is never read into memory: it is written as it comes.
"""

import contextlib
from collections.abc import Callable
from datetime import UTC
from email.utils import format_datetime
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, request
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    MethodNotAllowed,
    TooManyRequests,
    UnsupportedMediaType,
)

from gateway.domain import upload as tus
from gateway.domain.errors import BadSignature, Malformed, UnsupportedVersion
from gateway.domain.upload import UploadState
from gateway.service import uploads as service
from gateway.store.uploads import Upload
from gateway.web.auth import caller
from gateway.web.context import web

blueprint = APIBlueprint("uploads", __name__, url_prefix="/v1/uploads", tag="Cases")
links = APIBlueprint("upload_links", __name__, url_prefix="/v1/uploads", enable_openapi=False)

CHUNK = "application/offset+octet-stream"
RESUMABLE, OFFSET, LENGTH, METADATA = "Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Metadata"
CHECKSUM, EXPIRES, OVERRIDE = "Upload-Checksum", "Upload-Expires", "X-HTTP-Method-Override"
COVERED = ("upload-length", "upload-metadata")
NOT_OFFERED = ("Upload-Defer-Length", "Upload-Concat")
DRAINED_BYTES = 1 << 20
"""So much of a chunk that is refused is read away, so that its sender reads the answer and not a reset."""
WAIT_S = 5
METHODS = ("PATCH", "HEAD", "DELETE")
SHARED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Upload-Offset, Upload-Length, Upload-Metadata, Upload-Expires, Tus-Resumable, Tus-Version, Tus-Extension, "
        "Tus-Max-Size, Retry-After"
    ),
}
"""A page of any portal may carry out an upload: who has the link may, and nothing else is sent along or asked for."""
ASKED = {
    "Access-Control-Allow-Methods": "POST, HEAD, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Tus-Resumable, Upload-Offset, Upload-Checksum, X-HTTP-Method-Override, Content-Type"
    ),
    "Access-Control-Max-Age": "86400",
}
CREATED: dict[int | str, Any] = {
    201: {
        "description": "The upload is open; `Location` is its link, `Upload-Expires` the end of its time",
        "headers": {name: {"schema": {"type": "string"}} for name in ("Location", EXPIRES, RESUMABLE)},
    }
}


@blueprint.post("", provide_automatic_options=False)
@blueprint.doc(responses=CREATED)
def create() -> Response:
    """An upload in parts (tus 1.0.0) of an announced document; its link needs no signature."""
    who, shared = caller("cases:write"), web().context
    _speak()
    if not set(COVERED) <= g.signature_covers:
        raise BadSignature(f"the signature of this request covers {' and '.join(COVERED)} too")
    case_code, code = _of_what(request.headers.get(METADATA, ""))
    size_bytes = _whole(LENGTH)
    made, link = service.create(
        shared,
        who,
        case_code,
        code,
        size_bytes=size_bytes,
        metadata=request.headers[METADATA],
        now=shared.clock(),
    )
    return Response(
        status=201, headers={"Location": f"{shared.public_url}/v1/uploads/{link}", **_expires(made)}
    )


@links.route("", methods=["OPTIONS"], endpoint="options_of_all", provide_automatic_options=False)
@links.route("/<link>", methods=["OPTIONS"], provide_automatic_options=False)
def options(link: str = "") -> Response:  # noqa: ARG001 - what is spoken is the same for every link
    """What is spoken here; asked for by clients, and by browsers before they send."""
    told = {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": ",".join(tus.EXTENSIONS),
        "Tus-Max-Size": str(web().context.max_upload_bytes),
        "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
    }
    return Response(status=204, headers={**told, **ASKED})


@links.route("/<link>", methods=["HEAD"], provide_automatic_options=False)
def head(link: str) -> Response:
    """How far it came."""
    return _act("HEAD", link)


@links.route("/<link>", methods=["PATCH", "DELETE", "POST"], provide_automatic_options=False)
def change(link: str) -> Response:
    """A chunk, or the end of it; POST where a client can send nothing else, with the method that it means."""
    meant = request.headers.get(OVERRIDE, request.method).upper()
    if meant not in METHODS:
        raise MethodNotAllowed(METHODS)
    return _act(meant, link)


def _act(method: str, link: str) -> Response:
    _speak()
    return _ACTS[method](link)


def _head(link: str) -> Response:
    shared = web().context
    found = service.look(shared, link, shared.clock())
    told = {OFFSET: str(found.offset_bytes), LENGTH: str(found.size_bytes), METADATA: found.metadata}
    if found.state == UploadState.STORED:
        told[OFFSET] = told[LENGTH]
    return Response(status=200, headers={**told, **_expires(found)})


def _patch(link: str) -> Response:
    shared = web().context
    if request.mimetype != CHUNK:
        raise UnsupportedMediaType(f"a chunk is {CHUNK}")
    chunk = service.Chunk(_whole(OFFSET), request.content_length, _checksum(), _read)
    slots = web().upload_slots
    if not slots.acquire(blocking=False):
        raise TooManyRequests("as many uploads as may be are under way", retry_after=WAIT_S)
    try:
        reached = service.append_chunk(shared, link, chunk, shared.clock())
    finally:
        slots.release()
    return Response(status=204, headers={OFFSET: str(reached.offset_bytes), **_expires(reached)})


def _delete(link: str) -> Response:
    shared = web().context
    service.terminate(shared, link, shared.clock())
    return Response(status=204)


_ACTS: dict[str, Callable[[str], Response]] = {"HEAD": _head, "PATCH": _patch, "DELETE": _delete}


def _speak() -> None:
    if request.headers.get(RESUMABLE) != tus.VERSION:
        raise UnsupportedVersion(f"Tus-Resumable is {tus.VERSION}")
    if any(name in request.headers for name in NOT_OFFERED):
        raise BadRequest(f"of tus, {', '.join(tus.EXTENSIONS)} are offered, and no other extension")


def _of_what(metadata: str) -> tuple[str, str]:
    """The case and the document. Nothing else is taken: a file's name may name a person."""
    try:
        found = tus.read_metadata(metadata)
    except ValueError:
        raise Malformed("Upload-Metadata cannot be read") from None
    if found.keys() != {tus.CASE, tus.DOCUMENT} or "\x00" in "".join(found.values()):
        raise Malformed(f"Upload-Metadata names {tus.CASE} and {tus.DOCUMENT}, and nothing else")
    return found[tus.CASE], found[tus.DOCUMENT]


def _whole(name: str) -> int:
    try:
        return tus.read_whole(request.headers.get(name, ""))
    except ValueError:
        raise BadRequest(f"{name} is a whole number of bytes") from None


def _checksum() -> tus.Checksum | None:
    text = request.headers.get(CHECKSUM)
    if text is None:
        return None
    try:
        return tus.read_checksum(text)
    except ValueError as error:
        raise BadRequest(f"Upload-Checksum: {error}") from None


def _read(most: int) -> bytes:
    """Of the body as it comes in. Raises `ConnectionError` when the other side is gone."""
    try:
        return request.stream.read(most)
    except (ClientDisconnected, OSError) as error:
        raise ConnectionError("the other side is gone") from error


def _expires(shown: Upload) -> dict[str, str]:
    if shown.state != UploadState.OPEN:
        return {}
    return {EXPIRES: format_datetime(shown.expires_at.astimezone(UTC), usegmt=True)}


@blueprint.after_request
@links.after_request
def finish(response: Response) -> Response:
    """What every answer says; of a refused chunk a little is read away first."""
    response.headers.extend(SHARED)
    response.headers["Cache-Control"] = "no-store"
    if request.method != "OPTIONS":
        response.headers[RESUMABLE] = tus.VERSION
    if response.status_code == 412:  # noqa: PLR2004 - as the protocol says
        response.headers["Tus-Version"] = tus.VERSION
    if response.status_code >= 400 and request.endpoint == f"{links.name}.change":  # noqa: PLR2004 - RFC 9110
        _drain()
    return response


def _drain() -> None:
    left = DRAINED_BYTES
    with contextlib.suppress(ConnectionError):
        while left > 0 and (block := _read(min(left, service.BLOCK_BYTES))):
            left -= len(block)
