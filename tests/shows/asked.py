"""What is asked of a public tool: one thing that we made, altered copies of it, and what our verifier says of each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from signing.arithmetic import judgement_of
from signing.errors import SigningError
from signing.verdicts import Judgement

T = TypeVar("T")
Accepts = Callable[[T], bool]


@dataclass(frozen=True, slots=True)
class Thing(Generic[T]):
    """`altered` by what was done to each copy; `tools` by name; `read` is our own verdict, "" where we believe it."""

    name: str
    ours: T
    altered: Mapping[str, T]
    tools: Mapping[str, Accepts[T]]
    read: Callable[[T], str]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing asked of one tool. `accepted` are the altered copies that the tool takes, with our word for each.

    `unread` is our word where we do not believe our own thing; `believed` are the altered copies that we believe.
    """

    thing: str
    tool: str
    version: str
    accepts_ours: bool
    unread: str
    altered: int
    accepted: Mapping[str, str]
    believed: tuple[str, ...]

    @property
    def good(self) -> bool:
        return self.accepts_ours and not self.unread and self.altered > 0 and not self.believed


@dataclass(slots=True)
class Table:
    """The rows as they come, and each version asked for once."""

    version_of: Callable[[str], str]
    rows: list[Row] = field(default_factory=list)

    def add(self, thing: Thing[T]) -> Iterable[Row]:
        """One row for each tool that knows the thing."""
        same = [what for what, copy in thing.altered.items() if copy == thing.ours]
        assert not same, f"{thing.name}: nothing was altered in {same}"
        unread = thing.read(thing.ours)
        words = {what: thing.read(copy) for what, copy in thing.altered.items()}
        for tool, accepts in thing.tools.items():
            accepted = {what: words[what] for what, copy in thing.altered.items() if accepts(copy)}
            row = Row(
                thing=thing.name,
                tool=tool,
                version=self.version_of(tool),
                accepts_ours=accepts(thing.ours),
                unread=unread,
                altered=len(words),
                accepted=accepted,
                believed=tuple(what for what, word in words.items() if not word),
            )
            self.rows.append(row)
            yield row


def said(judge: Callable[[], Judgement]) -> str:
    """Nothing where the verdict is a pass, else its words (EN 319 102-1); an error of reading amounts to one too."""
    try:
        judgement = judge()
    except SigningError as error:
        judgement = judgement_of(error)
    return "" if judgement.good else " ".join(filter(None, (judgement.indication, judgement.sub)))


def holds(check: Callable[[], object]) -> str:
    """As `said`, for what is only right or wrong: a check that raises, or answers False, is a refusal."""
    try:
        found = check()
    except SigningError as error:
        return type(error).__name__
    except ValueError:
        return "Malformed"
    return "not proved" if found is False else ""


def flipped(data: bytes, at: int) -> bytes:
    """`data` with the lowest bit of one byte changed."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def other_letter(text: str, at: int) -> str:
    """`text`, Base64 or hexadecimal, with another letter at one place."""
    at %= len(text)
    return text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :]
