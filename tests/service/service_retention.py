"""A case through its whole life, with a person whom every place names, and a look into all places for that person."""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from service_bank import line
from service_papers import decide, extend
from service_post import Post, delivery_wanted
from service_refunds import ask
from service_wires import ipn
from service_world import ACCOUNT, FEE_VND, NOW, World, minutes

from gateway.domain.delivery import DeliveryState
from gateway.ports import InboundMessage
from gateway.service import (
    announcements,
    behind,
    case_papers,
    cases,
    deliveries,
    finance,
    hand_overs,
    ordered,
    parcel_feed,
    payments,
    receipts,
    refunds,
    results,
    sealed,
    sealing,
)
from gateway.service.cases import Caller
from gateway.service.documents import store_document
from gateway.store import inbox, portals
from sandbox import mt940
from signing.errors import SigningError
from tests.papers import pdf

NAME, PHONE, ID_NUMBER, ADDRESS = "Trần Thị Quên Lãng", "0987654321", "017099777001", "Số 7 ngõ Hoa Sữa"
MARKS = (NAME, PHONE, ID_NUMBER, ADDRESS, "TRAN THI QUEN LANG")
PERSON = {
    "name": NAME,
    "id_kind": "cccd",
    "id_number": ID_NUMBER,
    "phone": PHONE,
    "email": "quen.lang@example.vn",
    "address": ADDRESS,
}
SHARED = pdf("mot to khai chung")
COLUMNS = tuple(value for name, value in vars(sealed).items() if name.isupper() and name != "ERASED_NAME")


@dataclass(frozen=True)
class Life:
    """A case that ended, its payment, and the SHA-256 of what its applicant gave and its agency made."""

    case_code: str
    payment_id: str
    own: str
    result: str


def caught_up(world: World, at: datetime = NOW) -> None:
    """Everything that follows from the spine has followed, and is sealed."""
    for name in behind.consumers(world.context):
        while behind.consume(world.context, name, at):
            pass
    while sealing.seal(world.context, at):
        pass


def told(world: World, body: dict[str, Any], path: str = "/v1/cases") -> Caller:
    """The caller of a message that is kept as it came, as `web.auth` does."""
    headers = {"content-type": "application/json", "user-agent": f"portal of {body.get('reference')}"}
    message = InboundMessage("POST", path, b"", headers, json.dumps(body, ensure_ascii=False).encode())
    portal_id = world.caller.portal_id
    with world.transaction() as connection:
        portals.add_key(connection, portal_id=portal_id, keyid="test", public_pem="-", scopes=("read",))
    with world.context.pool.connection() as connection:
        by = portals.find_credential(connection, "test")
        assert by is not None
        order = ordered.signed(message, by, world.fresh("nonce"), NOW)
        kept = inbox.record_signed(connection, order)
    assert kept is not None
    return replace(world.caller, cause=inbox.cause(kept.id, order.sha256))


