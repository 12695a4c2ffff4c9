"""One citizen's case, played over HTTP against everything on this machine, with what was proved at each step.

The bank's statement is then taken in and the day closed: green when every đồng agrees.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.local import ACCOUNT, PORTS, Local, running
from gateway.service import evidence, finance, sealing
from gateway.service.cases import VIETNAM, Caller
from gateway.store import cases as case_store
from gateway.wiring import House, now
from signing import verifier

Tell = Callable[[str, bool, object], None]


def run(var: Path, tell: Tell) -> int:
    """Play the story; 0 when every step held and the day closed green."""
    out = var.resolve() / "demo"
    with running(var) as local:
        facts = play(local, out, tell)
        return 1 if facts is None else close(local.house, out, facts, tell)


def play(local: Local, out: Path, tell: Tell, *how: str) -> Mapping[str, Any] | None:
    """The sandbox's story in a process of its own, each step told as it ends; what is known then, None if it broke."""
    command = [sys.executable, "-m", "sandbox.story", str(local.world_file), str(out), *how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as story:  # noqa: S603 - our own
        assert story.stdout is not None
        assert story.stderr is not None
        for line in story.stdout:
            step = json.loads(line)
            if step["step"] == "facts":
                facts: Mapping[str, Any] = step["detail"]
                return facts
            tell(step["step"], step["ok"], step["detail"])
        tell("summary", False, story.stderr.read()[-500:])
    return None


def close(opened: House, out: Path, facts: Mapping[str, Any], tell: Tell) -> int:
    day = datetime.now(VIETNAM).date()
    url = f"http://127.0.0.1:{PORTS['bank']}/statement?account={ACCOUNT}&date={day.isoformat()}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        data = answer.read()
    statement = out / "statement.mt940"
    statement.write_bytes(data)
    finance.import_statement(opened.context, data, account=ACCOUNT, profile="mt940")
    finance.reconcile(opened.context, ACCOUNT, now())
    close = finance.close_day(opened.context, day, ACCOUNT, now())
    sums = f"expected {close.expected_vnd}, received {close.received_vnd}, booked {close.booked_vnd} VND"
    container = write_evidence(opened, out, facts["first_case"])
    proof = verifier.check(container.read_bytes(), key=opened.context.notary.key)
    tell("evidence", True, proof.sentence())
    tell("closed", close.green, f"{day.isoformat()}: {sums}")
    shown = ("id", "provider", "state", "amount_vnd")
    summary = {
        "case_code": facts["first_case"],
        "payments": [{key: facts[f"{name}_payment"][key] for key in shown} for name in ("first", "second")],
        "receipt_number": facts["receipt_number"],
        "delivery_id": facts["delivery_id"],
        "delivery_state": facts["delivery_state"],
        "close": {"day": day.isoformat(), "difference_vnd": close.difference_vnd},
        "files": {
            "receipt_pdf": facts["receipt_pdf"],
            "receipt_json": facts["receipt_json"],
            "submission_receipt": facts["first_submission"],
            "statement": str(statement),
            "evidence": str(container),
        },
    }
    tell("summary", close.green, summary)
    return 0 if close.green else 1


def write_evidence(opened: House, out: Path, case_code: str) -> Path:
    """Seal what is not sealed yet, and write the container of the case."""
    while sealing.seal(opened.context, now()):
        pass
    with opened.engine.connect() as connection:
        case = case_store.find(connection, case_code)
    assert case is not None
    who = Caller(case.portal_id, case.agency_code, "demo")
    path = out / f"{case_code}.asice"
    path.write_bytes(evidence.container(opened.context, who, case_code, with_person=True, now=now()))
    return path
