"""Portals: who may call, with which key, and what the key may do."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from gateway.cli.command import Command, opened, read_file
from gateway.domain.errors import Malformed, NotFound, ReferenceConflict
from gateway.store import portals
from gateway.wiring import now
from signing.http_messages import MAX_KEYID_CHARS
from signing.public_pem import load_public

SCOPES = ("cases:write", "payments:write", "refunds:write", "deliveries:write", "read")
KEY_FILE_BYTES = 16_384
NAME_CHARS = 200


def _add(given: Namespace) -> int:
    if not 1 <= len(given.name.strip()) <= NAME_CHARS:
        raise Malformed(f"a name has 1 to {NAME_CHARS} characters")
    with opened() as here:
        if given.agency not in here.context.agencies:
            raise NotFound("no agency of GATEWAY_AGENCIES_FILE has this code")
        with here.engine.begin() as connection:
            for each in portals.listed(connection):
                if each.name == given.name and (each.agency_code, each.live) != (given.agency, given.live):
                    raise ReferenceConflict(
                        f"{each.id} has this name, the agency {each.agency_code}, and is {_mode(each)}"
                    )
            print(portals.add_portal(connection, name=given.name, agency_code=given.agency, live=given.live))
    return 0


def _mode(portal: portals.Portal) -> str:
    return "live" if portal.live else "for tests"


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="the name of the portal")
    parser.add_argument("--agency", required=True, help="the code of its agency in GATEWAY_AGENCIES_FILE")
    parser.add_argument("--live", action="store_true", help="for a live installation; else for a test one")


def _key(given: Namespace) -> int:
    if not 1 <= len(given.keyid) <= MAX_KEYID_CHARS or not given.keyid.isprintable():
        raise Malformed(f"a keyid has 1 to {MAX_KEYID_CHARS} printable characters")
    try:
        pem = read_file(given.public_key, KEY_FILE_BYTES).decode("ascii")
    except UnicodeDecodeError:
        raise Malformed(f"{given.public_key} is not a public key in PEM") from None
    load_public(pem)
    with opened() as here, here.engine.begin() as connection:
        known = portals.listed(connection)
        if given.portal not in {each.id for each in known}:
            raise NotFound("no portal has this id")
        if any(given.keyid == keyid for each in known if each.id != given.portal for keyid, *_ in each.keys):
            raise ReferenceConflict("another portal has a key of this keyid")
        portals.add_key(
            connection,
            portal_id=given.portal,
            keyid=given.keyid,
            public_pem=pem,
            scopes=tuple(given.scope or SCOPES),
        )
    print(f"{given.keyid}: {' '.join(given.scope or SCOPES)}")
    return 0


def _key_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--portal", required=True, metavar="ID", help="the id that `portal add` printed")
    parser.add_argument("--keyid", required=True, metavar="K", help="the name that its signatures will give")
    parser.add_argument(
        "--public-key", required=True, type=Path, metavar="FILE", help="its public key, PEM (SPKI)"
    )
    parser.add_argument(
        "--scope",
        action="append",
        choices=SCOPES,
        help="what the key may do; may be given several times; all by default",
    )


def _revoke(given: Namespace) -> int:
    with opened() as here, here.engine.begin() as connection:
        if not portals.revoke_key(connection, given.keyid, now()):
            raise NotFound("no key that is believed has this keyid")
    print(f"{given.keyid} is revoked")
    return 0


def _revoke_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--keyid", required=True, metavar="K", help="the key that is believed no longer")


def _list(_: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        found = portals.listed(connection)
    for each in found:
        print(f"{each.id}  {each.name}  agency {each.agency_code}  {_mode(each)}")
        for keyid, scopes, revoked_at in each.keys:
            until = "" if revoked_at is None else f"  revoked {revoked_at.isoformat(timespec='seconds')}"
            print(f"    {keyid}: {' '.join(scopes)}{until}")
    if not found:
        print("no portal is known")
    return 0


COMMANDS: Sequence[Command] = (
    Command(
        ("portal", "add"),
        "let a portal in; prints its id",
        'portal add --name "Cổng DVC Hòa Bình" --agency H28',
        _add,
        _add_arguments,
    ),
    Command(
        ("portal", "key"),
        "give a portal a key: the same keyid again replaces what it was",
        "portal key --portal prt_1 --keyid hoabinh-2026 --public-key hoabinh.pem --scope read",
        _key,
        _key_arguments,
    ),
    Command(
        ("portal", "revoke"),
        "believe a portal's key no longer, from now on",
        "portal revoke --keyid hoabinh-2026",
        _revoke,
        _revoke_arguments,
    ),
    Command(("portal", "list"), "the portals and their keys", "portal list", _list),
)
