"""Which providers a payment may be paid at, and in which order: decided by rules, a key, and who is up.

A rule is for an agency and a procedure (each by its code, or by how codes begin: `H28*`), and names groups of
providers. Those of the first group come before those of the second; within a group, who is first is drawn by shares.
The draw is from a key, so that one payment sees the same order at each look.
"""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.errors import Misconfigured

LARGEST_SHARE = 1000
MOST_RULES = 1000
ANYTHING = "*"
PARTS = frozenset({"agency", "procedure", "groups"})
_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,60}\*?|\*")

Group = tuple[tuple[str, int], ...]
"""Names of providers, each with its share of the payments; 0 is never drawn, and stands by."""


@dataclass(frozen=True, slots=True)
class Route:
    """Who may take a payment of this agency and procedure. Each provider stands in one group, once."""

    agency: str
    procedure: str
    groups: tuple[Group, ...]


def choose(
    rules: Sequence[Route],
    *,
    agency: str,
    procedure: str,
    key: str,
    usable: Mapping[str, bool],
    wanted: str | None = None,
) -> tuple[str, ...]:
    """The providers of a payment, best first.

    `usable`: each provider that a payer can be sent to, and whether it is to keep its place; one that is down goes
    last, and never away. `wanted` comes first where it is offered. The first rule that fits decides; where none does,
    every provider is offered, by name.
    """
    rule = next((each for each in rules if _fits(each, agency, procedure)), None)
    order = sorted(usable) if rule is None else _drawn(rule, key)
    offered = [name for name in order if name in usable]
    return tuple(sorted(offered, key=lambda name: (not usable[name], name != wanted)))


def _fits(rule: Route, agency: str, procedure: str) -> bool:
    return _covers(rule.agency, agency) and _covers(rule.procedure, procedure)


def _covers(pattern: str, code: str) -> bool:
    return code.startswith(pattern[:-1]) if pattern.endswith(ANYTHING) else code == pattern


def _drawn(rule: Route, key: str) -> list[str]:
    order: list[str] = []
    for number, group in enumerate(rule.groups):
        # each group has a draw of its own, or the second would repeat the first
        point = int.from_bytes(hashlib.sha256(f"{number}:{key}".encode()).digest()[:8])
        first = _at(group, point % sum(share for _, share in group))
        order += [first, *(name for name, _ in group if name != first)]
    return order


def _at(group: Group, point: int) -> str:
    """Whose share a point from 0 to the sum of the shares falls into."""
    left = point
    for name, share in group:
        if left < share:
            return name
        left -= share
    raise AssertionError("the point is below the sum of the shares")


# --- reading ------------------------------------------------------------------------------------


def read(data: Sequence[Mapping[str, object]], known: Collection[str]) -> tuple[Route, ...]:
    """The rules as JSON: `agency` and `procedure` (each may be absent: any), and `groups`, objects of shares by name.

    `known`: the providers that a payer can be sent to. Raises `Misconfigured`, which names the rule by its number.
    """
    if len(data) > MOST_RULES:
        raise _wrong(len(data), f"more than {MOST_RULES} rules are not read")
    return tuple(_rule(number, each, known) for number, each in enumerate(data, 1))


def _wrong(number: int, why: str) -> Misconfigured:
    return Misconfigured(f"GATEWAY_ROUTES: rule {number}: {why}")


def _rule(number: int, data: Mapping[str, object], known: Collection[str]) -> Route:
    unknown = sorted(data.keys() - PARTS)
    if unknown:
        raise _wrong(number, f"there is no {', '.join(unknown)[:100]}")
    groups = data.get("groups")
    if not isinstance(groups, list) or not groups:
        raise _wrong(number, "groups is a list of at least one object")
    read_groups = tuple(_group(number, each, known) for each in groups)
    names = [name for group in read_groups for name, _ in group]
    for name in names:
        if names.count(name) > 1:
            raise _wrong(number, f"{name} stands there twice")
    return Route(
        agency=_pattern(number, "agency", data),
        procedure=_pattern(number, "procedure", data),
        groups=read_groups,
    )


def _pattern(number: int, part: str, data: Mapping[str, object]) -> str:
    found = data.get(part, ANYTHING)
    if not isinstance(found, str) or not _PATTERN.fullmatch(found):
        raise _wrong(number, f"{part} is a code, or its beginning with * at the end")
    return found


def _group(number: int, data: object, known: Collection[str]) -> Group:
    if not isinstance(data, dict) or not data:
        raise _wrong(number, "a group is an object of at least one provider and its share")
    for name, share in data.items():
        if name not in known:
            raise _wrong(number, f"nobody can pay at a provider {str(name)[:40]}")
        if type(share) is not int or not 0 <= share <= LARGEST_SHARE:
            raise _wrong(number, f"the share of {name} is a whole number from 0 to {LARGEST_SHARE}")
    if not any(data.values()):
        raise _wrong(number, "in each group somebody has a share above 0")
    return tuple(data.items())
