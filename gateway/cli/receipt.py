"""Receipts: those that were issued, and what a person does about a wrong one."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from gateway.cli.command import Command, day, opened, say_json, vnd, with_json
from gateway.cli.refund import clerk, reason
from gateway.domain.errors import Malformed
from gateway.domain.legal_receipt import LegalState
from gateway.service import legal_receipts, receipt_changes, receipt_summary
from gateway.store import legal_receipts as legal_store
from gateway.store import receipts as store
from gateway.wiring import now

MOST_SHOWN = 500
OPEN = (LegalState.INTENDED, LegalState.SENT, LegalState.REFUSED, LegalState.CANCELLING)


def _list(given: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        found = store.newest(connection, MOST_SHOWN)
    if given.json:
        shown = ("receipt_number", "state", "payment_id", "ended_by", "reason")
        say_json({"receipts": [{name: getattr(each, name) for name in shown} for each in found]})
        return 0
    for each in found:
        print("  ".join((each.receipt_number, each.state, each.payment_id, each.reason or "")).rstrip())
    if not found:
        print("no receipt was issued yet")
    return 0


def _legal(given: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        found = legal_store.in_states(connection, OPEN, MOST_SHOWN)
    shown = ("id", "receipt_id", "provider", "state", "number", "code")
    if given.json:
        say_json({"legal_receipts": [{name: getattr(each, name) for name in shown} for each in found]})
        return 0
    for each in found:
        print("  ".join(str(getattr(each, name) or "-") for name in shown))
    if not found:
        print("no legal receipt is open")
    return 0


def _retry(given: Namespace) -> int:
    with opened() as here:
        legal_receipts.retry(here.context, given.id, now())
    print(f"{given.id}: asked for again")
    return 0


def _summary(given: Namespace) -> int:
    with opened() as here:
        rows = receipt_summary.rows_of(here.context, given.day, given.tax_code)
    if len({row.issuer_tax_code for row in rows}) > 1:
        raise Malformed("several issuers have receipts on that day: name one with --tax-code")
    table = receipt_summary.xml_of(given.day, rows)
    if given.out is not None:
        given.out.write_bytes(table)
        if given.tax_code is None:
            with opened() as here:
                receipt_summary.written(here.context, given.day, now())
        print(f"{len(rows)} rows, {vnd(sum(row.total_vnd for row in rows))}: {given.out}")
    else:
        print(table.decode())
    return 0


def _cancel(given: Namespace) -> int:
    by, why = clerk(given), reason(given)
    with opened() as here:
        receipt_changes.cancel(here.context, given.number, by=by, reason=why, now=now())
    print(f"{given.number}: cancelled")
    return 0


def _replace(given: Namespace) -> int:
    by, why = clerk(given), reason(given)
    with opened() as here:
        number = receipt_changes.replace(here.context, given.number, by=by, reason=why, now=now())
    print(f"{given.number}: replaced by {number}")
    return 0


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("number", metavar="NUMBER", help="the receipt, as it is printed: H28-26E-0000001")
    parser.add_argument("--by", required=True, metavar="NAME", help="the account name of whoever says so")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept, and names nobody")


def _summary_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--day", required=True, type=day, metavar="D", help="the day, YYYY-MM-DD")
    parser.add_argument("--tax-code", metavar="N", help="the issuer, where there are several")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to write it; without it, to the terminal"
    )


def _id(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the legal receipt")


COMMANDS: Sequence[Command] = (
    Command(
        ("receipt", "legal"),
        "legal receipts at a provider that are not issued yet, or refused",
        "receipt legal --json",
        _legal,
        with_json,
    ),
    Command(
        ("receipt", "summary"),
        "the day's summary table for the tax office (Mẫu 01/TH-BLĐT), due on the same day",
        "receipt summary --day 2026-11-24 --out 01-TH-BLDT.xml",
        _summary,
        _summary_arguments,
    ),
    Command(
        ("receipt", "retry"),
        "what the provider refused was mended: ask for the legal receipt again",
        "receipt retry lgr_0190…",
        _retry,
        _id,
    ),
    Command(("receipt", "list"), "the newest receipts", "receipt list --json", _list, with_json),
    Command(
        ("receipt", "cancel"),
        "a receipt does not hold any more, and none takes its place",
        "receipt cancel H28-26E-0000017 --by thuquy --reason nhầm",
        _cancel,
        _arguments,
    ),
    Command(
        ("receipt", "replace"),
        "another receipt takes the place of this one, with what is kept of the money now",
        "receipt replace H28-26E-0000017 --by thuquy --reason sai",
        _replace,
        _arguments,
    ),
)
