"""The container of a case: everything that it takes to check, with the cable out, what happened to it and when.

    README.txt              what this is, in two languages
    evidence.json           the events as leaves with their proofs, and the values that are opened
    checkpoint.txt          the signed checkpoint that the proofs lead to, witnesses' lines included
    checkpoint.tsr          a time-stamp token over it, where an authority is configured
    submission-receipt.jws  what the citizen was told when he handed the case in
    receipts/NUMBER.pdf, .json, .xml
    papers/ID.pdf, .json    other papers that were issued: slips and forms
    orders/NUMBER.http      what the portal ordered and signed; only for who may see the person
    keys.json               the public keys that these are signed with; compare them with the published ones

It is bound as ASiC-E (`Notary.bind`). Documents and results stand in it as their SHA-256 only.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gateway.domain import evidence, leaf
from gateway.domain.errors import Forbidden, NotFound
from gateway.service import ordered, sealed, sealing
from gateway.service.cases import Caller
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import log as store

VERSION = 1
MOST_LEAVES = 10_000
PAPERS = {"receipt": ("receipts", "receipt_number"), "paper": ("papers", "paper_id")}
"""Of each thing that has papers, their folder in a container and what names them there."""
KINDS = ("pdf", "json", "xml")
ORDERED = "payment.created"
README = """\
{case_code}

Tệp này chứng minh những gì đã xảy ra với hồ sơ trên, và khi nào. Kiểm tra không cần mạng:
mở trang {public_url}/verify rồi thả tệp vào (trang lưu về máy vẫn dùng được), hoặc chạy: python -m gateway verify TỆP
Các sự kiện nằm trong evidence.json; mỗi sự kiện là một lá của sổ {origin}.
Khóa công khai của sổ: {key}
Hãy so khóa này với khóa do cơ quan công bố.

