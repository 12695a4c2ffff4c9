"""One citizen's case, played over HTTP: the portal, the citizen, the agency and the post, each on its own wire.

`play` yields a step at a time; a step that does not hold raises `StoryBroken`, and nothing after it is told.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from sandbox.agency import Agency
from sandbox.citizen import Citizen
from sandbox.config import load_world
from sandbox.dvcqg_asks import pdf
from sandbox.errors import CitizenLost, Untrusted
from sandbox.papers import check_jws, check_pdf
from sandbox.patience import PATIENCE_S, PAUSE_S, patiently
from sandbox.portal_client import PortalAnswer, PortalClient
from sandbox.world import read_private_key

PROCEDURE = "2.000488"


class StoryBroken(Exception):  # noqa: N818 - named for what happened
    """A step did not end as it must."""


@dataclass(frozen=True, slots=True)
class Step:
    step: str
    detail: str
    ok: bool = True


@dataclass(slots=True)
class Story:
    """Who plays, where the agency's key is kept, where the papers go, and what is known so far."""

    client: PortalClient
    gateway_url: str
    urls: dict[str, str]
    home: Path
    out: Path
    run: str
    facts: dict[str, Any] = field(default_factory=dict)

    def play(self) -> Iterator[Step]:
        yield from self.submitted("first", None)
        yield from self.paid("first", "vnpay")
        yield from self.receipted()
        yield from self.processed()
        yield from self.delivered()
        yield from self.submitted("second", "student")
        requests.post(f"{self.urls['dvcqg']}/_control", json={"drop_confirm_for": "next"}, timeout=5)
        yield from self.paid("second", "dvcqg")
        yield from self.told()

    def submitted(self, name: str, reduction: str | None) -> Iterator[Step]:
        """Register, upload, submit; the submission receipt is kept."""
        papers = {"to-khai": pdf((f"to khai {self.run}",)), "giay-to-tuy-than": pdf(("cccd",))}
        if reduction is not None:
            papers["giay-to-giam-phi"] = pdf(("the sinh vien",))
        case = self._post("/v1/cases", _case(f"{self.run}-{name}", papers, reduction))
        code = case["case_code"]
        for document, content in papers.items():
            self._put(f"/v1/cases/{code}/documents/{document}", content)
        submitted = self._post(f"/v1/cases/{code}/submit")
        receipt = submitted["submission_receipt"]
        said = check_jws(receipt, self._public("/.well-known/jwks.json").json())
        given = [hashlib.sha256(content).hexdigest() for content in papers.values()]
        if said["case_code"] != code or sorted(each["sha256"] for each in said["documents"]) != sorted(given):
            raise StoryBroken("the submission receipt tells of something else")
        path = self.out / f"submission-{name}.jws"
        path.write_text(receipt, encoding="utf-8")
        self.facts |= {f"{name}_case": code, f"{name}_submission": str(path)}
        yield Step(
            "submitted",
            f"{code}: {len(papers)} documents by SHA-256, named in a submission receipt whose signature holds",
        )

    def invited(self) -> Iterator[Step]:
        """A case that waits for a citizen of flesh and blood: where to pay, and where to follow it."""
        yield from self.submitted("first", None)
        self.facts["pay_url"] = self._ordered("first")["pay_url"]
        self.facts["track_url"] = self._get(f"/v1/cases/{self.facts['first_case']}")["links"]["track"]

    def _ordered(self, name: str) -> dict[str, Any]:
        wanted = {
            "reference": f"{self.run}-{name}-pay",
            "case_code": self.facts[f"{name}_case"],
            "payer": {"name": "Nguyễn Văn A"},
            "return_url": "https://dvc.example.vn/done",
        }
        return self._post("/v1/payments", wanted)

    def paid(self, name: str, provider: str) -> Iterator[Step]:
        """A signed order, the citizen at the provider, and the money known."""
        payment = self._ordered(name)
        url = f"/v1/payments/{payment['id']}"
        self._pay(payment["pay_url"], provider, url)
        paid = self._until(url, lambda seen: seen["state"] == "success", "payment success")
        self.facts[f"{name}_payment"] = paid
        yield Step(
            "paid", f"{paid['order_code']} by {provider}: {paid['amount_vnd']} VND, state {paid['state']}"
        )

    def receipted(self) -> Iterator[Step]:
        """A numbered receipt as signed PDF and as JSON."""
        url = f"/v1/payments/{self.facts['first_payment']['id']}"
        numbered = self._until(url, lambda seen: bool(seen["receipt_number"]), "receipt")
        papers = {kind: self._paper(f"{url}/receipt", f"application/{kind}") for kind in ("pdf", "json")}
        for kind, content in papers.items():
            path = self.out / f"receipt.{kind}"
            path.write_bytes(content)
            self.facts[f"receipt_{kind}"] = str(path)
        signer = check_pdf(papers["pdf"], self._public("/.well-known/paper-root.pem").content)
        number, said = numbered["receipt_number"], json.loads(papers["json"])
        if (said["receipt_number"], said["total_vnd"]) != (number, numbered["amount_vnd"]):
            raise StoryBroken("the receipt tells of another number or sum")
        self.facts["receipt_number"] = number
        yield Step(
            "receipt", f"{number}: PDF signed by {signer}, signature checked; the same sum in its JSON"
        )

    def processed(self) -> Iterator[Step]:
        """The agency accepts, processes, stores the result, finishes."""
        code = self.facts["first_case"]
        for event in ("accept", "process"):
            self._transition(code, event)
        result = Agency(self.home).result(code)
        self._put(f"/v1/cases/{code}/result", result)
        self._transition(code, "finish")
        yield Step("processed", f"{code}: accepted, processed; the agency's signed result stored; finished")

    def delivered(self) -> Iterator[Step]:
        """The post hands over; before that the case is not delivered."""
        code = self.facts["first_case"]
        requests.post(f"{self.urls['post']}/_control", json={"hold": True}, timeout=5)
        made = self._post("/v1/deliveries", _delivery(f"{self.run}-dlv", code))
        url = f"/v1/deliveries/{made['id']}"
        self._until(url, lambda seen: seen["detail_state"] != "draft", "order")
        if self._get(f"/v1/cases/{code}")["state"] != "result_ready":
            raise StoryBroken("the case moved before the post handed the result over")
        requests.post(f"{self.urls['post']}/_control", json={"hold": False}, timeout=5)
        seen = self._until(url, lambda each: each["state"] == "handed_over", "hand-over")
        self._until(f"/v1/cases/{code}", lambda each: each["state"] == "result_delivered", "delivered case")
        self.facts |= {"delivery_id": seen["id"], "delivery_state": seen["state"]}
        yield Step("delivered", f"{code}: handed over by the post, and only then result_delivered")

    def told(self) -> Iterator[Step]:
        """The portal was told of all that matters, by webhooks whose signatures hold."""
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:
            got = requests.get(f"{self.urls['portal']}/received", timeout=5).json()["received"]
            known = {(row["type"], row["body"]["data"]["case_code"]) for row in got}
            if self._awaited() <= known:
                yield Step(
                    "told", f"{len(self._awaited())} signed webhooks received, their signatures checked"
                )
                return
            time.sleep(PAUSE_S)
        raise StoryBroken("the portal was not told in time")

    def _awaited(self) -> set[tuple[str, str]]:
        first, second = self.facts["first_case"], self.facts["second_case"]
        paid = {(kind, case) for kind in ("payment.succeeded", "receipt.issued") for case in (first, second)}
        return paid | {
            (kind, first) for kind in ("case.result_ready", "case.result_delivered", "delivery.handed_over")
        }

    def _transition(self, code: str, event: str) -> None:
        self._post(f"/v1/cases/{code}/transitions", {"reference": f"{self.run}-{event}", "event": event})

    def _pay(self, pay_url: str, provider: str, payment_url: str) -> None:
        """Open the page and pay, as often as it takes: a page that breaks off is opened again."""
        limit = time.monotonic() + PATIENCE_S
        while True:
            try:
                Citizen().pay(pay_url, provider)
            except (CitizenLost, requests.RequestException):
                if self._get(payment_url)["state"] == "success":
                    return
                if time.monotonic() > limit:
                    raise
                time.sleep(PAUSE_S)
            else:
                return

    def _post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._ok(lambda: self.client.post(path, body))

    def _get(self, path: str) -> dict[str, Any]:
        return self._ok(lambda: self.client.get(path))

    def _put(self, path: str, content: bytes) -> None:
        self._ok(lambda: self.client.put(path, content, "application/pdf"))

    def _paper(self, path: str, media_type: str) -> bytes:
        return patiently(
            lambda: self.client.send("GET", path, accept=media_type), lambda it: it.status_code
        ).content

    def _public(self, path: str) -> requests.Response:
        return patiently(lambda: requests.get(self.gateway_url + path, timeout=5), lambda it: it.status_code)

    def _until(self, url: str, holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:
            seen = self._get(url)
            if holds(seen):
                return seen
            time.sleep(PAUSE_S)
        raise StoryBroken(f"{what} did not come in {PATIENCE_S:.0f} s")

    @staticmethod
    def _ok(call: Callable[[], PortalAnswer]) -> dict[str, Any]:
        """The object of a good answer: 201 for what is new, 200 for what was there, also when asked again."""
        answer = patiently(call, lambda given: given.status)
        if answer.status not in {200, 201} or not answer.json:
            raise StoryBroken(f"expected 200 or 201, got {answer.status}: {answer.json}")
        return answer.json


def _case(reference: str, papers: dict[str, bytes], reduction: str | None) -> dict[str, Any]:
    return {
        "reference": reference,
        "procedure_code": PROCEDURE,
        "applicant": {
            "name": "Nguyễn Văn A",
            "id_kind": "cccd",
            "id_number": "017099000001",
            "phone": "0912345678",
        },
        "documents": [
            {
                "code": code,
                "name": f"{code}.pdf",
                "media_type": "application/pdf",
                "size_bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for code, content in papers.items()
        ],
        "answers": {} if reduction is None else {"reduction": reduction},
    }


def _delivery(reference: str, case_code: str) -> dict[str, Any]:
    return {
        "reference": reference,
        "case_code": case_code,
        "method": "post",
        "recipient": {"name": "Nguyễn Văn A", "phone": "0912345678"},
        "address": {"text": "Số 1, phường Tân Hòa", "ward_code": 4792, "province_code": "25", "era": "34"},
    }


def main() -> int:
    """`python -m sandbox.story WORLD OUT [invite]`: one JSON object a line; the last has what is known."""
    world, out = load_world(Path(sys.argv[1])), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    assert world.portal is not None
    ports = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    names = ("vnpay", "dvcqg", "post", "bank", "portal")
    urls = {name: f"http://127.0.0.1:{ports[name]['port']}" for name in names}
    key = read_private_key(Path(world.portal.private_key_file))
    client = PortalClient(world.gateway_url, world.portal.key_id, key)
    run = time.strftime("%Y%m%d%H%M%S")
    story = Story(client, world.gateway_url, urls, Path(sys.argv[1]).parent, out, run)
    endpoint = {
        "url": f"{urls['portal']}/webhooks",
        "events": ["*"],
        "secret": ports["portal"]["webhook_secret"],
    }
    try:
        # a second run finds the endpoint there already, which is as good
        patiently(lambda: client.post("/v1/webhook_endpoints", endpoint), lambda answer: answer.status)
        for step in story.invited() if sys.argv[3:] == ["invite"] else story.play():
            print(
                json.dumps({"step": step.step, "ok": step.ok, "detail": step.detail}, ensure_ascii=False),
                flush=True,
            )
    except (StoryBroken, CitizenLost, Untrusted, requests.RequestException) as error:
        print(
            json.dumps({"step": "broken", "ok": False, "detail": str(error)[:500]}, ensure_ascii=False),
            flush=True,
        )
        return 1
    print(json.dumps({"step": "facts", "ok": True, "detail": story.facts}, ensure_ascii=False), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
