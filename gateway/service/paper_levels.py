"""The signature of a paper brought to the level that is wanted, whatever kind of paper it is.

An authority that is down costs a level and never the paper: what is missing is asked for again by schedule, and an
alarm tells when the schedule is used up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from gateway.ports import Completed
from gateway.service.context import Context
from gateway.store import alarms, jobs

log = structlog.get_logger()

TASK = "complete_paper"


@dataclass(frozen=True, slots=True)
class Signed:
    """A paper: the argument that names it in a job (`receipt_id`, `paper_id`), and its id."""

    named: str
    id: str


Keep = Callable[[Connection, str, Completed], None]
"""Puts the completed paper, by its SHA-256, in the place of the one before, and tells of it; or does nothing."""


def complete_later(
    context: Context, connection: Connection, paper: Signed, round_: int, now: datetime
) -> None:
    """Put down the next try to complete a paper, by schedule; an alarm after the last."""
    delays = context.schedules.query_s
    if round_ >= len(delays):
        alarms.raise_alarm(connection, "paper_incomplete", paper.id, "no time-stamp or no revocation answer")
        return
    args = {paper.named: paper.id, "round": round_}
    jobs.put(connection, TASK, subject=paper.id, args=args, at=now + timedelta(seconds=delays[round_]))


def complete(
    context: Context, paper: Signed, pdf_sha256: str, round_: int, now: datetime, *, keep: Keep
) -> None:
    """One try, as far as the services answer now; the next one is put down while something is missing."""
    made = context.press().complete(context.files.get(pdf_sha256), now)
    sha256 = context.files.put(made.pdf)
    with context.engine.begin() as connection:
        keep(connection, sha256, made)
        if made.missing:
            log.warning("paper_incomplete", paper=paper.id, missing=made.missing)
            complete_later(context, connection, paper, round_ + 1, now)
