"""Asked of every adapter: what it keeps to itself, and that it says so when it cannot."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from asking import CLOSED, can, can_start, error_texts, reading
from wire_samples import Case

from gateway.ports import Capability, InboundMessage

EMPTY = InboundMessage(method="POST", path="/", query=b"", headers={}, body=b"")


def shows_no_secret(case: Case) -> None:
    assert case.secrets or [hidden.name for hidden in fields(case.settings) if not hidden.repr] == []
    seen = [repr(case.settings), str(case.settings), repr(case.build(CLOSED)), *error_texts(case)]
    for secret in case.secrets:
        assert [text for text in seen if secret in text] == []


def shows_no_payer(case: Case) -> None:
    payer = case.order.payer
    seen = [repr(case.order), repr(case.bill(payable=True)), *error_texts(case)]
    for personal in (payer.name, payer.id_number, payer.address):
        assert [text for text in seen if personal in text] == []


def says_unsupported_to_what_it_cannot(case: Case) -> None:
    """What only some providers do at all may also be absent from the class.

    A start without page and code says so too, or begins a try that the payer brings to the provider alone.
    """
    adapter: Any = case.build(CLOSED)
    if not can_start(case):
        assert reading(lambda: adapter.start(case.order)) in ("Unsupported", {"redirect_url": None})
    for capability, calls in _operations(case, adapter).items():
        for call in calls if not can(case, capability) else ():
            assert reading(call) == "Unsupported", capability


QUESTIONS = (
    shows_no_secret,
    shows_no_payer,
    says_unsupported_to_what_it_cannot,
)


def _operations(case: Case, adapter: Any) -> dict[Capability, list[Callable[[], object]]]:
    reference, now, request_id = case.order.reference, case.now, case.request_id
    operations: dict[Capability, list[Callable[[], object]]] = {
        Capability.QUERY: [lambda: adapter.query(reference, case.order.created_at, now, request_id)],
        Capability.CALLBACK: [lambda: adapter.read_callback(EMPTY, now)],
    }
    optional: tuple[tuple[Capability, str, Callable[[], object]], ...] = (
        (Capability.REFUND, "refund", lambda: adapter.refund(case.refund, request_id)),
        (Capability.REFUND_QUERY, "query_refund", lambda: adapter.query_refund(case.refund, now, request_id)),
        (Capability.BILL, "bill", lambda: adapter.bill(reference, None, now, request_id)),
        (Capability.INQUIRY, "read_inquiry", lambda: adapter.read_inquiry(EMPTY, now)),
    )
    for capability, name, call in optional:
        operations[capability] = [call] if hasattr(adapter, name) else []
    if can(case, Capability.REFUND):
        assert hasattr(adapter, "query_refund")
    return operations
