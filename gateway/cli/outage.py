"""Outages that stopped cases: certified by a person of an agency, listed, and taken back where that was a mistake."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from gateway.cli.command import Command, moment, number, opened, say_json, with_json
from gateway.cli.refund import clerk
from gateway.domain.workdays import VIETNAM
from gateway.service import outages
from gateway.store import outages as store
from gateway.wiring import now

EVERYWHERE = "ALL"
MOST_SHOWN = 500


def _certify(given: Namespace) -> int:
    wanted = outages.Certificate(
        agency_code=None if given.agency == EVERYWHERE else given.agency,
        from_at=given.from_at,
        to_at=given.until,
        reason=given.reason,
        by=clerk(given),
    )
    with opened() as here:
        kept, is_new = outages.certify(here.context, wanted, now())
    said = "certified; a worker moves the due dates" if is_new else f"was certified by {kept.certified_by}"
    print(f"{kept.id}: {said}")
    return 0


def _list(given: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        found = store.listed(connection, MOST_SHOWN)
    if given.json:
        say_json({"outages": [_told(each) for each in found]})
        return 0
    for each in found:
        from_at, to_at = (
            at.astimezone(VIETNAM).isoformat("T", "minutes") for at in (each.from_at, each.to_at)
        )
        held = "  taken back" if each.taken_back else ""
        agency = each.agency_code or EVERYWHERE
        print(f"{each.id}  {from_at} to {to_at}  {agency}  {each.certified_by}  {each.reason}{held}")
    if not found:
        print("no outage was certified")
    return 0


def _told(each: store.Outage) -> dict[str, object]:
    return {
        "id": each.id,
        "agency_code": each.agency_code or EVERYWHERE,
        "from": each.from_at.astimezone(VIETNAM).isoformat(),
        "until": each.to_at.astimezone(VIETNAM).isoformat(),
        "reason": each.reason,
        "by": each.certified_by,
        "taken_back": each.taken_back,
    }


def _revoke(given: Namespace) -> int:
    by = clerk(given)
    with opened() as here:
        outages.take_back(here.context, given.id, given.reason, by)
    print(f"{given.id}: taken back; a worker reckons the due dates again")
    return 0


def _why_and_who(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--reason", required=True, metavar="TEXT", help="why, in a sentence for citizens and portals"
    )
    parser.add_argument(
        "--by", required=True, metavar="NAME", help="the account name of whoever certifies it"
    )


def _certify_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--from", dest="from_at", required=True, type=moment, metavar="T", help="YYYY-MM-DDTHH:MM in Việt Nam"
    )
    parser.add_argument(
        "--until", required=True, type=moment, metavar="T", help="when it was over, written so too"
    )
    parser.add_argument(
        "--agency",
        required=True,
        metavar="A",
        help="the agency's code, those under it too; or ALL for everybody",
    )
    _why_and_who(parser)


def _revoke_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=number, metavar="ID", help="the outage's number, as `outage list` says it")
    _why_and_who(parser)


COMMANDS: Sequence[Command] = (
    Command(
        ("outage", "certify"),
        "certify an outage that stopped cases: the due dates of those of that time move by it",
        "outage certify --from 2026-11-26T08:00 --until 2026-11-27T11:00 --agency H28 --reason cable --by lan",
        _certify,
        _certify_arguments,
    ),
    Command(
        ("outage", "list"),
        "outages that were certified, the newest first",
        "outage list --json",
        _list,
        with_json,
    ),
    Command(
        ("outage", "revoke"),
        "take a certificate back that was a mistake: due dates are reckoned without it",
        "outage revoke 7 --reason mistyped --by lan",
        _revoke,
        _revoke_arguments,
    ),
)
