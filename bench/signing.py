"""What a proof costs: receipts made and verified, leaves sealed, a container checked; each beside the bare work of it.

The limit of a row is measured in the same run: `openssl speed` for signatures and hashes, or the bare library call.
"""

import hashlib
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count, cycle, islice
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text

from bench import report
from gateway.config import Settings
from gateway.domain.receipt import ReceiptFacts, ReceiptLine, receipt_number
from gateway.render import ReceiptPress, render_receipt
from gateway.service import evidence, sealing
from gateway.service.cases import Caller
from gateway.store import embedded, migrate
from gateway.wiring import House, now, open_house
from signing import verifier
from signing.certificates import ensure_certificate
from signing.keystore import Keystore
from signing.pdf import PdfSigner, tally
from signing.signer import KeySigner
from signing.trust import CertificateTrust, Roots
from signing.trust_policy import Policy, Revocation

RECEIPTS, LEAVES, CHECKED = 200, 100_000, 1_000
VERIFIED, DIFFERENT = 1_000, 100
RECEIPTS_A_SECOND, VERIFIED_A_SECOND, LEAVES_A_SECOND, CONTAINER_S = 60.0, 100.0, 20_000.0, 0.5
CASE = "H28-261124-000001"
AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
_EVENTS = """
INSERT INTO events (portal_id, case_code, subject_kind, subject_id, type, from_state, to_state, version, actor, cause,
                    occurred_at, data)
SELECT 'prt_bench', 'H28-261124-' || lpad((g / 8)::text, 6, '0'), 'payment', 'pay_' || (g / 4), 'payment.succeeded',
       CASE WHEN g % 4 = 0 THEN NULL ELSE 's' || (g % 4 - 1) END, 's' || (g % 4), g % 4 + 1, 'provider:vnpay',
       'query', now(), jsonb_build_object('amount_vnd', 180000, 'attempt_id', 'att_' || g, 'provider', 'vnpay',
                                          'number', g::text)
FROM generate_series(0, :many - 1) g
"""
_CASE = """
INSERT INTO portals (id, name, agency_code, live) VALUES ('prt_bench', 'bench', 'H28', false);
INSERT INTO cases (case_code, portal_id, reference, fingerprint, procedure_code, agency_code, state, money_state,
    applicant_sealed, phone_index, answers_sealed, fees, track_token) VALUES ('H28-261124-000001', 'prt_bench', 'b',
    'x', '2.000488', 'H28', 'registered', 'paid', 'x', 'x', 'x', '[]', 'b')
"""


