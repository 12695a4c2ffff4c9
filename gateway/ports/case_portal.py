"""The portal of the country, which is told of every case: its record, then its steps in their order.

A case is known there by its code for ever. A record may be given again with the same content; a step may not, so what
became of a call that got no answer is asked first (`look_up`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final, Protocol

from gateway.domain.case import CaseState
from gateway.domain.fees import Channel
from gateway.ports.money import FeeLine


class OnlinePayment(IntEnum):
    """How the fees of a case were paid, as Index 766 counts it."""

    NATIONAL_PLATFORM = 1
    OWN_GATEWAY = 2
    NOT_ONLINE = 3


@dataclass(frozen=True, slots=True)
class Applicant:
    """Whose case it is; `id_kind` is `cccd`, `cmnd`, `passport`, `tax_code` or `other`."""

    name: str = field(repr=False)
    id_kind: str = field(default="", repr=False)
    id_number: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document of a case without its content: its code in the procedure, what the procedure calls it, its digest."""

    code: str
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """A case as it stands in `state`: dates of what came later are None. Sums are whole VND."""

    case_code: str
    procedure_code: str
    procedure_name: str
    field_name: str
    agency_code: str
    agency_name: str
    applicant: Applicant
    state: CaseState
    submitted_at: datetime
    accepted_at: datetime | None = None
    due_at: datetime | None = None
    refused_at: datetime | None = None
    ended_at: datetime | None = None
    handed_over_at: datetime | None = None
    fees: tuple[FeeLine, ...] = ()
    documents: tuple[ListedDocument, ...] = ()
    payment: OnlinePayment = OnlinePayment.NOT_ONLINE
    by_post: bool = False
    channel: Channel = Channel.ONLINE
    """How the case was handed in."""


@dataclass(frozen=True, slots=True)
class CaseStep:
    """A case came into `state` at a moment; `note` is the agency's reason, if it gave one."""

    case_code: str
    agency_code: str
    agency_name: str
    state: CaseState
    at: datetime
    due_at: datetime | None = None
    note: str = field(default="", repr=False)


class SyncVerdict(StrEnum):
    TAKEN = "taken"
    ALREADY_THERE = "already_there"
    NOT_THERE = "not_there"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """A code that no table has: neither taken nor refused, as far as we know (house law 7)."""


@dataclass(frozen=True, slots=True)
class SyncAnswer:
    """What the portal said of one call; `code` is its own."""

    verdict: SyncVerdict
    code: str
    message: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class KnownCase:
    """A case as the portal has it. `state` is None for a code outside the adapter's table."""

    case_code: str
    state: CaseState | None
    code: str


@dataclass(frozen=True, slots=True)
class UnknownCase:
    """The portal has no case of that code."""

    case_code: str


STEPS_MOST: Final = 10
"""The progress of a case goes in calls of at most ten steps (`specs/case.md` B4)."""


class CasePortal(Protocol):
    """The portal that cases are told to.

    Every call raises `Unreachable` (nothing of the case left us), `OutcomeUnknown`, `Malformed` (the case cannot be
    written on the wire) and `Refused` (our credentials are not taken; the case was not looked at).
    """

    name: str

    def put(self, record: CaseRecord, now: datetime, *, known: bool) -> SyncAnswer:
        """Register the case, or bring the record of a `known` one up to date."""

    def tell(self, steps: tuple[CaseStep, ...], now: datetime) -> SyncAnswer:
        """Add 1 to `STEPS_MOST` steps of one case, oldest first: all of them or none."""

    def look_up(self, case_code: str, agency_code: str, now: datetime) -> KnownCase | UnknownCase:
        """How the portal has the case. Changes nothing; an answer that cannot be read is `Malformed` too."""
