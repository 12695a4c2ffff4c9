"""The book of cases of an agency (form 07): who handed in what, until when it is due, and when it went back."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from gateway.domain.errors import Malformed
from gateway.domain.form import BookEntry, CaseBook
from gateway.domain.form_parts import MAX_ROWS, Head
from gateway.ports import Agency, Paper
from gateway.service import accesses, paper_facts
from gateway.service.accesses import Viewing
from gateway.service.case_moves import VIETNAM
from gateway.service.context import Context
from gateway.service.official_forms import due_at, office_of, person_of
from gateway.store import cases as store


def print_book(context: Context, agency_code: str, from_on: date, to_on: date, viewing: Viewing) -> Paper:
    """The signed book of the cases that were taken in from one day to another, both counted, by Vietnam's clock.

    It names every applicant: each case tells who took the book, when and why.

    Raises `Misconfigured` for an agency that is not known, and `Malformed` for days in the wrong order or with more
    cases than a book has rows.
    """
    agency = context.agency(agency_code)
    if from_on > to_on:
        raise Malformed("the book ends before it begins")
    begins, ends = (_midnight(day) for day in (from_on, to_on + timedelta(days=1)))
    with context.engine.begin() as connection:
        found = store.received_between(connection, agency_code, begins, ends, limit=MAX_ROWS + 1)
        if len(found) > MAX_ROWS:
            raise Malformed(f"a book has at most {MAX_ROWS} cases, and there are more: take fewer days")
        entries = tuple(_entry(context, connection, agency, case) for case in found)
        accesses.note(connection, found, viewing)
    head = Head(office=office_of(agency), issued_at=viewing.at, track_url=f"{context.public_url}/track")
    return context.press().form(CaseBook(head=head, from_on=from_on, to_on=to_on, entries=entries))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=VIETNAM)


def _entry(context: Context, connection: Connection, agency: Agency, case: store.Case) -> BookEntry:
    assert case.accepted_at is not None
    assert case.due_on is not None, "the day for the result is named at the reception"
    way, _ = paper_facts.way_of(context, connection, case.case_code)
    return BookEntry(
        case_code=case.case_code,
        procedure_name=context.catalogue.version(case.procedure_code, case.procedure_version).name_vi,
        sets=1,
        applicant=person_of(paper_facts.applicant_of(context, connection, case.case_code)),
        handled_by=office_of(agency).unit,
        received_at=case.accepted_at,
        due_at=due_at(agency, case.due_on),
        way=way,
        returned_at=case.handed_over_at,
        note=NOTES.get(case.state, ""),
    )


NOTES: Mapping[str, str] = {"withdrawn": "Đã rút hồ sơ", "stopped": "Dừng giải quyết"}
"""Of cases that have no result to be returned."""
