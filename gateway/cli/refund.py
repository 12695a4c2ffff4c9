"""Refunds: the clerk's worklist, the second person's word, and what was done by hand."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from gateway.cli.command import Command, agencies_of, opened, read_file, say_json, vnd, with_json
from gateway.domain.errors import Malformed
from gateway.domain.refund import RefundState
from gateway.service import refund_sending, refunds
from gateway.service.context import Context
from gateway.store import refunds as store
from gateway.wiring import now

OPEN = tuple(
    state.value for state in RefundState if state not in {RefundState.SUCCEEDED, RefundState.DECLINED}
)
MOST_SHOWN = 500
PROOF_BYTES = 20_000_000
NAME_CHARS = 80
REASON_CHARS = 200


def _list(given: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        found = store.in_states(connection, OPEN, MOST_SHOWN)
    if given.json:
        shown = (
            "id",
            "payment_id",
            "state",
            "amount_vnd",
            "provider",
            "wire_reference",
            "requested_by",
            "reason",
        )
        say_json({"refunds": [{name: getattr(each, name) for name in shown} for each in found]})
        return 0
    for each in found:
        print(
            f"{each.id}  {each.state}  {vnd(each.amount_vnd)}  {each.provider}  {each.wire_reference}  {each.reason}"
        )
    if not found:
        print("no refund is open")
    return 0


def clerk(given: Namespace) -> str:
    """Who says so, as it is kept. Raises `Malformed`."""
    name: str = given.by.strip()
    if not 1 <= len(name) <= NAME_CHARS or not name.isprintable() or ":" in name:
        raise Malformed(f"a clerk's account name has 1 to {NAME_CHARS} printable characters without a colon")
    return f"staff:{name}"


def reason(given: Namespace) -> str:
    """Why, as it is kept. Raises `Malformed`."""
    said: str = given.reason.strip()
    if not 1 <= len(said) <= REASON_CHARS or not said.isprintable():
        raise Malformed(f"a reason has 1 to {REASON_CHARS} printable characters")
    return said


def _decide(given: Namespace, decide: Callable[[Context, str, str, datetime], store.Refund]) -> int:
    by = clerk(given)
    with opened() as here:
        done = decide(here.context, given.id, by, now())
    print(f"{done.id}: {done.state}, {vnd(done.amount_vnd)}")
    return 0


def _settle(given: Namespace) -> int:
    by, proof = clerk(given), read_file(given.proof, PROOF_BYTES)
    with opened() as here:
        agencies_of(here.context, given.account)
        done = refund_sending.settle_by_hand(
            here.context,
            given.id,
            by=by,
            bank_ref=given.bank_ref,
            account=given.account,
            proof=proof,
            now=now(),
        )
    print(f"{done.id}: {done.state}, {vnd(done.amount_vnd)}")
    return 0


def _who(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the refund")
    parser.add_argument("--by", required=True, metavar="NAME", help="the account name of whoever says so")


def _settle_arguments(parser: ArgumentParser) -> None:
    _who(parser)
    parser.add_argument("--bank-ref", required=True, metavar="R", help="the bank's or provider's reference")
    parser.add_argument("--account", required=True, metavar="A", help="the account that the money left")
    parser.add_argument("--proof", required=True, type=Path, metavar="FILE", help="the transfer's paper")


COMMANDS: Sequence[Command] = (
    Command(
        ("refund", "list"), "the refunds that are open, oldest first", "refund list --json", _list, with_json
    ),
    Command(
        ("refund", "approve"),
        "a second person agrees; also to one that failed",
        "refund approve ref_0190… --by ketoan.truong",
        lambda given: _decide(given, refunds.approve),
        _who,
    ),
    Command(
        ("refund", "decline"),
        "it is not given back",
        "refund decline ref_0190… --by ketoan.truong",
        lambda given: _decide(given, refunds.decline),
        _who,
    ),
    Command(
        ("refund", "settle"),
        "it was transferred by hand, or found to be given back; keeps the proof",
        "refund settle ref_0190… --by thuquy --bank-ref FT26328 --account 0123456789 --proof unc.pdf",
        _settle,
        _settle_arguments,
    ),
)
