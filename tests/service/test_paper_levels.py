"""Papers above level B-B over a real time-stamping authority and OCSP: what is down costs a level, and comes later."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    load_pem_private_key,
    pkcs12,
)
from service_refunds import paid
from service_world import AGENCY, NOW, World, opened_world

from gateway import jobs
from gateway.config import Settings
from gateway.domain.errors import Misconfigured
from gateway.service import case_papers, evidence, receipt_changes, receipts, sealing
from gateway.store import log as log_store
from gateway.wiring import now, open_house
from sandbox.pki import PkiFault, PkiServer, Service
from signing import verifier
from signing.pdf import Level, validate
from signing.timestamps import read_stamp
from signing.trust import CertificateTrust, Roots

pytestmark = pytest.mark.service

DOWN = (Service.TSA, Service.OCSP, Service.CRL)
LATER: list[timedelta] = []


def today() -> datetime:
    """The time of keys and services, moved on by whoever puts something into `LATER`."""
    return now() + sum(LATER, timedelta())


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PkiServer]:
    server = PkiServer(tmp_path_factory.mktemp("pki"), clock=today)
    server.start()
    yield server
    server.stop()


def settings(pki: PkiServer, folder: Path, var: Path) -> Settings:
    """Papers are signed with a licensed certificate out of a PKCS#12 file, at level B-LTA."""
    chain = [x509.load_der_x509_certificate(each) for each in pki.pki.chain("signer")]
    certificate = x509.load_der_x509_certificate(pki.pki.certificate("signer"))
    key = load_pem_private_key(pki.pki.key("signer"), None)
    held = pkcs12.serialize_key_and_certificates(
        b"signer",
        key,
        certificate,
        chain,
        BestAvailableEncryption(b"mat khau"),  # type: ignore[arg-type]
    )
    (folder / "signer.p12").write_bytes(held)
    (folder / "password").write_text("mat khau\n", encoding="utf-8")
    root = x509.load_der_x509_certificate(pki.pki.certificate("root"))
    (folder / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    given = {"kind": "pkcs12", "path": str(folder / "signer.p12"), "password_file": str(folder / "password")}
    return Settings(
        var_dir=var,
        tsa_url=pki.pki.address(Service.TSA, "tsa"),
        paper_level="B-LTA",
        roots_file=folder / "root.pem",
        stamping_roots_file=folder / "root.pem",
        signers={"receipt": given},
    )


@pytest.fixture(scope="module")
def town(
    pki: PkiServer, new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder, var = tmp_path_factory.mktemp("licensed"), tmp_path_factory.mktemp("var")
    url = new_database("paper_levels")
    with opened_world(url, var) as plain:
        house = open_house(settings(pki, folder, var), url)
        house.papers.today = today
        context = replace(house.context, agencies={"H28": AGENCY}, providers=plain.context.providers)
        yield replace(plain, house=house, context=replace(context, clock=plain.context.clock))
        house.close()


@pytest.fixture(autouse=True)
def everybody_is_up(pki: PkiServer) -> None:
    for service in Service:
        pki.control(service, PkiFault.NONE)


def level_of(town: World, pki: PkiServer, payment_id: str) -> Level:
    return signed_level(receipts.paper_of(town.context, town.caller, payment_id, "pdf"), pki)


def signed_level(pdf: bytes, pki: PkiServer) -> Level:
    root = (x509.load_der_x509_certificate(pki.pki.certificate("root")),)
    verdict = validate(pdf, CertificateTrust(Roots(national=root, stamping=root)), at=today())
    assert verdict.intact
    assert verdict.covers_whole_document
    return verdict.level


def receipted(town: World) -> tuple[str, str]:
    """The ids of a payment and of its receipt, which was just issued."""
    payment_id = paid(town, town.case())
    receipts.issue(town.context, payment_id, now())
    return payment_id, str(town.one("SELECT id FROM receipts WHERE payment_id = :p", p=payment_id))


def seal(town: World) -> None:
    while sealing.seal(town.context, NOW):
        pass


def test_a_receipt_has_the_level_that_is_wanted_at_once(town: World, pki: PkiServer) -> None:
    payment_id, receipt_id = receipted(town)
    assert Level.B_LTA == level_of(town, pki, payment_id)
    assert [] == town.jobs("complete_paper", receipt_id)


def test_x30_papers_and_log_go_on_while_the_authority_is_down_for_five_hours(
    town: World, pki: PkiServer
) -> None:
    for service in DOWN:
        pki.control(service, PkiFault.DOWN)
    payment_id, receipt_id = receipted(town)
    assert ["receipt.issued"] == town.types(receipt_id)
    pdf = receipts.paper_of(town.context, town.caller, payment_id, "pdf")
    assert pdf.startswith(b"%PDF"), "the citizen has it, signed"
    seal(town)
    assert not sealing.stamp(town.context, NOW)
    with town.transaction() as connection:
        assert log_store.checkpoint(connection) is not None, "the log goes on without a stamp"
    for round_ in range(3):
        receipt_changes.complete(town.context, receipt_id, round_, now())
    assert pdf == receipts.paper_of(town.context, town.caller, payment_id, "pdf")
    assert town.jobs("complete_paper", receipt_id), "and it is tried again"
    for service in DOWN:
        pki.control(service, PkiFault.NONE)
    LATER.append(timedelta(hours=5))
    receipt_changes.complete(town.context, receipt_id, 3, today())
    assert ["receipt.issued", "receipt.completed"] == town.types(receipt_id)
    assert Level.B_LTA == level_of(town, pki, payment_id)
    assert sealing.stamp(town.context, NOW)


def form(town: World) -> tuple[str, str]:
    """A case and its submission receipt, which was just made."""
    case_code = town.case()
    paper_id = str(town.one("SELECT id FROM case_papers WHERE case_code = :c", c=case_code))
    case_papers.issue(town.context, paper_id, now())
    return case_code, paper_id


def pdf_of(town: World, case_code: str, paper_id: str) -> bytes:
    return case_papers.content(town.context, town.caller, case_code, paper_id, "pdf")


def test_a_form_has_the_level_that_is_wanted_at_once(town: World, pki: PkiServer) -> None:
    case_code, paper_id = form(town)
    (paper,) = case_papers.listed(town.context, town.caller, case_code)
    assert ("B-LTA", [], 1) == (paper.level, town.jobs("complete_paper", paper_id), paper.version)
    assert Level.B_LTA == signed_level(pdf_of(town, case_code, paper_id), pki)


def test_a_form_is_issued_while_the_authority_is_down_and_completed_by_the_same_job(
    town: World, pki: PkiServer
) -> None:
    pki.control(Service.TSA, PkiFault.DOWN)
    case_code, paper_id = form(town)
    (paper,) = case_papers.listed(town.context, town.caller, case_code)
    assert "B-B" == paper.level
    before = pdf_of(town, case_code, paper_id)
    ((args, _),) = town.jobs("complete_paper", paper_id)
    assert {"paper_id": paper_id, "round": 0} == args
    app = jobs.make_app(town.house.database_url)
    jobs.register(app, replace(town.context, clock=today))
    app.tasks["complete_paper"].func(**args)
    assert (before, ["paper.issued"]) == (pdf_of(town, case_code, paper_id), town.types(paper_id))
    assert [0, 1] == [args["round"] for args, _ in town.jobs("complete_paper", paper_id)]
    pki.control(Service.TSA, PkiFault.NONE)
    app.tasks["complete_paper"].func(paper_id=paper_id, round=1)
    (paper,) = case_papers.listed(town.context, town.caller, case_code)
    assert ("B-LTA", 2) == (paper.level, paper.version)
    assert [
        ("paper.issued", "planned", "issued", 1),
        ("paper.completed", "issued", "issued", 2),
    ] == town.spine(paper_id)
    assert Level.B_LTA == signed_level(pdf_of(town, case_code, paper_id), pki)
    app.tasks["complete_paper"].func(paper_id=paper_id, round=2)
    assert 2 == len(town.spine(paper_id)), "what is complete is not told again"


def test_when_the_schedule_is_used_up_a_person_is_told_of_a_form_that_lacks_a_level(
    town: World, pki: PkiServer
) -> None:
    pki.control(Service.TSA, PkiFault.DOWN)
    _, paper_id = form(town)
    last = len(town.context.schedules.query_s) - 1
    case_papers.complete(town.context, paper_id, last, now())
    assert ["paper_incomplete"] == town.alarms(paper_id)


def test_a_completed_receipt_is_the_one_that_a_container_proves(town: World, pki: PkiServer) -> None:
    pki.control(Service.TSA, PkiFault.DOWN)
    payment_id, receipt_id = receipted(town)
    pki.control(Service.TSA, PkiFault.NONE)
    receipt_changes.complete(town.context, receipt_id, 0, now())
    assert "receipt.completed" in town.types(receipt_id)
    seal(town)
    case_code = town.found(payment_id).case_code
    data = evidence.container(town.context, town.caller, case_code, with_person=False, now=now())
    proof = verifier.check(data, key=town.context.notary.key)
    assert 1 == len(proof.receipts)


def test_a_stamped_checkpoint_stands_in_the_container_with_its_time(town: World) -> None:
    case_code = town.case()
    seal(town)
    assert sealing.stamp(town.context, NOW + timedelta(days=1))
    data = evidence.container(town.context, town.caller, case_code, with_person=False, now=now())
    proof = verifier.check(data, key=town.context.notary.key)
    with town.transaction() as connection:
        kept = log_store.checkpoint(connection, stamped=True)
    assert kept is not None
    assert kept.stamp is not None
    text = kept.note.partition("\n\n")[0].encode() + b"\n"
    stamp = read_stamp(kept.stamp, hashlib.sha256(text).digest())
    assert proof.stamped_at == stamp.at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert "time-stamped at" in proof.sentence()


def test_readers_are_given_the_authority_of_the_signer_and_check_a_container_by_it(
    town: World, pki: PkiServer
) -> None:
    above = town.house.papers.root()
    assert above == x509.load_der_x509_certificate(pki.pki.certificate("issuing"))
    case_code = town.case()
    seal(town)
    data = evidence.container(town.context, town.caller, case_code, with_person=False, now=now())
    assert verifier.check(data, key=town.context.notary.key, root=above).sentence()
    with pytest.raises(verifier.Broken, match="not under the given root"):
        verifier.check(
            data,
            key=town.context.notary.key,
            root=x509.load_der_x509_certificate(pki.pki.certificate("root")),
        )


@pytest.mark.parametrize(
    "given", [{"kind": "none"}, {"kind": "pkcs12", "path": "/nowhere.p12"}, {"kind": "pkcs12", "way": "x"}]
)
def test_a_signer_that_cannot_be_opened_is_said_by_its_purpose(tmp_path: Path, given: dict[str, str]) -> None:
    house = open_house(Settings(var_dir=tmp_path, signers={"receipt": given}), "postgresql://nowhere")
    with pytest.raises(Misconfigured, match="receipt"):
        house.papers.signer()


def test_a_level_without_an_authority_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="GATEWAY_TSA_URL"):
        open_house(Settings(var_dir=tmp_path, paper_level="B-T"), "postgresql://nowhere")
