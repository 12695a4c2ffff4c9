"""The show of flipped bytes, over a container of a case that was paid."""

import pytest
from service_wires import ipn
from service_world import NOW, World

from gateway.service import evidence, receipts, sealing
from gateway.wiring import now
from signing.certificates import ensure_certificate
from tests.shows import flips

pytestmark = pytest.mark.service


def test_nothing_that_was_altered_in_a_container_is_held_to_be_valid(world: World) -> None:
    case_code = world.case()
    payment_id, reference = world.started(case_code)
    world.hear("vnpay", ipn(reference, number="19000077"))
    receipts.issue(world.context, payment_id, NOW)
    while sealing.seal(world.context, NOW):
        pass
    whole = evidence.container(world.context, world.caller, case_code, with_person=False, now=NOW)
    root = ensure_certificate(world.house.keystore, "receipt", subject="Cổng 4", now=now()).root
    rows = flips.table(whole, world.context.notary.key, root)
    assert [] == [row for row in rows if row[2] is None]
    parts = {part for part, _, _ in rows}
    assert {"mimetype", "evidence.json", "checkpoint.txt", "keys.json", "README.txt", "signer"} <= parts
    assert {
        "META-INF/ASiCManifest.xml",
        "META-INF/signature.p7s",
        "directory",
        "end of the ZIP",
        "signature",
    } <= parts
    assert len(rows) > 1_000
