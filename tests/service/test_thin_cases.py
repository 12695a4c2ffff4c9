"""A portal that keeps the dossier tells the hashes only, and leaves money and delivery to us."""

import base64
import json
from typing import Any

import pytest
from service_world import NOW, PAPERS, World

from gateway.domain.errors import Forbidden, Incomplete, ReferenceConflict
from gateway.service import cases, show_case
from gateway.service.documents import store_document
from gateway.store import cases as store

pytestmark = pytest.mark.service


def thin(world: World, **changes: object) -> tuple[dict[str, Any], store.Case]:
    wanted = world.case_wanted(keeps_documents=True, **changes)
    return wanted, cases.register(world.context, world.caller, wanted, NOW)[0]


def test_it_is_submitted_and_paid_without_a_byte_of_its_documents(world: World) -> None:
    wanted, case = thin(world)
    submitted = cases.submit(world.context, world.caller, case.case_code, NOW)
    assert "registered" == submitted.state
    assert world.payment(case.case_code)
    said = json.loads(base64.urlsafe_b64decode(str(submitted.submission_receipt).split(".")[1] + "=="))
    hashes = {each["code"]: each["sha256"] for each in wanted["documents"]}
    assert (hashes, "portal") == (
        {each["code"]: each["sha256"] for each in said["documents"]},
        said["documents_kept_by"],
    )


def test_a_whole_case_says_nothing_of_who_keeps_it(world: World) -> None:
    receipt = cases.find(world.context, world.caller, world.case()).submission_receipt
    said = json.loads(base64.urlsafe_b64decode(str(receipt).split(".")[1] + "=="))
    assert "documents_kept_by" not in said


def test_a_document_that_is_not_told_of_is_missing_all_the_same(world: World) -> None:
    told = [each for each in world.case_wanted()["documents"] if each["code"] != "to-khai"]
    _, case = thin(world, documents=told)
    with pytest.raises(Incomplete) as refused:
        cases.submit(world.context, world.caller, case.case_code, NOW)
    assert ["to-khai"] == [each.code for each in refused.value.missing]


def test_the_form_is_the_portals_own_to_check(world: World) -> None:
    told = world.case_wanted()["documents"][0]
    _, case = thin(
        world, procedure_code="2.000635", documents=[{**told, "code": "to-khai"}], answers={"so-ban": 2}
    )
    assert "registered" == cases.submit(world.context, world.caller, case.case_code, NOW).state
    assert [16_000] == [fee["amount_vnd"] for fee in case.fees]


def test_no_document_of_it_is_taken_and_it_says_so(world: World) -> None:
    _, case = thin(world)
    with pytest.raises(Forbidden, match="the portal keeps the documents"):
        store_document(world.context, world.caller, case.case_code, "to-khai", PAPERS["to-khai"], NOW)
    assert show_case.case(world.context, case, show_case.Parts())["keeps_documents"] is True


def test_the_same_reference_as_a_whole_case_is_another_content(world: World) -> None:
    wanted, case = thin(world)
    again, is_new = cases.register(world.context, world.caller, wanted, NOW)
    assert (case.case_code, False) == (again.case_code, is_new)
    with pytest.raises(ReferenceConflict):
        cases.register(world.context, world.caller, {**wanted, "keeps_documents": False}, NOW)
