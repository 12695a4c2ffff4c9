"""The proof log is written: events become leaves, leaves a tree, and the tree a signed checkpoint.

A batch, its tiles, its checkpoint and the cursor's move are one transaction: after a crash the same events become the
same leaves at the same places, and no checkpoint was ever given out for another tree.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from gateway.domain import evidence, leaf
from gateway.domain.errors import GatewayError
from gateway.domain.leaf import Fact
from gateway.service import sealed
from gateway.service.context import Context
from gateway.store import cursors, spine
from gateway.store import log as store

log = structlog.get_logger()

CURSOR = "consumer:proof"
BATCH = 5_000
HOUSE = "house"
"""Whose salt hides what is in events of no case."""
SUBMITTED = "case.registered"


def seal(context: Context, now: datetime, limit: int = BATCH) -> int:
    """Make leaves of the next events and sign a checkpoint over them; how many there were (0: nothing new)."""
    with context.engine.begin() as connection:
        position = cursors.take(connection, CURSOR, spine.START)
        if position is None:
            return 0
        facts, behind = store.facts_after(connection, position, limit)
        if not facts:
            return 0
        size = store.size(connection)
        bodies = _bodies(context, connection, facts)
        added = [
            store.Leaf(size + at, fact.id, body)
            for at, (fact, body) in enumerate(zip(facts, bodies, strict=True))
        ]
        store.add_leaves(connection, added)
        changed = evidence.grow(
            store.edge(connection, size), size, [evidence.leaf_hash(body) for body in bodies]
        )
        store.put_tiles(connection, changed)
        root = evidence.tree_root(_reader(connection, changed), size + len(added))
        store.add_checkpoint(connection, size + len(added), context.notary.sign(size + len(added), root), now)
        cursors.move(connection, CURSOR, behind, now)
    return len(facts)


def _reader(connection: Connection, changed: Mapping[tuple[int, int], Sequence[bytes]]) -> evidence.Hashes:
    """Hashes out of the tiles that were just written, else out of the database."""

    def hashes(level: int, first: int, count: int) -> Sequence[bytes]:
        number, at = divmod(first, evidence.TILE_WIDTH)
        known = changed.get((level, number))
        return store.hashes(connection, level, first, count) if known is None else known[at : at + count]

    return hashes


def _bodies(context: Context, connection: Connection, facts: Sequence[Fact]) -> list[bytes]:
    salts = salts_for(context, connection, {scope_of(fact) for fact in facts})
    submitted = [fact.case_code for fact in facts if fact.type == SUBMITTED and fact.case_code is not None]
    people = store.applicants(connection, submitted) if submitted else {}
    made = []
    for fact in facts:
        known = people.get(fact.case_code or "") if fact.type == SUBMITTED else None
        whole = fact if known is None else replace(fact, personal=personal(context, known))
        made.append(_body(whole, salts[scope_of(fact)]))
    return made


def _body(fact: Fact, salt: bytes) -> bytes:
    try:
        made = leaf.body(fact, salt)
    except ValueError:
        made = b""
    if 0 < len(made) <= evidence.MOST_ENTRY_BYTES:
        return made
    # the log goes on, whatever stands in an event: as a text it can be committed to
    text = json.dumps(fact.data, sort_keys=True)
    return leaf.body(replace(fact, data={"text": text}), salt)


def scope_of(fact: Fact) -> str:
    """Whose salt hides what is in an event: that of its case, or the house's."""
    return fact.case_code or HOUSE


def personal(context: Context, applicant_sealed: bytes) -> Mapping[str, object]:
    """What a submission commits to of the person: each member that was given, under `applicant.…`."""
    known = sealed.unseal(context.sealer, applicant_sealed, sealed.APPLICANT)
    return {f"applicant.{name}": value for name, value in known.items() if value}


def salts_for(context: Context, connection: Connection, scopes: set[str]) -> Mapping[str, bytes]:
    """The salt of each scope, made where there is none. What was forgotten gets one that nobody will ever know."""
    known = store.salts_of(connection, sorted(scopes))
    fresh = {scope: context.entropy(leaf.SALT_BYTES) for scope in sorted(scopes - known.keys())}
    store.add_salts(
        connection, {scope: context.sealer.seal(salt, sealed.SALT) for scope, salt in fresh.items()}
    )
    opened = {
        scope: context.entropy(leaf.SALT_BYTES) if kept is None else context.sealer.open(kept, sealed.SALT)
        for scope, kept in known.items()
    }
    return {**fresh, **opened}


def forget(context: Context, case_code: str, now: datetime) -> bool:
    """Destroy the salt of a case: nothing of it can be opened again, and its proofs hold. False when done before."""
    with context.engine.begin() as connection:
        return store.forget_salt(connection, case_code, now)


def stamp(context: Context, now: datetime) -> bool:
    """Have the newest checkpoint time-stamped, where there is an authority and it is time; whether it was.

    An authority that is down costs nothing but the stamp: the next turn asks again, for the newest one then.
    """
    notary = context.notary
    if notary.stamp is None:
        return False
    with context.engine.connect() as connection:
        newest, last = store.checkpoint(connection), store.checkpoint(connection, stamped=True)
    if newest is None or newest.stamp is not None or not _is_time(notary.stamp_every, last, now):
        return False
    try:
        # the text that the log signed, not its signature: whoever signs under it later changes nothing
        token = notary.stamp(newest.note.partition("\n\n")[0].encode() + b"\n")
    except GatewayError as error:
        log.warning("time_stamp_missing", size=newest.size, error=type(error).__name__)
        return False
    with context.engine.begin() as connection:
        store.add_stamp(connection, newest.size, token, now)
    return True


def _is_time(every: timedelta, last: store.Checkpoint | None, now: datetime) -> bool:
    return last is None or last.stamped_at is None or now - last.stamped_at >= every
