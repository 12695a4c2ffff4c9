"""The figures of a month as portals and files have them: whole numbers, shares with their grade, and the formulas."""

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from io import StringIO
from typing import Any, Final

from gateway.domain.index766 import FORMULAS, SET, Share
from gateway.domain.workdays import VIETNAM, day_of
from gateway.service.agency_names import called
from gateway.service.case_figures import MonthFigures, shares
from gateway.service.context import Context
from gateway.store.case_figures import Tally

SHARES: Final = ("on_time", "online", "paid_online")
COUNTS: Final = tuple(name for name in FORMULAS if name not in SHARES)
assert set(COUNTS) <= set(Tally.__slots__), "every formula that is no share counts something"


def shown(context: Context, found: MonthFigures) -> dict[str, Any]:
    """As JSON. `percent` is a decimal in a text, null of nothing; so is the grade."""
    on = day_of(found.as_of)
    return {
        "month": f"{found.asked.month:%Y-%m}",
        "as_of": found.as_of.astimezone(VIETNAM).isoformat(timespec="milliseconds"),
        "agency_code": found.asked.agency,
        "field": found.asked.field,
        "total": figures(found.total),
        "groups": [
            {
                "agency_code": agency,
                "agency_name": _name(context, agency, on),
                "field": field,
                **figures(tally),
            }
            for (agency, field), tally in found.groups.items()
        ],
        "formulas": {
            name: {"vi": words.vi, "en": words.en, "source": SET} for name, words in FORMULAS.items()
        },
    }


def figures(tally: Tally) -> dict[str, Any]:
    counted: dict[str, Any] = {name: getattr(tally, name) for name in COUNTS}
    return counted | {name: _share(each) for name, each in shares(tally).items()}


def _share(share: Share) -> dict[str, Any]:
    percent, grade = share.percent, share.grade()
    return {
        "part": share.part,
        "whole": share.whole,
        "percent": None if percent is None else str(percent),
        "grade": None if grade is None else grade.value,
    }


def _name(context: Context, code: str, on: date) -> str | None:
    agency = called(context, code, on)
    return None if agency is None else agency.name


def as_csv(found: Mapping[str, Any]) -> Iterator[str]:
    """What `shown` gave, a line for each group and the last for all; the formulas stand in the documents."""
    shared = ("part", "whole", "percent", "grade")
    names = ["month", "agency_code", "agency_name", "field", *COUNTS]
    yield _line([*names, *(f"{share}_{part}" for share in SHARES for part in shared)])
    for row in (*found["groups"], {"agency_code": "", "agency_name": "", "field": "", **found["total"]}):
        values = [found["month"], *(row[name] for name in names[1:])]
        yield _line([*values, *(row[share][part] for share in SHARES for part in shared)])


def _line(values: list[Any]) -> str:
    out = StringIO()
    csv.writer(out).writerow("" if each is None else each for each in values)
    return out.getvalue()
