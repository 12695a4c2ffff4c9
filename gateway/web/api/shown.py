"""What we answer, as Pydantic models: fields may be added, never renamed."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Shown(BaseModel):
    """What we answer: fields may be added, never renamed."""

    model_config = ConfigDict(extra="allow")


class DueStepOut(Shown):
    vi: str
    en: str


class HandOverOut(Shown):
    """A step of a case that was handed over: `acknowledged` is the agency that has it."""

    number: int
    from_agency: str
    agency_code: str
    step: str | None
    reason: str | None
    why_returned: str | None
    state: Literal["handed_over", "acknowledged", "done", "returned"]
    due_at: str | None
    handed_over_at: str
    acknowledged_at: str | None
    ended_at: str | None


class CaseOut(Shown):
    """`agency_now_within`: what the agency's province or ministry has become a part of since; null: it stands."""

    case_code: str
    reference: str
    agency_code: str
    handled_by: str
    steps: list[HandOverOut]
    channel: str
    pay: Literal["before", "with", "after", "at_agency"]
    keeps_documents: bool
    agency_name: str | None
    agency_now_within: str | None
    state: str
    finished: bool
    money_state: str
    delivery_state: str
    fees: list[dict[str, Any]]
    owed_vnd: int
    owed_back_vnd: int
    due_on: str | None
    due_reason: str | None
    due_steps: list[DueStepOut]
    submission_receipt: str | None
    forgotten_at: str | None
    timeline: list[dict[str, Any]]
    version: int
    links: dict[str, str]


class LegalReceiptOut(Shown):
    """The legal electronic receipt at the agency's provider: form, sign and number name it for ever."""

    provider: str
    state: Literal["pending", "issued", "refused", "cancelled", "replaced"]
    form: str
    sign: str
    number: str | None
    lookup_code: str | None
    amount_vnd: int | None
    issued_at: str | None


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
    refundable_vnd: int
    provider: str | None
    pay_url: str
    qr: dict[str, str] | None
    expires_at: str
    created_at: str
    paid_at: str | None
    receipt_number: str | None
    legal_receipt: LegalReceiptOut | None
    version: int
    links: dict[str, str]


class RefundOut(Shown):
    id: str
    reference: str
    payment_id: str
    state: Literal["requested", "pending", "success", "failed", "declined"]
    finished: bool
    amount_vnd: int
    reason: str
    provider: str
    created_at: str
    ended_at: str | None
    version: int
    links: dict[str, str]


class AttemptOut(Shown):
    id: str
    provider: str
    state: str
    redirect_url: str | None
    qr_payload: str | None
    pay_code: str | None


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


class CasePaperOut(Shown):
    """`form` is `submission`, or the number of TT 03/2025/TT-VPCP; `number` counts its form within the case."""

    id: str
    form: str
    title: str
    title_en: str
    number: int
    issued_at: str
    level: str
    pdf_sha256: str
    json_sha256: str
    version: int
    links: dict[str, str]


class CasePapersOut(Shown):
    papers: list[CasePaperOut]


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


class ProviderOut(Shown):
    """`since`: when it went down, or came up again; null for one that was never down."""

    name: str
    state: Literal["up", "down"]
    since: str | None
    capabilities: list[str]


class StatusOut(Shown):
    """Money whose fate is not known, by provider; and whether each provider is up."""

    unknown_money: list[dict[str, Any]]
    providers: list[ProviderOut]
    operators: list[str]


class ResentOut(Shown):
    messages: int


class PaymentPage(Shown):
    payments: list[PaymentOut]
    next_cursor: str | None


class ShareOut(Shown):
    """`percent` to two places, as a text; `grade` by the thresholds of 80 and 50 percent. Null of nothing."""

    part: int
    whole: int
    percent: str | None
    grade: Literal["full", "half", "below"] | None


class FiguresOfOut(Shown):
    """What each figure counts stands in `formulas` under its name."""

    received: int
    finished_early: int
    finished_in_time: int
    finished_late: int
    finished_undated: int
    withdrawn: int
    in_process_in_time: int
    in_process_late: int
    in_process_waiting: int
    supplements_repeated: int
    on_time: ShareOut
    online: ShareOut
    paid_online: ShareOut


class GroupFiguresOut(FiguresOfOut):
    agency_code: str
    agency_name: str | None
    field: str


class FormulaOut(Shown):
    vi: str
    en: str
    source: str


class FiguresOut(Shown):
    month: str
    as_of: str
    agency_code: str
    field: str | None
    total: FiguresOfOut
    groups: list[GroupFiguresOut]
    formulas: dict[str, FormulaOut]
