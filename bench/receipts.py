"""How long a citizen waits for the receipt once his payment is known to be paid: callbacks at a steady pace.

The gateway and one worker run as they are shipped. The time is that between two events of the spine, as committed:
`payment.succeeded` and `receipt.issued`, whose papers are made, signed and stored by then.
"""

import json
import tempfile
import time
from pathlib import Path

from sqlalchemy import Engine, text

from bench import ground, report
from bench.callback import confirm
from bench.ground import FEES, Ground
from gateway.config import Settings
from gateway.service import sealed
from gateway.wiring import open_house

A_SECOND, SECONDS = 20, 15
CEILING_P95_S = 5.0
PATIENCE_S = 60.0
_PAYER = "UPDATE payments SET payer_sealed = :payer, lines = CAST(:lines AS jsonb)"
_WAITED = """
SELECT extract(epoch FROM issued.recorded_at - paid.recorded_at)::float8
FROM events paid
JOIN receipts ON receipts.payment_id = paid.subject_id
JOIN events issued ON issued.subject_id = receipts.id AND issued.type = 'receipt.issued'
WHERE paid.type = 'payment.succeeded'
ORDER BY 1
"""


def main() -> int:
    """Run it; 0 when 95 of 100 receipts are there within five seconds."""
    many = A_SECOND * SECONDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            ground.serving(folder) as server,
            ground.prepared(server, "bench", folder) as base,
            ground.opened(base, folder) as here,
            ground.working(here, folder),
        ):
            codes = ground.seed(here, many)
            _give_payers(here, folder)
            _pay(here, codes)
            waited_s = _all_issued(here.engine, many)
    facts: dict[str, object] = {
        "paid_a_second": A_SECOND,
        "receipts": len(waited_s),
        "p50_s": round(report.percentile(waited_s, 0.50), 2),
        "p95_s": round(report.percentile(waited_s, 0.95), 2),
        "most_s": round(waited_s[-1], 2),
    }
    report.table("From paid to receipt", [facts])
    report.line(bench="receipts", **facts)
    return 0 if len(waited_s) == many and report.percentile(waited_s, 0.95) < CEILING_P95_S else 1


def _give_payers(here: Ground, folder: Path) -> None:
    """Each payment has a payer and a fee line, as a receipt tells them."""
    house = open_house(Settings(var_dir=folder, log_level="ERROR"), here.url)
    payer = sealed.seal(house.context.sealer, {"name": "Nguyễn Thị Ánh"}, sealed.PAYER)
    house.close()
    with here.engine.begin() as connection:
        connection.execute(text(_PAYER), {"payer": payer, "lines": json.dumps(FEES, ensure_ascii=False)})


def _pay(here: Ground, codes: list[tuple[int, str]]) -> None:
    began = time.monotonic()
    for second in range(SECONDS):
        confirm(here, codes[second * A_SECOND : (second + 1) * A_SECOND], 4)
        time.sleep(max(began + second + 1 - time.monotonic(), 0))


def _all_issued(engine: Engine, many: int) -> list[float]:
    """The seconds that each receipt took, in rising order: all of them, or those that are there when patience ends."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        with engine.connect() as connection:
            waited_s = [float(row[0]) for row in connection.execute(text(_WAITED))]
        if len(waited_s) == many or time.monotonic() > ends:
            return waited_s
        time.sleep(0.5)
