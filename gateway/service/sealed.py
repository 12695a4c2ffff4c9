"""Personal data in and out of its sealed columns, as JSON objects."""

import json
from collections.abc import Mapping
from typing import Any

from gateway.ports import Payer
from signing.seal import Sealer


def seal(sealer: Sealer, value: Mapping[str, Any], context: str) -> bytes:
    return sealer.seal(json.dumps(value, ensure_ascii=False, sort_keys=True).encode(), context)


def unseal(sealer: Sealer, sealed: bytes, context: str) -> dict[str, Any]:
    """Raises `signing.errors.BadSignature` when the value was changed or belongs elsewhere."""
    value = json.loads(sealer.open(sealed, context))
    assert isinstance(value, dict)
    return value


ERASED_NAME = "(đã xóa theo thời hạn lưu giữ)"
"""What stands where a name is asked for and the person was forgotten."""


def payer(sealer: Sealer, sealed: bytes) -> Payer:
    """Who pays, as providers are told."""
    known = unseal(sealer, sealed, PAYER)
    return Payer(
        name=known.get("name") or ERASED_NAME,
        id_number=known.get("id_number") or "",
        address=known.get("address") or "",
        province=known.get("province") or "",
    )


APPLICANT = "cases.applicant"
ANSWERS = "cases.answers"
PAYER = "payments.payer"
RECIPIENT = "deliveries.recipient"
FACTS = "receipts.facts"
PAPER = "case_papers.facts"
WEBHOOK_SECRET = "webhook_endpoints.secret"  # noqa: S105 - the name of a column
MEMO = "statement_lines.memo"
PHONE = "cases.phone"
SALT = "salts.salt"
