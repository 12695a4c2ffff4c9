"""Procedure (thủ tục, TTHC): what a case needs, read from data files and never written in code.

Four levels (`specs/case.md` B1): 1 tells all that must be known, 2 gives the forms too, 3 takes the case online, 4 also
takes the fee online and brings the result home. A procedure changes with its law, so it has versions, each in force
from a day to a day; a case keeps the one that was in force when it was received.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as by_default
from datetime import date
from enum import StrEnum

from gateway.domain import answers as forms
from gateway.domain.answers import Condition, Field
from gateway.domain.deadline_parts import Term
from gateway.domain.errors import Missing
from gateway.domain.fees import Channel, FeeRule, Period

TOLD, WITH_FORMS, ONLINE_CASE, WHOLE_ONLINE = 1, 2, 3, 4
REDUCTION = "reduction"
"""The answer that asks for a reduction by its code; no field of the form."""


class PayWhen(StrEnum):
    """When the fee is paid, seen from the reception of the case (thu trước, thu cùng lúc, thu sau)."""

    BEFORE = "before"
    """From the submission on, and the case is not received until it is paid."""
    WITH = "with"
    """From the submission on; the reception does not wait for it."""
    AFTER = "after"
    """From the reception on, or when the agency asks for it."""
    AT_AGENCY = "at_agency"
    """Never here: below level 4 the fee is paid at the agency."""


class Delivery(StrEnum):
    """How the result can be given (trả kết quả)."""

    ONLINE = "online"
    COUNTER = "counter"
    POST = "post"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of handing in (cách thức thực hiện), and the time for processing after reception by it."""

    channel: Channel
    term: Term
    note_vi: str = ""


@dataclass(frozen=True, slots=True)
class FormFile:
    """A form to download (mẫu đơn, tờ khai)."""

    code: str
    name_vi: str
    name_en: str
    url: str


@dataclass(frozen=True, slots=True)
class RequiredDocument:
    """A document of the case (thành phần hồ sơ). `only_if` asks for it by an answer, `reduction` by what it proves."""

    code: str
    name_vi: str
    name_en: str
    required: bool
    media_types: tuple[str, ...]
    reduction: str | None = None
    only_if: Condition | None = None
    originals: int = 0
    copies: int = 1
    form: str | None = None
    """The code of the form that it is written on."""
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    """One version of a procedure of the national catalogue.

    `working_days` is the time for processing after reception, 0 the same day; where `ways` tell it, theirs counts.
    """

    code: str
    name_vi: str
    name_en: str
    level: int
    field: str
    result_vi: str
    working_days: int
    legal_basis: str
    documents: tuple[RequiredDocument, ...]
    fees: tuple[FeeRule, ...]
    version: int = 1
    period: Period = by_default(default_factory=Period)
    field_code: str = ""
    result_en: str = ""
    agency_vi: str = ""
    agency_en: str = ""
    applicants_vi: str = ""
    conditions_vi: str = ""
    steps_vi: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()
    forms: tuple[FormFile, ...] = ()
    fields: tuple[Field, ...] = ()
    pay: PayWhen = PayWhen.WITH
    deliveries: tuple[Delivery, ...] = (Delivery.COUNTER,)
    refund_when_refused: bool = False
    """Whether what was paid is owed back when the case ends without a result."""
    fees_note_vi: str = ""
    """What decides the fee where no rule can: the agency then sets the lines when it accepts."""
    unconfirmed: tuple[str, ...] = ()
    """Names of the facts here that nobody has held against their source yet; an installation does."""
    keep_months: int | None = None
    """How many months after its end what is known of the person is kept; None: as the installation says."""
    local_codes: tuple[str, ...] = ()
    """Codes of the same procedure in older or local catalogues: found by them too."""

    def term(self, channel: Channel) -> Term:
        """The time for processing of what came by that channel."""
        fits = (each.term for each in self.ways if each.channel is channel)
        return next(fits, Term.of_working_days(self.working_days))

    def pays(self, channel: Channel) -> PayWhen:
        """When the fee of a case is paid that came by that channel.

        Who brings it to the counter, or sends it by post, may pay there in cash, which is not seen here: the reception
        of such a case does not wait.
        """
        if self.level < WHOLE_ONLINE:
            return PayWhen.AT_AGENCY
        if self.pay is PayWhen.BEFORE and channel is not Channel.ONLINE:
            return PayWhen.WITH
        return self.pay

    def offers(self, channel: Channel) -> bool:
        return not self.ways or any(each.channel is channel for each in self.ways)


@dataclass(frozen=True, slots=True)
class GivenDocument:
    """A document of a case: what was announced, whether its bytes came and agreed, whether they wait for the scan."""

    code: str
    media_type: str
    stored: bool
    waits: bool = False


def missing(
    procedure: Procedure,
    given: Iterable[GivenDocument],
    reduction: str | None = None,
    answers: Mapping[str, object] | None = None,
) -> tuple[Missing, ...]:
    """Each thing that keeps a submission from being complete: fields of the form first, then documents by code.

    Empty when it is complete. `answers` None: the form is not looked at.
    """
    return (
        *_of_the_form(procedure, answers),
        *documents_missing(procedure, given, reduction, answers or {}),
    )


def _of_the_form(procedure: Procedure, answers: Mapping[str, object] | None) -> tuple[Missing, ...]:
    if answers is None or not procedure.fields:
        return ()
    of_fields = {code: value for code, value in answers.items() if code != REDUCTION}
    return forms.wrong(procedure.fields, of_fields) + forms.unknown(procedure.fields, of_fields)


def documents_missing(
    procedure: Procedure,
    given: Iterable[GivenDocument],
    reduction: str | None,
    answers: Mapping[str, object],
) -> tuple[Missing, ...]:
    """Each thing that keeps the documents from being complete, by code."""
    have = {document.code: document for document in given}
    known = {required.code: required for required in procedure.documents}
    absent = (
        Missing(each.code, f"{each.name_vi} chưa có trong hồ sơ / {each.name_en} is missing")
        for each in procedure.documents
        if each.code not in have and _is_needed(each, reduction, answers)
    )
    faulty = (_fault(document, known.get(code)) for code, document in have.items())
    return (*absent, *(each for each in faulty if each is not None))


def _fault(document: GivenDocument, required: RequiredDocument | None) -> Missing | None:
    if required is None:
        words = "thủ tục không yêu cầu giấy tờ này / not a document of this procedure"
    elif document.media_type not in required.media_types:
        words = f"không nhận loại tệp {document.media_type} / wrong kind of file"
    elif not document.stored:
        words = "chưa tải tệp lên / the file has not been uploaded"
    elif document.waits:
        words = (
            "tệp đang chờ quét mã độc, hãy nộp lại sau ít phút / "
            "the file waits for the virus scan: submit again soon"
        )
    else:
        return None
    return Missing(document.code, words)


def _is_needed(required: RequiredDocument, reduction: str | None, answers: Mapping[str, object]) -> bool:
    if required.reduction is not None:
        return required.reduction == reduction
    if required.only_if is not None:
        return required.required and required.only_if.holds(answers)
    return required.required


def in_force(versions: Iterable[Procedure], on: date) -> Procedure | None:
    """Of the versions of one procedure, the one in force on that day; None where none is."""
    return next((each for each in versions if each.period.holds(on)), None)
