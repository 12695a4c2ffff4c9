"""Do the tests notice a fault? `python tests/mutation [MODULE…]` puts small ones into the code and counts.

Works on a copy of the tree. Prints each fault that no test noticed, and the score of each module; ends with 1 when
one is below the limit. `docs/mutation.md` says what the faults are and why some are let live.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from collected import Known
from forks import forked, hush
from mutants import Mutant
from trying import Trial

LIMIT = 0.85
NICE = 10
DOMAIN = ("payment", "refund", "machine", "parts", "matching", "routing", "breaker", "wire")
CODECS = (
    "asic_manifest", "asic_zip", "cms", "cms_parts", "content_digest", "http_messages", "jose", "jwk", "mac", "notes",
    "rsa", "signature_base", "soap", "webhooks", "xml_checks", "xml_core", "xml_document", "xml_signatures",
    "xml_xades",
)  # fmt: skip
"""Of `signing/`: tried where they are named, for each has property tests of its own that take their time."""
FOLDERS = ("gateway", "adapters", "signing", "postal", "sandbox", "tests")
SUITES = ("tests/contract/test_payment_adapters.py", "tests/contract/test_receipt_adapters.py")
TESTS = ("tests/unit/domain", "tests/unit/adapters", *SUITES)
FOUND = frozenset({"killed", "hung"})


def main() -> int:
    options = argparse.ArgumentParser(prog="python tests/mutation", description=__doc__)
    options.add_argument(
        "names", nargs="*", metavar="MODULE", help="such as payment or vnpay_wire; all without"
    )
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = options.parse_args()
    os.nice(NICE)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with tempfile.TemporaryDirectory(prefix="mutation-") as copy:
        for folder in FOLDERS:
            shutil.copytree(folder, f"{copy}/{folder}", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy("pyproject.toml", copy)
        os.chdir(copy)
        sys.path.insert(0, copy)
        tempfile.tempdir = copy  # each pytest makes a folder of its own there
        return _report(_tried(asked.names, asked.jobs))


def _tried(names: Sequence[str], jobs: int) -> dict[str, list[tuple[Mutant, str]]]:
    """What became of each fault, by file."""
    paths = [path for path in [*_targets(), *_codecs()] if path.stem in names] if names else _targets()
    ends: dict[str, list[tuple[Mutant, str]]] = {str(path.resolve()): [] for path in paths}

    def tell(path: str, mutant: Mutant, end: str) -> None:
        ends[path].append((mutant, end))

    trial = Trial(list(ends), _tests(paths) if names else TESTS, jobs, tell)

    def first() -> tuple[Known, list[tuple[str, int]], dict[str, list[tuple[Mutant, str]]]]:
        hush()
        trial.in_functions()
        return trial.known, trial.left, ends

    trial.known, trial.left, told = forked(first)
    if trial.known.failed:
        raise SystemExit(f"these fail without a fault: {', '.join(trial.known.failed)}")
    ends.update(told)
    trial.at_import()
    return ends


def _targets() -> list[Path]:
    money_side = [path for path in sorted(Path("adapters").rglob("*.py")) if path.name != "__init__.py"]
    return [*(Path(f"gateway/domain/{name}.py") for name in DOMAIN), *money_side]


def _codecs() -> list[Path]:
    return [Path(f"signing/{name}.py") for name in CODECS]


def _tests(paths: Sequence[Path]) -> list[str]:
    """The test files that name one of the modules; the contract suites name none, and ask all adapters."""
    stems = [path.stem.removesuffix("_wire") for path in paths if path.parts[0] != "signing"]
    codecs = [path.stem for path in paths if path.parts[0] == "signing"]
    naming = _naming(TESTS[:2], rf"\b({'|'.join(stems)})") if stems else []
    # by import: names such as rsa stand in every other test of signatures
    naming += (
        _naming(["tests/unit/signing"], rf"import .*\b({'|'.join(codecs)})\b|signing\.({'|'.join(codecs)})\b")
        if codecs
        else []
    )
    return [*naming, *SUITES] if any(path.parts[0] == "adapters" for path in paths) else naming


def _naming(folders: Sequence[str], pattern: str) -> list[str]:
    name = re.compile(pattern)
    files = [file for folder in folders for file in sorted(Path(folder).rglob("test_*.py"))]
    return [str(file) for file in files if name.search(file.read_text(encoding="utf-8"))]


def _report(ends: dict[str, list[tuple[Mutant, str]]]) -> int:
    rows, low = [], False
    for path, all_of in ends.items():
        name = os.path.relpath(path)
        for mutant, end in sorted(all_of, key=lambda each: each[0].number):
            if end not in FOUND:
                sys.stdout.write(f"{name}:{mutant.line}: {mutant.what}{' [not run]' * (end == 'not run')}\n")
        count = Counter(end for _, end in all_of)
        found = sum(count[each] for each in FOUND)
        score = found / len(all_of) if all_of else 1.0
        low = low or score < LIMIT
        rows.append(f"| `{name}` | {len(all_of)} | {found} | {len(all_of) - found} | {score:.1%} |\n")
    sys.stdout.write("\n| module | faults | noticed | not | score |\n| --- | --: | --: | --: | --: |\n")
    sys.stdout.writelines(rows)
    return int(low)


if __name__ == "__main__":
    sys.exit(main())
