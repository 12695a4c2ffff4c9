"""How the cases of a month went, by agency and field, with the formulas of the set of indexes of QĐ 766/QĐ-TTg."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from gateway.domain.agencies import is_within, path
from gateway.domain.errors import Malformed, Misconfigured, NotFound
from gateway.domain.fees import Channel
from gateway.domain.index766 import Share
from gateway.domain.workdays import DAY, NONE, moment
from gateway.service.cases import Caller
from gateway.service.context import Context
from gateway.service.portal_record import OVER_THE_DESK
from gateway.store import case_figures as store
from gateway.store.case_figures import Tally

YEARS: Final = range(2000, 2100)
LAST_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """`month`: its first day. Of this agency and those under it (None: all), of a field by its name or code."""

    month: date
    agency: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """The cases that ended in the month up to `as_of`, and those that were open then; by agency and field, and all."""

    asked: Asked
    as_of: datetime
    groups: Mapping[tuple[str, str], Tally]
    total: Tally


def month(text: str) -> date:
    """The first day of a month that is written `2026-11`. Raises `Malformed`."""
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        found = None
    if found is None or f"{found:%Y-%m}" != text or found.year not in YEARS:
        raise Malformed("a month of this century is written YYYY-MM")
    return found


def of_portal(context: Context, caller: Caller, asked: Asked, now: datetime) -> MonthFigures:
    """What a portal may read: its agency's, or those of one under it. Raises `NotFound` for another, as `of_month`."""
    agency = asked.agency or caller.agency_code
    if not is_within(agency, caller.agency_code):
        raise NotFound("this agency is not yours, and not under yours")
    return of_month(context, Asked(asked.month, agency, asked.field), now)


def of_month(context: Context, asked: Asked, now: datetime) -> MonthFigures:
    """The figures of a month, up to now where it is not over. Raises `Malformed` for one that has not begun."""
    begins = moment(asked.month, NONE)
    if begins > now:
        raise Malformed("this month has not begun")
    if asked.agency is not None:
        path(asked.agency)  # raises for what is no identifier
    as_of = min(now, moment((asked.month + 31 * DAY).replace(day=1), NONE) - LAST_MOMENT)
    with context.engine.connect() as connection:
        counted = store.count(
            connection,
            begins=begins,
            as_of=as_of,
            online=Channel.ONLINE.value,
            over_the_desk=OVER_THE_DESK,
        )
    groups: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)
    for each in counted:
        field, code = _field(context, each)
        is_asked = asked.field is None or asked.field in {field, code}
        if is_asked and (asked.agency is None or is_within(each.agency_code, asked.agency)):
            groups[each.agency_code, field] += each.tally
    return MonthFigures(asked, as_of, dict(sorted(groups.items())), sum(groups.values(), Tally()))


def _field(context: Context, group: store.Group) -> tuple[str, str]:
    """Name and code of the field of a procedure; nothing of one whose version left the catalogue."""
    try:
        known = context.catalogue.version(group.procedure_code, group.procedure_version)
    except Misconfigured:
        return "", ""
    return known.field, known.field_code or known.field


def shares(tally: Tally) -> Mapping[str, Share]:
    """The shares that Index 766 scores."""
    on_time = tally.finished_early + tally.finished_in_time
    late = tally.finished_late + tally.in_process_late
    return {
        "on_time": Share(on_time, on_time + late),
        "online": Share(tally.online, tally.cases),
        "paid_online": Share(tally.paid_online, tally.owing),
    }
