"""Lets the contract suites of this folder share modules; the folder is not a package."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("payment_questions")
