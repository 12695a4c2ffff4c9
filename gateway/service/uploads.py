"""Uploads that can be resumed: ordered by a portal for an announced document, carried out by whoever holds the link.

What counts is what is on the disk: an offset is told only after that. The lock of the part is held while a chunk comes
in and while the whole is judged; the database is not.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from gateway.domain.errors import (
    ChecksumMismatch,
    Forbidden,
    Gone,
    Harmful,
    InputError,
    Locked,
    Malformed,
    NotFound,
    StateError,
    TooLarge,
    WrongOffset,
)
from gateway.domain.upload import Checksum, UploadState
from gateway.ports import Part
from gateway.service import documents
from gateway.service.cases import Caller, append
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import uploads as store
from gateway.store.uploads import Upload
from signing.mac import sha256_hex

LINK_BYTES = 32
BLOCK_BYTES = 1 << 18
CHECKPOINT_BYTES = 16 << 20
"""So much at most comes again after our process was killed in the midst of a chunk."""
MOST_OPEN = 10
SWEEP_BATCH = 100
LEFT_BEHIND_AFTER = timedelta(hours=1)
_ENDED = {
    UploadState.TERMINATED: "this upload was given up",
    UploadState.EXPIRED: "the time of this upload is over",
}


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk as it comes in. `length_bytes` is None where it is not told.

    `read` gives up to so many bytes, none at the end; it raises `ConnectionError` when the other side is gone.
    """

    offset_bytes: int
    length_bytes: int | None
    checksum: Checksum | None
    read: Callable[[int], bytes] = field(repr=False)


def create(
    context: Context,
    caller: Caller,
    case_code: str,
    code: str,
    *,
    size_bytes: int,
    metadata: str,
    now: datetime,
) -> tuple[Upload, str]:
    """An upload of an announced document, and its link: whoever has that can carry it out, and nothing else.

    Raises `NotFound`, `Forbidden`, `TooLarge`, and `Malformed` for another size than the announced one.
    """
    link = context.entropy(LINK_BYTES).hex()
    with context.engine.begin() as connection:
        document = documents.announced(connection, caller, case_code, code)
        if size_bytes > min(document.size_bytes, context.max_upload_bytes):
            raise TooLarge(
                f"{document.size_bytes} bytes were announced, {context.max_upload_bytes} are taken at most"
            )
        if size_bytes != document.size_bytes:
            raise Malformed(f"{document.size_bytes} bytes were announced, not {size_bytes}")
        if document.stored_at is not None:
            raise Forbidden("this document is stored already")
        if store.count_open(connection, case_code, code, now) >= MOST_OPEN:
            raise Forbidden(f"{MOST_OPEN} uploads of this document are open already")
        made = store.add(
            connection,
            {
                "link_sha256": sha256_hex(link),
                "portal_id": caller.portal_id,
                "case_code": case_code,
                "document_code": code,
                "metadata": metadata,
                "size_bytes": size_bytes,
                "state": UploadState.OPEN.value,
                "cause": caller.cause,
                "created_at": now,
                "expires_at": now + context.upload_life,
            },
        )
    return made, link


def look(context: Context, link: str, now: datetime) -> Upload:
    """How far it came. One that is whole and was not judged, because we were killed, is judged now.

    Raises `NotFound`, `Gone`, `Locked`, and as `append`.
    """
    upload = _found(context, link, now)
    if upload.state == UploadState.STORED:
        return upload
    reached = min(upload.offset_bytes, context.parts.size_bytes(upload.id))
    if reached < upload.size_bytes:
        return replace(upload, offset_bytes=reached)
    with _held(context, link, now) as (upload, part):
        return upload if part is None else _finish(context, upload, part, now)


def append_chunk(context: Context, link: str, chunk: Chunk, now: datetime) -> Upload:
    """Take a chunk; with the last one the document is stored.

    Raises `NotFound`, `Gone`, `Locked`, `WrongOffset`, `TooLarge`, `ChecksumMismatch`, `Malformed`; and what
    `documents.take` raises, by which the upload is refused for good.
    """
    with _held(context, link, now) as (upload, part):
        at = upload.size_bytes if part is None else min(upload.offset_bytes, part.size_bytes)
        if chunk.offset_bytes != at:
            raise WrongOffset(f"the upload stands at {at}, the chunk begins at {chunk.offset_bytes}")
        if (chunk.length_bytes or 0) > upload.size_bytes - at:
            raise TooLarge(f"{upload.size_bytes - at} bytes are still to come, not more")
        if part is None:
            return upload
        part.cut(at)
        reached = _receive(context, upload, part, chunk)
        if reached < upload.size_bytes:
            return replace(upload, offset_bytes=reached)
        return _finish(context, upload, part, context.clock())


@contextmanager
def _held(context: Context, link: str, now: datetime) -> Iterator[tuple[Upload, Part | None]]:
    """The upload with its part, for one at a time; without a part where its document is stored already.

    Raises `NotFound`, `Gone` and `Locked`.
    """
    upload = _found(context, link, now)
    if upload.state == UploadState.STORED:
        yield upload, None
        return
    with context.parts.hold(upload.id) as part:
        upload = _found(context, link, now)
        if upload.state == UploadState.STORED:  # meanwhile: holding it has made an empty part anew
            part.remove()
            yield upload, None
        else:
            yield upload, part


