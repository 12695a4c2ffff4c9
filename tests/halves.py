"""Every test, as two runs of pytest beside each other: `python -m tests.halves`.

What starts the whole product on the ports that it has by itself is in one half, so that it never meets its like.
Exit code 0 when both ended with 0.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FIRST = ("api", "service")
"""About half of the time. The other half is whatever else has tests, so that nothing is left out."""


def halves() -> tuple[list[Path], list[Path]]:
    """What each half is asked to run."""
    found = {HERE / path.relative_to(HERE).parts[0] for path in HERE.rglob("test_*.py")}
    first = {HERE / name for name in FIRST}
    return sorted(first), sorted(found - first)


def main() -> int:
    """Run both. What the first one says comes when it has ended."""
    first, second = halves()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user
        with (folder / "first.log").open("w+b") as log:
            beside = subprocess.Popen(_pytest(folder / "1", first), stdout=log, stderr=subprocess.STDOUT)
            ended = subprocess.run(_pytest(folder / "2", second), check=False).returncode
            beside_ended = beside.wait()
            log.seek(0)
            sys.stdout.buffer.write(log.read())
    return ended or beside_ended


def _pytest(folder: Path, paths: list[Path]) -> list[str]:
    return [sys.executable, "-m", "pytest", f"--basetemp={folder}", *map(str, paths)]


if __name__ == "__main__":
    sys.exit(main())
