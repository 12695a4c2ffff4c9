"""The proof log in public: a stranger mirrors it, follows its growth, and proves a leaf, over HTTP alone."""

import hashlib
import json
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from api_world import PERSON, World
from pymerkle import InmemoryTree

from gateway.domain import evidence as tree
from gateway.service import sealing
from gateway.wiring import make_app
from signing import http_messages, notes, verifier

pytestmark = pytest.mark.service


def seal(world: World) -> None:
    while sealing.seal(world.house.context, datetime.now(UTC)):
        pass


def checkpoint(world: World) -> notes.Checkpoint:
    """The newest checkpoint, checked with the key that the log publishes."""
    key = world.plain("GET", "/log/key")
    assert 200 == key.status
    reply = world.plain("GET", "/log/checkpoint")
    assert (200, "no-cache") == (reply.status, reply.headers["cache-control"])
    return notes.verify(reply.body.decode(), notes.read_verifier(key.body.decode()))


def mirrored(world: World, size: int) -> list[bytes]:
    """The hashes of every leaf, out of tiles as a mirror fetches them."""
    found: list[bytes] = []
    while len(found) < size:
        number, width = len(found) // 256, min(size - len(found), 256)
        reply = world.plain("GET", f"/log/tile/{tree.tile_path(0, number, width)}")
        assert (200, "application/octet-stream") == (reply.status, reply.headers["content-type"])
        assert "immutable" in reply.headers["cache-control"]
        assert width * 32 == len(reply.body)
        found += [reply.body[at : at + 32] for at in range(0, len(reply.body), 32)]
    return found


def path_of(world: World, name: str, **asked: int) -> Sequence[bytes]:
    query = "&".join(f"{each}={value}" for each, value in asked.items())
    reply = world.plain("GET", f"/log/proof/{name}?{query}")
    assert 200 == reply.status, reply.body
    return [bytes.fromhex(each) for each in reply.json["path"]]


def test_a_mirror_computes_the_root_that_was_signed(world: World, case_code: str) -> None:
    seal(world)
    signed = checkpoint(world)
    assert signed.size > 0
    assert signed.root == tree.root_of(mirrored(world, signed.size))
    world.payment(case_code)
    seal(world)
    grown = checkpoint(world)
    assert grown.root == tree.root_of(mirrored(world, grown.size))
    path = path_of(world, "consistency", old=signed.size, size=grown.size)
    assert tree.is_consistent(signed.size, signed.root, grown.size, grown.root, path)


