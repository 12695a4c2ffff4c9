"""How a case stands, as a citizen asks it: who has it, since when and until when, what it costs and what is paid."""

from dataclasses import dataclass
from datetime import date, datetime

from gateway.domain.case import ENDED_WITHOUT_RESULT, CaseState
from gateway.domain.money import format_vnd
from gateway.domain.procedure import PayWhen
from gateway.service import open_steps
from gateway.service.agency_names import called
from gateway.service.case_moves import VIETNAM
from gateway.service.context import Context
from gateway.store import cases as store

WITH_AGENCY = frozenset(
    {CaseState.REGISTERED, CaseState.ACCEPTED, CaseState.PROCESSING, CaseState.RESULT_READY}
)
"""An agency has something to do with the case in these; in others it waits for the citizen, or is over."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The agency that has a case of another one, since which day, and until which by the step's own term."""

    vi: str
    en: str
    since_on: date | None
    until_on: date | None


def holder(context: Context, case: store.Case, on: date) -> Holder | None:
    """Which other agency has a case that was handed over to it; None where its own has it, or nobody works on it."""
    if CaseState(case.state) not in WITH_AGENCY or case.handler == case.agency_code:
        return None
    known = called(context, case.handler, on)
    with context.engine.connect() as connection:
        _, held = open_steps.of(connection, case.case_code)
    since, until = (None, None) if held is None else (held.acknowledged_at, held.due_at)
    names = (case.handler, case.handler) if known is None else (known.vi, known.en)
    return Holder(*names, _day(since), _day(until))


def costs(context: Context, case: store.Case) -> tuple[str, str]:
    """What the case costs and what is paid of it, in two languages."""
    with context.engine.connect() as connection:
        money = store.money(connection, case.case_code)
    if not money.owed_vnd and not money.owed_back_vnd:
        return "Không phải nộp", "Nothing to pay"
    vi, en = _paid_of(case, money)
    owed = format_vnd(money.owed_vnd)
    return f"{owed}{vi}", f"{owed}{en}"


def _paid_of(case: store.Case, money: store.CaseMoney) -> tuple[str, str]:
    paid, back = format_vnd(money.paid_vnd), format_vnd(money.owed_back_vnd)
    if money.owed_back_vnd:
        return f"; {back} sẽ được hoàn lại", f"; {back} will be given back"
    if money.paid_vnd >= money.owed_vnd:
        return ", đã nộp đủ", ", paid"
    if case.pay == PayWhen.AT_AGENCY:
        return ", nộp tại cơ quan", ", paid at the agency"
    if CaseState(case.state) in ENDED_WITHOUT_RESULT:
        return ", không phải nộp nữa", ", no longer asked for"
    return (
        (f", đã nộp {paid}", f", of which {paid} are paid")
        if money.paid_vnd
        else (", chưa nộp", ", not paid yet")
    )


def _day(at: datetime | None) -> date | None:
    return None if at is None else at.astimezone(VIETNAM).date()
