"""Tries that stay unclear: a person has asked the provider, and it took no money.

Money that it did take is found by its callback, by a question, or by the statement; what nobody can be asked about, and
never came, would otherwise be waited for without an end.
"""

from datetime import datetime

from gateway.domain.errors import Forbidden, Malformed, NotFound
from gateway.domain.payment import AttemptEvent, AttemptState, PaymentEvent
from gateway.service import payments
from gateway.service.context import Context
from gateway.store import alarms
from gateway.store import payments as store

UNCLEAR = frozenset({AttemptState.INTENDED, AttemptState.UNKNOWN})


def settle_not_paid(
    context: Context, attempt_id: str, *, by: str, proof: bytes, now: datetime
) -> store.Payment:
    """End an unclear try, with the provider's word as proof; a success that comes all the same still counts.

    Raises `Malformed` (no proof), `NotFound`, `Forbidden` (the try is not unclear).
    """
    if not proof:
        raise Malformed("the provider's word is asked for as proof")
    sha256 = context.files.put(proof)
    with context.engine.begin() as connection:
        seen = store.find_attempt(connection, attempt_id)
        payment = None if seen is None else store.find(connection, seen.payment_id, lock=True)
        attempt = store.find_attempt(connection, attempt_id)
        if payment is None or attempt is None:
            raise NotFound("no try has this id")
        if attempt.state not in UNCLEAR:
            raise Forbidden(f"a try in state {attempt.state} is not unclear")
        store.move_attempt(connection, attempt_id, AttemptEvent.ABANDON)
        tried = store.attempts_of(connection, payment.id)
        if not any(each.state == AttemptState.UNKNOWN for each in tried):
            data = {"attempt_id": attempt_id, "provider": attempt.provider, "proof_sha256": sha256}
            payments.move(
                connection, payment, PaymentEvent.SEE_PENDING, now, actor=by, cause="settled", data=data
            )
        for subject in (attempt_id, payment.id):
            alarms.close(connection, "money_unclear", subject, now)
        changed = store.find(connection, payment.id)
    assert changed is not None
    return changed