def test_every_leaf_is_proved(world: World, case_code: str) -> None:
    world.payment(case_code)
    seal(world)
    signed = checkpoint(world)
    hashes = mirrored(world, signed.size)
    for index in {0, signed.size // 2, signed.size - 1}:
        path = path_of(world, "inclusion", index=index, size=signed.size)
        assert signed.root == tree.root_by_inclusion(hashes[index], index, signed.size, path)


def entries_of(body: bytes) -> list[bytes]:
    """A bundle of entries taken apart as C2SP tlog-tiles says, by hand."""
    found: list[bytes] = []
    while body:
        (length,) = struct.unpack(">H", body[:2])
        assert len(body) >= 2 + length
        found.append(body[2 : 2 + length])
        body = body[2 + length :]
    return found


def test_entries_are_the_leaves_whose_hashes_stand_in_the_tiles(world: World, case_code: str) -> None:
    """A stranger reads every leaf, and another library's tree over them has the root that was signed."""
    world.payment(case_code)
    seal(world)
    signed = checkpoint(world)
    found: list[bytes] = []
    while len(found) < signed.size:
        width = min(signed.size - len(found), 256)
        partial = f".p/{width}" if width < 256 else ""
        reply = world.plain("GET", f"/log/tile/entries/{len(found) // 256:03d}{partial}")
        assert (200, "application/octet-stream") == (reply.status, reply.headers["content-type"])
        assert "immutable" in reply.headers["cache-control"]
        entries = entries_of(reply.body)
        assert width == len(entries)
        found += entries
    assert mirrored(world, signed.size) == [hashlib.sha256(b"\x00" + each).digest() for each in found]
    theirs = InmemoryTree(algorithm="sha256")
    for each in found:
        theirs.append_entry(each)
    assert signed.root == theirs.get_root()
    assert {1} == {json.loads(each)["v"] for each in found}
    reply = world.plain("GET", "/log/tile/entries/000.p/2")
    assert found[:2] == entries_of(reply.body), "as the log was when it had two leaves"


def test_no_entry_names_a_person_a_case_or_a_paper(world: World, case_code: str) -> None:
    seal(world)
    size = checkpoint(world).size
    reply = world.plain("GET", f"/log/tile/{tree.tile_path('entries', 0, min(size, 256))}")
    told = b"".join(entries_of(reply.body)).decode()
    kept = world.rows("SELECT sha256 FROM case_documents WHERE sha256 IS NOT NULL")
    personal = [*PERSON.values(), case_code, *(row.sha256 for row in kept)]
    assert len(personal) > 5
    # cccd, the kind of a paper, is hexadecimal too: what is short says nothing
    assert [] == [value for value in personal if len(str(value)) > 6 and str(value) in told]


def test_a_log_that_hides_its_entries_has_none_and_still_proves(world: World, case_code: str) -> None:
    world.payment(case_code)
    seal(world)
    settings = world.house.settings.model_copy(update={"proof_log_entries": "hidden"})
    client = make_app(replace(world.house, settings=settings)).test_client()
    assert 404 == client.get("/log/tile/entries/000.p/1").status_code
    assert 32 == len(client.get("/log/tile/0/000.p/1").data)


@pytest.mark.parametrize(
    "target",
    [
        "/log/tile/0/999",
        "/log/tile/0/000.p/256",
        "/log/tile/0/0",
        "/log/tile/0/x000/000",
        "/log/tile/0/000.p/0",
        "/log/tile/9/000",
        "/log/tile/entries/000.p/0",
        "/log/tile/entries/999",
        "/log/tile/entries/0",
        "/log/tile/entries/x000/000",
        "/log/tile/entries/000.p/256",
        "/log/tile/entries/000.p/-1",
        "/log/tile/entries",
        "/log/tile/Entries/000",
        f"/log/tile/entries/{'x999/' * 3}999",
        f"/log/tile/entries/{'x999/' * 40}999",
        "/log/tile/6/000",
        "/log/tile/0/000.p/00005",
        "/log/tile/0/000.p/-1",
        "/log/tile/",
        f"/log/tile/0/{'x999/' * 40}999",
        "/log/proof/inclusion?index=0&size=99999999",
    ],
)
def test_what_the_log_does_not_have_is_not_found(world: World, target: str) -> None:
    assert 404 == world.plain("GET", target).status


@pytest.mark.parametrize(
    "target",
    [
        "inclusion",
        "inclusion?index=5&size=2",
        "inclusion?index=-1&size=2",
        "inclusion?index=x&size=2",
        "consistency?old=3&size=2",
        "consistency?old=1&size=1e3",
        f"consistency?old={'9' * 30}&size=1",
    ],
)
def test_a_question_without_sense_is_refused_in_words(world: World, case_code: str, target: str) -> None:
    world.payment(case_code)
    seal(world)
    assert 422 == world.plain("GET", f"/log/proof/{target}").status


@pytest.mark.parametrize("body", [b"", b"hello", b"\xff\xfe", b"a\n1\nAAAA\n\n\xe2\x80\x94 a AAAA\n"])
def test_what_is_no_checkpoint_is_not_cosigned(world: World, body: bytes) -> None:
    before = world.plain("GET", "/log/checkpoint").body
    reply = world.plain("POST", "/log/checkpoint", body=body, headers=[("Content-Type", "text/plain")])
    assert reply.status in {404, 422}
    assert before == world.plain("GET", "/log/checkpoint").body


def test_a_portal_fetches_the_container_of_its_case(world: World, case_code: str) -> None:
    world.payment(case_code)
    seal(world)
    reply = world.ask("GET", f"/v1/cases/{case_code}/evidence")
    assert (200, "application/vnd.etsi.asic-e+zip") == (reply.status, reply.headers["content-type"])
    assert f'filename="{case_code}.asice"' in reply.headers["content-disposition"]
    key = world.plain("GET", "/log/key").body.decode().strip()
    assert case_code == verifier.check(reply.body, key=key).case_code
    with_person = world.ask("GET", f"/v1/cases/{case_code}/evidence?person=1")
    told = [
        json.loads(zipfile.ZipFile(BytesIO(each.body)).read("evidence.json")) for each in (reply, with_person)
    ]
    assert "orders/" not in "".join(zipfile.ZipFile(BytesIO(reply.body)).namelist()), "it tells who pays"
    names = [{name for event in each["events"] for name in event["opened"]} for each in told]
    assert {"applicant.name"} <= names[1] - names[0]


def test_what_a_portal_ordered_is_proved_with_its_signature(world: World) -> None:
    """The bytes that the sealed event names carry the portal's own signature, which holds against its key."""
    code = str(world.submitted()["case_code"])
    world.payment(code)
    seal(world)
    reply = world.ask("GET", f"/v1/cases/{code}/evidence?person=1")
    proof = verifier.check(reply.body, key=world.plain("GET", "/log/key").body.decode())
    (number,) = proof.orders
    assert f"; kèm lệnh nộp tiền của cổng {number};" in proof.sentence()
    sent = zipfile.ZipFile(BytesIO(reply.body)).read(f"orders/{number}.http")
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert "POST /v1/payments HTTP/1.1" == first
    headers = dict(line.split(": ", 1) for line in lines)
    target = f"{world.house.context.public_url}/v1/payments"
    key = world.keys["all"]
    verified = http_messages.verify_request(
        "POST", target, headers, body, resolve_key=lambda _: key.private.public_key(), now=datetime.now(UTC)
    )
    assert key.keyid == verified.keyid
    assert code == json.loads(body)["case_code"]
