"""What runs behind: jobs with their own clock (procrastinate), consumers of the spine, and the post's feed.

Any number of workers may run. A job is locked by its task and subject, a consumer by its cursor, a feed by
compare-and-set, so two workers never do the same thing.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import procrastinate
import structlog
from procrastinate import RetryDecision
from procrastinate.jobs import Job

from gateway.domain.errors import GatewayError
from gateway.ports import CasePortal, PostalCapability, PostalOperator
from gateway.service import (
    behind,
    case_papers,
    case_times,
    deliveries,
    documents,
    legal_receipts,
    outages,
    parcel_feed,
    payments,
    portal_sync,
    receipt_changes,
    receipt_summary,
    receipts,
    refund_sending,
    reports,
    retention,
    scans,
    sealing,
    tracking,
    uploads,
    webhooks,
)
from gateway.service.context import Context
from gateway.store import alarms, inbox
from gateway.store.engine import SEARCH_PATH

log = structlog.get_logger()

RETRY_DELAYS_S: Sequence[int] = (1, 5, 30, 120, 600, 3600, 3600, 3600)
"""When a job that failed by an error of ours is tried again; after the last it stays `failed` until rerun by hand."""

CONCURRENCY = 4
IDLE_S = 0.1
PAUSE_AFTER_ERROR_S = 1.0
POLL_S = 1.0
NONCE_LIFE = timedelta(minutes=20)
CLEANING_S = 60.0
SEALING_S = 1.0
CASE_PORTAL_S = 1.0
CASE_TIMES_S = 5.0
STOP_WAIT_S = 5.0
FEED_ERRORS_IN_A_ROW = 10
"""More than this, and somebody has to look: parcels move and nobody here hears of it."""


class PublishedDelays(procrastinate.BaseRetryStrategy):
    """The delays of `RETRY_DELAYS_S`, and a named alarm when they are used up."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        log.error("job_failed", task=job.task_name, job=job.id, error=type(exception).__name__)
        if job.attempts < len(RETRY_DELAYS_S):
            return RetryDecision(retry_in={"seconds": RETRY_DELAYS_S[job.attempts]})
        with self._context.engine.begin() as connection:
            alarms.raise_alarm(connection, "job_given_up", str(job.id), job.task_name)
        return None


def make_app(database_url: str) -> procrastinate.App:
    connector = procrastinate.PsycopgConnector(
        conninfo=database_url, kwargs={"options": SEARCH_PATH}, max_size=4
    )
    return procrastinate.App(connector=connector)


def register(app: procrastinate.App, context: Context) -> None:
    """The tasks, by the names under which jobs are put down."""
    retry = PublishedDelays(context)
    _money(app, context, retry)
    _papers(app, context, retry)
    _documents(app, context, retry)

    @app.task(name="send_webhook", retry=retry)
    def send_webhook(message_id: str, round: int) -> None:  # noqa: A002 - the name in the job's arguments
        webhooks.send(context, message_id, round, context.clock())

    @app.task(name="order_parcel", retry=retry)
    def order_parcel(delivery_id: str, round: int) -> None:  # noqa: A002 - as above
        deliveries.send_order(context, delivery_id, round, context.clock())


def _money(app: procrastinate.App, context: Context, retry: procrastinate.BaseRetryStrategy) -> None:
    @app.task(name="expire_payment", retry=retry)
    def expire_payment(payment_id: str) -> None:
        payments.expire(context, payment_id, context.clock())

    @app.task(name="query_attempt", retry=retry)
    def query_attempt(attempt_id: str, round: int) -> None:  # noqa: A002 - as above
        reports.ask_again(context, attempt_id, round, context.clock())

    @app.task(name="ask_once_more", retry=retry)
    def ask_once_more(attempt_id: str) -> None:
        reports.ask_once_more(context, attempt_id, context.clock())

    @app.task(name="send_refund", retry=retry)
    def send_refund(refund_id: str) -> None:
        refund_sending.send(context, refund_id, context.clock())

    @app.task(name="query_refund", retry=retry)
    def query_refund(refund_id: str, round: int) -> None:  # noqa: A002 - as above
        refund_sending.ask_again(context, refund_id, round, context.clock())


def _papers(app: procrastinate.App, context: Context, retry: procrastinate.BaseRetryStrategy) -> None:
    @app.task(name="issue_receipt", retry=retry)
    def issue_receipt(payment_id: str) -> None:
        receipts.issue(context, payment_id, context.clock())

    @app.task(name="complete_paper", retry=retry)
    def complete_paper(round: int, receipt_id: str = "", paper_id: str = "") -> None:  # noqa: A002 - as above
        if receipt_id:
            receipt_changes.complete(context, receipt_id, round, context.clock())
        else:
            case_papers.complete(context, paper_id, round, context.clock())

    @app.task(name="issue_paper", retry=retry)
    def issue_paper(paper_id: str) -> None:
        case_papers.issue(context, paper_id, context.clock())

    @app.task(name="follow_refund", retry=retry)
    def follow_refund(payment_id: str) -> None:
        receipt_changes.follow_refund(context, payment_id, context.clock())

    @app.task(name=legal_receipts.TASK, retry=retry)
    def issue_legal_receipt(legal_id: str, round: int) -> None:  # noqa: A002 - as above
        legal_receipts.work(context, legal_id, round, context.clock())


