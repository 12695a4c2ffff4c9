"""What the tests of the suite itself share: a bank made of text, and which questions it does not pass."""

import importlib.util
from pathlib import Path
from types import ModuleType

from payment_questions import QUESTIONS
from wire_samples import Case

from gateway.domain.errors import GatewayError

BREAKAGES = (
    AssertionError,
    AttributeError,
    GatewayError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
AGENCY = {"code": "H28", "name": "UBND", "account": "1", "bank_bin": "970415", "account_name": "UBND"}
PAYER = {"name": "Đặng Thị Mẫu", "id_number": "017199000123", "address": "Tổ 9, đường Thử"}


def failing(case: Case) -> list[str]:
    """The names of the questions that the case does not pass, whatever it breaks with."""
    names = []
    for question in QUESTIONS:
        try:
            question(case)
        except BREAKAGES:
            names.append(question.__name__)
    return names


def imported(folder: Path, name: str, source: str) -> ModuleType:
    file = folder / f"{name}.py"
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def order(reference: str) -> dict[str, object]:
    """The order of a toy's `case.json`."""
    return {
        "reference": reference,
        "amount_vnd": 90000,
        "description": "Phí",
        "case_code": "H28-261124-0001",
        "procedure_code": "1.004194",
        "procedure_name": "Khai sinh",
        "lines": [{"kind": "phi", "code": "P1", "name": "Phí", "amount_vnd": 90000}],
        "agency": AGENCY,
        "payer": PAYER,
        "return_url": "https://cong.example.vn/",
        "client_ip": "198.51.100.24",
        "created_at": "2026-11-24T08:00:00+00:00",
        "expires_at": "2026-11-24T09:00:00+00:00",
    }
