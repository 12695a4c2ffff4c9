"""Documents and results: the bytes that come are the bytes that were announced, or nothing is kept."""

import hashlib

import pytest
from api_wire import Call, Reply, digest, uploaded
from api_world import MAX_DOCUMENT_BYTES, PAPERS, World, fingerprint_of_world

from tests.papers import pdf

pytestmark = pytest.mark.service

PDF = "application/pdf"
CODE = "to-khai"


@pytest.fixture(scope="module")
def draft(world: World) -> str:
    return str(world.draft()["case_code"])


@pytest.fixture(scope="module")
def in_process(world: World) -> str:
    code = world.submitted()["case_code"]
    for event in ("accept", "process"):
        body = {"reference": f"up-{event}", "event": event}
        assert 200 == world.ask("POST", f"/v1/cases/{code}/transitions", body).status
    return str(code)


def put(world: World, target: str, content: bytes, **repr_digest: str) -> Reply:
    call: Call = world.call("PUT", target, content, content_type=PDF)
    given = repr_digest.get("repr_digest", digest(content))
    return call.send(call.signed() | ({"Repr-Digest": given} if given else {}))


def refused(world: World, reply_of: object, before: object, status: int, code: str) -> None:
    assert isinstance(reply_of, Reply)
    assert (status, code) == (reply_of.status, reply_of.json["code"])
    assert before == fingerprint_of_world(world)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "sha-256",
        "sha-256=",
        digest(b"another"),
        digest(PAPERS[CODE])[:-3] + "A=:",
        "md5=:AAAA:",
        "sha-512=:AAAA:",
        "\xff\xfe",
        "," * 5000,
    ],
)
def test_a_document_whose_digest_is_absent_or_another_is_refused(
    world: World, draft: str, given: str
) -> None:
    before = fingerprint_of_world(world)
    for target in (f"/v1/cases/{draft}/documents/{CODE}", f"/v1/cases/{draft}/result"):
        reply = put(world, target, PAPERS[CODE], repr_digest=given)
        refused(world, reply, before, 422, "malformed")


@pytest.mark.parametrize("content", [b"", PAPERS[CODE][:-1], PAPERS[CODE] + b"x"])
def test_a_document_of_another_size_is_refused(world: World, draft: str, content: bytes) -> None:
    before = fingerprint_of_world(world)
    reply = put(world, f"/v1/cases/{draft}/documents/{CODE}", content)
    refused(world, reply, before, 422, "malformed")


def test_a_document_with_other_bytes_of_the_same_size_is_refused(world: World, draft: str) -> None:
    other = b"X" + PAPERS[CODE][1:]
    before = fingerprint_of_world(world)
    reply = put(world, f"/v1/cases/{draft}/documents/{CODE}", other)
    assert (422, "malformed") == (reply.status, reply.json["code"])
    after = fingerprint_of_world(world)
    # the bytes lie in the store under their own digest, and no document points to them
    assert {**before, "files": None} == {**after, "files": None}


@pytest.mark.parametrize(
    "code", ["khong-co", "..", "%2e%2e%2fto-khai", "TO-KHAI", "to-khai%20", "%F0%9F%93%84"]
)
def test_a_document_that_was_not_announced_is_not_found(world: World, draft: str, code: str) -> None:
    before = fingerprint_of_world(world)
    reply = put(world, f"/v1/cases/{draft}/documents/{code}", PAPERS[CODE])
    refused(world, reply, before, 404, "not_found")


def test_a_document_for_a_case_that_is_not_there_is_not_found(world: World) -> None:
    before = fingerprint_of_world(world)
    reply = put(world, f"/v1/cases/H28-000000-0000/documents/{CODE}", PAPERS[CODE])
    refused(world, reply, before, 404, "not_found")


def test_a_document_after_submission_is_refused(world: World, case_code: str) -> None:
    before = fingerprint_of_world(world)
    reply = put(world, f"/v1/cases/{case_code}/documents/{CODE}", PAPERS[CODE])
    refused(world, reply, before, 409, "not_possible_now")


def test_the_same_document_twice_changes_nothing(world: World) -> None:
    target = f"/v1/cases/{world.draft()['case_code']}/documents/{CODE}"
    first = put(world, target, PAPERS[CODE])
    after = fingerprint_of_world(world)
    again = put(world, target, PAPERS[CODE])
    assert (200, 200) == (first.status, again.status)
    assert first.json == again.json
    assert after == fingerprint_of_world(world)


@pytest.mark.parametrize("way", ["whole", "in chunks"])
def test_an_upload_over_the_limit_is_413(world: World, draft: str, way: str) -> None:
    before = fingerprint_of_world(world)
    call = uploaded(
        world.call(
            "PUT", f"/v1/cases/{draft}/documents/{CODE}", b"x" * (MAX_DOCUMENT_BYTES + 1), content_type=PDF
        )
    )
    chunks = (call.body[n : n + 65_536] for n in range(0, len(call.body), 65_536))
    body = chunks if way == "in chunks" else call.body
    reply = world.plain("PUT", call.target, headers=call.signed().items(), body=body)
    refused(world, reply, before, 413, "too_large")


def test_a_document_as_large_as_the_limit_is_taken_also_in_chunks(world: World) -> None:
    content = pdf(size=MAX_DOCUMENT_BYTES)
    assert MAX_DOCUMENT_BYTES == len(content)
    for chunked in (False, True):
        document = {
            "code": "ban-ve",
            "name": "bản vẽ",
            "media_type": PDF,
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        code = world.draft(documents=[document])["case_code"]
        call = uploaded(world.call("PUT", f"/v1/cases/{code}/documents/ban-ve", content, content_type=PDF))
        body = (content[n : n + 65_536] for n in range(0, len(content), 65_536)) if chunked else content
        reply = world.plain("PUT", call.target, headers=call.signed().items(), body=body)
        assert 200 == reply.status, reply.text
        assert content == world.house.context.files.get(reply.json["sha256"])


def test_a_case_that_lacks_documents_cannot_be_submitted_and_each_is_named(world: World, draft: str) -> None:
    before = fingerprint_of_world(world)
    reply = world.ask("POST", f"/v1/cases/{draft}/submit")
    refused(world, reply, before, 422, "incomplete")
    assert set(PAPERS) == {each["code"] for each in reply.json["errors"]}


def test_an_empty_result_is_refused(world: World, in_process: str) -> None:
    before = fingerprint_of_world(world)
    refused(world, put(world, f"/v1/cases/{in_process}/result", b""), before, 422, "malformed")


def test_a_result_before_the_case_is_in_process_is_refused(world: World, case_code: str) -> None:
    before = fingerprint_of_world(world)
    reply = put(world, f"/v1/cases/{case_code}/result", b"%PDF-1.4 ket qua")
    assert (409, "not_possible_now") == (reply.status, reply.json["code"])
    assert before == fingerprint_of_world(world)


def test_the_same_result_twice_is_one_result(world: World, in_process: str) -> None:
    first = put(world, f"/v1/cases/{in_process}/result", b"%PDF-1.4 ket qua")
    after = fingerprint_of_world(world)
    again = put(world, f"/v1/cases/{in_process}/result", b"%PDF-1.4 ket qua")
    assert (200, 200) == (first.status, again.status)
    assert first.json == again.json
    assert after == fingerprint_of_world(world)
