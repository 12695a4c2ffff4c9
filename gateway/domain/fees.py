"""Fee rules: which phí and lệ phí a case owes, from a schedule with dates, channels and its legal basis.

phí is the price of a service, lệ phí a fixed charge to the budget (Luật 97/2015/QH13): always lines of their own. A
reduction is a rule of the same schedule: one that a person asks for names the evidence, one that the law gives to
everybody for a time (Thông tư 64/2025/TT-BTC) asks for nothing. Each line tells step by step how it came to its sum,
so that a reader can compute it again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from gateway.domain.answers import Condition
from gateway.domain.errors import Malformed
from gateway.domain.money import format_vnd

VND = "VND"
WHOLE_PERCENT = 100
MAX_QUANTITY = 1_000


class FeeKind(StrEnum):
    PHI = "phi"
    LE_PHI = "le_phi"
    POSTAGE = "postage"


class Channel(StrEnum):
    """How a case is handed in; the fee and the time may depend on it (`KENH` of the national catalogue)."""

    COUNTER = "counter"
    ONLINE = "online"
    POST = "post"


NATIONAL_CHANNELS: Mapping[Channel, int] = {Channel.COUNTER: 1, Channel.ONLINE: 2, Channel.POST: 3}
assert set(NATIONAL_CHANNELS) == set(Channel), "every channel has its number in the national catalogue"


@dataclass(frozen=True, slots=True)
class Period:
    """From `from_on` to `to_on`, both included; None: without beginning, or without end."""

    from_on: date | None = None
    to_on: date | None = None

    def holds(self, on: date) -> bool:
        return (self.from_on is None or self.from_on <= on) and (self.to_on is None or on <= self.to_on)


@dataclass(frozen=True, slots=True)
class Reduction:
    """Another amount, or so many percent of it, for those who show `evidence` (a document code).

    An `automatic` one is everybody's while its period lasts; the lowest of them counts, they never add up. It is taken
    of what a person's own reduction has left, as both are levels of the same schedule.
    """

    code: str
    name: str
    amount_vnd: int | None = None
    percent: int | None = None
    """What is still owed, in percent: 50 is half, 0 is nothing."""
    evidence: str | None = None
    legal_basis: str = ""
    automatic: bool = False
    channels: tuple[Channel, ...] = ()
    """Empty: every channel."""
    period: Period = field(default_factory=Period)

    def __post_init__(self) -> None:
        if (self.amount_vnd is None) == (self.percent is None):
            raise ValueError(f"the reduction {self.code} has either an amount or a percentage")
        if self.percent is not None and not 0 <= self.percent <= WHOLE_PERCENT:
            raise ValueError(f"the reduction {self.code} is not between 0 and 100 percent")

    def applies(self, on: date, channel: Channel) -> bool:
        return self.period.holds(on) and (not self.channels or channel in self.channels)


@dataclass(frozen=True, slots=True)
class Quantity:
    """The amount is owed so many times: an answer of the case, less what is free."""

    answer: str
    unit: str
    free: int = 0


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
    channels: tuple[Channel, ...] = ()
    quantity: Quantity | None = None
    round_to_vnd: int = 1
    """A sum is rounded to a multiple of this, half of it upwards."""
    only_if: Condition | None = None
    """Owed only where an answer of the case says so."""
    currency: str = VND
    """Another one is told and never collected: `amount_vnd` is then a number of that currency."""

    def owed(self, asked: "Asked") -> bool:
        """Whether the rule is in force on the day, for the channel and for what was answered."""
        return (
            Period(self.from_on, self.to_on).holds(asked.on)
            and (not self.channels or asked.channel in self.channels)
            and (self.only_if is None or self.only_if.holds(asked.answers))
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a computation: what was done, why, and what it came to."""

    vi: str
    en: str
    amount_vnd: int
    legal_basis: str = ""


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
    """What the rule asks for without any reduction."""
    steps: tuple[Step, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Its fields by their names, and the steps' by theirs."""
        steps = [{name: getattr(each, name) for name in Step.__slots__} for each in self.steps]
        return {name: getattr(self, name) for name in Charge.__slots__} | {"steps": steps}


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a case decides about its fees: the day, the channel, the reduction asked for, the answers."""

    on: date
    channel: Channel = Channel.ONLINE
    reduction: str | None = None
    answers: Mapping[str, object] = field(default_factory=dict)


def charges(rules: Iterable[FeeRule], asked: Asked) -> tuple[Charge, ...]:
    """The lines owed.

    Raises `Malformed` for a reduction that no rule in force knows, a quantity that is no number, and a fee that is not
    in đồng: that one is paid where the agency says, and not through here.
    """
    known = tuple(rule for rule in rules if rule.owed(asked))
    for rule in known:
        if rule.currency != VND:
            raise Malformed(
                f"{rule.name}: {rule.amount_vnd} {rule.currency}; only Vietnamese đồng are collected here"
            )
    if asked.reduction is not None and not any(_own(rule, asked) for rule in known):
        raise Malformed(f"no fee rule in force knows the reduction {asked.reduction!r}")
    return tuple(_charge(rule, asked) for rule in known)


def _own(rule: FeeRule, asked: Asked) -> Reduction | None:
    """The reduction that the person asks for, where this rule knows it."""
    fits = (each for each in rule.reductions if not each.automatic and each.code == asked.reduction)
    return next((each for each in fits if each.applies(asked.on, asked.channel)), None)


def _charge(rule: FeeRule, asked: Asked) -> Charge:
    steps = [_level(rule)]
    own = _own(rule, asked)
    if own is not None:
        steps.append(_reduced(own, steps[-1].amount_vnd))
    times = _times(rule, asked)
    if rule.quantity is not None:
        steps.append(_multiplied(rule.quantity, times, steps[-1].amount_vnd))
    for_all = _lowest(rule, asked, steps[-1].amount_vnd)
    if for_all is not None:
        steps.append(_reduced(for_all, steps[-1].amount_vnd))
    amount_vnd = _rounded(steps, rule.round_to_vnd)
    reductions = [each for each in (own, for_all) if each is not None]
    return Charge(
        kind=rule.kind,
        code=rule.code,
        name=rule.name,
        amount_vnd=amount_vnd,
        legal_basis=rule.legal_basis,
        reduction="; ".join(each.name for each in reductions) or None,
        full_vnd=rule.amount_vnd * times,
        steps=tuple(steps),
    )


def _level(rule: FeeRule) -> Step:
    shown = format_vnd(rule.amount_vnd)
    return Step(f"Mức thu {shown}", f"Rate {shown}", rule.amount_vnd, rule.legal_basis)


def _reduced(by: Reduction, before_vnd: int) -> Step:
    after_vnd = by.amount_vnd if by.amount_vnd is not None else _percent(before_vnd, by.percent or 0)
    shown = format_vnd(after_vnd)
    if after_vnd == 0:
        return Step(f"Miễn: {by.name}", f"Exempt: {by.name}", 0, by.legal_basis)
    share = "" if by.percent is None else f" ({by.percent} %)"
    return Step(
        f"Giảm còn {shown}{share}: {by.name}",
        f"Reduced to {shown}{share}: {by.name}",
        after_vnd,
        by.legal_basis,
    )


def _percent(amount_vnd: int, percent: int) -> int:
    """Whole đồng, half of one upwards."""
    return (amount_vnd * percent + WHOLE_PERCENT // 2) // WHOLE_PERCENT


def _times(rule: FeeRule, asked: Asked) -> int:
    if rule.quantity is None:
        return 1
    given = asked.answers.get(rule.quantity.answer)
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MAX_QUANTITY:
        raise Malformed(f"the answer {rule.quantity.answer} must be a whole number from 1 to {MAX_QUANTITY}")
    return max(given - rule.quantity.free, 0)


def _multiplied(quantity: Quantity, times: int, each_vnd: int) -> Step:
    free_vi = f", {quantity.free} {quantity.unit} đầu không thu" if quantity.free else ""
    free_en = f", the first {quantity.free} free" if quantity.free else ""
    return Step(
        f"Nhân {times} {quantity.unit}{free_vi}", f"Times {times} {quantity.unit}{free_en}", each_vnd * times
    )


def _lowest(rule: FeeRule, asked: Asked, before_vnd: int) -> Reduction | None:
    """Of the reductions that are everybody's now, the one that leaves least; None where none leaves less."""
    now = [each for each in rule.reductions if each.automatic and each.applies(asked.on, asked.channel)]
    left = [(_reduced(each, before_vnd).amount_vnd, each.code, each) for each in now]
    lowest = min(left, default=None, key=lambda each: each[:2])
    return None if lowest is None or lowest[0] >= before_vnd else lowest[2]


def _rounded(steps: list[Step], to_vnd: int) -> int:
    before_vnd = steps[-1].amount_vnd
    after_vnd = (before_vnd + to_vnd // 2) // to_vnd * to_vnd
    if after_vnd != before_vnd:
        shown, unit = format_vnd(after_vnd), format_vnd(to_vnd)
        steps.append(Step(f"Làm tròn đến {unit}: {shown}", f"Rounded to {unit}: {shown}", after_vnd))
    return after_vnd
