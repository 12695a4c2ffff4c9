"""The container of a case as its portal gets it, held against the verifier that knows nothing of us."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace

import pytest
from cryptography import x509
from service_wires import ipn
from service_world import NOW, PERSON, World

from gateway.domain import leaf
from gateway.domain.errors import Forbidden, NotFound
from gateway.service import behind, evidence, receipt_changes, receipts, sealing
from gateway.store import spine
from gateway.wiring import now
from signing import verifier
from signing.certificates import ensure_certificate

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def paid(world: World) -> tuple[str, str]:
    """A case that was submitted and paid, with its receipt; the code of the case and the payment's id."""
    case_code = world.case()
    payment_id, reference = world.started(case_code)
    world.hear("vnpay", ipn(reference, number="19000001"))
    while behind.consume(world.context, "cases", NOW):
        pass
    receipts.issue(world.context, payment_id, NOW)
    seal(world)
    return case_code, payment_id


def seal(world: World) -> None:
    while sealing.seal(world.context, NOW):
        pass


def root(world: World) -> x509.Certificate:
    return ensure_certificate(world.house.keystore, "receipt", subject="Cổng 4", now=now()).root


def container(world: World, case_code: str, *, with_person: bool = False) -> bytes:
    return evidence.container(world.context, world.caller, case_code, with_person=with_person, now=NOW)


