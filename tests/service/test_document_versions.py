"""A document that is told anew keeps what was there before: its hash, its file, and that it was once submitted."""

import hashlib
from typing import Any

import pytest
from service_world import NOW, PAPERS, World, minutes

from gateway.domain.errors import Forbidden, Incomplete, Malformed, NotFound
from gateway.service import announcements, cases, evidence, sealing
from gateway.service import documents as taken_in
from gateway.service.documents import store_document
from gateway.store import cases as store
from gateway.store import spine
from tests.papers import pdf

pytestmark = pytest.mark.service

BETTER = pdf("to khai da ky")


def described(code: str = "to-khai", content: bytes = BETTER, **changes: object) -> dict[str, Any]:
    told = {"code": code, "name": f"{code}.pdf", "media_type": "application/pdf"}
    return {**told, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), **changes}


def asked(world: World, **changes: object) -> str:
    world.decide(code := world.case(**changes), "ask_supplement")
    return code


def announce(world: World, code: str, *documents: dict[str, Any]) -> None:
    announcements.announce(world.context, world.caller, code, documents, NOW)


def documents(world: World, code: str) -> dict[str, store.Document]:
    with world.engine.connect() as connection:
        return {each.code: each for each in store.documents(connection, code)}


def versions(world: World, code: str) -> list[store.DocumentVersion]:
    with world.engine.connect() as connection:
        return list(store.document_versions(connection, code))


def test_the_new_one_takes_its_place_and_the_old_one_stays_with_its_file(world: World) -> None:
    code = asked(world)
    old = documents(world, code)["to-khai"]
    announce(world, code, described())
    store_document(world.context, world.caller, code, "to-khai", BETTER, minutes(1))
    new = documents(world, code)["to-khai"]
    assert (2, hashlib.sha256(BETTER).hexdigest(), minutes(1)) == (new.version, new.sha256, new.stored_at)
    (kept,) = versions(world, code)
    assert (1, old.sha256, old.stored_at, NOW) == (
        kept.version,
        kept.sha256,
        kept.stored_at,
        kept.replaced_at,
    )
    assert PAPERS["to-khai"] == world.context.files.get(kept.sha256)


def test_a_supplement_is_not_given_until_what_was_told_of_is_here(world: World) -> None:
    announce(world, code := asked(world), described())
    with pytest.raises(Incomplete) as refused:
        world.decide(code, "supplement_given")
    assert ["to-khai"] == [each.code for each in refused.value.missing]
    assert "supplement_required" == cases.find(world.context, world.caller, code).state
    store_document(world.context, world.caller, code, "to-khai", BETTER, NOW)
    world.decide(code, "supplement_given")
    assert "accepted" == cases.find(world.context, world.caller, code).state


def test_a_document_that_was_not_there_is_added(world: World) -> None:
    announce(world, code := asked(world), described("giay-to-giam-phi"))
    assert 1 == documents(world, code)["giay-to-giam-phi"].version
    assert [] == versions(world, code)


def test_the_same_again_is_no_new_version(world: World) -> None:
    code = asked(world)
    for _ in range(3):
        announce(world, code, described())
    assert (2, 1) == (documents(world, code)["to-khai"].version, len(versions(world, code)))
    assert 1 == world.types(code).count("case.documents_announced")


def test_what_comes_for_a_version_that_was_replaced_meanwhile_is_not_taken(world: World) -> None:
    code = asked(world)
    announce(world, code, described())
    begun = documents(world, code)["to-khai"]
    announce(world, code, described(content=pdf("a third one")))
    with world.context.parts.temporary(BETTER) as path, pytest.raises(Forbidden, match="another version"):
        taken_in.take(world.context, world.caller, code, begun, path, NOW)
    assert documents(world, code)["to-khai"].stored_at is None


def test_a_draft_is_mended_too_and_nothing_after_the_submission(world: World) -> None:
    draft = cases.register(world.context, world.caller, world.case_wanted(), NOW)[0].case_code
    announce(world, draft, described())
    assert hashlib.sha256(BETTER).hexdigest() == documents(world, draft)["to-khai"].sha256
    with pytest.raises(Forbidden, match="before submission"):
        announce(world, world.case(), described())


def test_strangers_and_documents_of_no_procedure_are_refused(world: World) -> None:
    code = asked(world)
    with pytest.raises(NotFound):
        announcements.announce(world.context, world.stranger, code, [described()], NOW)
    with pytest.raises(Malformed, match="anh is not a document"):
        announce(world, code, described(), described("anh"))
    assert [] == versions(world, code)


def test_of_a_case_whose_portal_keeps_it_the_hash_is_all_there_is(world: World) -> None:
    wanted = world.case_wanted(keeps_documents=True)
    code = cases.register(world.context, world.caller, wanted, NOW)[0].case_code
    cases.submit(world.context, world.caller, code, NOW)
    world.decide(code, "ask_supplement")
    announce(world, code, described())
    world.decide(code, "supplement_given")
    assert "accepted" == cases.find(world.context, world.caller, code).state


def test_the_hashes_of_both_stand_on_the_spine_and_in_the_container(world: World) -> None:
    code = asked(world)
    announce(world, code, described())
    with world.engine.connect() as connection:
        told = {each.type: each.data for each in spine.of_case(connection, code)}
    before = {each["code"]: each["sha256"] for each in told["case.registered"]["documents"]}  # type: ignore[attr-defined]
    assert hashlib.sha256(PAPERS["to-khai"]).hexdigest() == before["to-khai"]
    after = told["case.documents_announced"]["documents"]
    assert [{"code": "to-khai", "version": 2, "sha256": hashlib.sha256(BETTER).hexdigest()}] == after
    while sealing.seal(world.context, NOW):
        pass
    container = evidence.container(world.context, world.caller, code, with_person=False, now=NOW)
    assert hashlib.sha256(BETTER).hexdigest().encode() in container
