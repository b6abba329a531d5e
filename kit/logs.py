"""Logs: JSON lines with an allow-list of fields, so that no personal number can slip in."""

from __future__ import annotations

import hashlib
import hmac
import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

ALLOWED = frozenset({
    "timestamp", "level", "event", "logger", "request_id", "trace_id", "method", "route", "operation", "status", "ms",
    "actor", "code", "error", "where", "task", "job", "attempts", "state", "payment_id", "count", "provider", "url",
    "process", "seconds", "version",
})  # fmt: skip
logger: structlog.stdlib.BoundLogger = structlog.get_logger("citizen")
_key = b""


def configure(*, key: bytes, level: str = "INFO") -> None:
    """Send every log line of this process to standard error as JSON; `key` makes pseudonyms stable."""
    global _key  # noqa: PLW0603 - one key per process
    _key = key
    chain: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _describe_exception,
        _keep_allowed,
    ]
    structlog.configure(
        processors=[*chain, structlog.processors.JSONRenderer(ensure_ascii=False)],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(chain))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # These announce every job and every connection, with the arguments in the text.
    for chatty in ("procrastinate", "stripe", "urllib3", "psycopg", "_granian", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def pseudonym(caller: str) -> str:
    """The same short code for the same caller, from which nobody without the key gets back to the person."""
    return hmac.new(_key, caller.encode(), hashlib.sha256).hexdigest()[:16]


class _Lines(logging.Formatter):
    """Standard library records through the same chain; lines made by structlog pass as they are."""

    def __init__(self, chain: list[Any]) -> None:
        super().__init__()
        self._chain = chain

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.name == "citizen" and message.startswith("{"):
            return message
        # Other libraries' sentences may quote data; their template never does.
        event: MutableMapping[str, Any] = {"event": str(record.msg)[:200], "exc_info": record.exc_info}
        for step in self._chain[1:]:
            event = step(record, record.levelname.lower(), event) if step not in _NAMING else event
        event.update(level=record.levelname.lower(), logger=record.name)
        return str(structlog.processors.JSONRenderer(ensure_ascii=False)(None, "", event))


_NAMING = (structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name)


def _describe_exception(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Type and frames of an exception; never its message, which may quote what a citizen typed."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    if isinstance(given, BaseException):
        given = (type(given), given, given.__traceback__)
    if given and given[1] is not None:
        event["error"] = type(given[1]).__name__
        event["where"] = [
            f"{f.filename.rsplit('/', 3)[-1]}:{f.lineno} {f.name}" for f in traceback.extract_tb(given[2])
        ]
    return event


def _keep_allowed(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in event.items() if name in ALLOWED and value is not None}
