"""What portals send and get, as Pydantic models: the OpenAPI document is made from here.

Strict: no unknown fields, no number in a string, no float where a whole number of VND is meant.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Reference = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")
]
Code = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=r"^[^\x00-\x1f\x7f]+$")]
OptionalLine = Annotated[str, StringConstraints(max_length=250, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
Phone = Annotated[str, StringConstraints(min_length=8, max_length=16, pattern=r"^\+?[0-9]{8,15}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MediaType = Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z]+/[A-Za-z0-9.+-]+$")]
Url = Annotated[str, StringConstraints(min_length=8, max_length=500, pattern=r"^https?://[^\s\x00-\x1f]+$")]
Vnd = Annotated[int, Field(ge=1, le=10**13)]
FreeVnd = Annotated[int, Field(ge=0, le=10**13)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ApplicantIn(Strict):
    """Personal data: sealed at rest, never logged."""

    name: Line
    id_kind: Literal["cccd", "cmnd", "passport", "tax_code", "other"]
    id_number: Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9-]+$")]
    phone: Phone
    email: Annotated[str, StringConstraints(max_length=120, pattern=r"^[^\s@]+@[^\s@]+$")] | None = None
    address: OptionalLine = ""


class DocumentIn(Strict):
    code: Code
    name: Line
    media_type: MediaType
    size_bytes: Annotated[int, Field(ge=1, le=2 * 10**9)]
    sha256: Sha256


class CaseIn(Strict):
    """A case to register. `case_code` is given by portals that number their cases themselves."""

    reference: Reference
    procedure_code: Code
    case_code: Annotated[str, StringConstraints(max_length=60)] | None = None
    applicant: ApplicantIn
    documents: Annotated[list[DocumentIn], Field(max_length=100)] = []
    answers: dict[Code, str | int | bool | None] = {}


class TransitionIn(Strict):
    """What the agency decides. The same reference again is answered as the first time."""

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
    ]
    reason: Text | None = None


class PaymentLineIn(Strict):
    kind: Literal["phi", "le_phi", "postage"]
    code: Code
    name: Line
    amount_vnd: Vnd
    account: Annotated[str, StringConstraints(max_length=34, pattern=r"^[A-Za-z0-9]+$")] | None = None


class PayerIn(Strict):
    """Personal data: sealed at rest, and passed only to the provider that asks for it."""

    name: Line
    id_number: Annotated[str, StringConstraints(max_length=20, pattern=r"^[A-Za-z0-9-]*$")] = ""
    address: OptionalLine = ""
    province: OptionalLine = ""


class PaymentIn(Strict):
    """A payment to ask for. Without `lines` the case's own fee lines are taken."""

    reference: Reference
    case_code: Annotated[str, StringConstraints(max_length=60)]
    lines: Annotated[list[PaymentLineIn], Field(min_length=1, max_length=50)] | None = None
    provider: Code | None = None
    payer: PayerIn
    return_url: Url
    expires_in_s: Annotated[int, Field(ge=60, le=30 * 86_400)] | None = None


class AttemptIn(Strict):
    provider: Code


class RecipientIn(Strict):
    name: Line
    phone: Phone


class AddressIn(Strict):
    """Where to. `province_code` is the GSO code or name of the province in the map of `era`."""

    text: Line
    ward_code: Annotated[int, Field(ge=1, le=99_999)] | None = None
    province_code: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    era: Literal["63", "34"]
    old_province: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None


class DeliveryIn(Strict):
    reference: Reference
    case_code: Annotated[str, StringConstraints(max_length=60)]
    method: Literal["online", "counter", "post", "collect"]
    operator: Code | None = None
    recipient: RecipientIn
    address: AddressIn
    cod_vnd: FreeVnd = 0


class EndpointIn(Strict):
    """Where to be told. A `whsec_…` secret adds `v1` signatures to the `v1a` ones."""

    url: Url
    events: Annotated[
        list[Annotated[str, StringConstraints(max_length=60)]], Field(min_length=1, max_length=40)
    ]
    secret: Annotated[str, StringConstraints(max_length=120, pattern=r"^whsec_[A-Za-z0-9+/=]+$")] | None = (
        None
    )


class EndpointPatch(Strict):
    state: Literal["enabled", "disabled"]


class Shown(BaseModel):
    """What we answer: fields may be added, never renamed."""

    model_config = ConfigDict(extra="allow")


class CaseOut(Shown):
    case_code: str
    reference: str
    state: str
    finished: bool
    money_state: str
    delivery_state: str
    fees: list[dict[str, Any]]
    owed_vnd: int
    due_on: str | None
    due_reason: str | None
    submission_receipt: str | None
    timeline: list[dict[str, Any]]
    version: int
    links: dict[str, str]


class PaymentOut(Shown):
    id: str
    reference: str
    order_code: str
    case_code: str
    state: Literal["created", "pending", "success", "failed", "cancelled", "expired"]
    finished: bool
    amount_vnd: int
    lines: list[dict[str, Any]]
    paid_vnd: int
    refunded_vnd: int
    provider: str | None
    pay_url: str
    qr: dict[str, str] | None
    expires_at: str
    created_at: str
    paid_at: str | None
    receipt_number: str | None
    version: int
    links: dict[str, str]


class PaymentPage(Shown):
    payments: list[PaymentOut]
    next_cursor: str | None


class AttemptOut(Shown):
    id: str
    provider: str
    state: str
    redirect_url: str | None


class DeliveryOut(Shown):
    id: str
    reference: str
    case_code: str
    method: str
    operator: str | None
    order_number: str
    item_code: str | None
    state: str
    detail_state: str
    finished: bool
    version: int
    links: dict[str, str]


class DocumentOut(Shown):
    code: str
    sha256: str
    size_bytes: int


class EndpointOut(Shown):
    id: str
    url: str
    events: list[str]
    state: str


class TryOut(Shown):
    id: int
    message_id: str
    status: int | None
    outcome: str


class TriesOut(Shown):
    attempts: list[TryOut]


class EventsOut(Shown):
    """A page of the feed: go on with `after=next_cursor`, also when the page is empty."""

    events: list[dict[str, Any]]
    next_cursor: str


class ProceduresOut(Shown):
    procedures: list[dict[str, Any]]


class StatusOut(Shown):
    """Money whose fate is not known, by provider."""

    unknown_money: list[dict[str, Any]]
    providers: list[str]
    operators: list[str]


class ResentOut(Shown):
    messages: int
