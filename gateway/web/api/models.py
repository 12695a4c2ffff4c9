"""What portals send and get, as Pydantic models: the OpenAPI document is made from here.

Strict: no unknown fields, no number in a string, no float where a whole number of VND is meant.
"""

import re
import unicodedata
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

_UNSEEN = r"\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
"""Never part of a text: marks that turn the direction of reading, and what takes no room: it would read as another."""
_CONTROL = rf"\x00-\x1f\x7f-\x9f\u2028\u2029{_UNSEEN}\ufffe\uffff"
"""Never part of a line: also controls, line ends, and what XML cannot hold."""
LARGEST_VND = 10**13 - 1  # of a line and of a payment: VNPAY's wire has 15 digits and counts in hundredths


def _composed(value: object) -> object:
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _values_composed(value: object) -> object:
    return {name: _composed(each) for name, each in value.items()} if isinstance(value, dict) else value


# Vietnamese is written in two ways that look alike: both are the same content, and one of them is kept
_NFC = BeforeValidator(_composed)
_NFC_VALUES = BeforeValidator(_values_composed)

Reference = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")
]
Code = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
CaseCode = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")
]
AgencyCode = Annotated[str, StringConstraints(min_length=3, max_length=30, pattern=r"^[A-Z0-9][A-Z0-9.]*$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=f"^[^{_CONTROL}]+$"), _NFC]
OptionalLine = Annotated[str, StringConstraints(max_length=250, pattern=f"^[^{_CONTROL}]*$"), _NFC]
Place = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=f"^[^{_CONTROL}]+$"), _NFC]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, pattern=rf"^[^\x00{_UNSEEN}]*$"),
    _NFC,
]
Answer = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]
# larger whole numbers are read differently by different readers of JSON (RFC 8259 section 6)
Whole = Annotated[int, Field(ge=-(2**53 - 1), le=2**53 - 1)]
# what \s stands for depends on who reads a pattern: what some take for a space, and others not, is named
Email = Annotated[str, StringConstraints(max_length=120, pattern=rf"^[^\s@{_CONTROL}]+@[^\s@{_CONTROL}]+$")]
Phone = Annotated[str, StringConstraints(min_length=8, max_length=16, pattern=r"^\+?[0-9]{8,15}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MediaType = Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z]+/[A-Za-z0-9.+-]+$")]
Url = Annotated[
    str, StringConstraints(min_length=8, max_length=500, pattern=r"^https?://[^\s\x00-\x20\x7f-\x9f\ufeff]+$")
]
WebhookSecret = Annotated[str, StringConstraints(max_length=120, pattern=r"^whsec_[A-Za-z0-9+/=]+$")]
EventType = Annotated[str, StringConstraints(max_length=60, pattern=r"^[a-z_.*]+$")]
Vnd = Annotated[int, Field(ge=1, le=LARGEST_VND)]
FreeVnd = Annotated[int, Field(ge=0, le=LARGEST_VND)]


