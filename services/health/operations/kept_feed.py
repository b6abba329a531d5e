"""The files of the feed as this process has made them last: once a minute, however many ask."""

from __future__ import annotations

import threading
import time

_KEPT_SECONDS = 60.0
_MOST_FILES = 200
_kept: dict[tuple[str, str], tuple[float, bytes]] = {}
_lock = threading.Lock()


def find_kept(kind: str, part: str) -> bytes | None:
    """A file that was made less than a minute ago."""
    kept = _kept.get((kind, part))
    return kept[1] if kept is not None and kept[0] > time.monotonic() else None


def keep(kind: str, part: str, body: bytes) -> bytes:
    """Keep a file for a minute; the file."""
    with _lock:
        if len(_kept) >= _MOST_FILES:
            _kept.clear()
        _kept[kind, part] = (time.monotonic() + _KEPT_SECONDS, body)
    return body


def forget_kept() -> None:
    """Make them anew from now on."""
    with _lock:
        _kept.clear()
