"""Steps of cases that were handed over between agencies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text, update

from gateway.domain.hand_over import OPEN, StepState
from gateway.store.tables import case_steps


@dataclass(frozen=True, slots=True)
class Step:
    """`agency_code` is the receiver. `due_at` None: by the day of the case itself."""

    case_code: str
    number: int
    from_agency: str
    agency_code: str
    name: str
    reason: str
    why_returned: str | None
    state: str
    due_at: datetime | None
    handed_over_at: datetime
    acknowledged_at: datetime | None
    ended_at: datetime | None


_COLUMNS = [case_steps.c[name] for name in Step.__slots__]


def add(connection: Connection, step: Step) -> None:
    connection.execute(insert(case_steps).values(**{name: getattr(step, name) for name in Step.__slots__}))


def next_number(connection: Connection, case_code: str) -> int:
    """The caller holds the case's lock."""
    query = select(func.coalesce(func.max(case_steps.c.number), 0) + 1).where(
        case_steps.c.case_code == case_code
    )
    return int(connection.execute(query).scalar_one())


def of_case(connection: Connection, case_code: str) -> Sequence[Step]:
    """The steps of a case, the first one first."""
    query = select(*_COLUMNS).where(case_steps.c.case_code == case_code).order_by(case_steps.c.number)
    return [Step(**row) for row in connection.execute(query).mappings()]


def move(
    connection: Connection,
    step: Step,
    to_state: StepState,
    now: datetime,
    *,
    acknowledged: bool = False,
    why_returned: str | None = None,
) -> bool:
    """Compare-and-set; a step that is acknowledged has begun, any other move ends it."""
    values: dict[str, object] = {"acknowledged_at" if acknowledged else "ended_at": now}
    if why_returned is not None:
        values["why_returned"] = why_returned
    done = connection.execute(
        update(case_steps)
        .where(
            case_steps.c.case_code == step.case_code,
            case_steps.c.number == step.number,
            case_steps.c.state == step.state,
        )
        .values(state=to_state.value, **values)
    )
    return done.rowcount == 1


def receivers(connection: Connection, case_code: str) -> Sequence[tuple[str, str]]:
    """Each portal that could be asked to receive, with its agency: of the same mode, and not the case's own."""
    rows = connection.execute(
        text(
            "SELECT q.id, q.agency_code FROM cases c JOIN portals p ON p.id = c.portal_id "
            "JOIN portals q ON q.live = p.live AND q.id <> p.id "
            "WHERE c.case_code = :case_code AND EXISTS "
            "(SELECT FROM portal_keys k WHERE k.portal_id = q.id AND k.revoked_at IS NULL) ORDER BY q.id"
        ),
        {"case_code": case_code},
    )
    return [(str(row.id), str(row.agency_code)) for row in rows]


def open_ones(steps: Sequence[Step]) -> Sequence[Step]:
    return [step for step in steps if step.state in OPEN]
