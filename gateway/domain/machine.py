"""One way to hold states for every noun: a table, a step, and what follows from them.

A noun gives `TABLE: Mapping[(State, Event), State]`. Everything else (what is final, from where an
event may come, the picture) is derived, so that nothing can disagree with the table.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from gateway.domain.errors import Forbidden

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


def step(table: Mapping[tuple[S, E], S], state: S, event: E) -> S:
    """The state after `event`. Raises `Forbidden` when the table has no such move."""
    try:
        return table[state, event]
    except KeyError:
        raise Forbidden(f"{event.value} is not possible in state {state.value}") from None


def sources(table: Mapping[tuple[S, E], S], event: E) -> tuple[S, ...]:
    """The states from which `event` may come, in the order of their enum: what a compare-and-set asks for."""
    found = {state for state, known in table if known == event}
    return tuple(state for state in _states(table) if state in found)


def target(table: Mapping[tuple[S, E], S], event: E) -> S:
    """The one state that `event` leads to. Raises `ValueError` when the table names several or none."""
    found = {to for (_, known), to in table.items() if known == event}
    if len(found) != 1:
        raise ValueError(f"{event.value} leads to {len(found)} states")
    return found.pop()


def allowed(table: Mapping[tuple[S, E], S], state: S) -> tuple[E, ...]:
    """The events that may come in `state`, in the order of the table."""
    return tuple(event for known, event in table if known == state)


def terminal(table: Mapping[tuple[S, E], S]) -> frozenset[S]:
    """The states that no event leaves for another one."""
    left = {state for (state, _), to in table.items() if to != state}
    return frozenset(_states(table)) - left


def dot(name: str, table: Mapping[tuple[S, E], S]) -> str:
    """The table as a Graphviz picture, byte for byte the same for the same table."""
    final = terminal(table)
    lines = [f"digraph {name} {{", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    lines += [f"  {state.value} [peripheries=2];" for state in _states(table) if state in final]
    lines += [
        f'  {source.value} -> {to.value} [label="{event.value}"];' for (source, event), to in table.items()
    ]
    return "\n".join([*lines, "}", ""])


def _states(table: Mapping[tuple[S, E], S]) -> Iterable[S]:
    return type(next(iter(table))[0])
