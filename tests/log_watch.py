"""Reads every log line of a test run, as it is written, and finds what is personal in it."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kit.logs import _Lines

# Not inside of ids: those are hexadecimal, and their groups are joined by hyphens.
_APART, _ALONE = r"(?<![0-9A-Za-z_.\-])", r"(?![0-9A-Za-z_\-])"
PERSONAL = {
    "phone number": re.compile(_APART + r"(?:\+?84|0)[ .]?[35789]\d{1,2}[ .]?\d{3}[ .]?\d{3,4}" + _ALONE),
    "CCCD": re.compile(_APART + r"\d{12}" + _ALONE),
    "card number": re.compile(_APART + r"\d{16}" + _ALONE),
    "customer code": re.compile(r"(?<![0-9A-Za-z])(?:P[A-Z]\d{2}[A-Z0-9]{2}\d{7}|[A-Z]{3}\d{7})" + _ALONE),
    "health-insurance number": re.compile(_APART + r"[A-Z]{2}\d{13}" + _ALONE),
    "token": re.compile(r"eyJ[\w-]{8,}\.|" + _APART + r"[A-Za-z0-9_\-]{43}" + _ALONE),
    # What a person is called, and what an app calls a device: our own lines are English.
    "Vietnamese text": re.compile(r"[^\x00-\x7f]"),
}

# Keyed hashes and random ids, some of which are digits alone.
_HARMLESS = re.compile(r'"(?:actor": "[0-9a-f]{16}|trace_id": "[0-9a-f]{32}|request_id": "[0-9a-f-]{36})"')


class LogWatch:
    """The lines written since the last look; shared by all threads of a process."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._lock = threading.Lock()
        self._form = _Lines()

    def hear(self, record: logging.LogRecord) -> None:
        """Take a record as the handler of the house would write it."""
        line = self._form.format(record)
        with self._lock:
            self._lines.append(line)

    def look(self) -> list[str]:
        """What is personal in the lines since the last look, each with its kind."""
        with self._lock:
            lines, self._lines = self._lines, []
        return find_personal("\n".join(lines))


def find_personal(written: str) -> list[str]:
    """Of every line that holds something personal, what it is, and the line."""
    lines = [(line, _HARMLESS.sub("", line)) for line in written.splitlines()]
    return [f"{kind}: {line}" for line, left in lines for kind, form in PERSONAL.items() if form.search(left)]


@contextmanager
def watching() -> Iterator[LogWatch]:
    """Hear every record of this process that any logger lets through, whatever its handlers are."""
    watch = LogWatch()
    call_handlers = logging.Logger.callHandlers

    def hear_too(self: logging.Logger, record: logging.LogRecord) -> None:
        watch.hear(record)
        call_handlers(self, record)

    logging.Logger.callHandlers = hear_too  # type: ignore[method-assign]
    try:
        yield watch
    finally:
        logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]
