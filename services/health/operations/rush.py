"""What a process remembers for a second when thousands ask for the same full day."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

_KEPT_SECONDS = 1.0
_STALE_SECONDS = 2.0  # nobody has asked for so long: what was told then is told no more
_MOST_DAYS = 1_000
_full: dict[tuple[UUID, object], tuple[float, Mapping[str, Any]]] = {}
_lock = threading.Lock()


def find_full(service_id: UUID, day: object) -> Mapping[str, Any] | None:
    """What was told a moment ago of a day without a free place; None when it has to be looked up.

    When the moment is over, one of those who ask looks it up and the others go on hearing the same meanwhile.
    """
    kept = _full.get((service_id, day))
    if kept is None or kept[0] > time.monotonic():
        return None if kept is None else kept[1]
    with _lock:
        known = _full.get((service_id, day))
        if known is not kept or known[0] + _STALE_SECONDS < time.monotonic():
            return None
        _full[service_id, day] = (time.monotonic() + _KEPT_SECONDS, kept[1])
    return None


def remember_full(service_id: UUID, day: object, told: Mapping[str, Any]) -> None:
    """Tell the same for one second."""
    with _lock:
        if len(_full) >= _MOST_DAYS:
            _full.clear()
        _full[service_id, day] = (time.monotonic() + _KEPT_SECONDS, told)


def found(service_id: UUID, day: object) -> None:
    """Somebody got a place of a day that was told to be full: everybody is to look again."""
    with _lock:
        _full.pop((service_id, day), None)


def forget(service_id: UUID) -> None:
    """Somebody gave a place of this service back: look again."""
    with _lock:
        for key in [key for key in _full if key[0] == service_id]:
            del _full[key]
