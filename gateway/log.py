"""Structured logs, one JSON object a line, with secrets and personal data masked whatever the caller passes.

Masked are values by their name, however deep they lie, and what gives itself away by its form wherever it stands.
Of an exception only its kind is told: its text can quote data.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO, cast

import structlog

MASK = "***"
HIDDEN_NAMES = re.compile(
    r"name|phone|address|email|payer|applicant|recipient|id_number|secret|password|token|key|signature|"
    r"authorization|cookie|otp|sothe|hoten",
    re.IGNORECASE,
)
SHOWN_NAMES = frozenset({"keyid", "event"})
OWN_NAMES = frozenset({"_record", "_from_structlog"})
"""What structlog hands from processor to processor and takes out again before anything is written."""
TELLTALE = re.compile(
    r"(?<![0-9A-Za-z])(?:\+?84|0)(?:[ .-]?[0-9]){8,11}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])[0-9]{12,19}(?![0-9A-Za-z])"
    r"|(?<![0-9a-f])(?:[0-9a-f]{40}|[0-9a-f]{48})(?![0-9a-f])"
    r"|[^\s@<>()\"']+@[^\s@<>()\"']+\.[A-Za-z]{2,}"
    r"|whsec_[A-Za-z0-9+/=]+"
    r"|(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"
)
"""What no text may hold: phone, identity, account and card numbers that stand alone, the tokens of our links,
mail addresses, webhook secrets and credentials."""
DEEPEST = 20


def mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: masks values by their name, and telltale texts wherever they stand."""
    for name, value in event.items():
        if name == "exc_info" and isinstance(value, tuple):
            event[name] = _masked(name, value[0], DEEPEST)
        elif name not in OWN_NAMES:
            event[name] = _masked(name, value, DEEPEST)
    return event


def _masked(name: str, value: object, depth: int) -> object:
    if (HIDDEN_NAMES.search(name) and name not in SHOWN_NAMES) or depth == 0:
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {
            TELLTALE.sub(MASK, str(key)): _masked(str(key), each, depth - 1) for key, each in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", each, depth - 1) for each in value]
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, type) and issubclass(value, BaseException):
        return value.__name__
    if isinstance(value, BaseException):
        return type(value).__name__
    return TELLTALE.sub(MASK, value if isinstance(value, str) else repr(value))


class _Stderr:
    """The standard error as it was found, or the one of now where that was closed: logging outlives what it ran in."""

    def __init__(self) -> None:
        self._found = sys.stderr

    def _open(self) -> TextIO:
        return sys.stderr if self._found.closed else self._found

    def write(self, text: str) -> int:
        return self._open().write(text)

    def flush(self) -> None:
        self._open().flush()


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
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Stderr())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(cast("TextIO", _Stderr()))
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
