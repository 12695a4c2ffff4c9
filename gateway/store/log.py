"""The proof log in the database: events that are not leaves yet, leaves, tiles, checkpoints and salts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.domain.evidence import HASH_BYTES, TILE_BITS, TILE_WIDTH
from gateway.domain.leaf import Fact
from gateway.store.payments import bare
from gateway.store.tables import cases, checkpoints, events, leaves, log_tiles, salts


@dataclass(frozen=True, slots=True)
class Leaf:
    index: int
    event_id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed checkpoint as it is kept: the log's note, the lines of witnesses, a time-stamp token in DER."""

    size: int
    note: str
    cosignatures: str
    stamp: bytes | None
    created_at: datetime
    stamped_at: datetime | None


_FACTS = """
SELECT id, xid::text AS xid, type, subject_kind, subject_id, version, from_state, to_state, actor, cause, occurred_at,
       recorded_at, case_code, data
FROM events
WHERE (xid, id) > (CAST(%s AS xid8), %s) AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY events.xid, events.id
LIMIT %s
"""


def facts_after(connection: Connection, position: str, limit: int) -> tuple[Sequence[Fact], str]:
    """The next events behind `position`, as they are proved, and the position behind them (`spine` says the order)."""
    xid, _, last_id = position.partition("-")
    rows = bare(connection).execute(_FACTS, (xid, int(last_id), limit)).fetchall()
    found = [Fact(row[0], *row[2:]) for row in rows]
    return found, f"{rows[-1][1]}-{rows[-1][0]}" if rows else position


def applicants(connection: Connection, case_codes: Sequence[str]) -> Mapping[str, bytes]:
    """The sealed applicant of each of these cases."""
    query = select(cases.c.case_code, cases.c.applicant_sealed).where(cases.c.case_code.in_(case_codes))
    return {row.case_code: row.applicant_sealed for row in connection.execute(query)}


# --- salts ----------------------------------------------------------------------------------------------


def salts_of(connection: Connection, scopes: Sequence[str]) -> Mapping[str, bytes | None]:
    """The sealed salt of each of these scopes that has one; None for one that was forgotten."""
    query = select(salts.c.scope, salts.c.salt_sealed).where(salts.c.scope.in_(scopes))
    return {row.scope: row.salt_sealed for row in connection.execute(query)}


def add_salts(connection: Connection, made: Mapping[str, bytes]) -> None:
    rows = [{"scope": scope, "salt_sealed": sealed} for scope, sealed in made.items()]
    if rows:
        connection.execute(insert(salts), rows)


def forget_salt(connection: Connection, scope: str, now: datetime) -> bool:
    """Destroy a salt for good; False when there was none."""
    row = {"scope": scope, "salt_sealed": None, "forgotten_at": now}
    done = connection.execute(
        upsert(salts)
        .values(**row)
        .on_conflict_do_update(
            index_elements=["scope"],
            set_={"salt_sealed": None, "forgotten_at": now},
            where=salts.c.salt_sealed.is_not(None),
        )
        .returning(salts.c.scope)
    )
    return done.scalar() is not None


def forgotten_at(connection: Connection, scope: str) -> datetime | None:
    """When the salt of a scope was destroyed; None where it was not."""
    return connection.execute(select(salts.c.forgotten_at).where(salts.c.scope == scope)).scalar()


# --- leaves and tiles ------------------------------------------------------------------------------------


def size(connection: Connection) -> int:
    """How many leaves the log has."""
    return int(connection.execute(select(func.coalesce(func.max(leaves.c.index) + 1, 0))).scalar_one())


def add_leaves(connection: Connection, made: Iterable[Leaf]) -> None:
    statement = "COPY leaves (index, event_id, body) FROM STDIN (FORMAT BINARY)"
    with bare(connection).cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "int8", "bytea"])
        for leaf in made:
            copy.write_row((leaf.index, leaf.event_id, leaf.body))


def edge(connection: Connection, log_size: int) -> Mapping[int, Sequence[bytes]]:
    """The tile at the right end of each level, where it is not full."""
    found: dict[int, Sequence[bytes]] = {}
    level, count = 0, log_size
    while count:
        if count % TILE_WIDTH:
            found[level] = hashes(connection, level, count - count % TILE_WIDTH, count % TILE_WIDTH)
        level, count = level + 1, count >> TILE_BITS
    return found


