"""Each wall of the house holds: an import through it, put there on purpose, is refused by the contract of that wall."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "adapters", "signing", "postal", "sandbox")
BREAKS = {
    "Imports point inwards": ("gateway/store/alarms.py", "import gateway.service.cases"),
    "The domain is pure": ("gateway/domain/money.py", "import random"),
    "Adapters know nothing of each other": ("adapters/vnpay.py", "import adapters.dvcqg"),
    "Providers of receipts know nothing of each other": (
        "adapters/receipts/viettel.py",
        "import adapters.receipts.misa",
    ),
    "Only wiring knows the real adapters": ("gateway/service/payments.py", "import adapters.vnpay"),
    "Only the HTTP door speaks requests": ("gateway/service/webhooks.py", "import requests"),
    "Only the store speaks SQL": ("adapters/dvcqg.py", "import psycopg"),
    "Only the web speaks Flask": ("gateway/service/show.py", "import flask"),
    "Signing knows none of us": ("signing/mac.py", "import gateway.domain.money"),
    "The sandbox is the other side of the wire": ("sandbox/vnpay.py", "import adapters.vnpay"),
}


def _contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [each["name"] for each in settings["tool"]["importlinter"]["contracts"]]


def test_every_contract_has_its_break() -> None:
    assert sorted(_contracts()) == sorted(BREAKS)


@pytest.mark.parametrize("contract", sorted(BREAKS))
def test_an_import_through_a_wall_breaks_its_contract(contract: str, tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    module, line = BREAKS[contract]
    with (tmp_path / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(linter), "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert 0 != done.returncode
    assert re.search(rf"^{re.escape(contract)} .*BROKEN", done.stdout, re.MULTILINE), done.stdout[-2000:]
