"""Memory of everything together when idle: PostgreSQL, web, worker and the sandbox world.

Counted as PSS: memory that several processes share counts once.
"""

import os
import tempfile
import time
from pathlib import Path

from bench import report
from gateway.local import running

SETTLE_S = 10.0
CEILING_MB = 600.0
KIB_IN_MB = 1024


def main() -> int:
    """Run it; 0 when the sum is below its limit."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as local:
        time.sleep(SETTLE_S)
        rows = [
            {"process": name, "MB": round(_pss_mb(pids), 1)}
            for name, pids in sorted(_groups(local.var).items())
        ]
    total_mb = sum(float(str(row["MB"])) for row in rows)
    report.table(
        "Idle memory of everything (PSS)", [*rows, {"process": "together", "MB": round(total_mb, 1)}]
    )
    report.line(bench="footprint", total_mb=round(total_mb, 1), limit_mb=CEILING_MB)
    return 0 if total_mb < CEILING_MB else 1


def _groups(var: Path) -> dict[str, list[int]]:
    """The processes of this installation: what this one started, and the database that lives in its folder."""
    found: dict[str, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            name = _name(entry, var)
            if name is not None:
                found.setdefault(name, []).append(int(entry.name))
    return found


def _name(entry: Path, var: Path) -> str | None:
    try:
        folder = (entry / "cwd").readlink()
        environment = (entry / "environ").read_bytes()
    except OSError:
        return None  # it has ended, or is not ours to see
    if folder == var / "pg":  # where every process of a server stands
        return "postgresql"
    if f"GATEWAY_VAR_DIR={var}".encode() not in environment:
        return None
    started_as = [part for part in environment.split(b"\0") if part.startswith(b"PGAPPNAME=")]
    return started_as[0].partition(b"=")[2].decode() if started_as else None


def _pss_mb(pids: list[int]) -> float:
    kib = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                kib += int(line.split()[1])
    return kib / KIB_IN_MB
