"""The rule on how long people are known, carried out: daily, in batches, and after a crash from where it stood.

What is due is read from the tables that the erasure itself changes, so a run that is broken off, or done twice, leaves
the same. One case that cannot be forgotten keeps no other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from gateway.domain import retention as rules
from gateway.domain.case import ENDED
from gateway.domain.retention import Waits
from gateway.service import forgetting, sealed
from gateway.service.case_moves import VIETNAM
from gateway.service.context import Context
from gateway.store import alarms, cursors, erasing, jobs, spine
from gateway.store import retention as store

log = structlog.get_logger()

TASK = "forget_due"
DAY = "retention:day"
BATCH = 500
ENDS = frozenset(f"case.{state.value}" for state in ENDED)
ANEW = frozenset({"payment.created", "receipt.issued", "refund.requested"})
"""What may bring something of a person to a case that was forgotten."""
UNUSED_FOR = timedelta(hours=1)
"""How long nobody may have put a file that is removed: longer than from its bytes to the row that names it."""
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Done:
    """How many cases, accounts of cases, statements, messages and files a run emptied or removed."""

    people: int
    accounts: int
    statements: int
    messages: int
    files: int


def note_ends(context: Context, connection: Connection, events: Sequence[spine.Event]) -> None:  # noqa: ARG001 - as the other consumers
    """Write down which cases have ended, whatever release ended them."""
    store.note_ends(
        connection,
        {each.case_code: each.occurred_at for each in events if each.case_code and each.type in ENDS},
    )
    for each in events:
        if each.case_code and each.type in ANEW:
            store.begin_anew(connection, each.case_code, each.recorded_at)


def put_daily(context: Context, now: datetime) -> None:
    """Put down the day's run, once for each day of Việt Nam."""
    day = now.astimezone(VIETNAM).date().isoformat()
    with context.engine.begin() as connection:
        seen = cursors.peek(connection, DAY)
        if seen != day and cursors.advance(connection, DAY, seen, day, now):
            jobs.put(connection, TASK, subject="house", args={"day": day})


def forget_due(context: Context, now: datetime) -> Done:
    """Forget everybody whose time is over, and nothing that somebody holds or that is still under way."""
    people = _each(context, people_due(context, now), forgetting.forget_people, now)
    accounts = _each(context, accounts_due(context, now), forgetting.forget_accounts, now)
    statements = _statements(context, now)
    messages = sum(_messages(context, table, now) for table in erasing.MESSAGES)
    return Done(people, accounts, statements, messages, sweep(context, now))


def _each(
    context: Context,
    due: Iterator[store.Ended],
    forget: Callable[[Context, str, datetime], bool],
    now: datetime,
) -> int:
    done = 0
    for each in due:
        try:
            done += forget(context, each.case_code, now)
        except Exception as error:  # noqa: BLE001 - one case keeps no other, and says its name
            log.error("case_not_forgotten", case=each.case_code, error=type(error).__name__)
            with context.engine.begin() as connection:
                alarms.raise_alarm(connection, "forgetting_failed", each.case_code, type(error).__name__)
    return done


def people_due(context: Context, now: datetime) -> Iterator[store.Ended]:
    """The cases whose time is over, oldest first; those that something keeps too."""
    before = rules.months_before(now, context.periods.case_months)
    own = {
        (each.code, each.version): rules.months_before(now, each.keep_months)
        for versions in context.catalogue.by_code.values()
        for each in versions
        if each.keep_months is not None
    }
    last: store.Ended | None = None
    while True:
        with context.engine.connect() as connection:
            batch = store.due(connection, before, own, after=last, limit=BATCH)
        yield from batch
        if len(batch) < BATCH:
            return
        last = batch[-1]


def accounts_due(context: Context, now: datetime) -> Iterator[store.Ended]:
    """The cases of which only the accounts are left, and their time is over too."""
    months = context.periods.account_months
    local, before = now.astimezone(VIETNAM), rules.months_before(now, months)
    last: store.Ended | None = None
    while True:
        with context.engine.connect() as connection:
            batch = store.accounts_due(connection, before, after=last, limit=BATCH)
            ends = {each: store.last_of_accounts(connection, each.case_code) for each in batch}
        yield from (
            each
            for each, at in ends.items()
            if rules.are_accounts_over(at.astimezone(VIETNAM), local, months)
        )
        if len(batch) < BATCH:
            return
        last = batch[-1]


def kept(context: Context, now: datetime, limit: int) -> Mapping[str, Sequence[Waits]]:
    """The first cases whose time is over and that are kept all the same, and why."""
    found: dict[str, Sequence[Waits]] = {}
    for each in people_due(context, now):
        with context.engine.connect() as connection:
            why = store.waits(connection, each.case_code)
        if why:
            found[each.case_code] = why
        if len(found) == limit:
            break
    return found


def _statements(context: Context, now: datetime) -> int:
    """Statements are accounts: their time counts from the end of the year too."""
    months, local, done = context.periods.account_months, now.astimezone(VIETNAM), 0
    year = rules.months_before(local, months).replace(
        month=1, day=1, hour=0, minute=0, second=0, microsecond=0
    )
    memo = context.sealer.seal(b"", sealed.MEMO)
    while True:
        with context.engine.begin() as connection:
            batch = erasing.old_statements(connection, year, BATCH)
            for statement_id, _ in batch:
                erasing.statement(connection, statement_id, memo, now)
            erasing.doom(connection, [sha256 for _, sha256 in batch])
        done += len(batch)
        if len(batch) < BATCH:
            return done


def _messages(context: Context, table: str, now: datetime) -> int:
    """Empty the messages of one table that are too old, from where the last run stood."""
    before, name, done = rules.months_before(now, context.periods.message_months), f"retention:{table}", 0
    while True:
        with context.engine.begin() as connection:
            position = cursors.take(connection, name, f"{LONG_AGO.isoformat()} 0")
            if position is None:
                return done
            at, _, id_ = position.partition(" ")
            after = (datetime.fromisoformat(at), int(id_))
            emptied = erasing.old_messages(connection, table, before, after, BATCH)
            if emptied is None:
                return done
            last_at, last_id, many = emptied
            cursors.move(connection, name, f"{last_at.isoformat()} {last_id}", now)
        done += many


def sweep(context: Context, now: datetime) -> int:
    """Remove the files that were doomed and that nothing names; how many. What was put just now waits for the next."""
    done, last = 0, ""
    while True:
        with context.engine.begin() as connection:
            batch = erasing.doomed(connection, last, BATCH)
            named = erasing.still_named(connection, batch)
            over = [each.sha256 for each in batch if each.sha256 not in named]
            gone = [each for each in over if _remove(context, each, now)]
            for each in named:
                context.files.keep(each)
            erasing.spare(connection, [*named, *gone])
        done += len(gone)
        if len(batch) < BATCH:
            return done
        last = batch[-1].sha256


def _remove(context: Context, sha256: str, now: datetime) -> bool:
    if not context.files.discard(sha256, now - UNUSED_FOR):
        return False
    context.parts.forget(sha256)
    return True
