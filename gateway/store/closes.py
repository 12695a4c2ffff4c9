"""The figures of a day, and the closes that were made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.store.tables import day_closes


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The sums of a day on one account, in VND, as `gateway.domain.close` says, and how much is open."""

    expected_vnd: int
    received_vnd: int
    booked_vnd: int
    in_transit_vnd: int
    open_breaks: int


# the days of the ledger are days in Việt Nam, as those of statements are
_FIGURES = """
WITH taken AS MATERIALIZED (
    SELECT l.event_id, l.credit_vnd AS amount_vnd, m.line_id
    FROM ledger l JOIN events e ON e.id = l.event_id LEFT JOIN matches m ON m.event_id = l.event_id
    WHERE l.booked_on = :day AND l.account = ANY (:collected) AND l.credit_vnd > 0
      AND e.type IN ('payment.succeeded', 'payment.part_paid', 'payment.double_paid')
), odd AS MATERIALIZED (
    SELECT s.id FROM statement_lines s LEFT JOIN matches m ON m.line_id = s.id
    WHERE s.account = :account AND s.value_on = :day AND s.amount_vnd <> 0
      AND coalesce(m.kind, 'break') = 'break'
), counted AS MATERIALIZED (
    SELECT s.id, s.value_on, s.amount_vnd FROM statement_lines s
    WHERE s.id IN (SELECT line_id FROM taken UNION SELECT id FROM odd)
), booked AS (
    SELECT l.booked_on, e.subject_id, l.debit_vnd - l.credit_vnd AS amount_vnd
    FROM ledger l JOIN events e ON e.id = l.event_id
    WHERE l.account = :bank AND l.booked_on IN (SELECT value_on FROM counted)
      AND e.subject_kind = 'statement_line'
)
SELECT
  (SELECT coalesce(sum(amount_vnd), 0)::bigint FROM taken) AS expected_vnd,
  (SELECT coalesce(sum(amount_vnd), 0)::bigint FROM counted) AS received_vnd,
  (SELECT coalesce(sum(b.amount_vnd), 0)::bigint FROM booked b JOIN counted c ON c.id::text = b.subject_id)
    AS booked_vnd,
  (SELECT coalesce(sum(amount_vnd), 0)::bigint FROM taken WHERE line_id IS NULL) AS in_transit_vnd,
  (SELECT count(*) FROM odd) + (SELECT count(*) FROM taken WHERE line_id IS NULL) AS open_breaks
"""


def day_figures(
    connection: Connection, *, day: date, account: str, bank: str, collected: Sequence[str]
) -> DayFigures:
    """The figures of `day` for `account`; its ledger account is `bank`, that of its agencies `collected`."""
    values = {"day": day, "account": account, "bank": bank, "collected": list(collected)}
    row = connection.execute(text(_FIGURES), values).mappings().one()
    return DayFigures(**row)


def save_close(connection: Connection, values: Mapping[str, Any]) -> int:
    """Keep a day's close; closing again replaces it, and its event tells both. The answer is its version."""
    statement = upsert(day_closes).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in {"day", "account"}}
    return int(
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["day", "account"], set_={**changed, "version": day_closes.c.version + 1}
            ).returning(day_closes.c.version)
        ).scalar_one()
    )


def green_since(connection: Connection, account: str, since: date) -> Mapping[date, DayFigures]:
    """The days from `since` on that were last closed green, oldest first, and their figures at that time."""
    columns = [day_closes.c[name] for name in DayFigures.__slots__]
    query = (
        select(day_closes.c.day, *columns)
        .where(day_closes.c.account == account, day_closes.c.day >= since, day_closes.c.green)
        .order_by(day_closes.c.day)
    )
    return {
        row["day"]: DayFigures(**{name: row[name] for name in DayFigures.__slots__})
        for row in connection.execute(query).mappings()
    }
