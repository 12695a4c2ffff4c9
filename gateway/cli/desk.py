"""The clerks' commands: money taken at the desk, breaks of the statement, and what is owed to whom."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from gateway.cli.command import Command, agencies_of, opened, read_file, say_json, vnd, with_json
from gateway.cli.refund import PROOF_BYTES, clerk
from gateway.cli.retention import viewing, with_viewing
from gateway.domain.errors import Malformed
from gateway.ports import Method, Taking
from gateway.service import breaks, desk, unclear
from gateway.service.show import moment
from gateway.store import obligations
from gateway.store import payments as payment_store
from gateway.store.payments import Payment
from gateway.wiring import now

MOST_SHOWN = 500


def _told(payment: Payment) -> int:
    print(f"{payment.order_code}: {payment.state}, {vnd(payment.paid_vnd)} of {vnd(payment.amount_vnd)}")
    return 0


def _take(given: Namespace) -> int:
    at = now()
    taking = Taking(
        reference=given.code,
        amount_vnd=given.amount_vnd,
        method=Method(given.method),
        clerk=given.by,
        paper=given.paper,
        taken_at=at if given.at is None else _moment(given.at),
    )
    with opened() as here:
        return _told(desk.take(here.context, taking, at))


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed("--at is a time of RFC 3339") from None
    if found.tzinfo is None:
        raise Malformed("--at is a time with its offset, such as +07:00")
    return found


def _take_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", help="the order code that the citizen shows")
    parser.add_argument("--amount-vnd", required=True, type=int, metavar="N", help="what was taken")
    parser.add_argument("--method", required=True, choices=[each.value for each in Method])
    parser.add_argument("--paper", required=True, metavar="P", help="series and number of the paper given")
    parser.add_argument("--by", required=True, metavar="NAME", help="the clerk's account name")
    parser.add_argument("--at", metavar="TIME", help="when it was taken, RFC 3339; now if left out")


def _breaks(given: Namespace) -> int:
    with opened() as here:
        agencies_of(here.context, given.account)
        found = breaks.listed(here.context, given.account, viewing(given, "breaks list"))
    if given.json:
        rows = [
            {
                "line": each.line_id,
                "on": each.value_on.isoformat(),
                "amount_vnd": each.amount_vnd,
                "text": each.text,
            }
            for each in found
        ]
        say_json({"breaks": rows})
        return 0
    for each in found:
        print(f"{each.line_id}  {each.value_on}  {vnd(each.amount_vnd)}  {each.text}")
    if not found:
        print("nothing is open on this account")
    return 0


def _breaks_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--account", required=True, metavar="A", help="the account")
    with_viewing(parser)
    with_json(parser)


def _assign(given: Namespace) -> int:
    with opened() as here:
        agencies_of(here.context, given.account)
        return _told(
            breaks.assign(
                here.context, given.line, given.code, account=given.account, by=clerk(given), now=now()
            )
        )


def _pass_on(given: Namespace) -> int:
    with opened() as here:
        agencies_of(here.context, given.account)
        amount_vnd = breaks.pass_on(
            here.context, given.line, given.id, account=given.account, by=clerk(given), now=now()
        )
    print(f"{vnd(amount_vnd)} passed on")
    return 0


def _pass_on_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("line", type=int, metavar="LINE", help="the line of the money that went out")
    parser.add_argument("id", metavar="ID", help="the obligation, as `owed list` tells it")
    parser.add_argument("--account", required=True, metavar="A", help="the account")
    parser.add_argument("--by", required=True, metavar="NAME", help="the account name of whoever says so")


def _assign_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "line", type=int, metavar="LINE", help="the number of the line, as `breaks list` tells it"
    )
    parser.add_argument("code", metavar="CODE", help="the order code that the money is for")
    parser.add_argument("--account", required=True, metavar="A", help="the account")
    parser.add_argument("--by", required=True, metavar="NAME", help="the account name of whoever says so")


def _owed(given: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        found = obligations.open_ones(connection, MOST_SHOWN)
    if given.json:
        rows = [
            {
                "id": each.id,
                "kind": each.kind,
                "order_code": each.order_code,
                "amount_vnd": each.amount_vnd,
                "provider": each.provider,
                "owner": each.owner,
                "due_at": moment(each.due_at),
            }
            for each in found
        ]
        say_json({"obligations": rows})
        return 0
    for each in found:
        print(
            f"{each.id}  {each.due_at:%Y-%m-%d}  {each.kind}  {vnd(each.amount_vnd)}  {each.order_code}  {each.owner}"
        )
    if not found:
        print("nobody is owed anything")
    return 0


def _tries(given: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        found = payment_store.unclear_attempts(connection, MOST_SHOWN)
    if given.json:
        rows = [
            {
                "id": each.id,
                "order_code": order_code,
                "reference": each.reference,
                "provider": each.provider,
                "asked_vnd": each.asked_vnd,
                "state": each.state,
                "created_at": moment(each.created_at),
            }
            for each, order_code in found
        ]
        say_json({"tries": rows})
        return 0
    for each, order_code in found:
        print(f"{each.id}  {order_code}  {each.provider}  {each.reference}  {each.state}")
    if not found:
        print("no try is unclear")
    return 0


def _settle_try(given: Namespace) -> int:
    by, proof = clerk(given), read_file(given.proof, PROOF_BYTES)
    with opened() as here:
        return _told(unclear.settle_not_paid(here.context, given.id, by=by, proof=proof, now=now()))


def _settle_try_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the try, as `tries list` tells it")
    parser.add_argument("--not-paid", required=True, action="store_true", help="its provider took no money")
    parser.add_argument("--by", required=True, metavar="NAME", help="the account name of whoever says so")
    parser.add_argument("--proof", required=True, type=Path, metavar="FILE", help="the provider's word")


COMMANDS: Sequence[Command] = (
    Command(
        ("desk", "take"),
        "record money that a clerk took",
        "desk take C4261124K7Q2M9XT --amount-vnd 200000 --method cash --paper AA-26P/0000123 --by motcua.lan",
        _take,
        _take_arguments,
    ),
    Command(
        ("breaks", "list"),
        "lines of the statement that nothing explains",
        "breaks list --account 0123456789 --by thuquy --reason đối-soát",
        _breaks,
        _breaks_arguments,
    ),
    Command(
        ("breaks", "assign"),
        "the money of a line is for this order",
        "breaks assign 4711 C4261124K7Q2M9XT --account 0123456789 --by ketoan.hoa",
        _assign,
        _assign_arguments,
    ),
    Command(
        ("breaks", "forward"),
        "money that went out belongs where an obligation says",
        "breaks forward 4712 obl_0190… --account 0123456789 --by ketoan.hoa",
        _pass_on,
        _pass_on_arguments,
    ),
    Command(
        ("tries", "list"), "tries that are unclear, oldest first", "tries list --json", _tries, with_json
    ),
    Command(
        ("tries", "settle"),
        "an unclear try brought no money, by its provider's word; keeps the proof",
        "tries settle att_0190… --not-paid --by ketoan.hoa --proof thu.pdf",
        _settle_try,
        _settle_try_arguments,
    ),
    Command(
        ("owed", "list"),
        "what is to be given back or still missing, the next due first",
        "owed list --json",
        _owed,
        with_json,
    ),
)
