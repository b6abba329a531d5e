"""What a process remembers for a second when thousands ask for the same full day."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

_KEPT_SECONDS = 1.0
_MOST_DAYS = 1_000
_full: dict[tuple[UUID, object], tuple[float, Mapping[str, Any]]] = {}
_lock = threading.Lock()


def find_full(service_id: UUID, day: object) -> Mapping[str, Any] | None:
    """What was told a moment ago of a day without a free place; None when it has to be looked up."""
    kept = _full.get((service_id, day))
    return kept[1] if kept is not None and kept[0] > time.monotonic() else None


def remember_full(service_id: UUID, day: object, told: Mapping[str, Any]) -> None:
    """Tell the same for one second."""
    with _lock:
        if len(_full) >= _MOST_DAYS:
            _full.clear()
        _full[service_id, day] = (time.monotonic() + _KEPT_SECONDS, told)


def forget(service_id: UUID) -> None:
    """Somebody gave a place of this service back: look again."""
    with _lock:
        for key in [key for key in _full if key[0] == service_id]:
            del _full[key]
