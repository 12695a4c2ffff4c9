"""Lets the contract suites of this folder share modules; the folder is not a package."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent

sys.path.insert(0, str(FOLDER))
pytest.register_assert_rewrite(*(file.stem for file in FOLDER.glob("questions_*.py")))
