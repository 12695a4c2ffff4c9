"""A job stands with its cause, is tried again by the published delays, and after the last waits for a person."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from psycopg.errors import CheckViolation
from service_hooks import Listener, says
from service_wires import ipn
from service_world import NOW, World, minutes

from gateway import jobs
from gateway.domain.receipt import ReceiptFacts
from gateway.ports import HttpAnswer, HttpRequest, Paper, Press
from gateway.service.context import Context
from gateway.store import alarms
from gateway.store import jobs as store

pytestmark = pytest.mark.service


class Jammed(Exception):  # noqa: N818 - named for what happened
    """The press stopped in the midst of its work."""


@dataclass
class JammedPress:
    """A press that jams until it is repaired."""

    press: Press
    jammed: bool = True
    tried: list[str] = field(default_factory=list)

    def receipt(self, facts: ReceiptFacts) -> Paper:
        self.tried.append(facts.receipt_number)
        if self.jammed:
            raise Jammed
        return self.press.receipt(facts)


def work(world: World, context: Context) -> None:
    """A worker that does what is due now, and stops."""

    async def run() -> None:
        app = jobs.make_app(world.house.database_url)
        jobs.register(app, context)
        async with app.open_async():
            await app.run_worker_async(
                wait=False,
                concurrency=jobs.CONCURRENCY,
                install_signal_handlers=False,
                delete_jobs="successful",
            )

    asyncio.run(run())


@pytest.fixture(autouse=True)
def _nothing_else_is_due(world: World) -> None:
    world.do("DELETE FROM procrastinate_jobs")


def put(world: World, task: str, subject: str, at: datetime | None = None, **args: object) -> int:
    with world.transaction() as connection:
        return store.put(connection, task, subject=subject, args=args, at=at)


def found(world: World, job_id: int) -> store.Job | None:
    with world.transaction() as connection:
        return next((job for job in store.listed(connection) if job.id == job_id), None)


def make_due(world: World) -> None:
    world.do("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")


def test_a_job_is_gone_when_its_cause_is_rolled_back(world: World) -> None:
    with world.engine.connect() as connection:
        transaction = connection.begin()
        job_id = store.put(connection, "issue_receipt", subject="pay_1", args={"payment_id": "pay_1"})
        transaction.rollback()
    assert found(world, job_id) is None


def test_a_cause_is_gone_when_its_job_cannot_be_put_down(world: World) -> None:
    case_code = world.case()
    world.do(
        "ALTER TABLE procrastinate_jobs ADD CONSTRAINT fault CHECK (task_name <> 'expire_payment') NOT VALID"
    )
    with pytest.raises(CheckViolation):
        world.payment(case_code)
    world.do("ALTER TABLE procrastinate_jobs DROP CONSTRAINT fault")
    assert 0 == world.one("SELECT count(*) FROM payments WHERE case_code = :code", code=case_code)
    assert "payment.created" not in [
        type_ for (type_,) in world.rows("SELECT type FROM events WHERE case_code = :code", code=case_code)
    ]


def test_every_job_that_is_put_down_by_name_is_known_by_that_name(world: World) -> None:
    app = jobs.make_app(world.house.database_url)
    jobs.register(app, world.context)
    known = {"expire_payment", "query_attempt", "issue_receipt", "send_webhook", "order_parcel"}
    known |= {"send_refund", "query_refund", "ask_once_more"}
    known |= {"complete_paper", "issue_paper", "follow_refund", "issue_legal_receipt", "scan_document"}
    known |= {"forget_due", "follow_outage"}
    assert known == {name for name in app.tasks if not name.startswith(("builtin:", "procrastinate."))}


def test_a_job_waits_for_its_time_and_is_then_done_and_gone(world: World) -> None:
    payment_id = world.payment(world.case(), expires_in_s=900)
    (job,) = world.jobs("expire_payment", payment_id)
    assert ({"payment_id": payment_id}, minutes(15)) == job
    context = replace(world.context, clock=lambda: minutes(15))
    world.do("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 day'")
    work(world, context)
    assert "created" == world.found(payment_id).state
    make_due(world)
    work(world, replace(world.context, clock=lambda: minutes(14.99)))
    assert "created" == world.found(payment_id).state
    assert [job] == world.jobs("expire_payment", payment_id), "a clock that is behind does not lose it"
    make_due(world)
    work(world, context)
    assert "expired" == world.found(payment_id).state
    assert [] == world.jobs("expire_payment", payment_id)


def test_a_job_that_fails_is_tried_again_by_the_published_delays_then_waits_for_a_person_who_reruns_it(
    world: World,
) -> None:
    payment_id, reference = world.started(world.case())
    world.hear("vnpay", ipn(reference, number="19000001"))
    world.do("DELETE FROM procrastinate_jobs")
    press = JammedPress(world.context.press())
    context = replace(world.context, press=lambda: press)
    job_id = put(world, "issue_receipt", payment_id, payment_id=payment_id)
    assert (1, 5, 30, 120, 600, 3600, 3600, 3600) == jobs.RETRY_DELAYS_S
    for failures, delay_s in enumerate(jobs.RETRY_DELAYS_S, 1):
        begun = datetime.now(NOW.tzinfo)
        work(world, context)
        job = found(world, job_id)
        assert job is not None
        assert job.scheduled_at is not None
        assert ("todo", failures) == (job.status, job.attempts)
        waits = job.scheduled_at - begun
        assert timedelta(seconds=delay_s) <= waits <= timedelta(seconds=delay_s + 5)
        assert [] == world.alarms(str(job_id))
        make_due(world)
    work(world, context)
    job = found(world, job_id)
    assert job is not None
    assert ("failed", ["job_given_up"]) == (job.status, world.alarms(str(job_id)))
    work(world, context)
    assert 9 == len(press.tried), "a job that was given up is not tried by itself"
    press.jammed = False
    with world.transaction() as connection:
        assert store.rerun(connection, job_id)
        assert not store.rerun(connection, job_id), "it is no failed one any more"
    work(world, context)
    assert found(world, job_id) is None
    assert 1 == len(set(press.tried)), "all tries were for one number"
    issued = world.rows("SELECT state FROM receipts WHERE payment_id = :id", id=payment_id)
    assert [("issued",)] == issued


def test_one_job_that_fails_does_not_keep_others_from_being_done(world: World) -> None:
    payment_id = world.payment(world.case())
    put(world, "query_attempt", "att_1", attempt_id="att_1", nonsense=1)
    put(world, "expire_payment", payment_id, payment_id=payment_id)
    make_due(world)
    work(world, replace(world.context, clock=lambda: minutes(9999)))
    assert "expired" == world.found(payment_id).state


def test_jobs_of_one_task_and_subject_run_one_after_the_other_and_others_beside_them(world: World) -> None:
    listener, running, most = Listener(world), [0, 0], [0, 0]
    messages = [listener.message() for _ in range(2)]

    def answer(request: HttpRequest) -> HttpAnswer:
        at = messages.index(request.headers["webhook-id"])
        running[at] += 1
        most[at] = max(most[at], running[at])
        most_together.append(sum(running))
        time.sleep(0.05)
        running[at] -= 1
        return says(200)

    most_together: list[int] = []
    listener.wire.answer = answer
    world.do("DELETE FROM procrastinate_jobs")
    for _ in range(3):
        for message in messages:
            put(world, "send_webhook", message, message_id=message, round=0)
    for _ in range(3):
        work(world, listener.context)  # it stops when nothing may be begun, though something still runs
    assert (6, [1, 1]) == (len(listener.sent), most)
    assert 2 == max(most_together)


def test_an_alarm_stands_once_for_a_name_and_subject(world: World) -> None:
    with world.transaction() as connection:
        for detail in ("first", "second"):
            alarms.raise_alarm(connection, "job_given_up", "job-77", detail)
        stands = [each for each in alarms.open_alarms(connection) if each[1] == "job-77"]
    assert [("job_given_up", "job-77", "first")] == stands


def test_jobs_are_counted_and_listed_by_their_status(world: World) -> None:
    ids = [put(world, "expire_payment", f"pay_{n}", at=minutes(n), payment_id=f"pay_{n}") for n in range(3)]
    with world.transaction() as connection:
        assert ids[::-1] == [job.id for job in store.listed(connection, "todo")]
        assert [] == list(store.listed(connection, "failed"))
        assert {"todo": 3} == store.counts(connection)
