"""Double entry in whole VND: every đồng is in exactly one bucket (house law 6).

We never hold money. The accounts say where it is: with a provider that has taken it, or on the agency's
account at a bank. What was collected for an agency stands on the other side.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Posting:
    """One ledger row: exactly one of the two sides is more than zero."""

    account: str
    debit_vnd: int
    credit_vnd: int


def provider_account(provider: str) -> str:
    """Taken by the provider, on its way to the agency."""
    return f"provider:{provider}"


def collected_account(agency_code: str) -> str:
    """Collected for the agency."""
    return f"collected:{agency_code}"


def bank_account(number: str) -> str:
    """Arrived on the agency's own account."""
    return f"bank:{number}"


def unmatched_account(number: str) -> str:
    """Arrived on the agency's account, or left it, and nobody knows yet for what."""
    return f"unmatched:{number}"


def move(debit: str, credit: str, amount_vnd: int) -> tuple[Posting, Posting]:
    """A balanced pair. Raises `ValueError` for a sum that is not positive."""
    if amount_vnd <= 0:
        raise ValueError("a posting moves a positive sum")
    return Posting(debit, amount_vnd, 0), Posting(credit, 0, amount_vnd)
