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

from sandbox.citizen import Citizen
from sandbox.config import load_world
from sandbox.errors import CitizenLost, Untrusted
from sandbox.portal_client import PortalAnswer, PortalClient
from sandbox.world import read_private_key

PATIENCE_S = 30.0
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
    """Who plays, where the papers go, and what is known so far."""

    client: PortalClient
    urls: dict[str, str]
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
        papers = {"to-khai": b"%PDF-1.4 to khai " + self.run.encode(), "giay-to-tuy-than": b"%PDF-1.4 cccd"}
        if reduction is not None:
            papers["giay-to-giam-phi"] = b"%PDF-1.4 the sinh vien"
        case = self._ok(self.client.post("/v1/cases", _case(f"{self.run}-{name}", papers, reduction)), 201)
        code = case["case_code"]
        for document, content in papers.items():
            self._put(f"/v1/cases/{code}/documents/{document}", content)
        submitted = self._ok(self.client.post(f"/v1/cases/{code}/submit", None), 200)
        path = self.out / f"submission-{name}.jws"
        path.write_text(submitted["submission_receipt"], encoding="utf-8")
        self.facts |= {f"{name}_case": code, f"{name}_submission": str(path)}
        yield Step("submitted", f"{code}: {len(papers)} documents by SHA-256, signed submission receipt kept")

    def paid(self, name: str, provider: str) -> Iterator[Step]:
        """A signed order, the citizen at the provider, and the money known."""
        wanted = {
            "reference": f"{self.run}-{name}-pay",
            "case_code": self.facts[f"{name}_case"],
            "payer": {"name": "Nguyễn Văn A"},
            "return_url": "https://dvc.example.vn/done",
        }
        payment = self._ok(self.client.post("/v1/payments", wanted), 201)
        Citizen().pay(payment["pay_url"], provider)
        url = f"/v1/payments/{payment['id']}"
        paid = self._until(url, lambda seen: seen["state"] == "success", "payment success")
        self.facts[f"{name}_payment"] = paid
        yield Step(
            "paid", f"{paid['order_code']} by {provider}: {paid['amount_vnd']} VND, state {paid['state']}"
        )

    def receipted(self) -> Iterator[Step]:
        """A numbered receipt as signed PDF and as JSON."""
        url = f"/v1/payments/{self.facts['first_payment']['id']}"
        numbered = self._until(url, lambda seen: bool(seen["receipt_number"]), "receipt")
        for kind in ("pdf", "json"):
            answer = self.client.send("GET", f"{url}/receipt", accept=f"application/{kind}")
            path = self.out / f"receipt.{kind}"
            path.write_bytes(answer.content)
            self.facts[f"receipt_{kind}"] = str(path)
        self.facts["receipt_number"] = numbered["receipt_number"]
        yield Step("receipt", f"{numbered['receipt_number']}: signed PDF and JSON kept")

    def processed(self) -> Iterator[Step]:
        """The agency accepts, processes, stores the result, finishes."""
        code = self.facts["first_case"]
        for event in ("accept", "process"):
            self._transition(code, event)
        self._put(f"/v1/cases/{code}/result", b"%PDF-1.4 ket qua " + self.run.encode())
        self._transition(code, "finish")
        yield Step("processed", f"{code}: accepted, processed, result stored, finished")

    def delivered(self) -> Iterator[Step]:
        """The post hands over; before that the case is not delivered."""
        code = self.facts["first_case"]
        requests.post(f"{self.urls['post']}/_control", json={"hold": True}, timeout=5)
        made = self._ok(self.client.post("/v1/deliveries", _delivery(f"{self.run}-dlv", code)), 201)
        url = f"/v1/deliveries/{made['id']}"
        self._until(url, lambda seen: seen["detail_state"] != "draft", "order")
        if self._ok(self.client.get(f"/v1/cases/{code}"), 200)["state"] != "result_ready":
            raise StoryBroken("the case moved before the post handed the result over")
        requests.post(f"{self.urls['post']}/_control", json={"hold": False}, timeout=5)
        seen = self._until(url, lambda each: each["state"] == "handed_over", "hand-over")
        self._until(f"/v1/cases/{code}", lambda each: each["state"] == "result_delivered", "delivered case")
        self.facts |= {"delivery_id": seen["id"], "delivery_state": seen["state"]}
        yield Step("delivered", f"{code}: handed over by the post, and only then result_delivered")

    def told(self) -> Iterator[Step]:
        """The portal was told by webhooks whose signatures hold."""
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:
            got = requests.get(f"{self.urls['portal']}/received", timeout=5).json()
            text = json.dumps(got)
            if "case.result_delivered" in text and "payment.succeeded" in text:
                yield Step("told", "signed webhooks received and verified by the portal")
                return
            time.sleep(0.2)
        raise StoryBroken("the portal was not told in time")

    def _transition(self, code: str, event: str) -> None:
        body = {"reference": f"{self.run}-{event}", "event": event}
        self._ok(self.client.post(f"/v1/cases/{code}/transitions", body), 200)

    def _put(self, path: str, content: bytes) -> None:
        self._ok(self.client.put(path, content, "application/pdf"), 200)

    def _until(self, url: str, holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:
            seen = self._ok(self.client.get(url), 200)
            if holds(seen):
                return seen
            time.sleep(0.2)
        raise StoryBroken(f"{what} did not come in {PATIENCE_S:.0f} s")

    @staticmethod
    def _ok(answer: PortalAnswer, status: int) -> dict[str, Any]:
        if answer.status != status or not isinstance(answer.json, dict):
            raise StoryBroken(f"expected {status}, got {answer.status}: {answer.json}")
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
    """`python -m sandbox.story WORLD OUT`: one JSON object a line; the last has what is known."""
    world, out = load_world(Path(sys.argv[1])), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    assert world.portal is not None
    ports = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    names = ("vnpay", "dvcqg", "post", "bank", "portal")
    urls = {name: f"http://127.0.0.1:{ports[name]['port']}" for name in names}
    key = read_private_key(Path(world.portal.private_key_file))
    client = PortalClient(world.gateway_url, world.portal.key_id, key)
    run = time.strftime("%Y%m%d%H%M%S")
    story = Story(client, urls, out, run)
    try:
        client.post(
            "/v1/webhook_endpoints",
            {
                "url": f"{urls['portal']}/webhooks",
                "events": ["*"],
                "secret": ports["portal"]["webhook_secret"],
            },
        )
        for step in story.play():
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
