"""Money that the bank's statement is the first to tell of: counted for the try that its line names.

A provider that can be asked tells of its money itself. One that only calls us may have called in vain, and a transfer
by a QR code is told by a notice or by nobody; so a line that names such a try, and shows money that nothing else has
brought, brings it. It goes by the number of its line until the provider tells of it after all, which then counts
nothing twice (`record_report`). A try that failed, as its provider said, is asked about once more.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, time

from sqlalchemy import Connection

from gateway.domain.matching import Decision, Reason, codes_in
from gateway.domain.payment import AttemptState
from gateway.ports import Capability, Outcome, PaymentProvider, Report
from gateway.service import lines, notices
from gateway.service.cases import VIETNAM
from gateway.service.context import Context
from gateway.store import finance as store
from gateway.store import jobs
from gateway.store import payments as payment_store
from gateway.store import reports as report_store
from gateway.store.reports import Told

COUNTED = frozenset({"ok"})
NOON = time(12)
"""A line has a day and no time: its money is of that day in Việt Nam."""


def count(
    context: Context,
    connection: Connection,
    decided: Sequence[tuple[store.Line, Decision]],
    now: datetime,
) -> bool:
    """Count the money of each line that names a try which may be told of by a statement; whether there was any.

    Money that its provider told of meanwhile is not counted: the line is to be looked at once more.
    """
    taken = {decision.event_id for _, decision in decided}
    named = [
        (lines.text_of(context, line), line)
        for line, decision in decided
        # another sum than the one that was told may be the same money, told wrongly or less a fee: that is for a person
        if line.amount_vnd > 0 and decision.reason is Reason.NOT_AWAITED
    ]
    # payments are locked in the order of their codes, as reports that come together lock them: nobody waits for ever
    named.sort(key=lambda each: codes_in(each[0]))
    found = [_count(context, connection, line, text, taken, now) for text, line in named]
    return any(found)


def _count(
    context: Context,
    connection: Connection,
    line: store.Line,
    text: str,
    taken: Collection[int | None],
    now: datetime,
) -> bool:
    _ask_once_more(context, connection, text)
    if store.has_twin(connection, line):
        return False  # the same transfer may have been told in other words: that is for a person
    cause = f"statement:{line.statement_id}"
    attempt = notices.whose(context, connection, text, now, cause=cause, counts=_cannot_be_asked)
    if attempt is None:
        return False
    told = store.awaited_of(connection, attempt.id, line.amount_vnd)
    return bool(set(told) - set(taken)) or record(connection, line, attempt, cause, now)


def _ask_once_more(context: Context, connection: Connection, text: str) -> None:
    """Nobody asks about a try that has failed, and the call that said otherwise may be lost."""
    named = notices.payment_named(connection, text)
    for attempt in () if named is None else notices.tries_by(connection, *named):
        provider = context.providers.get(attempt.provider)
        if provider is None or _cannot_be_asked(provider) or attempt.state != AttemptState.FAILED:
            continue
        jobs.put(connection, "ask_once_more", subject=attempt.id, args={"attempt_id": attempt.id})


def _cannot_be_asked(provider: PaymentProvider) -> bool:
    return Capability.QUERY not in provider.capabilities


def record(
    connection: Connection, line: store.Line, attempt: payment_store.Attempt, cause: str, now: datetime
) -> bool:
    """Count the money of a line for a try, whatever the sum. The caller holds the payment's lock."""
    report = Report(
        outcome=Outcome.PAID,
        reference=attempt.reference,
        amount_vnd=line.amount_vnd,
        currency="VND",
        provider_ref=f"statement:{line.id}",
        code="statement",
        occurred_at=datetime.combine(line.value_on, NOON, VIETNAM),
    )
    told = Told(cause, attempt.provider, report, None, now, any_amount=True)
    (verdict,) = report_store.record(payment_store.bare(connection), [told])
    return verdict in COUNTED