def _written_as_a_day(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("a day is written YYYY-MM-DD")
    return value


Day = Annotated[date, Field(strict=False), BeforeValidator(_written_as_a_day)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ApplicantIn(Strict):
    """Personal data: sealed at rest, never logged."""

    name: Line
    id_kind: Literal["cccd", "cmnd", "passport", "tax_code", "other"]
    id_number: Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9-]+$")]
    phone: Phone
    email: Email | None = None
    address: OptionalLine = ""


class DocumentIn(Strict):
    code: Code
    name: Line
    media_type: MediaType
    size_bytes: Annotated[int, Field(ge=1, le=2 * 10**9)]
    sha256: Sha256


def _each_code_once(documents: list[DocumentIn]) -> list[DocumentIn]:
    if len({each.code for each in documents}) != len(documents):
        raise ValueError("a document code is announced twice")
    return documents


class AnnouncedIn(Strict):
    """Documents that are told anew, in a draft or when a supplement is asked for; what was there is kept."""

    documents: Annotated[
        list[DocumentIn], Field(min_length=1, max_length=100), AfterValidator(_each_code_once)
    ]


class CaseIn(Strict):
    """A case to register. `case_code` is given by portals that number their cases themselves.

    With `keeps_documents` the portal keeps the dossier: what is told of the documents stands for them, none is
    uploaded, and the form's answers are its own to check.
    """

    reference: Reference
    procedure_code: Code
    case_code: CaseCode | None = None
    channel: Literal["counter", "online", "post"] = "online"
    keeps_documents: bool = False
    applicant: ApplicantIn
    documents: Annotated[list[DocumentIn], Field(max_length=100), AfterValidator(_each_code_once)] = []
    answers: Annotated[
        dict[Code, Answer | Whole | bool | None],
        Field(max_length=200, json_schema_extra={"additionalProperties": False}),
        _NFC_VALUES,
    ] = {}

    @field_validator("answers")
    @classmethod
    def _a_reduction_is_a_code(cls, answers: dict[str, object]) -> dict[str, object]:
        if not isinstance(answers.get("reduction"), str | None):
            raise ValueError("the reduction is a code")  # noqa: TRY004 - what pydantic takes for a refusal
        return answers


class SupplementIn(Strict):
    """A document of the procedure that is to be given or mended, and why."""

    code: Code
    reason: Annotated[Text, Field(max_length=1000)]


class OfficialIn(Strict):
    """Who of the agency decided: stands on the official paper, and nowhere else."""

    name: Line
    title: OptionalLine = ""


class TermIn(Strict):
    """How long something may take, counted in the working time of the agency that does it."""

    count: Annotated[int, Field(ge=1, le=2000)]
    unit: Literal["working_days", "working_hours", "calendar_days"] = "working_days"


class TransitionIn(Strict):
    """What the agency decides. The same reference again is answered as the first time.

    `transfer` names the agency that goes on (`transfer_to`, an identifier of either system), and may say what is to be
    done there (`step`) and how long it may take (`due`). The case stays with the sender until the receiver says
    `acknowledge`; `return_step` gives it back, with a `reason`.
    """

    reference: Reference
    event: Literal[
        "accept",
        "refuse",
        "process",
        "ask_supplement",
        "supplement_given",
        "ask_fee",
        "withdraw",
        "stop",
        "finish",
        "transfer",
        "acknowledge",
        "return_step",
    ]
    reason: Text | None = None
    supplement: Annotated[list[SupplementIn], Field(max_length=100)] = []
    official: OfficialIn | None = None
    transfer_to: AgencyCode | None = None
    step: Line | None = None
    due: TermIn | None = None

    @field_validator("supplement")
    @classmethod
    def _each_document_once(cls, supplement: list[SupplementIn]) -> list[SupplementIn]:
        if len({each.code for each in supplement}) != len(supplement):
            raise ValueError("a document is asked for twice")
        return supplement

    @model_validator(mode="after")
    def _a_transfer_names_where_to(self) -> Self:
        if (self.event == "transfer") != (self.transfer_to is not None):
            raise ValueError("transfer_to is told with transfer, and with nothing else")
        if self.event != "transfer" and (self.step or self.due):
            raise ValueError("step and due are told with transfer only")
        if self.event == "return_step" and not self.reason:
            raise ValueError("a case that is given back says why: reason")
        return self


class ExtensionIn(Strict):
    """A later day for the result. The same reference again is answered as the first time."""

    reference: Reference
    reason: Text
    new_due_on: Day
    official: OfficialIn | None = None


class PaymentLineIn(Strict):
    kind: Literal["phi", "le_phi", "postage"]
    code: Code
    name: Line
    amount_vnd: Vnd
    account: Annotated[str, StringConstraints(max_length=34, pattern=r"^[A-Za-z0-9]+$")] | None = None


def _collectable(lines: list[PaymentLineIn]) -> list[PaymentLineIn]:
    if sum(line.amount_vnd for line in lines) > LARGEST_VND:
        raise ValueError("the lines come to more than can be collected at once")
    return lines


class FeesIn(Strict):
    """The fee lines of a case, set anew by its agency. The same reference again is answered as the first time."""

    reference: Reference
    lines: Annotated[list[PaymentLineIn], Field(min_length=1, max_length=50)]
    reason: Text

    @field_validator("lines")
    @classmethod
    def _sum_that_can_be_collected(cls, lines: list[PaymentLineIn]) -> list[PaymentLineIn]:
        return _collectable(lines)


class PayerIn(Strict):
    """Personal data: sealed at rest, and passed only to the provider that asks for it."""

    name: Line
    id_number: Annotated[str, StringConstraints(max_length=20, pattern=r"^[A-Za-z0-9-]*$")] = ""
    address: OptionalLine = ""
    province: OptionalLine = ""


class PaymentIn(Strict):
    """A payment to ask for. Without `lines` the case's own fee lines are taken."""

    reference: Reference
    case_code: CaseCode
    lines: Annotated[list[PaymentLineIn], Field(min_length=1, max_length=50)] | None = None
    provider: Code | None = None
    payer: PayerIn
    return_url: Url
    expires_in_s: Annotated[int, Field(ge=60, le=30 * 86_400)] | None = None

    @field_validator("lines")
    @classmethod
    def _sum_that_can_be_collected(cls, lines: list[PaymentLineIn] | None) -> list[PaymentLineIn] | None:
        return None if lines is None else _collectable(lines)


class RefundIn(Strict):
    """Money to be given back. `refundable_vnd` is what you believe is left: another value is refused with 412."""

    reference: Reference
    amount_vnd: Vnd
    refundable_vnd: Annotated[int, Field(ge=0, le=10**13)]
    reason: Text


class AttemptIn(Strict):
    """Where to pay. Without `provider` we choose: the first of those offered that can be reached."""

    provider: Code | None = None


class RecipientIn(Strict):
    name: Line
    phone: Phone


class AddressIn(Strict):
    """Where to. `province_code` is the GSO code or name of the province in the map of `era`."""

    text: Line
    ward_code: Annotated[int, Field(ge=1, le=99_999)] | None = None
    province_code: Place
    era: Literal["63", "34"]
    old_province: Place | None = None


class DeliveryIn(Strict):
    reference: Reference
    case_code: CaseCode
    method: Literal["online", "counter", "post", "collect"]
    operator: Code | None = None
    recipient: RecipientIn
    address: AddressIn
    cod_vnd: FreeVnd = 0


class EndpointIn(Strict):
    """Where to be told. A `whsec_…` secret adds `v1` signatures to the `v1a` ones."""

    url: Url
    events: Annotated[list[EventType], Field(min_length=1, max_length=40)]
    secret: WebhookSecret | None = None


class EndpointPatch(Strict):
    state: Literal["enabled", "disabled"]
