"""Fee rules: which phí and lệ phí a case owes, from a schedule with dates and its legal basis.

phí is the price of a service, lệ phí a fixed charge to the budget (Luật 97/2015/QH13): always lines of their
own. A reduction is a rule of the same schedule that names the evidence it asks for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.domain.errors import Malformed


class FeeKind(StrEnum):
    PHI = "phi"
    LE_PHI = "le_phi"
    POSTAGE = "postage"


@dataclass(frozen=True, slots=True)
class Reduction:
    """Another amount for those who show `evidence` (a document code)."""

    code: str
    name: str
    amount_vnd: int
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class FeeRule:
    """One line of a schedule, in force on `from_on` … `to_on` (both included; None: without end)."""

    kind: FeeKind
    code: str
    name: str
    amount_vnd: int
    from_on: date
    to_on: date | None
    legal_basis: str
    reductions: tuple[Reduction, ...] = ()

    def in_force(self, on: date) -> bool:
        return self.from_on <= on and (self.to_on is None or on <= self.to_on)


@dataclass(frozen=True, slots=True)
class Charge:
    """What one rule makes of one case, with the reason a reader can check."""

    kind: FeeKind
    code: str
    name: str
    amount_vnd: int
    legal_basis: str
    reduction: str | None = None
    full_vnd: int | None = None
    """What the rule asks for without the reduction."""


def charges(rules: Iterable[FeeRule], on: date, reduction: str | None = None) -> tuple[Charge, ...]:
    """The lines owed on `on`. Raises `Malformed` when `reduction` is not one that a rule in force knows."""
    known = tuple(rule for rule in rules if rule.in_force(on))
    if reduction is not None and not any(
        reduction == each.code for rule in known for each in rule.reductions
    ):
        raise Malformed(f"no fee rule in force knows the reduction {reduction!r}")
    return tuple(_charge(rule, reduction) for rule in known)


def _charge(rule: FeeRule, reduction: str | None) -> Charge:
    lower = next((each for each in rule.reductions if each.code == reduction), None)
    return Charge(
        kind=rule.kind,
        code=rule.code,
        name=rule.name,
        amount_vnd=rule.amount_vnd if lower is None else lower.amount_vnd,
        legal_basis=rule.legal_basis,
        reduction=None if lower is None else lower.name,
        full_vnd=rule.amount_vnd,
    )
