"""What a bank or platform is to us. Adapters are stateless translators: they never see the database."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.ports.http import HttpAnswer, InboundMessage
from gateway.ports.money import Answer, Bill, RefundOrder, RefundReport, Report, Started, StartOrder, Taking


class Capability(StrEnum):
    REDIRECT = "redirect"
    QR = "qr"
    CODE = "code"
    """The payer names a code of ours at a counter, a desk, or in the app of a bank."""
    CALLBACK = "callback"
    QUERY = "query"
    REFUND = "refund"
    REFUND_QUERY = "refund_query"
    BILL = "bill"
    """Gives a paper of its own for what was paid."""
    INQUIRY = "inquiry"
    """Asks us what is owed before it lets anyone pay."""
    NOTICE = "notice"
    """Tells of money on an account by its memo: it knows no order of ours."""


class PaymentProvider(Protocol):
    """A bank or platform that collects for us. An absent capability raises `Unsupported`."""

    name: str
    capabilities: frozenset[Capability]

    def start(self, order: StartOrder) -> Started:
        """Ask for the money.

        Raises `Unreachable`, `OutcomeUnknown`, `Refused`, `BadSignature`, `Malformed`.
        """

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:
        """Check and read what the provider sent. Raises `BadSignature`, `Malformed`, `ForeignPartner`."""

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:
        """The provider's own words for our answer. Never raises, whatever `message` holds."""

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:
        """Ask what became of `reference`. Raises as `start`, and `Unsupported`."""


class Refunding(Protocol):
    """What a provider with `REFUND` also does; `query_refund` only with `REFUND_QUERY`."""

    def refund(self, order: RefundOrder, request_id: str) -> RefundReport:
        """Ask for the money to be given back, once. Raises as `PaymentProvider.start`."""

    def query_refund(self, order: RefundOrder, now: datetime, request_id: str) -> RefundReport:
        """Ask what became of a refund. Raises as `start`, and `Unsupported`."""


class Inquiring(Protocol):
    """What a provider with `INQUIRY` also does: it asks us, and we answer from what is owed now."""

    def read_inquiry(self, message: InboundMessage, now: datetime) -> str:
        """Our reference (an order code or a try's) that is asked about. Raises as `read_callback`."""

    def answer_inquiry(
        self, answer: Answer, bill: Bill | None, message: InboundMessage, now: datetime
    ) -> HttpAnswer:
        """The bill in the provider's own form (`OK`), or its words for what is wrong. Never raises."""


class Desk(Protocol):
    """What a desk of our own also does: a clerk's record stands for a provider's word."""

    def taken(self, taking: Taking, now: datetime) -> Report:
        """Money that a clerk took over the desk. Raises `Malformed` for what no desk can have taken."""


class Billing(Protocol):
    """What a provider with `BILL` also does."""

    def bill(self, reference: str, provider_ref: str | None, now: datetime, request_id: str) -> bytes:
        """The provider's own paper (PDF) for a paid try. Raises as `start`; `Refused` while there is none."""