def _receive(context: Context, upload: Upload, part: Part, chunk: Chunk) -> int:
    """Write the chunk behind what is there, and return where it ended; all that is counted is on the disk."""
    counted = reached = chunk.offset_bytes
    checksum = chunk.checksum
    digest = None if checksum is None else hashlib.new(checksum.algorithm, usedforsecurity=False)
    is_cut = False
    try:
        while block := chunk.read(BLOCK_BYTES):
            if reached + len(block) > upload.size_bytes:
                part.cut(counted)
                raise TooLarge(f"the upload has {upload.size_bytes} bytes, more came")
            part.write(block)
            reached += len(block)
            if digest is not None:
                digest.update(block)
            elif reached - counted >= CHECKPOINT_BYTES:
                counted = _count(context, upload, part, reached)
    except ConnectionError:
        is_cut = True
    if checksum is not None and digest is not None:
        _check(part, chunk, whole=not is_cut, agrees=digest.digest() == checksum.digest)
    return _count(context, upload, part, reached) if reached > counted else counted


def _check(part: Part, chunk: Chunk, *, whole: bool, agrees: bool) -> None:
    """Bytes under a checksum count when all of them came and it agrees, and else not at all."""
    if whole and agrees:
        return
    part.cut(chunk.offset_bytes)
    if not whole:
        raise Malformed("the chunk was cut off: nothing of it could be checked, and nothing counts")
    raise ChecksumMismatch("the checksum is not that of the chunk that came")


def _count(context: Context, upload: Upload, part: Part, reached: int) -> int:
    part.sync()
    with context.engine.begin() as connection:
        store.advance(connection, upload.id, reached)
    return reached


def _finish(context: Context, upload: Upload, part: Part, now: datetime) -> Upload:
    """Judge the whole, and store it or refuse it for good; the part is gone either way."""
    with context.engine.connect() as connection:
        case = case_store.find(connection, upload.case_code)
    assert case is not None
    caller = Caller(case.portal_id, case.agency_code, upload.cause)
    try:
        with context.engine.connect() as connection:
            document = documents.announced(connection, caller, upload.case_code, upload.document_code)
        if part.sha256() != document.sha256:
            raise Malformed(
                "nội dung tệp không đúng mã băm đã khai / the SHA-256 of what came is not the one that was announced"
            )
        documents.take(
            context,
            caller,
            upload.case_code,
            document,
            part.path,
            now,
            also=lambda connection: _end(connection, upload, UploadState.STORED, now),
        )
    except (InputError, StateError) as error:
        _refuse(context, upload, caller, error, now)
        part.remove()
        raise
    part.remove()
    return replace(upload, state=UploadState.STORED.value, offset_bytes=upload.size_bytes)


def _refuse(
    context: Context, upload: Upload, caller: Caller, error: InputError | StateError, now: datetime
) -> None:
    """The portal hears of it by an event: the link may be in the citizen's hands."""
    with context.engine.begin() as connection:
        case = case_store.find(connection, upload.case_code, lock=True)
        assert case is not None
        _end(connection, upload, UploadState.REFUSED, now, str(error))
        scan = {"scan": "infected"} if isinstance(error, Harmful) else {}
        data = {"document": upload.document_code, "reason": str(error), **scan}
        append(connection, case, caller, "case.document_refused", now, data=data, actor="gateway")


def _end(
    connection: Connection, upload: Upload, state: UploadState, now: datetime, reason: str | None = None
) -> None:
    ended = store.end(connection, upload.id, state, now, reason)
    assert ended, "whoever ends an upload holds its part"


def terminate(context: Context, link: str, now: datetime) -> None:
    """Give it up. Raises `NotFound`, `Gone`, `Locked`, and `Forbidden` for one whose document is stored."""
    with _held(context, link, now) as (upload, part):
        if part is None:
            raise Forbidden("the document of this upload is stored: it is part of the case")
        with context.engine.begin() as connection:
            _end(connection, upload, UploadState.TERMINATED, now)
        part.remove()


def forget_expired(context: Context, now: datetime) -> None:
    """Remove uploads whose time is over, and what a process that died left behind; a whole one is judged first."""
    with context.engine.connect() as connection:
        over = store.expired(connection, now, SWEEP_BATCH)
    for upload in over:
        with contextlib.suppress(Locked):
            _expire(context, upload, now)
    there = context.parts.there()
    with context.engine.connect() as connection:
        left = sorted(frozenset(there) - store.still_open(connection, there))
    for upload_id in left[:SWEEP_BATCH]:
        with contextlib.suppress(Locked), context.parts.hold(upload_id) as part:
            part.remove()
    context.parts.forget_temporary(now - LEFT_BEHIND_AFTER)


def _expire(context: Context, given: Upload, now: datetime) -> None:
    with context.parts.hold(given.id) as part:
        with context.engine.connect() as connection:
            upload = store.find(connection, given.id)
        assert upload is not None
        if upload.state != UploadState.OPEN:
            return
        if min(upload.offset_bytes, part.size_bytes) == upload.size_bytes:
            with contextlib.suppress(InputError, StateError):
                _finish(context, upload, part, now)
            return
        with context.engine.begin() as connection:
            _end(connection, upload, UploadState.EXPIRED, now)
        part.remove()


def _found(context: Context, link: str, now: datetime) -> Upload:
    """The upload of the link, open or stored. Raises `NotFound`, and `Gone`, which says why."""
    with context.engine.connect() as connection:
        upload = store.find_by_link(connection, sha256_hex(link))
    if upload is None:
        raise NotFound("no upload has this link")
    state = UploadState(upload.state)
    if state is UploadState.OPEN and upload.expires_at <= now:
        state = UploadState.EXPIRED
    if state not in {UploadState.OPEN, UploadState.STORED}:
        raise Gone(upload.reason or _ENDED[state])
    return upload
