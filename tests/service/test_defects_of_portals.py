"""What two public portals got wrong towards the national platform, asked of every provider that we have.

They ignored the checksum of a message, never compared the sum, let a failure overwrite a success, believed answers
that they had not verified, wrote afternoons in twelve hours, and answered errors with a 500.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from service_world import ACCOUNT, NOW, World

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

from adapters_under_test import ADAPTERS
from asking import Door, can, garbled, outward, reading
from wire_samples import WIRE, Case, answered, inbound

from gateway.domain.errors import Unreachable
from gateway.ports import Answer, Capability, InboundMessage
from gateway.service import reports
from gateway.service.reports import Asked

pytestmark = pytest.mark.service

HEARD = [case for case in ADAPTERS if can(case, Capability.CALLBACK)]
BY_ORDER = [case for case in HEARD if not can(case, Capability.NOTICE)]
ASKED = [case for case in ADAPTERS if can(case, Capability.QUERY)]
FAILING = [case for case in BY_ORDER if "callback.failed.http" in case.expected]
NAMES = [
    "bidv",
    "casso_v2",
    "dvcqg",
    "keypay",
    "keypay2",
    "paygov",
    "payos",
    "sepay",
    "ttttqg",
    "vietinbank",
    "viettelpay",
    "vnpay",
]
HERE = timedelta(hours=7)


def name(case: Case) -> str:
    return str(case.folder.relative_to(WIRE)).rpartition("/")[2]


class Stand:
    """One provider of the samples in the house, and a payment with a try under the reference of its samples."""

    def __init__(self, world: World, case: Case, case_code: str) -> None:
        self.case, self.name = case, name(case)
        self.provider = case.build(world.wire)
        providers = {**world.context.providers, self.provider.name: self.provider}
        self.world = replace(world, context=replace(world.context, providers=providers))
        self.payment_id = self.world.payment(case_code)
        self.ask_for(case.order.amount_vnd)

    def ask_for(self, amount_vnd: int) -> None:
        """What is owed, and a try under the samples' reference that asks for it; earlier ones make room."""
        world, reference = self.world, self.case.order.reference
        world.do(
            "UPDATE attempts SET reference = 'OLD' || right(id, 17) WHERE provider = :name AND reference = :it",
            name=self.provider.name,
            it=reference,
        )
        world.do("DELETE FROM attempts WHERE payment_id = :id", id=self.payment_id)
        world.do(
            "UPDATE payments SET amount_vnd = :vnd, state = 'pending' WHERE id = :id",
            vnd=amount_vnd,
            id=self.payment_id,
        )
        world.do(
            "INSERT INTO attempts (payment_id, provider, reference, number, state, asked_vnd, created_at, sent_at) "
            "VALUES (:id, :name, :it, 1, 'sent', :vnd, :now, :now)",
            id=self.payment_id,
            name=self.provider.name,
            it=reference,
            vnd=amount_vnd,
            now=NOW,
        )

    def message(self, sample: str) -> InboundMessage:
        return inbound(self.case.sample(f"callback.{sample}.http"))

    def words(self, answer: Answer, message: InboundMessage) -> bytes:
        return self.provider.acknowledge(answer, message, self.case.now).body

    def hear(self, message: InboundMessage) -> bytes:
        return self.world.hear(self.provider.name, message, self.case.now)

    def money(self) -> tuple[str, int, list[tuple[str, int, int]]]:
        """The payment's state, what came, and how it is booked."""
        found = self.world.found(self.payment_id)
        return found.state, found.paid_vnd, self.world.ledger(self.payment_id)


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.fixture
def stand(world: World, case_code: str, case: Case) -> Iterator[Stand]:
    yield Stand(world, case, case_code)
    world.do("DELETE FROM provider_health")


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=name)


def test_every_provider_that_calls_us_is_tried() -> None:
    assert NAMES == sorted(name(case) for case in HEARD)
    assert ["payos"] == [name(case) for case in HEARD if "callback.debit" in case.silent]
    assert {ACCOUNT} != {case.order.agency.account for case in HEARD}, "the samples are of another agency"


