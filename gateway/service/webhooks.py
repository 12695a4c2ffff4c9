"""Webhooks by the Standard Webhooks specification: signed at each try, retried by a published schedule."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from gateway.domain.errors import Malformed, NotFound, ReferenceConflict, TransportError, Unreachable
from gateway.domain.published import PUBLISHED, is_known, wants
from gateway.ports import HttpAnswer, HttpRequest
from gateway.service import sealed, show
from gateway.service.cases import Caller
from gateway.service.context import Context
from gateway.store import alarms, jobs
from gateway.store import webhooks as store
from gateway.store.spine import Event

TIMEOUT_S = 10.0
GONE = 410
GIVE_UP_AFTER = timedelta(days=5)
LONGEST_RETRY_AFTER_S = 24 * 3600
JITTER = 0.2


def add_endpoint(
    context: Context, caller: Caller, *, url: str, types: Sequence[str], secret: bytes | None
) -> store.Endpoint:
    """Where the portal wants to be told. Raises `Malformed` (URL, types) and `ReferenceConflict` (URL known)."""
    check_target(context, url)
    unknown = [each for each in types if not is_known(each)]
    if unknown:
        raise Malformed(f"unknown event types: {', '.join(sorted(unknown))[:200]}")
    hidden = None if secret is None else context.sealer.seal(secret, sealed.WEBHOOK_SECRET)
    with context.engine.begin() as connection:
        made = store.add_endpoint(
            connection, portal_id=caller.portal_id, url=url, types=types, secret_sealed=hidden
        )
    if made is None:
        raise ReferenceConflict("this URL is an endpoint already")
    return made


def check_target(context: Context, url: str) -> None:
    """Raises `Malformed` for what is never called: in live mode anything but https, and private addresses."""
    if not url.startswith(("https://", "http://")) or (context.live and not url.startswith("https://")):
        raise Malformed("an endpoint is an https address")
    try:
        context.check_address(url)
    except Unreachable as error:
        raise Malformed(f"this address cannot be an endpoint: {error}") from None


def find_endpoint(context: Context, caller: Caller, endpoint_id: str) -> store.Endpoint:
    """The caller's endpoint. Raises `NotFound`."""
    with context.engine.connect() as connection:
        found = store.find_endpoint(connection, endpoint_id, caller.portal_id)
    if found is None:
        raise NotFound("no webhook endpoint has this id")
    return found


def fan_out(connection: Connection, events: Sequence[Event]) -> None:
    """A message and its first try for each endpoint that wants an event; safe to do again."""
    for event in events:
        if event.type not in PUBLISHED or event.portal_id is None:
            continue
        for endpoint in store.endpoints_of(connection, event.portal_id):
            if endpoint.state == "enabled" and wants(frozenset(endpoint.types), event.type):
                body = json.dumps(show.event(event), ensure_ascii=False).encode()
                message_id = store.add_message(
                    connection, endpoint_id=endpoint.id, event_id=event.id, body=body
                )
                if message_id is not None:
                    put_try(connection, message_id, round_=0, at=None)


def put_try(connection: Connection, message_id: str, *, round_: int, at: datetime | None) -> None:
    args = {"message_id": message_id, "round": round_}
    jobs.put(connection, "send_webhook", subject=message_id, args=args, at=at)


def resend(context: Context, caller: Caller, event_id: int) -> int:
    """Send every message of an event again; returns how many. Raises `NotFound`."""
    with context.engine.begin() as connection:
        messages = store.messages_of_event(connection, caller.portal_id, event_id)
        if not messages:
            raise NotFound("no message of this event was ever sent to you")
        for message in messages:
            # a new job would wait behind the next try of the schedule, which may be a day away
            if not jobs.hasten(connection, "send_webhook", subject=message.id):
                put_try(connection, message.id, round_=0, at=None)
    return len(messages)


@dataclass(frozen=True, slots=True)
class _Failure:
    round: int
    outcome: str
    answer: HttpAnswer | None


def send(context: Context, message_id: str, round_: int, now: datetime) -> None:
    """One try. What follows from its outcome is written down with it."""
    with context.engine.connect() as connection:
        message = store.find_message(connection, message_id)
        endpoint = None if message is None else store.find_endpoint(connection, message.endpoint_id)
    if message is None or endpoint is None or endpoint.state != "enabled":
        return
    try:
        answer = context.webhook_door.send(_request(context, endpoint, message, now))
    except TransportError as error:
        failure = _Failure(round_, type(error).__name__, None)
        _failed(context, endpoint, message, failure, now)
        return
    if 200 <= answer.status < 300:  # noqa: PLR2004 - any 2xx is a receipt, by the specification
        with context.engine.begin() as connection:
            store.log_try(connection, message.id, answer.status, "delivered")
            store.mark_delivered(connection, message.id, now)
            store.change_endpoint(connection, endpoint.id, failing_since=None)
    else:
        _failed(context, endpoint, message, _Failure(round_, "refused", answer), now)


def _request(
    context: Context, endpoint: store.Endpoint, message: store.Message, now: datetime
) -> HttpRequest:
    secret = None
    if endpoint.secret_sealed is not None:
        secret = context.sealer.open(endpoint.secret_sealed, sealed.WEBHOOK_SECRET)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": context.sign_webhook(message.id, now, message.body, secret),
    }
    return HttpRequest("POST", endpoint.url, headers, message.body, timeout_s=TIMEOUT_S)


def _failed(
    context: Context,
    endpoint: store.Endpoint,
    message: store.Message,
    failure: _Failure,
    now: datetime,
) -> None:
    answer, outcome, round_ = failure.answer, failure.outcome, failure.round
    since = endpoint.failing_since or now
    gone = answer is not None and answer.status == GONE
    with context.engine.begin() as connection:
        store.log_try(connection, message.id, None if answer is None else answer.status, outcome)
        if gone or now - since > GIVE_UP_AFTER:
            store.change_endpoint(connection, endpoint.id, state="disabled", failing_since=since)
            alarms.raise_alarm(connection, "webhook_disabled", endpoint.id, outcome)
            return
        store.change_endpoint(connection, endpoint.id, failing_since=since)
        delays = context.schedules.webhook_s
        if round_ < len(delays):
            later = now + timedelta(seconds=_delay_s(delays[round_], answer))
            put_try(connection, message.id, round_=round_ + 1, at=later)
        else:
            alarms.raise_alarm(connection, "webhook_given_up", message.id, outcome)


def _delay_s(planned_s: int, answer: HttpAnswer | None) -> float:
    headers: Mapping[str, Any] = {} if answer is None else answer.headers
    asked = str(headers.get("retry-after", ""))
    if asked.isascii() and asked.isdigit() and len(asked) <= len(str(LONGEST_RETRY_AFTER_S)):
        return max(planned_s, min(int(asked), LONGEST_RETRY_AFTER_S))
    return planned_s * (1 + random.random() * JITTER)  # noqa: S311 - spreads tries, hides nothing
