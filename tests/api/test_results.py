"""Results: what the agency signed is kept as it was signed, and nothing else is taken for it."""

from pathlib import Path

import pytest
from api_world import World, fingerprint_of_world

from sandbox.agency import Agency
from sandbox.errors import Untrusted
from sandbox.papers import check_jws, check_pdf

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return Agency(tmp_path_factory.mktemp("agency")).result("H28-261124-0001")


def in_process(world: World) -> str:
    code = str(world.submitted()["case_code"])
    for event in ("accept", "process"):
        body = {"reference": f"{code}-{event}", "event": event}
        assert 200 == world.ask("POST", f"/v1/cases/{code}/transitions", body).status
    return code


def kept_signature(world: World, code: str) -> str:
    query = "SELECT data ->> 'signature' FROM events WHERE case_code = :code AND type = 'case.result_stored'"
    return str(world.one(query, code=code)[0])


def test_a_signed_result_is_kept_and_its_signature_noted(world: World, signed: bytes) -> None:
    code = in_process(world)
    assert 200 == world.put(f"/v1/cases/{code}/result", signed).status
    assert "intact" == kept_signature(world, code)


def test_a_result_without_a_signature_is_noted_as_such(world: World) -> None:
    code = in_process(world)
    assert 200 == world.put(f"/v1/cases/{code}/result", b"%PDF-1.4 not signed").status
    assert "unknown" == kept_signature(world, code)


def test_a_result_that_was_changed_after_it_was_signed_is_refused(world: World, signed: bytes) -> None:
    code = in_process(world)
    before = fingerprint_of_world(world)
    at = signed.index(b"/MediaBox")
    changed = signed[:at] + b"/MediaBoy" + signed[at + 9 :]
    reply = world.put(f"/v1/cases/{code}/result", changed)
    assert (422, "malformed") == (reply.status, reply.json["code"])
    assert "the result was changed after it was signed" == reply.json["detail"]
    assert before == fingerprint_of_world(world)


def test_a_case_code_of_another_agency_is_refused_and_one_of_a_unit_is_taken(world: World) -> None:
    foreign = world.case_wanted("foreign-code", case_code="H29-261124-7001")
    reply = world.ask("POST", "/v1/cases", foreign)
    assert (422, "this case code is of another agency") == (reply.status, reply.json["detail"])
    unit = world.case_wanted("unit-code", case_code="000.00.15.H28-261124-7001")
    assert 201 == world.ask("POST", "/v1/cases", unit).status


def test_the_submission_receipt_holds_under_the_published_keys_and_no_other_text_does(world: World) -> None:
    receipt = world.submitted()["submission_receipt"]
    keys = world.plain("GET", "/.well-known/jwks.json").json
    assert "H28" == check_jws(receipt, keys)["agency_code"]
    head, payload, signature = receipt.split(".")
    for other in (
        f"{head}.{payload[:-4]}AAAA.{signature}",
        f"{head}.{payload}.{signature[:-6]}AAAAAA",
        "a.b",
        "",
    ):
        with pytest.raises(Untrusted):
            check_jws(other, keys)


def test_a_paper_of_another_signer_does_not_hold_under_the_published_root(
    world: World, signed: bytes, tmp_path: Path
) -> None:
    root = world.plain("GET", "/.well-known/paper-root.pem").body
    assert root.startswith(b"-----BEGIN CERTIFICATE-----")
    for paper in (signed, Agency(tmp_path).result("H28-261124-0002"), b"%PDF-1.4", b""):
        with pytest.raises(Untrusted):
            check_pdf(paper, root)
