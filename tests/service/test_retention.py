"""When its time is over a person is forgotten everywhere; the books, the numbers and the proofs stand."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from service_hooks import Listener
from service_retention import MARKS, PERSON, SHARED, Life, caught_up, given, lived, places
from service_world import PAPERS, World
from service_world import PERSON as ANOTHER
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import NotFound
from gateway.domain.retention import Periods
from gateway.service import (
    case_papers,
    cases,
    evidence,
    paper_facts,
    receipts,
    retention,
    show_case,
    tracking,
)
from gateway.store import cases as case_store
from gateway.store import spine
from gateway.wiring import now
from signing import verifier
from signing.certificates import ensure_certificate
from signing.mac import sha256_hex

pytestmark = pytest.mark.service

BEFORE, AFTER = datetime(2031, 11, 20, tzinfo=UTC), datetime(2031, 12, 1, tzinfo=UTC)
ACCOUNTS_OVER = datetime(2037, 1, 2, tzinfo=UTC)
"""The accounts are of 2026: ten years after its end."""
UNTOUCHED = {
    "ledger": "SELECT account, debit_vnd, credit_vnd FROM ledger ORDER BY id",
    "payments": "SELECT id, state, amount_vnd, paid_vnd, order_code FROM payments ORDER BY id",
    "receipts": "SELECT receipt_number, state, pdf_sha256 FROM receipts ORDER BY id",
    "lines": "SELECT amount_vnd, bank_ref, value_on FROM statement_lines ORDER BY id",
    "documents": "SELECT case_code, code, sha256, size_bytes FROM case_documents ORDER BY 1, 2, 3",
    "matches": "SELECT line_id, event_id, kind FROM matches ORDER BY line_id",
}
EVERYWHERE = {
    "attempts.qr_payload",
    "case_document_versions.name",
    "case_documents.name",
    "case_papers.facts_sealed",
    "case_steps.name",
    "case_steps.reason",
    "case_steps.why_returned",
    "cases.applicant_sealed",
    "deliveries.recipient_sealed",
    "events.data",
    "inbox.body",
    "payments.payer_sealed",
    "payments.return_url",
    "webhook_messages.body",
}
ACCOUNTS = {"receipts.facts_sealed", "refunds.reason", "statement_lines.memo_sealed"}
EVERYWHERE |= ACCOUNTS
LEAVES = "SELECT index, body FROM leaves ORDER BY index"


@pytest.fixture(scope="module")
def patient(world: World) -> World:
    """Messages are kept longer than people here: what names a person goes with the case, whatever its own time."""
    return replace(world, context=replace(world.context, periods=Periods(60, 120, 1200)))


@pytest.fixture(scope="module")
def life(world: World) -> Life:
    Listener(world)
    return lived(world)


@pytest.fixture(scope="module")
def neighbour(world: World) -> str:
    """A case of another person, still open, with a document that is the same to the byte."""
    return given(world, ANOTHER, ("to-khai", SHARED), ("giay-to-tuy-than", PAPERS["giay-to-tuy-than"]))


def root(world: World) -> x509.Certificate:
    return ensure_certificate(world.house.keystore, "receipt", subject="Cổng 4", now=now()).root


def names_in(data: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}
    return [name for name, text in files.items() if any(mark in text for mark in MARKS)]


def kept_rows(world: World) -> dict[str, list[object]]:
    return {name: world.rows(query) for name, query in UNTOUCHED.items()}


def nothing(done: retention.Done) -> bool:
    return not any(getattr(done, name) for name in retention.Done.__slots__)


@pytest.mark.usefixtures("neighbour")
def test_nobody_is_forgotten_before_the_time_is_over(patient: World, life: Life) -> None:
    assert nothing(retention.forget_due(patient.context, BEFORE))
    named = places(patient)
    assert EVERYWHERE == {each for each in named if not each.startswith("files/")}
    assert {f"files/{life.own}", f"files/{life.result}"} < set(named)
    assert {} == retention.kept(patient.context, BEFORE, 9)


@pytest.mark.usefixtures("neighbour")
def test_a_person_is_forgotten_everywhere_but_in_the_accounts_and_the_books_and_proofs_stand(
    patient: World, life: Life
) -> None:
    before, leaves = kept_rows(patient), patient.rows(LEAVES)
    done = retention.forget_due(patient.context, AFTER)
    assert (1, 0, 0, 0) == (done.people, done.accounts, done.statements, done.messages)
    named = places(patient)
    assert ACCOUNTS == {each for each in named if not each.startswith("files/")}
    ((_, *papers),) = patient.rows("SELECT id, pdf_sha256, json_sha256, xml_sha256 FROM receipts")
    papers.append(patient.one("SELECT sha256 FROM statements"))
    assert {f"files/{each}" for each in papers} >= set(named) - ACCOUNTS
    assert (before, leaves) == (kept_rows(patient), patient.rows(LEAVES)[: len(leaves)])
    for sha256 in (life.own, life.result):
        with pytest.raises(NotFound, match="not in the store"):
            patient.context.files.get(sha256)
    assert nothing(retention.forget_due(patient.context, AFTER)), "a second run finds nothing to do"
    query = "SELECT type FROM events WHERE case_code = :c ORDER BY id DESC LIMIT 1"
    assert "case.forgotten" == patient.one(query, c=life.case_code)


def test_its_container_still_verifies_and_names_nobody(patient: World, life: Life) -> None:
    caught_up(patient, AFTER)
    for with_person in (False, True):
        data = evidence.container(
            patient.context, patient.caller, life.case_code, with_person=with_person, now=AFTER
        )
        assert [] == names_in(data)
        proof = verifier.check(data, key=patient.context.notary.key, root=root(patient))
        many = patient.one("SELECT count(*) FROM events WHERE case_code = :c", c=life.case_code)
        assert (life.case_code, many) == (proof.case_code, proof.events)
        assert proof.forgotten_at is not None


def test_a_document_that_another_case_shares_stays_for_it(patient: World, neighbour: str) -> None:
    shared = sha256_hex(SHARED)
    assert SHARED == patient.context.files.get(shared)
    with patient.transaction() as connection:
        assert shared in {each.sha256 for each in case_store.documents(connection, neighbour)}
        assert ANOTHER["name"] == paper_facts.applicant_of(patient.context, connection, neighbour).name


def test_what_is_left_is_shown_in_words_without_a_person(patient: World, life: Life) -> None:
    context, caller = patient.context, patient.caller
    case = cases.find(context, caller, life.case_code)
    assert (AFTER, "result_delivered") == (case.forgotten_at, case.state)
    with patient.transaction() as connection:
        timeline = list(spine.of_case(connection, life.case_code))
        documents = list(case_store.documents(connection, life.case_code))
    shown = show_case.case(context, case, show_case.Parts(documents, timeline=timeline))
    assert "2031-12-01T07:00:00.000+07:00" == shown["forgotten_at"]
    assert "gia hạn, ngày hẹn trước là 09/12/2026" == shown["due_reason"]
    assert not any(mark in json.dumps(shown, ensure_ascii=False) for mark in MARKS)
    said = tracking.steps(context, case)[-1]
    assert "Dữ liệu cá nhân của hồ sơ đã được xóa vì hết thời hạn lưu giữ" == said.vi
    assert {"receipts"} == {each.kind for each in tracking.papers(context, case)}
    assert tracking.look_up(context, life.case_code, PERSON["phone"][-4:], None, AFTER).case is None
    (paper_id,) = patient.rows(
        "SELECT id FROM case_papers WHERE case_code = :c AND form = '06'", c=life.case_code
    )[0]
    with pytest.raises(NotFound, match="were erased"):
        case_papers.content(context, caller, life.case_code, paper_id, "pdf")
    assert receipts.paper_of(context, caller, life.payment_id, "pdf").startswith(b"%PDF")


def test_a_message_that_is_sent_again_names_nobody_either(patient: World, life: Life) -> None:
    bodies = [
        bytes(body).decode()
        for (body,) in patient.rows(
            "SELECT m.body FROM webhook_messages m JOIN events e ON e.id = m.event_id WHERE e.case_code = :c",
            c=life.case_code,
        )
    ]
    (asked,) = [each for each in map(json.loads, bodies) if each["type"] == "case.supplement_required"]
    assert [{"code": "to-khai"}] == asked["data"]["supplement"]
    assert "reason" not in asked["data"]


def test_the_accounts_follow_ten_years_after_their_year(patient: World, life: Life) -> None:
    before = kept_rows(patient)
    assert nothing(retention.forget_due(patient.context, datetime(2036, 12, 31, 16, 59, tzinfo=UTC)))
    done = retention.forget_due(patient.context, ACCOUNTS_OVER)
    assert (0, 1, 1) == (done.people, done.accounts, done.statements)
    assert [] == places(patient)
    assert before == kept_rows(patient)
    assert "H28-26E-0000001" == patient.one("SELECT receipt_number FROM receipts")
    assert 0 == patient.one("SELECT sum(debit_vnd - credit_vnd) FROM ledger")
    with pytest.raises(NotFound):
        receipts.paper_of(patient.context, patient.caller, life.payment_id, "pdf")
    assert [] == tracking.papers(patient.context, cases.find(patient.context, patient.caller, life.case_code))


def test_an_event_may_lose_of_a_forgotten_case_what_was_told_and_nothing_else_ever_changes(
    patient: World, life: Life, neighbour: str
) -> None:
    for code, change in (
        (neighbour, "data = '{}'"),
        (life.case_code, """data = data || '{"more": 1}'"""),
        (life.case_code, "actor = 'nobody'"),
        (life.case_code, "data = '{}', to_state = 'refused'"),
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            patient.do(f"UPDATE events SET {change} WHERE case_code = :code", code=code)
    with pytest.raises(DBAPIError, match="append-only"):
        patient.do("DELETE FROM events WHERE case_code = :code", code=life.case_code)
