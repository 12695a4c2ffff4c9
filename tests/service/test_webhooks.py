"""Portals are told once per event and endpoint, signed, and again by the published schedule until they have it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from service_hooks import SECRET, Listener, says
from service_world import NOW, Wire, World, nobody_listens

from gateway.config import Settings
from gateway.domain.errors import Malformed, NotFound, OutcomeUnknown, ReferenceConflict
from gateway.ports import HttpAnswer, HttpRequest
from gateway.service import webhooks
from gateway.store import spine
from signing.keys import Kind
from signing.webhooks import Trust, generate_secret, verify

pytestmark = pytest.mark.service

DAY_S = 24 * 3600


@pytest.fixture
def listener(world: World) -> Listener:
    return Listener(world)


def test_there_is_one_message_for_each_event_and_endpoint_ever(world: World, listener: Listener) -> None:
    other = Listener(world)
    message = listener.message()
    told = [listener.told(), other.told()]
    tries = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'send_webhook'"
    before = world.one(tries)
    with world.transaction() as connection:
        position, events = spine.START, []
        while batch := spine.read_after(connection, position, 500):
            position = batch[-1].position
            events += batch
        webhooks.fan_out(connection, [each for each in events if each.type == "payment.created"])
    assert told == [listener.told(), other.told()]
    assert ["case.registered", "payment.created"] == [type_ for _, type_ in told[0]]
    assert (before, 1) == (world.one(tries), len(world.jobs("send_webhook", message)))


def test_an_endpoint_is_told_what_it_asked_for_of_its_own_portal_and_nothing_that_is_ours_alone(
    world: World,
) -> None:
    chosen, foreign = Listener(world, ["payment.*"]), Wire()
    theirs = webhooks.add_endpoint(
        world.context, world.stranger, url="https://other.example.vn", types=["*"], secret=None
    )
    payment_id = world.payment(world.case())
    world.start(payment_id, "vnpay")
    chosen.fan_out()
    assert "payment.started" in world.types(payment_id)
    assert ["payment.created"] == [type_ for _, type_ in chosen.told()]
    query = "SELECT count(*) FROM webhook_messages WHERE endpoint_id = :id"
    assert (0, []) == (world.one(query, id=theirs.id), foreign.asked)


def test_a_message_is_signed_as_the_standard_says_and_tells_what_happened(world: World) -> None:
    listener, now = Listener(world), datetime.now(UTC)
    message = listener.message()
    listener.send(message, at=now)
    (request,) = listener.sent
    told = standardwebhooks.Webhook(generate_secret(SECRET)).verify(request.body, dict(request.headers))
    event_id = world.one("SELECT event_id FROM webhook_messages WHERE id = :id", id=message)
    assert ("payment.created", 1, f"evt_{event_id}", "created") == (
        told["type"],
        told["version"],
        told["id"],
        told["data"]["state"],
    )
    key = world.house.keystore.ensure("webhook", Kind.ED25519, now=NOW).private_key.public_key()
    assert isinstance(key, Ed25519PublicKey)
    verify(
        message_id=request.headers["webhook-id"],
        timestamp=request.headers["webhook-timestamp"],
        signature=request.headers["webhook-signature"],
        body=request.body or b"",
        trust=Trust(public_keys=(key,)),
        now=now,
    )
    assert message == request.headers["webhook-id"]
    assert [(200, "delivered")] == listener.outcomes(message)


def test_x26_the_secret_is_in_no_repr_no_log_and_no_column(
    world: World, listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    listener.answer = says(500)
    message = listener.message()
    listener.send(message)
    out, err = capsys.readouterr()
    everywhere = "".join(
        [
            out,
            err,
            repr(listener.state()),
            repr(listener.context),
            repr(listener.sent),
            json.dumps(world.rows("SELECT to_jsonb(e) FROM webhook_endpoints e"), default=str),
            json.dumps(world.rows("SELECT to_jsonb(a) FROM webhook_attempts a"), default=str),
        ]
    )
    for form in (SECRET.decode(), SECRET.hex(), generate_secret(SECRET), repr(SECRET)[2:-1]):
        assert form not in everywhere


# --- the schedule -------------------------------------------------------------------------------


def test_a_message_that_is_refused_is_sent_again_by_the_published_schedule_and_then_given_up(
    world: World, listener: Listener
) -> None:
    listener.answer = says(500)
    message = listener.message()
    delays = Settings.model_fields["webhook_delays_s"].default
    assert [5, 30, 120, 600, 1800, 7200, 18000, 36000, 50400, 72000, 86400] == delays
    for round_, delay_s in enumerate(delays):
        listener.send(message, round_)
        next_round, due_at = listener.due(message)[-1]
        assert round_ + 1 == next_round
        assert due_at is not None
        assert delay_s <= (due_at - NOW).total_seconds() <= delay_s * 1.2, "with jitter"
    assert [] == world.alarms(message)
    listener.send(message, len(delays))
    assert ["webhook_given_up"] == world.alarms(message)
    assert len(delays) == len(listener.due(message))
    assert [(500, "refused")] * 12 == listener.outcomes(message)


@pytest.mark.parametrize(
    ("asked", "due_s"),
    [("3600", 3600), ("5", 5), ("1", 5), ("86400", DAY_S), ("86401", DAY_S), ("99999", DAY_S)],
)
def test_retry_after_is_honoured_up_to_a_day_and_never_hastens(
    listener: Listener, asked: str, due_s: int
) -> None:
    message = listener.message()
    listener.answer = says(429, retry_after=asked)
    listener.send(message)
    assert [(1, NOW + timedelta(seconds=due_s))] == listener.due(message)


@pytest.mark.parametrize(
    "asked", ["", "soon", "-5", "3.5", "９０", "1" * 40, "Wed, 25 Nov 2026 07:28:00 GMT"]
)
def test_a_retry_after_that_is_no_number_of_seconds_leaves_the_schedule_as_it_is(
    listener: Listener, asked: str
) -> None:
    message = listener.message()
    listener.answer = says(503, retry_after=asked)
    listener.send(message)
    ((_, due_at),) = listener.due(message)
    assert due_at is not None
    assert 5 <= (due_at - NOW).total_seconds() <= 6


def test_a_call_that_fails_on_the_wire_is_a_failed_try_as_any_other(listener: Listener) -> None:
    message = listener.message()

    def lost(_: HttpRequest) -> HttpAnswer:
        raise OutcomeUnknown("the connection broke after it was sent")

    for round_, answer in enumerate((nobody_listens, lost)):
        listener.wire.answer = answer
        listener.send(message, round_)
    assert [(None, "Unreachable"), (None, "OutcomeUnknown")] == listener.outcomes(message)
    assert [1, 2] == [round_ for round_, _ in listener.due(message)]


# --- when an endpoint is no more ----------------------------------------------------------------


def test_410_disables_the_endpoint_and_tells_a_person(world: World, listener: Listener) -> None:
    listener.answer = says(410)
    message = listener.message()
    listener.send(message)
    state = listener.state()
    assert state is not None
    assert ("disabled", ["webhook_disabled"], []) == (
        state.state,
        world.alarms(listener.id),
        listener.due(message),
    )
    before = listener.told()
    listener.message()
    assert before == listener.told(), "a disabled endpoint is told nothing new"


@pytest.mark.parametrize("how", ["removed", "disabled"])
def test_x07_an_endpoint_that_is_taken_away_in_the_midst_of_its_retries_ends_them(
    listener: Listener, how: str
) -> None:
    message = listener.message()
    listener.answer = says(500)
    listener.send(message)
    if how == "removed":
        listener.remove()
    else:
        listener.change(state="disabled")
    listener.send(message, 1)
    assert 1 == len(listener.sent)
    assert [1] == [round_ for round_, _ in listener.due(message)], "no further try is put down"


@pytest.mark.parametrize("status", [200, 410, 500])
def test_x07_an_endpoint_that_is_removed_while_it_is_called_does_not_come_back(
    listener: Listener, status: int
) -> None:
    message = listener.message()

    def answer(_: HttpRequest) -> HttpAnswer:
        listener.remove()
        return says(status)

    listener.wire.answer = answer
    listener.send(message)
    assert listener.state() is None


def test_an_endpoint_that_fails_for_five_days_is_disabled_and_a_person_is_told(
    world: World, listener: Listener
) -> None:
    message = listener.message()
    listener.answer = says(500)
    for days, expected in ((0, "enabled"), (5, "enabled"), (5.001, "disabled")):
        listener.send(message, at=NOW + timedelta(days=days))
        state = listener.state()
        assert state is not None
        assert (expected, NOW) == (state.state, state.failing_since)
    assert ["webhook_disabled"] == world.alarms(listener.id)


def test_one_success_begins_the_five_days_anew(listener: Listener) -> None:
    message = listener.message()
    for days, status in ((0, 500), (4, 204), (5.5, 500)):
        listener.answer = says(status)
        listener.send(message, at=NOW + timedelta(days=days))
    state = listener.state()
    assert state is not None
    assert ("enabled", NOW + timedelta(days=5.5)) == (state.state, state.failing_since)


# --- by hand ------------------------------------------------------------------------------------


def test_a_message_is_sent_again_by_hand_under_the_same_id(world: World, listener: Listener) -> None:
    message = listener.message()
    listener.send(message)
    world.do(
        "UPDATE procrastinate_jobs SET status = 'doing' WHERE lock = :lock", lock=f"send_webhook:{message}"
    )
    event_id = world.one("SELECT event_id FROM webhook_messages WHERE id = :id", id=message)
    assert 1 <= webhooks.resend(listener.context, world.caller, event_id)
    assert [({"message_id": message, "round": 0}, None)] == world.jobs("send_webhook", message)
    listener.send(message)
    assert [message, message] == [each.headers["webhook-id"] for each in listener.sent]
    with pytest.raises(NotFound):
        webhooks.resend(listener.context, world.stranger, event_id)


def test_by_hand_a_try_that_waits_for_its_time_goes_at_once(world: World, listener: Listener) -> None:
    message = listener.message()
    world.do("DELETE FROM procrastinate_jobs WHERE lock = :lock", lock=f"send_webhook:{message}")
    listener.answer = says(500)
    listener.send(message, 9)
    (before,) = world.jobs("send_webhook", message)
    assert before[1] is not None
    event_id = world.one("SELECT event_id FROM webhook_messages WHERE id = :id", id=message)
    webhooks.resend(listener.context, world.caller, event_id)
    assert [(before[0], None)] == world.jobs("send_webhook", message)


def test_what_can_be_no_endpoint_is_refused(world: World, listener: Listener) -> None:
    state = listener.state()
    assert state is not None
    for url, types in (
        ("ftp://portal.example.vn", ["*"]),
        ("https://portal.example.vn/x", ["payment.stolen"]),
    ):
        with pytest.raises(Malformed):
            webhooks.add_endpoint(world.context, world.caller, url=url, types=types, secret=None)
    with pytest.raises(ReferenceConflict):
        webhooks.add_endpoint(world.context, world.caller, url=state.url, types=["*"], secret=None)
    listener.remove()
    again = webhooks.add_endpoint(world.context, world.caller, url=state.url, types=["*"], secret=None)
    assert listener.id != again.id
