"""Logs: JSON lines with an allow-list of fields, so that no personal number can slip in."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import sys
import time
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog

ALLOWED = frozenset({
    "timestamp", "level", "event", "logger", "request_id", "trace_id", "method", "route", "operation", "status", "ms",
    "actor", "code", "error", "where", "task", "job", "attempts", "state", "payment_id", "count", "provider", "url",
    "process", "seconds", "version", "promise", "refund_id", "card_id", "event_type", "reason",
    "kind", "remittance_id",
})  # fmt: skip
_OURS = "citizen"
logger: structlog.stdlib.BoundLogger = structlog.get_logger(_OURS)
_key = b""
_TRACE = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_PLAIN = re.compile("[A-Za-z_ ]{1,60}(?: [0-9]{3})?")


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
    handler.setFormatter(_Lines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # These announce every job and every connection, with the arguments in the text.
    for chatty in ("procrastinate", "stripe", "urllib3", "psycopg", "_granian", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # The web server has a handler of its own, which writes tracebacks with all they quote.
    logging.getLogger("_granian").handlers = []
    logging.getLogger("_granian").propagate = True


def pseudonym(caller: str) -> str:
    """The same short code for the same caller, from which nobody without the key gets back to the person."""
    return hmac.new(_key, caller.encode(), hashlib.sha256).hexdigest()[:16]


def tell_request(
    *,
    request_id: str,
    method: str,
    route: str | None,
    operation: str | None,
    status: int,
    started: float,
    caller: str | None,
    traceparent: str,
    code: str | None = None,
) -> None:
    """Write the line of one answered request; `started` is a reading of the stopwatch."""
    logger.info(
        "request",
        request_id=request_id,
        method=method,
        route=route,
        operation=operation,
        status=status,
        ms=round((time.perf_counter() - started) * 1000, 1),
        actor=pseudonym(caller) if caller else None,
        code=code,
        trace_id=trace[1] if (trace := _TRACE.fullmatch(traceparent)) else None,
    )


class _Lines(logging.Formatter):
    """Lines of other libraries in the same form as ours, which pass as they are."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == _OURS:
            return record.getMessage()
        # A sentence may quote data. With arguments it is a template, and they are left out; without any it may have
        # been put together before: then only its place in the code is told.
        said = str(record.msg)[:200] if record.args else f"{record.module}:{record.lineno} {record.funcName}"
        event: MutableMapping[str, Any] = {
            "event": said,
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "exc_info": record.exc_info,
        }
        return json.dumps(_keep_allowed(None, "", _describe_exception(None, "", event)), ensure_ascii=False)


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
    kept = {name: value for name, value in event.items() if name in ALLOWED and value is not None}
    # What an outsider said may stand in an error's text; a reason of ours is a few plain words.
    if not _PLAIN.fullmatch(str(kept.get("error", "unsaid"))):
        kept["error"] = "unsaid"
    return kept
