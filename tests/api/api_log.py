"""The process's log, caught as the gateway writes it."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import structlog

from gateway import log


@contextmanager
def captured_log() -> Iterator[io.StringIO]:
    """Everything that this process logs, by the gateway's own configuration."""
    before, handlers, level = structlog.get_config(), logging.root.handlers, logging.root.level
    logged = io.StringIO()
    with redirect_stderr(logged):
        log.configure("INFO")
    yield logged
    logging.root.handlers, logging.root.level = handlers, level
    structlog.configure(**before)
