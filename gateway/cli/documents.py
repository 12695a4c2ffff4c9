"""The documents that are made from code and kept in `docs/`: pure text, and `files` which names them all."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from gateway.cli.pictures import Moves, moves_of, picture
from gateway.cli.variables import MADE, settings_text
from gateway.domain import case, delivery, hand_over, payment, refund
from gateway.web.problems import HTTP_PROBLEMS, PROBLEMS, UPLOAD_PROBLEMS, Problem


def files(openapi: str) -> Mapping[str, str]:
    """Every generated file by its path below `docs/`; `openapi` is the document of the web application."""
    pictures = {f"states/{noun.name}.dot": picture(noun.name, noun.moves) for noun in nouns()}
    return {
        "errors.md": errors_text(),
        "openapi.json": openapi,
        "settings.md": settings_text(),
        "states.md": states_text(),
        **pictures,
    }


# --- states -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Noun:
    """A thing that has states: what it is, what others see of its states, and its table."""

    name: str
    title: str
    about: str
    shown_as: str
    shown: Mapping[str, str]
    moves: Moves


@cache
def nouns() -> tuple[Noun, ...]:
    national = {state.value: f"{code} {words}" for state, (code, words) in case.NATIONAL.items()}
    return (
        Noun(
            "case",
            "Case (hồ sơ)",
            "Where a case stands with its agency. Money, delivery and synchronisation are columns of their own, and "
            "none overwrites another. The agency orders the moves, apart from `submit`, `fee_paid` and `deliver`, "
            "which follow from facts. A draft is not told to the National portal.",
            "National portal",
            national,
            moves_of(case.TABLE),
        ),
        Noun(
            "payment",
            "Payment (thanh toán)",
            "What became of a sum that was asked for, as far as it can be proved. Failed is never final: money that "
            "comes late counts from every unpaid state, and paid is never undone. Unknown money neither expires nor "
            "is cancelled; it is found out, and told as pending until then.",
            "told as",
            {state.value: seen.value for state, seen in payment.PUBLIC.items()},
            moves_of(payment.TABLE),
        ),
        Noun(
            "attempt",
            "Attempt",
            "One try to pay at one provider. Portals see the payment, not its attempts.",
            "",
            {},
            moves_of(payment.ATTEMPT_TABLE),
        ),
        Noun(
            "refund",
            "Refund (hoàn phí)",
            "Money given back: a fact beside a payment, never its undoing. A second person approves it; an unclear "
            "one is asked about and never sent again.",
            "told as",
            {state.value: seen.value for state, seen in refund.PUBLIC.items()},
            moves_of(refund.TABLE),
        ),
        Noun(
            "delivery",
            "Delivery (trả kết quả)",
            "How the result reaches the citizen. It says `unknown` before an order is sent to the post, so that a "
            'crash is never taken for "not sent". What the post reports may come late, twice and out of order: each '
            "event is kept, and the state is the latest by the post's clock, a final one before all others.",
            "told as",
            {state.value: seen.value for state, seen in delivery.PUBLIC.items()},
            moves_of(delivery.TABLE),
        ),
        Noun(
            "hand_over",
            "Hand-over (liên thông)",
            "A step of a case that goes from one agency to another. The sender has the case until the receiver has "
            "acknowledged it; what is given back is the sender's again. So one agency decides at any time.",
            "",
            {},
            moves_of(hand_over.TABLE),
        ),
    )


def states_text() -> str:
    """`docs/states.md`."""
    head = (
        f"# States\n\n{MADE}\nEach table is one mapping in `gateway/domain`; a move that is not in it is refused. "
        "`python -m gateway graph` prints the tables move by move. In the pictures a double border is a final "
        'state, an arrow from "any of these" comes from each state of the frame, and ← in a state names the events '
        "that lead to it from any other of the frame.\n"
    )
    return "\n".join([head, *(_noun_text(noun) for noun in nouns())])


def _noun_text(noun: Noun) -> str:
    of = noun.moves
    shown = f" {noun.shown_as} |" if noun.shown else ""
    lines = [
        f"## {noun.title}",
        "",
        noun.about,
        "",
        f"![states of a {noun.name}](states/{noun.name}.svg)",
        "",
    ]
    if of.group:
        lines += ["**The frame**: " + _listed(state for state in of.states if state in of.group) + ".", ""]
    lines += [f"| state |{shown} final |", "| --- |" + " --- |" * (1 + bool(noun.shown))]
    for state in of.states:
        told = f" {noun.shown.get(state, '')} |" if noun.shown else ""
        lines.append(f"| `{state}` |{told} {'yes' if state in of.final else ''} |")
    lines += ["", "| event | in state | leads to |", "| --- | --- | --- |"]
    lines += [
        f"| `{event}` | {_sources(of, event, to)} | `{to}` |"
        for event, to in dict.fromkeys((event, to) for _, event, to in of.moves)
    ]
    return "\n".join([*lines, ""])


def _listed(states: Iterable[str]) -> str:
    return ", ".join(f"`{state}`" for state in states)


def _sources(of: Moves, event: str, to: str) -> str:
    found = of.sources(event, to)
    if (event, to) not in of.shared:
        return _listed(found)
    others = [state for state in found if state not in of.group]
    missing = of.group - set(found)
    frame = "any of the frame" + (f" but {_listed(sorted(missing))}" if missing else "")
    return f"{frame}, {_listed(others)}" if others else frame


# --- errors -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paragraph:
    """When a problem is given and what to do about it, in two languages."""

    when_vi: str
    when_en: str
    do_vi: str
    do_en: str


def paragraphs() -> Mapping[str, Paragraph]:
    """The paragraph of each code (`gateway/data/errors.json`)."""
    text = resources.files("gateway").joinpath("data", "errors.json").read_text(encoding="utf-8")
    return {code: Paragraph(**each) for code, each in json.loads(text).items()}


def known_problems() -> tuple[Problem, ...]:
    """Each problem once, by its code."""
    found = {
        each.code: each for each in [*HTTP_PROBLEMS.values(), *PROBLEMS.values(), *UPLOAD_PROBLEMS.values()]
    }
    return tuple(found[code] for code in sorted(found))


def errors_text() -> str:
    """`docs/errors.md`. Raises `KeyError` for a code without its paragraph."""
    written = paragraphs()
    head = (
        f"# Errors\n\n{MADE}\nAn error is `application/problem+json` (RFC 9457). `code` never changes its meaning; "
        "`type` leads here, `trace_id` stands in our log, and `errors` names fields or documents one by one. "
        "A rarer HTTP status goes under the code of its kind.\n"
    )
    return "\n".join([head, *(_error_text(each, written[each.code]) for each in known_problems())])


def _error_text(problem: Problem, said: Paragraph) -> str:
    return (
        f"## {problem.code}\n\n**{problem.status}** · {problem.title_vi} · *{problem.title}*\n\n"
        f"{said.when_vi} {said.do_vi}\n\n{said.when_en} {said.do_en}\n"
    )
