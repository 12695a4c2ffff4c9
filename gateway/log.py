"""Structured logs, one JSON object a line, with secrets and personal data masked whatever the caller passes."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

MASK = "***"
HIDDEN_NAMES = re.compile(
    r"name|phone|address|email|payer|applicant|recipient|id_number|secret|password|token|key|signature|"
    r"authorization|cookie|otp|sothe|hoten",
    re.IGNORECASE,
)
SHOWN_NAMES = frozenset({"keyid"})
LONG_DIGITS = re.compile(
    r"(?<![0-9A-Za-z])(?:\+?84|0)[0-9]{8,11}(?![0-9A-Za-z])|(?<![0-9A-Za-z])[0-9]{12,19}(?![0-9A-Za-z])"
)
"""Phone, identity, account and card numbers that stand alone in a text."""


def mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: masks values by their name, and long numbers wherever they stand."""
    for name, value in event.items():
        if name != "event" and HIDDEN_NAMES.search(name) and name not in SHOWN_NAMES:
            event[name] = MASK
        elif isinstance(value, str):
            event[name] = LONG_DIGITS.sub(MASK, value)
        elif isinstance(value, dict):
            event[name] = mask(_logger, _method, dict(value))
    return event


def configure(level: str) -> None:
    """Set logging up for this process. Library logs pass through the same mask."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))
