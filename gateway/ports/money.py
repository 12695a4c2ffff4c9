"""What is owed, asked for, paid and given back, as it crosses the line to providers. Sums are whole VND."""

from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from typing import Final

from gateway.domain.form_parts import Office
from gateway.ports.post import Party

CLOSES_AT: Final = time(17, 0)
"""When the desk closes where the agency does not say (`specs/case.md` B5)."""


@dataclass(frozen=True, slots=True)
class FeeLine:
    """One line of what is owed. `kind` is `phi`, `le_phi` or `postage`; `account` its destination."""

    kind: str
    code: str
    name: str
    amount_vnd: int
    account: str | None = None


@dataclass(frozen=True, slots=True)
class LegalSeries:
    """A provider of legal receipts, the sign of the form (`01BLP0-001`), the letters of the sign (`AA` of `AA-26E`)."""

    provider: str
    form: str
    letters: str

    def sign_in(self, year: int) -> str:
        """The sign of a year's series: numbers begin anew on 1 January (NĐ 254/2026/NĐ-CP Đ23 k2)."""
        return f"{self.letters}-{year % 100:02d}E"


@dataclass(frozen=True, slots=True)
class ApologyRule:
    """What an agency wants said of each case that it did not finish in time (form 04), and by whom.

    The new day comes so many working days after the day that was named, or after the one when the apology is made.
    """

    working_days: int
    reason: str
    name: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Agency:
    """Who collects: identifier, name, and the account (with its bank's BIN) that the money goes to."""

    code: str
    name: str
    account: str
    bank_bin: str
    account_name: str
    tax_code: str = ""
    sender: Party | None = None
    legal: LegalSeries | None = None
    """Where its legal electronic receipts are issued; None: nowhere, ours is the only one."""
    office: Office | None = None
    """How it stands on the official forms; None: by its name."""
    closes_at: time = CLOSES_AT
    """The end of the desk's day in Vietnam: until then a result is due on the day that was named."""
    apology: ApologyRule | None = None
    """None: a person of the agency names the new day of each late case."""


@dataclass(frozen=True, slots=True)
class Payer:
    name: str = field(repr=False)
    id_number: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    province: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class StartOrder:
    """What a provider is asked to collect.

    `reference` is ours: at most 20 of A-Z0-9, unique per provider for ever. `description` may carry
    Vietnamese; an adapter reduces it to what its wire allows.
    """

    reference: str
    amount_vnd: int
    description: str
    case_code: str
    procedure_code: str
    procedure_name: str
    lines: tuple[FeeLine, ...]
    agency: Agency
    payer: Payer
    return_url: str
    client_ip: str
    created_at: datetime
    expires_at: datetime
    locale: str = "vi"


@dataclass(frozen=True, slots=True)
class Started:
    """Where the citizen goes next: a redirect, a QR payload, a code to name at a counter, or several of them."""

    redirect_url: str | None = None
    qr_payload: str | None = None
    pay_code: str | None = None
    provider_ref: str | None = None


class Outcome(StrEnum):
    """What a provider says of the money. Only an explicit success is `PAID`; an unlisted code is `UNKNOWN`."""

    PAID = "paid"
    PENDING = "pending"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Report:
    """A provider's word on one payment, after its signature was checked.

    The caller compares `reference`, `amount_vnd` and `currency` with its own record.
    `amount_vnd` is None where the provider did not say; `code` is the provider's raw code or codes. A notice of
    money on an account names no order: its `reference` is empty, and `memo` is what the bank's line says.
    """

    outcome: Outcome
    reference: str
    amount_vnd: int | None
    currency: str
    provider_ref: str | None
    code: str
    occurred_at: datetime | None = None
    memo: str = field(default="", repr=False)


class Answer(StrEnum):
    """What we tell a provider that called us; each adapter has its own words for it."""

    OK = "ok"
    DUPLICATE = "duplicate"
    WRONG_AMOUNT = "wrong_amount"
    UNKNOWN_ORDER = "unknown_order"
    BAD_SIGNATURE = "bad_signature"
    MALFORMED = "malformed"
    OUR_ERROR = "our_error"


@dataclass(frozen=True, slots=True)
class Bill:
    """What is owed under a reference right now, for a bank or platform that asks before it lets anyone pay.

    `payable` is False once it is paid, over or not to be asked for; then nothing else of it is to be shown.
    """

    reference: str
    amount_vnd: int
    description: str
    payable: bool
    case_code: str
    agency: Agency
    lines: tuple[FeeLine, ...]
    payer: Payer
    expires_at: datetime
    procedure_code: str = ""
    procedure_name: str = ""


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """Money to be given back for one try. `reference` is ours, of this refund, at most 20 of A-Z0-9.

    `payment_reference`, `started_at` and `provider_ref` name the try as the provider knows it. `paid_vnd` is what
    it brought: a refund of the whole of it is a full one. `requested_by` names a clerk's account, never a citizen.
    """

    reference: str
    payment_reference: str
    provider_ref: str | None
    amount_vnd: int
    paid_vnd: int
    started_at: datetime
    created_at: datetime
    reason: str
    requested_by: str


@dataclass(frozen=True, slots=True)
class RefundReport:
    """A provider's word on one refund: `PAID` says that the money was given back, `PENDING` that it will be told."""

    outcome: Outcome
    reference: str
    amount_vnd: int | None
    provider_ref: str | None
    code: str


class Method(StrEnum):
    """How the money came over the desk."""

    CASH = "cash"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Taking:
    """What a clerk records: `reference` is ours, `clerk` an account's name, `paper` series and number of the paper."""

    reference: str
    amount_vnd: int
    method: Method
    clerk: str
    paper: str
    taken_at: datetime
