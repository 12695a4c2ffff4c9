"""Outages that a person of an agency certified. No row ever changes; one is taken back by another that names it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from gateway.store.tables import certified_outages


@dataclass(frozen=True, slots=True)
class Outage:
    """From when to when something stood, at which agency and those under it (None: everywhere).

    `taken_back_by` and `why_back` are of the row that took it back; None while it holds.
    """

    id: int
    agency_code: str | None
    from_at: datetime
    to_at: datetime
    reason: str
    certified_by: str
    created_at: datetime
    taken_back_by: str | None
    why_back: str | None

    @property
    def taken_back(self) -> bool:
        return self.taken_back_by is not None


_t = certified_outages
_back = certified_outages.alias("back")
_OUTAGES = (
    select(
        *(_t.c[name] for name in Outage.__slots__ if name not in {"taken_back_by", "why_back"}),
        _back.c.certified_by.label("taken_back_by"),
        _back.c.reason.label("why_back"),
    )
    .select_from(_t.outerjoin(_back, _back.c.takes_back == _t.c.id))
    .where(_t.c.takes_back.is_(None))
)


def add(
    connection: Connection,
    *,
    agency_code: str | None,
    from_at: datetime,
    to_at: datetime,
    reason: str,
    by: str,
    takes_back: int | None = None,
) -> int:
    """The id of the new row. Raises `IntegrityError` where the outage that it takes back was taken back before."""
    values = {"agency_code": agency_code, "from_at": from_at, "to_at": to_at, "reason": reason}
    query = insert(_t).values(**values, certified_by=by, takes_back=takes_back).returning(_t.c.id)
    return int(connection.execute(query).scalar_one())


def find(connection: Connection, outage_id: int) -> Outage | None:
    row = connection.execute(_OUTAGES.where(_t.c.id == outage_id)).mappings().first()
    return None if row is None else Outage(**row)


def find_same(
    connection: Connection, agency_code: str | None, from_at: datetime, to_at: datetime
) -> Outage | None:
    """The outage of this agency and time that holds."""
    query = _OUTAGES.where(
        _t.c.agency_code.is_not_distinct_from(agency_code),
        _t.c.from_at == from_at,
        _t.c.to_at == to_at,
        _back.c.id.is_(None),
    )
    row = connection.execute(query.limit(1)).mappings().first()
    return None if row is None else Outage(**row)


def listed(connection: Connection, limit: int) -> Sequence[Outage]:
    """The newest, also those that were taken back."""
    rows = connection.execute(_OUTAGES.order_by(_t.c.id.desc()).limit(limit)).mappings()
    return [Outage(**row) for row in rows]