def main() -> int:
    """Run it; 0 when each row keeps its limit."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [*_receipts(Path(folder)), *_proofs(Path(folder))]
    report.table("Signing and proof, on one core", rows)
    for row in rows:
        report.line(bench="signing", **row)
    return 0 if all(row["kept"] for row in rows) else 1


def _rate(work: Callable[[], object], many: int) -> float:
    """How often a second, by the time of this process."""
    work()
    began = time.process_time()
    for _ in range(many):
        work()
    return many / (time.process_time() - began)


def _row(what: str, rate: float, limit: float, beside: str, bare: float) -> dict[str, object]:
    return {
        "what": what,
        "a_second": round(rate, 1),
        "wanted": limit,
        "beside": beside,
        "bare_a_second": round(bare, 1),
        "ratio": round(rate / bare, 3),
        "kept": rate >= limit,
    }


def _openssl_p256() -> tuple[float, float]:
    """P-256 signatures made and verified a second by openssl on one core."""
    command = ["openssl", "speed", "-seconds", "2", "ecdsap256"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"256 bits ecdsa \(nistp256\).*?([\d.]+)\s+([\d.]+)\s*$", told, re.MULTILINE)
    assert found is not None, told
    return float(found[1]), float(found[2])


def _facts(number: int) -> ReceiptFacts:
    return ReceiptFacts(
        series="H28-26E",
        number=number,
        receipt_number=receipt_number("H28-26E", number),
        issued_at=AT,
        collector_name="Trung tâm Phục vụ hành chính công tỉnh Hòa Bình",
        collector_code="H28",
        collector_tax_code="5400000000",
        payer_name="Nguyễn Thị Ánh",
        case_code=CASE,
        procedure_name="Cấp Phiếu lý lịch tư pháp cho công dân Việt Nam",
        lines=(
            ReceiptLine(
                "phi", "Phí cung cấp thông tin", 200_000, "Thông tư 16/2025/TT-BTC", "Mức thu 200.000 đ"
            ),
            ReceiptLine("postage", "Cước bưu chính", 30_000, ""),
        ),
        total_vnd=230_000,
        provider_name="vnpay",
        provider_ref=f"14{number}",
        order_code=f"C{number}",
        paid_at=AT,
        verify_url=f"https://cong4.example/verify?r={number}",
    )


def _receipts(folder: Path) -> list[dict[str, object]]:
    """A receipt rendered and signed with P-256 in software, and read again, beside the bare signature by openssl."""
    held = ensure_certificate(Keystore.open(folder / "keys"), "receipt", subject="Cổng 4", now=now())
    signer = PdfSigner(KeySigner(held.private_key, held.certificate, held.chain))
    press, numbers = ReceiptPress(signer, location="Việt Nam"), count(1)
    rate = _rate(lambda: press.receipt(_facts(next(numbers))), RECEIPTS)
    rendering = _rate(lambda: render_receipt(_facts(next(numbers))), RECEIPTS)
    paper = render_receipt(_facts(next(numbers)))
    signing = _rate(lambda: signer.sign(paper, reason="r", location="l", at=AT), RECEIPTS)
    bare_key = _rate(lambda: held.private_key.sign(paper, ec.ECDSA(hashes.SHA256())), RECEIPTS * 10)
    report.step(
        f"rendering {rendering:.0f}, signing {signing:.0f}, bare hash and signature {bare_key:.0f} a second"
    )
    signed, verified = _openssl_p256()
    papers = [press.receipt(_facts(next(numbers))).pdf for _ in range(DIFFERENT)]
    read = _verified(papers, held.root)
    return [
        _row("receipt PDF made and signed", rate, RECEIPTS_A_SECOND, "openssl P-256", signed),
        _row("receipt PDF verified, of a stream", read, VERIFIED_A_SECOND, "openssl P-256", verified),
    ]


def _verified(papers: Sequence[bytes], root: x509.Certificate) -> float:
    """Receipts verified a second, one after the other as they come: what was read is not kept."""
    trust = CertificateTrust(Roots(national=(root,)), policy=Policy(revocation=Revocation.NONE))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    found = tally(islice(cycle(papers), VERIFIED), trust, at=now())
    took_s = time.process_time() - began
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    verdicts = ", ".join(
        f"{many} {judged.indication} {level.name}" for (level, judged), many in found.items()
    )
    report.step(f"verified as a stream: {verdicts}; memory grew by {grown_kib / 1024:.1f} MiB")
    return VERIFIED / took_s


@contextmanager
def _opened(folder: Path) -> Iterator[House]:
    server = embedded.start(folder / "pg")
    house = open_house(Settings(var_dir=folder / "var", log_level="ERROR"), server.url)
    try:
        migrate.upgrade(house.engine)
        yield house
    finally:
        house.close()
        server.server.cleanup()


def _proofs(folder: Path) -> list[dict[str, object]]:
    with _opened(folder) as house:
        with house.engine.begin() as connection:
            for statement in _CASE.split(";\n"):
                connection.execute(text(statement))
            connection.execute(text(_EVENTS), {"many": LEAVES})
        began = time.perf_counter()
        while sealing.seal(house.context, now()):
            pass
        sealed = LEAVES / (time.perf_counter() - began)
        body = b"x" * 600
        hashing = _rate(lambda: hashlib.sha256(hashlib.sha256(body).digest()).digest(), LEAVES)
        who = Caller("prt_bench", "H28", "bench")
        data = evidence.container(house.context, who, CASE, with_person=False, now=now())
        key = house.context.notary.key
    return [
        _row(
            "leaves sealed, in the database",
            sealed,
            LEAVES_A_SECOND,
            "bare SHA-256 of leaf and node",
            hashing,
        ),
        _checked(data, key),
    ]


def _checked(data: bytes, key: str) -> dict[str, object]:
    """Containers checked one after the other, as an auditor with a folder of them does."""
    rate = _rate(lambda: verifier.check(data, key=key), CHECKED)
    bare = _rate(lambda: hashlib.sha256(data).digest(), CHECKED)
    row = _row("container checked", rate, 1 / CONTAINER_S, "its bare SHA-256", bare)
    report.step(f"a container of {len(data)} bytes is checked in {1000 / rate:.2f} ms")
    return row
