"""The leaf of an event in the proof log: what anybody may read of it, and commitments to the rest.

A leaf is canonical JSON, and anybody may read it. Only what is listed here stands in it as it is: states and their
codes, providers, times and sums. Everything else, free text and members that come with later releases too,
stands as `HMAC-SHA256(salt, canonical JSON)`. So do the hashes of documents and papers and the numbers of receipts:
whoever holds the paper could look up its leaf, and learn from it what else happened to that person. The salt of a
field is derived from that of its case, so one field can be opened and the others stay shut, and a case whose salt is
destroyed is forgotten while its proofs hold. The code of the case is committed too: nobody can guess a leaf.

    {"v": 1, "id": 17, "type": "payment.succeeded", "subject": {"kind": "payment", "id": "pay_…"}, "version": 3,
     "from": "pending", "to": "paid", "actor": "provider:vnpay", "occurred_at": "…Z", "recorded_at": "…Z",
     "case": "<hex>", "data": {…}, "committed": {"cause": "<hex>", …}}
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from gateway.domain.evidence import canonical, check, spell

VERSION: Final = 1
SALT_BYTES: Final = 32
CASE: Final = "case"
OPEN_DATA: Final = frozenset(
    {
        "amount_vnd",
        "asked_vnd",
        "attempt_id",
        "booked_vnd",
        "code",
        "detail_state",
        "expected_vnd",
        "from_vnd",
        "green",
        "in_transit_vnd",
        "national_code",
        "national_name",
        "open_breaks",
        "owed_vnd",
        "payment_id",
        "provider",
        "reasons",
        "received_vnd",
        "receipt_id",
        "refund_id",
        "signature",
    }
)
OPEN_ACTORS: Final = frozenset({"citizen", "gateway", "finance", "portal", "provider", "operator", "staff"})
"""What stands before the colon of an actor; of staff, the name behind it is committed."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An event as it is proved. `personal` are values that are no part of it and are committed with it."""

    id: int
    type: str
    subject_kind: str
    subject_id: str
    version: int
    from_state: str | None
    to_state: str | None
    actor: str
    cause: str
    occurred_at: datetime
    recorded_at: datetime
    case_code: str | None
    data: Mapping[str, object]
    personal: Mapping[str, object] = field(default_factory=dict, repr=False)


def field_salt(salt: bytes, event_id: int, name: str) -> bytes:
    """The salt of one field of one event; that of the case's code is the same in all of its events."""
    subject = name if name == CASE else f"{event_id}:{name}"
    return hmac.digest(salt, subject.encode(), "sha256")


def commitment(salt: bytes, value: object) -> str:
    """What stands for a value: HMAC-SHA256 under its field's own salt, in hexadecimal."""
    return hmac.digest(salt, canonical(value), "sha256").hex()


def hidden(fact: Fact) -> Mapping[str, object]:
    """The values that a leaf commits to, by the names they have there (all but the code of the case)."""
    kind, _, name = fact.actor.partition(":")
    values = {name_: value for name_, value in fact.data.items() if name_ not in OPEN_DATA}
    values |= {"cause": fact.cause, **fact.personal}
    if kind not in OPEN_ACTORS or (kind == "staff" and name):
        values["actor"] = fact.actor
    return values


def body(fact: Fact, salt: bytes) -> bytes:
    """The bytes of the leaf. Raises `ValueError` for data that has no canonical form."""
    is_case = fact.subject_kind == CASE
    case = None if fact.case_code is None else _case(salt, fact.case_code)
    kind = fact.actor.partition(":")[0]
    values = hidden(fact)
    shown_actor = fact.actor if "actor" not in values else (kind if kind in OPEN_ACTORS else "other")
    shown = {name: value for name, value in fact.data.items() if name in OPEN_DATA}
    check(shown)
    leaf: dict[str, object] = {
        "v": VERSION,
        "id": fact.id,
        "type": fact.type,
        "subject": {"kind": fact.subject_kind, "id": case if is_case else fact.subject_id},
        "version": fact.version,
        "from": fact.from_state,
        "to": fact.to_state,
        "actor": shown_actor,
        "occurred_at": moment(fact.occurred_at),
        "recorded_at": moment(fact.recorded_at),
        "data": shown,
        "committed": {
            name: commitment(field_salt(salt, fact.id, name), value) for name, value in values.items()
        },
    }
    if case is not None:
        leaf[CASE] = case
    return spell(leaf)


@lru_cache(maxsize=4096)
def _case(salt: bytes, case_code: str) -> str:
    return commitment(field_salt(salt, 0, CASE), case_code)


def moment(at: datetime) -> str:
    """A moment with microseconds in UTC, always spelled alike: `2026-11-24T02:55:00.000000Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