def hashes(connection: Connection, level: int, first: int, count: int) -> Sequence[bytes]:
    """These hashes of a level, all of one tile. Raises `LookupError` when the log does not have them."""
    number, at = divmod(first, TILE_WIDTH)
    raw = tile(connection, level, number)
    part = raw[at * HASH_BYTES : (at + count) * HASH_BYTES]
    if len(part) != count * HASH_BYTES:
        raise LookupError("the log does not have these hashes")
    return [part[start : start + HASH_BYTES] for start in range(0, len(part), HASH_BYTES)]


def tile(connection: Connection, level: int, number: int) -> bytes:
    """The hashes of a tile, one after the other; nothing where the log has no such tile."""
    query = select(log_tiles.c.hashes).where(log_tiles.c.level == level, log_tiles.c.number == number)
    return bytes(connection.execute(query).scalar() or b"")


def bodies(connection: Connection, first: int, count: int) -> Sequence[bytes]:
    """These leaves in their order; fewer where the log ends."""
    query = select(leaves.c.body).where(leaves.c.index >= first, leaves.c.index < first + count)
    return [bytes(body) for body in connection.execute(query.order_by(leaves.c.index)).scalars()]


def put_tiles(connection: Connection, changed: Mapping[tuple[int, int], Sequence[bytes]]) -> None:
    """Write tiles whole. One that was there may only have grown at its end, which the database sees to."""
    rows = [
        {"level": level, "number": number, "hashes": b"".join(each)}
        for (level, number), each in changed.items()
    ]
    statement = upsert(log_tiles)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["level", "number"], set_={"hashes": statement.excluded.hashes}
        ),
        rows,
    )


def leaves_of_case(connection: Connection, case_code: str, limit: int) -> Sequence[Leaf]:
    """The leaves of a case in the order of the log."""
    query = (
        select(leaves.c.index, leaves.c.event_id, leaves.c.body)
        .join(events, events.c.id == leaves.c.event_id)
        .where(events.c.case_code == case_code)
        .order_by(leaves.c.index)
        .limit(limit)
    )
    return [Leaf(**row) for row in connection.execute(query).mappings()]


_FACTS_OF_CASE = """
SELECT id, type, subject_kind, subject_id, version, from_state, to_state, actor, cause, occurred_at, recorded_at,
       case_code, data
FROM events WHERE case_code = %s ORDER BY id LIMIT %s
"""


def facts_of_case(connection: Connection, case_code: str, limit: int) -> Mapping[int, Fact]:
    """The events of a case by their ids, as they are proved."""
    rows = bare(connection).execute(_FACTS_OF_CASE, (case_code, limit)).fetchall()
    return {row[0]: Fact(*row) for row in rows}


# --- checkpoints -----------------------------------------------------------------------------------------


def add_checkpoint(connection: Connection, log_size: int, note: str, now: datetime) -> None:
    connection.execute(insert(checkpoints).values(size=log_size, note=note, created_at=now))


def checkpoint(
    connection: Connection, log_size: int | None = None, *, stamped: bool = False
) -> Checkpoint | None:
    """The checkpoint of that size, or the newest one; with `stamped` the newest that has a time-stamp."""
    query = select(*[checkpoints.c[name] for name in Checkpoint.__slots__])
    if log_size is not None:
        query = query.where(checkpoints.c.size == log_size)
    if stamped:
        query = query.where(checkpoints.c.stamp.is_not(None))
    row = connection.execute(query.order_by(checkpoints.c.size.desc()).limit(1)).mappings().first()
    return None if row is None else Checkpoint(**row)


def add_stamp(connection: Connection, log_size: int, stamp: bytes, at: datetime) -> None:
    connection.execute(
        update(checkpoints).where(checkpoints.c.size == log_size).values(stamp=stamp, stamped_at=at)
    )


def add_cosignature(connection: Connection, log_size: int, line: str) -> bool:
    """Keep a witness's line with its checkpoint; False when it has that line already."""
    done = connection.execute(
        text(
            "UPDATE checkpoints SET cosignatures = cosignatures || :line "
            "WHERE size = :size AND position(:line IN cosignatures) = 0"
        ),
        {"line": line, "size": log_size},
    )
    return done.rowcount == 1
