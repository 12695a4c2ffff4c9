"""What looks for harmful code in a file."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Clean:
    """The scanner read all of it and knows nothing bad of it."""


@dataclass(frozen=True, slots=True)
class Infected:
    """`name` is the scanner's own for what it found."""

    name: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No verdict: the scanner is away, did not read to the end, or said something else. `reason` names no file."""

    reason: str


Verdict = Clean | Infected | Unavailable
Scanner = Callable[[BinaryIO], Verdict]
"""Reads a file from its beginning to its end, in fixed memory; raises nothing."""
