"""`python -m tests.shows procedures`: each shipped procedure from the first page to the result, over HTTP.

Everything of an installation runs as processes of their own, as in `demo`; portal, citizen, agency and post are on the
other side of their wires. Several cases are played at once, as on a working day. In the evening the bank's statement is
taken in, and the day must close with no đồng unexplained.
"""

# ruff: noqa: T201 - a show talks on its terminal

import hashlib
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from gateway.local import ACCOUNT, PORTS, running
from gateway.service import finance
from gateway.service.cases import VIETNAM
from gateway.wiring import now
from sandbox.agency import Agency
from sandbox.citizen import Citizen
from sandbox.errors import CitizenLost, Untrusted
from sandbox.papers import check_jws, check_pdf
from sandbox.portal_client import PortalAnswer
from tests.papers import pdf
from tests.shows.played import ONLY_TOLD, PLANS, Plan
from tests.shows.town import MINISTRY, NotAsPlayed, Town, expect, ministry, town_of

AT_ONCE = 4
PERSON = {
    "name": "Bùi Thị Lan",
    "id_kind": "cccd",
    "id_number": "017161000001",
    "phone": "0912345678",
    "address": "Số 5, phường Tân Hòa",
}


@dataclass
class Played:
    """One case as it is played; `told` says what happened, in order."""

    town: Town
    plan: Plan
    told: list[str] = field(default_factory=list)
    code: str = ""
    paid: dict[str, Any] = field(default_factory=dict)
    refund: str = ""

    @property
    def path(self) -> str:
        return f"/v1/cases/{self.code}"

    def play(self) -> "Played":
        self.known()
        self.submitted()
        {
            "before": self.paid_first,
            "with": self.paid_with,
            "after": self.paid_after,
            "at_agency": self.paid_there,
        }[self.plan.pay]()
        if self.plan.turn == "refusal":
            self.refused()
            return self
        if self.plan.turn == "supplement":
            self.supplemented()
        if self.plan.turn == "transfer":
            self.transferred()
        self.finished()
        if self.plan.home:
            self.delivered()
        self.followed()
        return self

    def see(self) -> dict[str, Any]:
        return self.town.ok(self.town.client.get(self.path))

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.town.ok(self.town.client.post(path, body))

    def decide(self, event: str, **more: object) -> dict[str, Any]:
        reference = f"{self.plan.code}-{event}-{len(self.told)}"
        return self.post(f"{self.path}/transitions", {"reference": reference, "event": event, **more})

    def known(self) -> None:
        """What a citizen reads before he begins: papers, fees, time, where, by which law."""
        told = self.town.ok(self.town.client.get(f"/v1/procedures/{self.plan.code}"))
        lacking = [
            name for name in ("documents", "legal_basis", "agency_vi", "result_vi") if not told.get(name)
        ]
        expect([], lacking, "parts of the procedure that nobody told")
        self.told.append(f"level {told['level']}")

    def submitted(self) -> None:
        wanted = {
            "reference": f"show-{self.plan.code}",
            "procedure_code": self.plan.code,
            "applicant": PERSON,
            "documents": [_announced(self.plan, each) for each in self.plan.papers],
            "answers": dict(self.plan.answers),
            "keeps_documents": self.plan.thin,
        }
        self.code = self.post("/v1/cases", wanted)["case_code"]
        if not self.plan.thin:
            early = self.town.client.post(f"{self.path}/submit")
            expect(422, early.status, "a submission without its papers")
            expect(
                set(self.plan.papers),
                {each["code"] for each in early.json["errors"]},
                "the papers that lack",
            )
            for each in self.plan.papers:
                content, kind = self.plan.content(each)
                self.town.ok(self.town.client.put(f"{self.path}/documents/{each}", content, kind))
        seen = self.post(f"{self.path}/submit")
        said = check_jws(seen["submission_receipt"], self.town.public("/.well-known/jwks.json").json())
        expect(len(self.plan.papers), len(said["documents"]), "papers on the submission receipt")
        expect((self.fee_vnd, self.plan.pay), (seen["owed_vnd"], seen["pay"]), "what is owed, and when")
        self.told.append("hashes told" if self.plan.thin else f"{len(self.plan.papers)} papers sent")

    @property
    def fee_vnd(self) -> int:
        return self.plan.fee_vnd(datetime.now(VIETNAM).date())

    def paid_first(self) -> None:
        early = self.town.client.post(f"{self.path}/transitions", {"reference": "early", "event": "accept"})
        expect(409, early.status, "the reception before the fee")
        self.pay(self.fee_vnd)
        self.decide("accept")

    def paid_with(self) -> None:
        lines_vnd = self.fees_set()
        if self.fee_vnd + lines_vnd:
            self.pay(self.fee_vnd + lines_vnd)
        if self.plan.turn != "refusal":
            self.decide("accept")

    def paid_after(self) -> None:
        lines_vnd = self.fees_set()
        expect(409, self.order().status, "a payment before the reception")
        self.decide("accept")
        self.decide("ask_fee")
        self.pay(lines_vnd)
        self.town.until(self.path, lambda seen: seen["state"] == "accepted", "the case after its fee")

    def paid_there(self) -> None:
        expect(409, self.order().status, "a fee that is paid at the agency")
        self.decide("accept")

    def fees_set(self) -> int:
        """The lines that the agency names, in VND together."""
        if not self.plan.lines:
            return 0
        lines = [dict(each) for each in self.plan.lines]
        seen = self.post(
            f"{self.path}/fees", {"reference": f"{self.code}-fees", "lines": lines, "reason": "theo hồ sơ"}
        )
        expect(sum(each["amount_vnd"] for each in lines), seen["owed_vnd"], "the lines that the agency named")
        return int(seen["owed_vnd"])

    def order(self) -> PortalAnswer:
        wanted = {
            "reference": f"{self.code}-pay-{len(self.told)}",
            "case_code": self.code,
            "payer": {"name": PERSON["name"]},
            "return_url": "https://dvc.example.vn/done",
        }
        return self.town.client.post("/v1/payments", wanted)

    def pay(self, wanted_vnd: int) -> None:
        """As a citizen does it in his browser; then its receipt, whose signature holds."""
        ordered = self.town.ok(self.order())
        expect(wanted_vnd, ordered["amount_vnd"], "the sum to pay")
        url = f"/v1/payments/{ordered['id']}"
        Citizen().pay(ordered["pay_url"], self.plan.provider)
        self.paid = self.town.until(url, lambda seen: bool(seen["receipt_number"]), "the receipt")
        paper = self.town.client.send("GET", f"{url}/receipt", accept="application/pdf").content
        check_pdf(paper, self.town.public("/.well-known/paper-root.pem").content)
        self.told.append(f"{wanted_vnd} VND by {self.plan.provider}, receipt {self.paid['receipt_number']}")

    def supplemented(self) -> None:
        paper = self.plan.papers[0]
        asked = self.decide(
            "ask_supplement", supplement=[{"code": paper, "reason": "thiếu chữ ký"}], reason="thiếu"
        )
        expect("supplement_required", asked["state"], "the case that lacks a paper")
        form = self.paper("02")
        signed = pdf(f"{self.plan.code} {paper} signed")
        self.post(f"{self.path}/documents", {"documents": [_described(paper, signed, "application/pdf")]})
        early = self.town.client.post(
            f"{self.path}/transitions", {"reference": "early-2", "event": "supplement_given"}
        )
        expect(422, early.status, "a supplement that was told of and not sent")
        self.town.ok(self.town.client.put(f"{self.path}/documents/{paper}", signed, "application/pdf"))
        seen = self.decide("supplement_given")
        kept = next(each for each in seen["documents"] if each["code"] == paper)
        first = hashlib.sha256(self.plan.content(paper)[0]).hexdigest()
        expect(
            (2, [first]),
            (kept["version"], [each["sha256"] for each in kept["earlier"]]),
            "versions of the paper",
        )
        self.told.append(f"supplement asked for by form 02 ({form} bytes) and given; both versions kept")

    def paper(self, form: str) -> int:
        """The size of an official paper of the case, whose signature holds."""

        def there(seen: dict[str, Any]) -> bool:
            return any(each["form"] == form for each in seen["papers"])

        listed = self.town.until(f"{self.path}/papers", there, f"form {form}")
        made = next(each for each in listed["papers"] if each["form"] == form)
        content = self.town.client.send(
            "GET", f"{self.path}/papers/{made['id']}", accept="application/pdf"
        ).content
        check_pdf(content, self.town.public("/.well-known/paper-root.pem").content)
        expect(made["pdf_sha256"], hashlib.sha256(content).hexdigest(), f"form {form} as it is listed")
        return len(content)

    def transferred(self) -> None:
        """To the ministry's own portal, which works on it and hands it back; meanwhile nobody else decides."""
        theirs = ministry(self.town)
        expect(404, theirs.get(self.path).status, "the case before it is handed over")
        due = {"count": 2, "unit": "working_days"}
        self.decide("transfer", transfer_to=MINISTRY, step="Thẩm định kết cấu", due=due)
        wanted = {"reference": f"{self.code}-ack", "event": "acknowledge"}
        taken = self.town.ok(theirs.post(f"{self.path}/transitions", wanted))
        expect(MINISTRY, taken["handled_by"], "who has the case")
        mine = self.town.client.post(f"{self.path}/transitions", {"reference": "x", "event": "process"})
        expect(409, mine.status, "a decision of who does not have the case")
        back = {
            "reference": f"{self.code}-back",
            "event": "return_step",
            "reason": "đã thẩm định kết cấu",
        }
        expect("H28", self.town.ok(theirs.post(f"{self.path}/transitions", back))["handled_by"], "who has it")
        self.told.append(f"handed over to {MINISTRY}, acknowledged, handed back")

    def refused(self) -> None:
        """It ends without a result: form 03, and what was paid is owed back and sent back."""
        self.decide("refuse", reason="Thửa đất không có trong hồ sơ địa chính")
        self.paper("03")
        owed = self.town.until(self.path, lambda seen: seen["owed_back_vnd"] > 0, "what is owed back")
        expect(self.paid["amount_vnd"], owed["owed_back_vnd"], "what is owed back")
        wanted = {
            "reference": f"{self.code}-refund",
            "amount_vnd": owed["owed_back_vnd"],
            "refundable_vnd": owed["owed_back_vnd"],
            "reason": "từ chối tiếp nhận",
        }
        refund = self.post(f"/v1/payments/{self.paid['id']}/refunds", wanted)
        if refund["state"] == "requested":
            self.town.command("refund", "approve", refund["id"], "--by", "ke-toan")
        self.refund = refund["id"]
        self.told.append(f"refused by form 03, {owed['owed_back_vnd']} VND owed back and sent back")

    def settled(self, statement: bytes) -> None:
        """In the evening the accountant finds the debit on the bank's statement, and says so with that as the proof."""
        if not self.refund:
            return
        debit = rf":61:\d+D{self.paid['amount_vnd']},\w+//(\S+)"
        (number,) = re.findall(debit, statement.decode())
        proof = self.town.out / "refund.mt940"
        proof.write_bytes(statement)
        self.town.command(
            *("refund", "settle", self.refund, "--by", "thu-quy"),
            *("--bank-ref", number, "--account", ACCOUNT, "--proof", str(proof)),
        )
        seen = self.town.ok(self.town.client.get(f"/v1/refunds/{self.refund}"))
        expect(
            ("success", 0), (seen["state"], self.see()["owed_back_vnd"]), "the refund, and what is left of it"
        )

    def finished(self) -> None:
        seen = self.see()
        expect("accepted", seen["state"], "the case before the work")
        if not seen["due_on"] or not seen["due_steps"]:
            raise NotAsPlayed("no day is named, or it is not explained")
        self.paper("01")
        self.decide("process")
        result = Agency(self.town.out).result(self.code)
        self.town.ok(self.town.client.put(f"{self.path}/result", result, "application/pdf"))
        expect("result_ready", self.decide("finish")["state"], "the case with its result")
        self.told.append(f"due {seen['due_on']}, finished")

    def delivered(self) -> None:
        wanted = {
            "reference": f"{self.code}-post",
            "case_code": self.code,
            "method": "post",
            "recipient": {"name": PERSON["name"], "phone": PERSON["phone"]},
            "address": {
                "text": "Số 5, phường Tân Hòa",
                "ward_code": 4792,
                "province_code": "25",
                "era": "34",
            },
        }
        made = self.post("/v1/deliveries", wanted)
        self.town.until(
            f"/v1/deliveries/{made['id']}", lambda seen: seen["state"] == "handed_over", "the hand-over"
        )
        self.town.until(self.path, lambda seen: seen["state"] == "result_delivered", "the delivered case")
        self.told.append("handed over by the post")

    def followed(self) -> None:
        """What the citizen sees who knows the code and four digits, and that it names nobody."""
        page = requests.post(
            f"{self.town.url}/track", data={"case_code": self.code, "phone": "5678"}, timeout=10
        ).text
        words = "Đã trả kết quả" if self.plan.home else "Đã xử lý xong"
        if words not in page or PERSON["name"] in page:
            raise NotAsPlayed("the page of the case does not say what happened, or says who")
        self.told.append(words)