def _documents(app: procrastinate.App, context: Context, retry: procrastinate.BaseRetryStrategy) -> None:
    @app.task(name=documents.SCAN_TASK, retry=retry)
    def scan_document(case_code: str, code: str, round: int) -> None:  # noqa: A002 - as above
        scans.scan(context, case_code, code, round, context.clock())

    @app.task(name=retention.TASK, retry=retry)
    def forget_due(day: str) -> None:  # noqa: ARG001 - whose run it is
        retention.forget_due(context, context.clock())

    @app.task(name=outages.TASK, retry=retry)
    def follow_outage(outage_id: int, after: str) -> None:
        outages.follow(context, outage_id, after, context.clock())


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the loops of a worker turn, in seconds."""

    post_poll_s: float
    heartbeat_s: float
    stalled_after_s: float


class Loop(threading.Thread):
    """Calls `turn` until stopped: again at once while it says that there was work, else after `idle_s`."""

    def __init__(self, name: str, turn: Callable[[], bool], idle_s: float, stop: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._turn, self._idle_s, self._stop_event = turn, idle_s, stop

    def run(self) -> None:
        while not self._stop_event.is_set():
            pause_s = self._idle_s
            try:
                if self._turn():
                    continue
            except GatewayError as error:
                # the other side is away: this is known, and comes back by itself
                log.info("loop_waits", loop=self.name, error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - a loop outlives every error, and says its name
                log.error("loop_failed", loop=self.name, error=type(error).__name__)
                pause_s = max(self._idle_s, PAUSE_AFTER_ERROR_S)
            self._stop_event.wait(pause_s)


def loops(context: Context, pace: Pace, stop: threading.Event) -> list[Loop]:
    """One loop for each consumer and each feed, one that cleans up, and one that has the day's people forgotten."""
    made = [
        Loop(f"consumer:{name}", _consumer(context, name), IDLE_S, stop) for name in behind.consumers(context)
    ]
    made += [
        Loop(f"feed:{name}", _Feed(context, operator), pace.post_poll_s, stop)
        for name, operator in context.operators.items()
        if PostalCapability.TRACKING_FEED in operator.capabilities
    ]
    if context.case_portal is not None:
        made.append(Loop("case_portal", _telling(context, context.case_portal), CASE_PORTAL_S, stop))
    made.append(Loop("case_times", lambda: case_times.turn(context), CASE_TIMES_S, stop))
    made.append(Loop("sealing", _sealing(context), SEALING_S, stop))
    made.append(Loop("cleaning", _cleaning(context), CLEANING_S, stop))
    made.append(Loop("forgetting", _forgetting(context), CLEANING_S, stop))
    return made


def _consumer(context: Context, name: str) -> Callable[[], bool]:
    return lambda: behind.consume(context, name, context.clock()) > 0


class _Feed:
    """One turn of the post's feed, and how many in a row ended in an error."""

    def __init__(self, context: Context, operator: PostalOperator) -> None:
        self._context, self._operator = context, operator
        self._errors = 0
        self._is_new = True

    def __call__(self) -> bool:
        done = False
        try:
            if self._is_new:  # the table of codes may have grown since the last worker
                parcel_feed.read_again(self._context, self._operator, self._context.clock())
                self._is_new = False
            took = parcel_feed.read_feed(self._context, self._operator, self._context.clock())
            done = True
            return took > 0
        finally:
            self._count(done=done)

    def _count(self, *, done: bool) -> None:
        self._errors = 0 if done else self._errors + 1
        if self._errors > FEED_ERRORS_IN_A_ROW:
            detail = f"more than {FEED_ERRORS_IN_A_ROW} turns ended in an error"
            with self._context.engine.begin() as connection:
                alarms.raise_alarm(connection, "feed_stands", parcel_feed.feed_name(self._operator), detail)


def _sealing(context: Context) -> Callable[[], bool]:
    def turn() -> bool:
        added = sealing.seal(context, context.clock())
        return sealing.stamp(context, context.clock()) or added > 0

    return turn


def _telling(context: Context, portal: CasePortal) -> Callable[[], bool]:
    return lambda: portal_sync.turn(context, portal)


def _cleaning(context: Context) -> Callable[[], bool]:
    def turn() -> bool:
        with context.engine.begin() as connection:
            inbox.forget_nonces(connection, context.clock() - NONCE_LIFE)
        receipt_summary.remind(context, context.clock())
        tracking.forget_tries(context, context.clock())
        payments.call_in_overdue(context, context.clock())
        uploads.forget_expired(context, context.clock())
        return False

    return turn


def _forgetting(context: Context) -> Callable[[], bool]:
    def turn() -> bool:
        retention.put_daily(context, context.clock())
        return False

    return turn


def work(database_url: str, context: Context, pace: Pace) -> None:
    """Run a worker until it is told to stop (SIGTERM, SIGINT)."""
    app = make_app(database_url)
    register(app, context)
    stop = threading.Event()
    running = loops(context, pace, stop)
    for loop in running:
        loop.start()
    try:
        asyncio.run(_work(app, pace))
    finally:
        stop.set()
        for loop in running:
            loop.join(STOP_WAIT_S)


async def _work(app: procrastinate.App, pace: Pace) -> None:
    async with app.open_async():
        rescuing = asyncio.create_task(_rescue(app, pace))
        try:
            await app.run_worker_async(
                concurrency=CONCURRENCY,
                fetch_job_polling_interval=POLL_S,
                update_heartbeat_interval=pace.heartbeat_s,
                stalled_worker_timeout=pace.stalled_after_s,
                delete_jobs="successful",
            )
        finally:
            rescuing.cancel()


async def _rescue(app: procrastinate.App, pace: Pace) -> None:
    """Give the jobs of a worker that died to others."""
    while True:
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=pace.stalled_after_s):
            log.warning("job_rescued", task=job.task_name, job=job.id)
            await app.job_manager.retry_job(job)
        await asyncio.sleep(pace.heartbeat_s)