This file proves what happened to the case above, and when. It is checked without a network:
open {public_url}/verify and drop the file there (a saved page works too), or run: python -m gateway verify FILE
The events are in evidence.json; each of them is a leaf of the log {origin}.
Public key of the log: {key}
Compare this key with the one that the agency publishes.
"""

Files = dict[str, bytes]


def container(context: Context, caller: Caller, case_code: str, *, with_person: bool, now: datetime) -> bytes:
    """The signed container of the caller's case. Raises `NotFound`, and `Forbidden` until its events are sealed.

    `with_person` opens what the submission commits to of the applicant; without it the container names nobody.
    """
    with context.engine.connect() as connection:
        case = case_store.find(connection, case_code, caller.portal_id)
        if case is None:
            raise NotFound("no case has this code")
        checkpoint = store.checkpoint(connection)
        leaves = store.leaves_of_case(connection, case_code, MOST_LEAVES)
        if checkpoint is None or not leaves:
            raise Forbidden("the events of this case are not sealed yet; it takes a few seconds")
        told = _evidence(context, connection, case_code, leaves, checkpoint, with_person=with_person)
        orders = _orders(connection, told) if with_person else {}
    files = {**_papers(context, case, told), **orders}
    texts = {"case_code": case_code, "public_url": context.public_url, **_log(context)}
    files |= {
        "README.txt": README.format(**texts).encode(),
        "evidence.json": evidence.canonical(told),
        "checkpoint.txt": (checkpoint.note + checkpoint.cosignatures).encode(),
        "keys.json": evidence.canonical({"log": context.notary.key, "jwks": context.notary.keys()}),
    }
    if checkpoint.stamp is not None:
        files["checkpoint.tsr"] = checkpoint.stamp
    return context.notary.bind(files, now)


def _log(context: Context) -> dict[str, str]:
    return {"origin": context.notary.origin, "key": context.notary.key}


def _evidence(
    context: Context,
    connection: Connection,
    case_code: str,
    leaves: Sequence[store.Leaf],
    checkpoint: store.Checkpoint,
    *,
    with_person: bool,
) -> dict[str, Any]:
    salt = _salt(context, connection, case_code)
    facts = store.facts_of_case(connection, case_code, MOST_LEAVES)
    people = store.applicants(connection, [case_code]) if with_person else {}
    person = sealing.personal(context, people[case_code]) if case_code in people else {}
    kept: dict[tuple[int, int, int], Sequence[bytes]] = {}

    def hashes(level: int, first: int, count: int) -> Sequence[bytes]:
        at = (level, first, count)  # the paths of one case meet soon, and then are the same
        if at not in kept:
            kept[at] = store.hashes(connection, level, first, count)
        return kept[at]

    forgotten_at = store.forgotten_at(connection, case_code)
    known = {} if forgotten_at is None else {"forgotten_at": leaf.moment(forgotten_at)}
    return {
        "v": VERSION,
        **known,
        "case_code": case_code,
        "log": _log(context),
        "size": checkpoint.size,
        "events": [
            {
                "index": each.index,
                "leaf": each.body.decode(),
                "path": [
                    part.hex() for part in evidence.inclusion_proof(hashes, each.index, checkpoint.size)
                ],
                "opened": _opened(facts[each.event_id], person, salt),
            }
            for each in leaves
            if each.index < checkpoint.size
        ],
    }


def _salt(context: Context, connection: Connection, case_code: str) -> bytes | None:
    """The salt of the case; None where the person was forgotten."""
    kept = store.salts_of(connection, [case_code]).get(case_code)
    return None if kept is None else context.sealer.open(kept, sealed.SALT)


def _opened(fact: leaf.Fact, person: Mapping[str, object], salt: bytes | None) -> dict[str, Any]:
    """The values of a leaf that are shown with their salts: never who of the staff it was."""
    if salt is None:
        return {}
    values = dict(leaf.hidden(fact)) | (dict(person) if fact.type == sealing.SUBMITTED else {})
    values.pop("actor", None)
    values[leaf.CASE] = fact.case_code
    return {
        name: {"value": value, "salt": leaf.field_salt(salt, fact.id, name).hex()}
        for name, value in values.items()
    }


def _papers(context: Context, case: case_store.Case, told: Mapping[str, Any]) -> Files:
    """The papers that the sealed events name, as they name them: what is not sealed yet is in the next container.

    Of a person who was forgotten there are none: nothing is left that could show whose they are.
    """
    files: Files = {}
    for type_, values in map(_values, told["events"]):
        noun, _, what = type_.partition(".")
        if noun in PAPERS and what in {"issued", "completed"} and "pdf_sha256" in values:
            folder, name = PAPERS[noun]
            for kind in KINDS:
                if f"{kind}_sha256" in values:
                    files[f"{folder}/{values[name]}.{kind}"] = context.files.get(values[f"{kind}_sha256"])
        if "submission_receipt_sha256" in values and case.submission_receipt is not None:
            files["submission-receipt.jws"] = case.submission_receipt.encode()
    return files


def _orders(connection: Connection, told: Mapping[str, Any]) -> Files:
    """What the portal ordered and signed, where the sealed event of a payment names it."""
    files: Files = {}
    for type_, values in map(_values, told["events"]):
        found = ordered.find(connection, values.get("cause")) if type_ == ORDERED else None
        if found is not None:
            files[f"orders/{found[0]}.http"] = found[1]
    return files


def _values(event: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The type of a sealed event, and its values: those that its leaf shows, and those that are opened."""
    leaf_ = json.loads(event["leaf"])
    opened = {name: each["value"] for name, each in event["opened"].items()}
    return leaf_["type"], {**leaf_["data"], **opened}


# --- the public side of the log ------------------------------------------------------------------------


def cosign(context: Context, note: str) -> int:
    """Keep what known witnesses signed under a checkpoint of ours; how many lines were new.

    Raises `NotFound` for a checkpoint that is not ours, and what `Notary.seen_by` raises.
    """
    lines = context.notary.seen_by(note)
    text = note.partition("\n\n")[0]
    size = text.split("\n")[1]
    with context.engine.begin() as connection:
        kept = store.checkpoint(connection, int(size)) if size.isdecimal() and len(size) < 17 else None  # noqa: PLR2004 - what fits a bigint
        if kept is None or kept.note.partition("\n\n")[0] != text:
            raise NotFound("this is no checkpoint of this log")
        return sum(store.add_cosignature(connection, kept.size, line) for line in lines)
