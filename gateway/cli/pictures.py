"""Tables of states as pictures that a person can read (Graphviz).

`gateway.domain.machine.dot` draws every move on its own; a delivery has some two hundred. Here the moves that come
from every state of a group are drawn once, from a frame around the group, and parallel moves share an arrow.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from gateway.domain.machine import terminal

SMALLEST_GROUP = 5
ANY = "any_of_these"

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Moves:
    """A table of states in words: its states in their order, its moves (from, event, to), what is final.

    `group` are the states that share moves with each other, empty where there are few of them; `shared` are those
    moves (event, to). A move to a state of the group is shared by all the others of it.
    """

    states: tuple[str, ...]
    moves: tuple[tuple[str, str, str], ...]
    final: frozenset[str]
    group: frozenset[str]
    shared: tuple[tuple[str, str], ...]

    @property
    def single(self) -> tuple[tuple[str, str, str], ...]:
        """The moves that are not among the shared ones."""
        return tuple(
            (source, event, to)
            for source, event, to in self.moves
            if (event, to) not in self.shared or source not in self.group
        )

    def sources(self, event: str, to: str) -> tuple[str, ...]:
        """The states from which `event` leads to `to`, in their order."""
        found = {source for source, each, end in self.moves if (each, end) == (event, to)}
        return tuple(state for state in self.states if state in found)


def moves_of(table: Mapping[tuple[S, E], S]) -> Moves:
    """A table of states in words."""
    kind = type(next(iter(table))[0])
    moves = tuple((source.value, event.value, to.value) for (source, event), to in table.items())
    from_states: dict[tuple[str, str], set[str]] = defaultdict(set)
    for source, event, to in moves:
        from_states[event, to].add(source)
    group = _group(from_states)
    return Moves(
        states=tuple(state.value for state in kind),
        moves=moves,
        final=frozenset(state.value for state in terminal(table)),
        group=group,
        shared=tuple(pair for pair, found in from_states.items() if group and group - {pair[1]} <= found),
    )


def _group(from_states: Mapping[tuple[str, str], set[str]]) -> frozenset[str]:
    """The states that have the most moves in common, counted with the states; none where that is not worth a frame."""
    saved: dict[frozenset[str], int] = {}
    for found in from_states.values():
        group = frozenset(found)
        if len(group) >= SMALLEST_GROUP:
            saved[group] = len(group) * sum(group - {to} <= each for (_, to), each in from_states.items())
    return max(saved, key=lambda group: saved[group], default=frozenset())


def picture(name: str, of: Moves) -> str:
    """The Graphviz text, byte for byte the same for the same table."""
    lines = [
        f"digraph {name} {{",
        "  rankdir=LR; newrank=true; nodesep=0.25; ranksep=0.9;",
        '  graph [fontname="Helvetica,sans-serif", fontsize=12];',
        '  node [shape=box, style=rounded, fontname="Helvetica,sans-serif", fontsize=12];',
        '  edge [fontname="Helvetica,sans-serif", fontsize=10];',
    ]
    inside = [state for state in of.states if state in of.group]
    if inside:
        lines.append('  subgraph cluster_any { style="rounded,dashed"; color=gray40;')
        lines += [f"  {_node(state, of)}" for state in inside]
        lines.append(f'    {ANY} [label="any of these", shape=plain, fontcolor=gray30];')
        lines += [f"    {state} -> {ANY} [style=invis];" for state in inside]
        lines.append("  }")
    lines += [_node(state, of) for state in of.states if state not in of.group]
    lines += _edges(of.single)
    lines += _edges([(ANY, event, to) for event, to in of.shared if to not in of.group])
    return "\n".join([*lines, "}", ""])


def _node(state: str, of: Moves) -> str:
    events = [event for event, to in of.shared if to == state and state in of.group]
    border = ", peripheries=2" if state in of.final else ""
    told = f"{state}\\n← {', '.join(events)}" if events else state
    return f'  {state} [label="{told}"{border}];'


def _edges(moves: Sequence[tuple[str, str, str]]) -> list[str]:
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for source, event, to in moves:
        labels[source, to].append(event)
    told = {ends: "\\n".join(events) for ends, events in labels.items()}
    return [f'  {source} -> {to} [label="{label}"];' for (source, to), label in told.items()]
