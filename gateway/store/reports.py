"""What providers say of money, kept and acted on: the only way that money becomes paid.

One statement, whatever their number: the rules are in the SQL function `record_report`, which also keeps what came in.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from psycopg import Connection

from gateway.domain.machine import sources
from gateway.domain.payment import (
    ATTEMPT_TABLE,
    TABLE,
    AttemptEvent,
    PaymentEvent,
    PaymentState,
    is_finished,
)
from gateway.ports import InboundMessage, Report
from gateway.store.inbox import kept

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


def _from(table: Mapping[tuple[S, E], S], event: E) -> str:
    """The states that an event is possible from, as an array in PostgreSQL's own notation."""
    return _array(state.value for state in sources(table, event))


def _array(values: Iterable[str]) -> str:
    return "{" + ",".join(values) + "}"


FROM_STATES = (
    _from(TABLE, PaymentEvent.PAY),
    _from(TABLE, PaymentEvent.FAIL),
    _from(TABLE, PaymentEvent.SEE_PENDING),
    _from(ATTEMPT_TABLE, AttemptEvent.FAIL),
    _array(state.value for state in PaymentState if is_finished(state) and state is not PaymentState.PAID),
)
"""The states that `record_report` is told: derived from the tables, so that no rule stands in SQL alone.

The last are those in which nothing more is asked for.
"""

# payments are locked in the order of their references, whoever the provider is: each begins with the order code of its
# payment, so two batches that meet wait for each other, and never for ever
_RECORD = """
SELECT n, record_report(source, method, path, decode(query, 'hex'), headers, decode(body, 'hex'), provider, reference,
                        outcome, amount_vnd, currency, provider_ref, code, occurred_at, received_at,
                        %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], any_amount)
FROM (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS told (
        n int, source text, method text, path text, query text, headers jsonb, body text, provider text,
        reference text, outcome text, amount_vnd bigint, currency text, provider_ref text, code text,
        occurred_at timestamptz, received_at timestamptz, any_amount boolean)
    ORDER BY reference, provider, n
) AS ordered
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A report of a provider and where it is from.

    `message` is what came in, None when we asked (the answer is then in the call journal). `any_amount`: the money is
    on an account of ours, so a sum other than the one that was asked for counts too.
    """

    source: str
    provider: str
    report: Report
    message: InboundMessage | None
    now: datetime
    any_amount: bool = False


def record(connection: Connection[tuple[Any, ...]], told: Sequence[Told]) -> list[str]:
    """For each: `ok`, `duplicate`, `unknown_order`, `wrong_amount`, `number_reused`. All are durable, or none."""
    content = json.dumps([_row(n, each) for n, each in enumerate(told)], ensure_ascii=False)
    answers = dict(connection.execute(_RECORD, (*FROM_STATES, content)).fetchall())
    return [str(answers[n]) for n in range(len(told))]


def _row(n: int, told: Told) -> dict[str, object]:
    report = told.report
    row: dict[str, object] = {
        "n": n,
        "source": told.source,
        "provider": told.provider,
        "reference": report.reference,
        "outcome": report.outcome.value,
        "amount_vnd": report.amount_vnd,
        "currency": report.currency,
        "provider_ref": report.provider_ref,
        "code": report.code,
        "occurred_at": None if report.occurred_at is None else report.occurred_at.isoformat(),
        "received_at": told.now.isoformat(),
        "any_amount": told.any_amount,
    }
    came = told.message
    if came is not None:
        row |= {
            "method": came.method,
            "path": came.path,
            "query": came.query.hex(),
            "headers": kept(came.headers),
            "body": came.body.hex(),
        }
    return row