def given(world: World, person: dict[str, str], *papers: tuple[str, bytes]) -> str:
    """The code of a case that was submitted with these papers."""
    documents = [
        {
            "code": code,
            "name": f"{code} {person['name']}.pdf",
            "media_type": "application/pdf",
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for code, content in papers
    ]
    wanted = world.case_wanted(applicant=person, documents=documents)
    caller = told(world, wanted)
    code = cases.register(world.context, caller, wanted, NOW)[0].case_code
    for name, content in papers:
        store_document(world.context, caller, code, name, content, NOW)
    cases.submit(world.context, caller, code, NOW)
    return code


def _gave_another(world: World, case_code: str, code: str, content: bytes) -> None:
    """A paper in the place of one that was given before, which stays as a version."""
    sha256, size = hashlib.sha256(content).hexdigest(), len(content)
    paper = {"code": code, "name": f"{code} moi {NAME}.pdf", "media_type": "application/pdf"}
    wanted = {"documents": [{**paper, "size_bytes": size, "sha256": sha256}]}
    caller = told(world, wanted, f"/v1/cases/{case_code}/documents")
    announcements.announce(world.context, caller, case_code, wanted["documents"], NOW)
    store_document(world.context, caller, case_code, code, content, NOW)


def _went_and_came_back(world: World, case_code: str) -> None:
    """To another agency and back, with words of both."""
    there = {"event": "transfer", "transfer_to": "H28.12", "reason": f"Xác minh {NAME}", "step": f"Về {NAME}"}
    for wanted in (there, {"event": "return_step", "reason": f"Đã xác minh {NAME}"}):
        asked = {"reference": world.fresh("ho"), **wanted}
        caller = told(world, asked, f"/v1/cases/{case_code}/transitions")
        hand_overs.act(world.context, caller, case_code, asked, NOW)


def lived(world: World) -> Life:
    """From the submission over a supplement, the fee, its receipt, a refund of a part and the post to the hand-over."""
    own = pdf(f"giay to cua {NAME} {ID_NUMBER}")
    code = given(world, PERSON, ("to-khai", SHARED), ("giay-to-tuy-than", own))
    why = {"supplement": [{"code": "to-khai", "reason": f"{NAME} ký thiếu"}]}
    told(world, {"reference": "refused", "event": "accept", "reason": NAME}, f"/v1/cases/{code}/transitions")
    decide(world, code, "ask_supplement", reason=f"Thiếu chữ ký của {NAME}", **why)
    _gave_another(world, code, "giay-to-tuy-than", pdf(f"giay to moi cua {NAME} {ID_NUMBER}"))
    decide(world, code, "supplement_given")
    _went_and_came_back(world, code)
    extend(world, code, date(2026, 12, 15), reason=f"Chờ {NAME} bổ sung")
    payment_id = _paid(world, code)
    decide(world, code, "process")
    post = Post(name=world.fresh("post"))
    town = replace(world, context=replace(world.context, operators={post.name: post}))
    to = {"name": NAME, "phone": PHONE}
    wanted = delivery_wanted(world, code, recipient=to)
    wanted["address"] = {**wanted["address"], "text": ADDRESS}  # type: ignore[dict-item]  # as `delivery_wanted` says
    delivery = deliveries.order(town.context, told(world, wanted, "/v1/deliveries"), wanted, NOW)[0]
    made = pdf(f"ket qua cua {NAME}")
    described = {"name": f"ket qua {NAME}", "media_type": "application/pdf"}
    result = results.store_result(world.context, world.caller, code, described, made, NOW)
    decide(world, code, "finish")
    deliveries.send_order(town.context, delivery.id, 0, NOW)
    told(world, {"reference": "late", "recipient": to}, f"/v1/deliveries/{delivery.id}/cancel")
    post.tell(delivery.order_number, DeliveryState.DELIVERED, minutes(60))
    parcel_feed.read_feed(town.context, post, minutes(61))
    for (paper_id,) in world.rows("SELECT id FROM case_papers WHERE case_code = :c", c=code):
        case_papers.issue(world.context, paper_id, NOW)
    caught_up(world)
    return Life(code, payment_id, hashlib.sha256(own).hexdigest(), result.sha256)


def _paid(world: World, code: str) -> str:
    """Paid by a payer whom the bank's statement names, and given back and asked for in words that name him."""
    return_url = f"https://dvc.example.vn/done?who={PHONE}"
    wanted = world.payment_wanted(code, payer={"name": NAME, "id_number": ID_NUMBER}, return_url=return_url)
    payment_id = payments.create(world.context, told(world, wanted, "/v1/payments"), wanted, NOW)[0].id
    reference = world.start(payment_id, "vnpay").reference
    world.do("UPDATE attempts SET qr_payload = :w WHERE payment_id = :id", w=f"QR {NAME}", id=payment_id)
    world.hear("vnpay", ipn(reference, number=world.fresh("19")))
    caught_up(world)
    receipts.issue(world.context, payment_id, NOW)
    refund = ask(world, payment_id, reason=f"{NAME} nộp thừa")
    told(world, {"reference": "again", "reason": NAME}, f"/v1/refunds/{refund.id}")
    refunds.decline(world.context, refund.id, "staff:chief", NOW)
    entry = line(f"TRAN THI QUEN LANG {PHONE} {reference}", FEE_VND)
    file = mt940.render(mt940.Statement("970418", ACCOUNT, date(2026, 11, 24), 1_000_000, [entry])).encode()
    finance.import_statement(world.context, file, account=ACCOUNT, profile="mt940")
    world.do(
        "UPDATE statements SET created_at = :now", now=NOW
    )  # by this machine's clock it is of another year
    finance.reconcile(world.context, ACCOUNT, NOW)
    return payment_id


def ended(world: World, *, sealed: bool = True) -> str:
    """A case with papers of its own that was refused, and of which all papers are issued."""
    own = world.fresh("giay cua")
    code = given(world, PERSON, ("to-khai", pdf(own)), ("giay-to-tuy-than", pdf(f"{own} 2")))
    decide(world, code, "refuse", reason="không đủ điều kiện")
    issue(world, code)
    if sealed:
        caught_up(world)
    return code


def issue(world: World, code: str) -> None:
    for (paper_id,) in world.rows("SELECT id FROM case_papers WHERE case_code = :c", c=code):
        case_papers.issue(world.context, paper_id, NOW)


def is_forgotten(world: World, code: str) -> bool:
    return cases.find(world.context, world.caller, code).forgotten_at is not None


# --- the look into all places ---------------------------------------------------------------------------


def places(world: World, marks: Sequence[str] = MARKS) -> list[str]:
    """Where the person is named: columns of tables, sealed ones opened, and files."""
    return sorted({*_columns(world, marks), *_files(world.house.settings.var_dir, marks)})


def _columns(world: World, marks: Sequence[str]) -> Iterator[str]:
    columns = world.rows(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND (data_type IN ('text', 'bytea', 'jsonb', 'json', 'character varying') OR data_type = 'ARRAY')"
    )
    assert len(columns) > 150
    for table, column in columns:
        for (value,) in world.rows(f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL'):
            if any(_names(text, marks) for text in _texts(world, value)):
                yield f"{table}.{column}"
                break


def _texts(world: World, value: object) -> Iterator[str]:
    if not isinstance(value, bytes | memoryview):
        yield value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        return
    raw = bytes(value)
    yield raw.decode("utf-8", "replace")
    for column in COLUMNS:
        try:
            yield world.context.sealer.open(raw, column).decode("utf-8", "replace")
        except SigningError:
            continue


def _files(var: Path, marks: Sequence[str]) -> Iterator[str]:
    for path in [each for part in ("files", "uploads") for each in (var / part).rglob("*") if each.is_file()]:
        if _names(path.read_bytes().decode("utf-8", "replace"), marks):
            yield f"files/{path.name}"


def _names(text: str, marks: Sequence[str]) -> bool:
    spelled = (
        each for mark in marks for each in (mark, base64.b64encode(mark.encode()).decode(), json.dumps(mark))
    )
    return any(each in text for each in spelled)
