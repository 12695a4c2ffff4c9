"""What the core asks of the world outside, and the values that cross that line.

Every time is aware; adapters turn it into the wire's +07:00. Every sum is a whole number of VND.
Adapters are stateless translators: they never see the database and never decide the next state.
"""

from gateway.ports.http import HttpAnswer, HttpDoor, HttpRequest, InboundMessage
from gateway.ports.money import (
    Agency,
    Answer,
    Bill,
    FeeLine,
    LegalSeries,
    Method,
    Outcome,
    Payer,
    RefundOrder,
    RefundReport,
    Report,
    Started,
    StartOrder,
    Taking,
)
from gateway.ports.papers import Files, Paper, Press, StatementFormat
from gateway.ports.parts import Part, Parts
from gateway.ports.post import (
    OrderAnswer,
    OrderVerdict,
    ParcelEvent,
    ParcelOrder,
    Party,
    PostalCapability,
    PostalOperator,
    TrackingPage,
)
from gateway.ports.providers import Billing, Capability, Desk, Inquiring, PaymentProvider, Refunding
from gateway.ports.receipts import (
    IssuedReceipt,
    NotThere,
    PayForm,
    ReceiptCapability,
    ReceiptFile,
    ReceiptOrder,
    ReceiptProvider,
    ReceiptSeries,
    Standing,
)
from gateway.ports.scanning import Clean, Infected, Scanner, Unavailable, Verdict

__all__ = [
    "Agency",
    "Answer",
    "Bill",
    "Billing",
    "Capability",
    "Clean",
    "Desk",
    "FeeLine",
    "Files",
    "HttpAnswer",
    "HttpDoor",
    "HttpRequest",
    "InboundMessage",
    "Infected",
    "Inquiring",
    "IssuedReceipt",
    "LegalSeries",
    "Method",
    "NotThere",
    "OrderAnswer",
    "OrderVerdict",
    "Outcome",
    "Paper",
    "ParcelEvent",
    "ParcelOrder",
    "Part",
    "Parts",
    "Party",
    "PayForm",
    "Payer",
    "PaymentProvider",
    "PostalCapability",
    "PostalOperator",
    "Press",
    "ReceiptCapability",
    "ReceiptFile",
    "ReceiptOrder",
    "ReceiptProvider",
    "ReceiptSeries",
    "RefundOrder",
    "RefundReport",
    "Refunding",
    "Report",
    "Scanner",
    "Standing",
    "StartOrder",
    "Started",
    "StatementFormat",
    "Taking",
    "TrackingPage",
    "Unavailable",
    "Verdict",
]