def parts(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_case_is_proved_to_whoever_has_the_published_key(world: World, paid: tuple[str, str]) -> None:
    case_code, _ = paid
    proof = verifier.check(container(world, case_code), key=world.context.notary.key, root=root(world))
    many = world.one("SELECT count(*) FROM events WHERE case_code = :c", c=case_code)
    assert (case_code, many) == (proof.case_code, proof.events)
    assert 1 == len(proof.receipts)
    assert "Cổng 4" == proof.signed_by


def test_it_stays_proved_when_the_log_has_grown(world: World, paid: tuple[str, str]) -> None:
    case_code, _ = paid
    before = verifier.check(container(world, case_code), key=world.context.notary.key)
    for _ in range(3):
        world.case()
    seal(world)
    after = verifier.check(container(world, case_code), key=world.context.notary.key)
    assert after.size > before.size
    assert (before.events, before.first_at) == (after.events, after.first_at)


def test_it_names_nobody_unless_the_person_is_asked_for(world: World, paid: tuple[str, str]) -> None:
    case_code, _ = paid
    shut = parts(container(world, case_code))
    for name, content in shut.items():
        if not name.startswith("receipts/"):  # a receipt names who paid, and is his
            assert PERSON["name"].encode() not in content, name
    opened = json.loads(parts(container(world, case_code, with_person=True))["evidence.json"])
    (submission,) = [each for each in opened["events"] if '"case.registered"' in each["leaf"]]
    assert PERSON["name"] == submission["opened"]["applicant.name"]["value"]
    proof = verifier.check(container(world, case_code, with_person=True), key=world.context.notary.key)
    assert case_code == proof.case_code
    assert "applicant.name" in json.loads(submission["leaf"])["committed"]


def test_documents_stand_in_it_as_hashes_only(world: World, paid: tuple[str, str]) -> None:
    case_code, _ = paid
    told = json.loads(parts(container(world, case_code))["evidence.json"])
    (submission,) = [each for each in told["events"] if '"case.registered"' in each["leaf"]]
    kept = world.rows(
        "SELECT code, sha256 FROM case_documents WHERE case_code = :c AND role = 'submitted' ORDER BY code",
        c=case_code,
    )
    assert [tuple(each) for each in kept] == [
        (each["code"], each["sha256"]) for each in submission["opened"]["documents"]["value"]
    ]


def test_no_leaf_can_be_found_by_who_holds_a_paper(world: World, paid: tuple[str, str]) -> None:
    """Hashes of documents and papers and receipt numbers are opened in the container, and stand in no leaf."""
    case_code, _ = paid
    told = json.loads(parts(container(world, case_code))["evidence.json"])
    leaves = "".join(each["leaf"] for each in told["events"])
    opened = json.dumps([each["opened"] for each in told["events"]])
    hashes = world.rows("SELECT sha256 FROM case_documents WHERE case_code = :c", c=case_code)
    papers = world.rows(
        "SELECT pdf_sha256, json_sha256, receipt_number FROM receipts r JOIN payments p ON p.id = r.payment_id "
        "WHERE p.case_code = :c",
        c=case_code,
    )
    linkable = [value for row in [*hashes, *papers] for value in row]
    assert len(linkable) > 4
    assert [] == [value for value in linkable if value in leaves]
    assert [] == [value for value in linkable if value not in opened]


def test_who_of_the_staff_it_was_is_not_opened(world: World) -> None:
    case_code = world.case()
    payment_id, reference = world.started(case_code)
    world.hear("vnpay", ipn(reference, number="19000002"))
    receipts.issue(world.context, payment_id, NOW)
    number = world.one("SELECT receipt_number FROM receipts WHERE payment_id = :p", p=payment_id)
    receipt_changes.cancel(world.context, number, by="staff:bí mật", reason="lập nhầm", now=NOW)
    seal(world)
    data = container(world, case_code)
    assert "bí mật" not in parts(data)["evidence.json"].decode()
    assert "lập nhầm" in parts(data)["evidence.json"].decode()
    assert verifier.check(data, key=world.context.notary.key).events > 0


def test_a_forgotten_person_leaves_a_container_that_opens_nothing(world: World) -> None:
    case_code = world.case()
    seal(world)
    sealing.forget(world.context, case_code, NOW)
    told = json.loads(parts(container(world, case_code, with_person=True))["evidence.json"])
    assert [{}] * len(told["events"]) == [each["opened"] for each in told["events"]]
    whole = container(world, case_code)
    assert [] == [name for name in parts(whole) if name.startswith(("receipts/", "submission"))]
    proof = verifier.check(whole, key=world.context.notary.key, root=root(world))
    assert leaf.moment(NOW) == proof.forgotten_at
    assert "dữ liệu cá nhân đã được xóa lúc 10:00 ngày 24/11/2026" in proof.sentence()


def test_papers_that_were_issued_stand_in_it_and_are_held_to_their_events(world: World) -> None:
    """Receipts with their XML, and every other paper: a level that came later takes the place of the first PDF."""
    case_code = world.case()
    payment_id, reference = world.started(case_code)
    world.hear("vnpay", ipn(reference, number="19000003"))
    receipts.issue(world.context, payment_id, NOW)
    kept = {name: world.context.files.put(name.encode()) for name in ("first.pdf", "later.pdf", "paper.json")}
    issued = {"form": "mau_01", "paper_id": "ppr_1", "pdf_sha256": kept["first.pdf"]}
    with world.transaction() as connection:
        for type_, to_state, data in (
            ("paper.issued", "issued", {**issued, "json_sha256": kept["paper.json"]}),
            ("paper.completed", None, {**issued, "pdf_sha256": kept["later.pdf"]}),
        ):
            change = spine.Change("paper", "ppr_1", type_, 1, "gateway", "test", NOW, case_code=case_code)
            spine.append(connection, replace(change, to_state=to_state, data=data))
    seal(world)
    data = container(world, case_code)
    files = parts(data)
    assert (b"later.pdf", b"paper.json") == (files["papers/ppr_1.pdf"], files["papers/ppr_1.json"])
    (number,) = {
        name.partition("/")[2][:-4] for name in files if name.endswith(".xml") and "receipts/" in name
    }
    sha256 = world.one("SELECT xml_sha256 FROM receipts WHERE receipt_number = :n", n=number)
    assert sha256 == hashlib.sha256(files[f"receipts/{number}.xml"]).hexdigest()
    proof = verifier.check(data, key=world.context.notary.key, root=root(world))
    assert ((number,), ("ppr_1",)) == (proof.receipts, proof.papers)
    assert f"kèm biên lai {number}; kèm giấy ppr_1;" in proof.sentence()


def test_another_portals_case_and_one_that_is_not_sealed_have_no_container(world: World) -> None:
    case_code = world.case()
    with pytest.raises(NotFound):
        evidence.container(world.context, world.stranger, case_code, with_person=False, now=NOW)
    with pytest.raises(Forbidden, match="sealed"):
        container(world, case_code)