def played(town: Town, plan: Plan) -> Played:
    """A case from its first page to its end. Raises `NotAsPlayed`, which names the procedure and how far it came."""
    case = Played(town, plan)
    try:
        return case.play()
    except (NotAsPlayed, requests.RequestException, CitizenLost, Untrusted) as error:
        raise NotAsPlayed(f"{plan.code} {case.code} after {case.told}: {error}") from error


def _announced(plan: Plan, paper: str) -> dict[str, Any]:
    return _described(paper, *plan.content(paper))


def _described(paper: str, content: bytes, kind: str) -> dict[str, Any]:
    return {
        "code": paper,
        "name": f"{paper}.{kind.rpartition('/')[2]}",
        "media_type": kind,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def only_told(town: Town, code: str) -> str:
    """A procedure of level 1 or 2: all is told, its forms are there, and no case of it is taken."""
    told = town.ok(town.client.get(f"/v1/procedures/{code}"))
    expect(told["level"] == 2, bool(told.get("forms")), f"forms of level {told['level']}")
    wanted = {"reference": f"show-{code}", "procedure_code": code, "applicant": PERSON}
    expect(409, town.client.post("/v1/cases", wanted).status, f"a case of level {told['level']}")
    return f"{code}  level {told['level']}: told, {len(told.get('forms', ()))} forms, no case taken"


def evening(town: Town, cases: Sequence[Played]) -> str:
    """The bank's statement is taken in, what went back is settled by it, and the day closes."""
    day, context = datetime.now(VIETNAM).date(), town.local.house.context
    url = f"http://127.0.0.1:{PORTS['bank']}/statement?account={ACCOUNT}&date={day.isoformat()}"
    statement = requests.get(url, timeout=10).content
    for each in cases:
        each.settled(statement)
    finance.import_statement(context, statement, account=ACCOUNT, profile="mt940")
    finance.reconcile(context, ACCOUNT, now())
    close = finance.close_day(context, day, ACCOUNT, now())
    if not close.green:
        raise NotAsPlayed(f"the day did not close: {close}")
    return f"{day.isoformat()} closed green: expected {close.expected_vnd}, received {close.received_vnd} VND"


def play(var: Path, plans: Sequence[Plan] = PLANS) -> list[str]:
    """A line for each procedure and one for the close. Raises `NotAsPlayed`."""
    with running(var) as local:
        town = town_of(local)
        lines, cases = [only_told(town, code) for code in ONLY_TOLD], []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for each in pool.map(lambda plan: played(town, plan), plans):
                cases.append(each)
                lines.append(f"{each.plan.code}  {each.code}: {'; '.join(each.told)}")
        return [*lines, evening(town, cases)]


def main(argv: Sequence[str]) -> int:
    """Play them all; 1 when one of them is not as it must be."""
    with TemporaryDirectory() as folder:
        var = Path(argv[0]) if argv else Path(folder)
        try:
            lines = play(var)
        except NotAsPlayed as error:
            print(json.dumps({"ok": False, "detail": str(error)}, ensure_ascii=False))
            return 1
    print("\n".join(lines))
    print(
        f"{len(PLANS)} cases of {len(PLANS)} procedures played to their end, {len(ONLY_TOLD)} procedures told"
    )
    return 0