@each(HEARD)
def test_a_message_whose_checksum_is_wrong_moves_nothing(stand: Stand) -> None:
    before, forged = stand.money(), stand.message("forged")
    assert stand.words(Answer.BAD_SIGNATURE, forged) == stand.hear(forged)
    assert stand.words(Answer.OK, forged) != stand.words(Answer.BAD_SIGNATURE, forged)
    assert before == stand.money()
    kept = "SELECT verdict FROM inbox WHERE source = :from AND query = :asked AND body = :body"
    told = {"from": stand.provider.name, "asked": forged.query, "body": forged.body}
    assert [("bad_signature",)] == stand.world.rows(kept, **told)


@each(BY_ORDER)
@pytest.mark.parametrize("more_vnd", [1, -1, 1_000_000])
def test_a_sum_other_than_the_one_that_is_owed_moves_nothing(stand: Stand, more_vnd: int) -> None:
    stand.ask_for(stand.case.order.amount_vnd + more_vnd)
    before, said = stand.money(), stand.message("paid")
    assert stand.words(Answer.WRONG_AMOUNT, said) == stand.hear(said)
    assert before == stand.money()
    assert "wrong_amount" in stand.world.alarms(f"{stand.provider.name}:{stand.case.order.reference}")


@each(FAILING)
def test_a_failure_does_not_overwrite_a_success(stand: Stand) -> None:
    said, failed = stand.message("paid"), stand.message("failed")
    assert stand.words(Answer.OK, said) == stand.hear(said)
    paid = stand.money()
    assert ("paid", stand.case.order.amount_vnd) == paid[:2]
    for _ in range(2):
        stand.hear(failed)
    assert paid == stand.money()


@each(ASKED)
def test_an_answer_that_is_not_verified_is_not_believed(stand: Stand) -> None:
    before = stand.money()
    attempt_id = stand.world.one("SELECT id FROM attempts WHERE payment_id = :id", id=stand.payment_id)
    unbelievable = [
        sample
        for sample in stand.case.samples("query.")
        if stand.case.expected[sample] in ("BadSignature", "ForeignPartner", "Malformed")
    ]
    assert "query.forged.http" in unbelievable
    for sample in unbelievable:
        answer = answered(stand.case.sample(sample))
        stand.world.wire.answer = lambda _, answer=answer: answer
        assert Asked.UNHEARD == reports.ask(stand.world.context, attempt_id, stand.case.now), sample
        assert before == stand.money()


@each(HEARD)
def test_garbage_is_answered_in_the_providers_words_and_never_as_a_breakdown(stand: Stand) -> None:
    before, answers = stand.money(), set()
    for message in garbled(stand.message("paid")):
        said = reports.hear(stand.world.context, stand.provider, message, stand.case.now)
        answers.add(said.status)
        words = [stand.words(answer, message) for answer in (Answer.MALFORMED, Answer.BAD_SIGNATURE)]
        assert said.body in words
    assert before == stand.money()
    assert {answered(stand.case.sample("acknowledge.malformed.http")).status} | {
        answered(stand.case.sample("acknowledge.bad_signature.http")).status
    } >= answers


@each(list(ADAPTERS))
@pytest.mark.parametrize(("hour", "wrong"), [(14, 2), (0, 12), (12, 0), (23, 11)])
def test_a_day_has_24_hours_on_every_wire(case: Case, hour: int, wrong: int) -> None:
    at = NOW.replace(hour=hour, minute=31, second=47) - HERE
    order = replace(case.order, created_at=at, expires_at=at + timedelta(hours=1))
    door = Door(Unreachable("nothing is sent here"))
    moved = replace(case, order=order, now=at, refund=replace(case.refund, started_at=at, created_at=at))
    told = [reading(lambda: moved.build(door).start(order))]
    told += [reading(call) for call in outward(moved, door)]
    said = "".join([*map(str, told), *(f"{request.url} {request.body!r}" for request in door.sent)])
    twelve = [f"{wrong:02}{middle}31{middle}47" for middle in ("", ":", "%3A")]
    assert [] == [form for form in twelve if form in said]
    if name(case) in {"dvcqg", "vnpay"}:
        assert f"{hour:02}3147" in said
