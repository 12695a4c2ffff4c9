"""A case is registered. With `handing_in` the hot path of portals that keep the dossier (`store.whole_cases`)."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from gateway.domain import agencies, fees
from gateway.domain.case import CaseState, MoneyState
from gateway.domain.codes import format_case_code, parse_case_code
from gateway.domain.errors import Forbidden, Malformed, ReferenceConflict
from gateway.domain.fees import Channel
from gateway.domain.procedure import ONLINE_CASE, Procedure
from gateway.service import sealed
from gateway.service.access import Caller
from gateway.service.case_moves import VIETNAM
from gateway.service.context import Context
from gateway.service.idempotency import fingerprint, same_or_conflict
from gateway.store import cases as store
from gateway.store import spine, whole_cases
from gateway.store.inbox import Kept, Signed
from gateway.store.payments import bare
from gateway.store.whole_cases import Whole

TOKEN_BYTES = 20
PHONE_DIGITS = 4
UNSAID: Mapping[str, object] = {"channel": Channel.ONLINE.value, "keeps_documents": False}
"""What may be said of a registration since later releases, and what it is where nobody says it."""


def register(
    context: Context, caller: Caller, wanted: Mapping[str, Any], now: datetime
) -> tuple[Whole, bool]:
    """Take a case in as a draft. Returns it, and whether it is new.

    Raises `NotFound` (procedure), `Malformed` (case code, reduction) and `ReferenceConflict`.
    """
    print_ = _print_of(wanted)
    known = _known(context, caller, wanted, print_)
    if known is not None:
        return known, False
    new = _new(context, caller, wanted, print_=print_, now=now)
    made = _insert(context, caller, new, wanted, now)
    if made is not None:
        return made, True
    # the same reference came at the same moment and won, or the code is another case's
    known = _known(context, caller, wanted, print_)
    if known is None:
        raise ReferenceConflict("this case code is taken")
    return known, False


def take_order(
    context: Context, caller: Caller, order: Signed, wanted: Mapping[str, Any]
) -> tuple[Kept | None, Whole | None]:
    """As `register` where the case is new and has its portal's own code, and keep the message that orders it.

    Nothing is kept where the message is believed no longer, and no case is made where that came before or the case
    cannot be new: then `register` tells. Raises as `register`, and has then written nothing.
    """
    new = _new(context, caller, wanted, print_=_print_of(wanted), now=order.at)
    with context.pool.connection() as connection:
        values, change = _with_code(caller, new, _own_code(caller, wanted["case_code"]))
        return whole_cases.keep_and_add(connection, order, values, wanted["documents"], change)


def _known(context: Context, caller: Caller, wanted: Mapping[str, Any], print_: str) -> Whole | None:
    """The case that came under this reference. Raises `ReferenceConflict`."""
    with context.pool.connection() as connection:
        known = whole_cases.find_by_reference(connection, caller.portal_id, wanted["reference"])
        if known is None:
            return None
        same_or_conflict(known.fingerprint, print_)
        return whole_cases.find(connection, known.case_code)


def today(now: datetime) -> date:
    """The day in Việt Nam."""
    return now.astimezone(VIETNAM).date()


def _print_of(wanted: Mapping[str, Any]) -> str:
    """The fingerprint of a registration: what came with later releases is no part of it where nobody says it."""
    return fingerprint({name: value for name, value in wanted.items() if UNSAID.get(name, ...) != value})


def _offered(context: Context, wanted: Mapping[str, Any], now: datetime) -> Procedure:
    """The version in force today. Raises `NotFound`; `Forbidden` where no case of it is taken by this channel."""
    known = context.catalogue.now(wanted["procedure_code"], today(now))
    if known.level < ONLINE_CASE:
        raise Forbidden(f"of a procedure of level {known.level} no case is taken here: {known.agency_vi}")
    if not known.offers(Channel(wanted.get("channel", Channel.ONLINE))):
        raise Forbidden("the procedure does not offer this channel")
    return known


def _new(
    context: Context, caller: Caller, wanted: Mapping[str, Any], *, print_: str, now: datetime
) -> Mapping[str, Any]:
    """The row of a new case without its code. Raises `NotFound`, `Forbidden`, `Malformed` (reduction)."""
    known = _offered(context, wanted, now)
    reduction = wanted["answers"].get("reduction")
    channel = Channel(wanted.get("channel", Channel.ONLINE))
    charges = fees.charges(known.fees, fees.Asked(today(now), channel, reduction, wanted["answers"]))
    owed_vnd = sum(charge.amount_vnd for charge in charges)
    applicant = wanted["applicant"]
    return {
        "portal_id": caller.portal_id,
        "reference": wanted["reference"],
        "fingerprint": print_,
        "procedure_code": known.code,
        "procedure_version": known.version,
        "channel": channel.value,
        "pay": known.pays(channel).value,
        "keeps_documents": wanted.get("keeps_documents", False),
        "agency_code": caller.agency_code,
        "state": CaseState.DRAFT.value,
        "money_state": (MoneyState.DUE if owed_vnd else MoneyState.NOT_DUE).value,
        "applicant_sealed": sealed.seal(context.sealer, applicant, sealed.APPLICANT),
        "phone_index": context.sealer.index(applicant["phone"][-PHONE_DIGITS:], sealed.PHONE),
        "answers_sealed": sealed.seal(context.sealer, wanted["answers"], sealed.ANSWERS),
        "reduction": reduction,
        "fees": [charge.as_dict() for charge in charges],
        "track_token": context.entropy(TOKEN_BYTES).hex(),
        "created_at": now,
    }


def _insert(
    context: Context, caller: Caller, new: Mapping[str, Any], wanted: Mapping[str, Any], now: datetime
) -> Whole | None:
    """The case as it is now; None where its reference or its code is taken. Raises `Malformed` (case code)."""
    documents = wanted["documents"]
    if wanted.get("case_code") is not None:
        values, change = _with_code(caller, new, _own_code(caller, wanted["case_code"]))
        with context.pool.connection() as connection:
            return whole_cases.add(connection, values, documents, change)
    with context.engine.connect() as numbered, numbered.begin() as transaction:
        values, change = _with_code(caller, new, _next_code(numbered, caller, today(now)))
        made = whole_cases.add(bare(numbered), values, documents, change)
        if made is None:
            transaction.rollback()  # the number is the next one's
        return made


def _own_code(caller: Caller, code: str) -> str:
    """A code that a portal gives by itself. Raises `Malformed`."""
    if not agencies.is_within(parse_case_code(code).agency, caller.agency_code):
        raise Malformed("this case code is of another agency")
    return code


def _next_code(connection: Connection, caller: Caller, on: date) -> str:
    """The agency's next code of the day; one that a portal has given to a case of its own is passed over."""
    while True:
        number = store.next_number(connection, caller.agency_code, on)
        code = format_case_code(caller.agency_code, on, counter=number)
        if not store.has_code(connection, code):
            return code


def _with_code(caller: Caller, new: Mapping[str, Any], code: str) -> tuple[Mapping[str, Any], spine.Change]:
    """The row of a new case, and its first event."""
    change = spine.Change(
        subject_kind="case",
        subject_id=code,
        type="case.draft",
        version=1,
        actor=f"portal:{caller.portal_id}",
        cause=caller.cause,
        occurred_at=new["created_at"],
        portal_id=caller.portal_id,
        case_code=code,
        to_state=new["state"],
    )
    return {"case_code": code, **new}, change
