"""Cases of a month counted in the database: one row for each agency and procedure.

How a case counts is the rule of `domain/index766.py`, told here once more for the sake of millions of rows; a property
test holds the two together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Tally:
    """How many cases there are of each kind. `cases` are all that count in the month; `owing` those with a fee."""

    cases: int = 0
    received: int = 0
    finished_early: int = 0
    finished_in_time: int = 0
    finished_late: int = 0
    finished_undated: int = 0
    withdrawn: int = 0
    in_process_in_time: int = 0
    in_process_late: int = 0
    in_process_waiting: int = 0
    supplements_repeated: int = 0
    online: int = 0
    owing: int = 0
    paid_online: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in Tally.__slots__})


@dataclass(frozen=True, slots=True)
class Group:
    agency_code: str
    procedure_code: str
    procedure_version: int
    tally: Tally


# OFFSET 0 keeps what is said once of a case from being worked out again in each of the counts
_COUNT = """
WITH met AS (
    SELECT c.case_code, c.agency_code, c.procedure_code, c.procedure_version, c.channel, c.fees,
        t.accepted_at, t.due_at, t.supplements, coalesce(t.ended_at <= :as_of, false) AS ended, t.ended_as,
        CASE WHEN t.ended_at <= :as_of THEN t.ended_at ELSE :as_of END AS judged_at
    FROM case_times t JOIN cases c USING (case_code)
    WHERE (t.ended_at >= :begins OR t.ended_at IS NULL) AND c.submitted_at <= :as_of
    OFFSET 0
), judged AS (
    SELECT *, CASE
        WHEN ended AND ended_as = 'withdrawn' THEN 'withdrawn'
        WHEN NOT ended AND supplements > 1 THEN 'late'
        WHEN due_at IS NULL THEN 'unknown'
        WHEN judged_at > due_at THEN 'late'
        WHEN NOT ended THEN 'open'
        ELSE 'on_time' END AS outcome,
        (judged_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date < (due_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS early,
        fees @? '$[*].amount_vnd ? (@ > 0)' AS owing
    FROM met OFFSET 0
)
SELECT agency_code, procedure_code, procedure_version, count(*) AS cases,
    count(*) FILTER (WHERE accepted_at >= :begins AND accepted_at <= :as_of) AS received,
    count(*) FILTER (WHERE outcome = 'on_time' AND early) AS finished_early,
    count(*) FILTER (WHERE outcome = 'on_time' AND NOT early) AS finished_in_time,
    count(*) FILTER (WHERE outcome = 'late' AND ended) AS finished_late,
    count(*) FILTER (WHERE outcome = 'unknown' AND ended) AS finished_undated,
    count(*) FILTER (WHERE outcome = 'withdrawn') AS withdrawn,
    count(*) FILTER (WHERE outcome = 'open') AS in_process_in_time,
    count(*) FILTER (WHERE outcome = 'late' AND NOT ended) AS in_process_late,
    count(*) FILTER (WHERE outcome = 'unknown' AND NOT ended) AS in_process_waiting,
    count(*) FILTER (WHERE supplements > 1) AS supplements_repeated,
    count(*) FILTER (WHERE channel = :online AND EXISTS (
        SELECT FROM case_documents d WHERE d.case_code = judged.case_code AND d.role = 'result'
        AND d.stored_at IS NOT NULL)) AS online,
    count(*) FILTER (WHERE owing) AS owing,
    count(*) FILTER (WHERE owing AND EXISTS (
        SELECT FROM payments p WHERE p.case_code = judged.case_code AND p.state = 'paid'
        AND p.provider <> :over_the_desk)) AS paid_online
FROM judged GROUP BY agency_code, procedure_code, procedure_version ORDER BY 1, 2, 3
"""


def count(
    connection: Connection, *, begins: datetime, as_of: datetime, online: str, over_the_desk: str
) -> Sequence[Group]:
    """Of each agency and procedure, the cases that ended from `begins` to `as_of`, and those that were open then.

    `online`: the channel that counts as such; `over_the_desk`: the provider that does not. Due dates and supplements
    are those of today, also of a month that is over.
    """
    values = {"begins": begins, "as_of": as_of, "online": online, "over_the_desk": over_the_desk}
    names = Tally.__slots__
    return [
        Group(
            row["agency_code"],
            row["procedure_code"],
            row["procedure_version"],
            Tally(**{name: row[name] for name in names}),
        )
        for row in connection.execute(text(_COUNT), values).mappings()
    ]
