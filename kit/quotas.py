"""How often one caller may call: a window per process, told to the caller on every answer."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from dataclasses import dataclass

_WINDOW_SECONDS = 60


@dataclass(frozen=True)
class Quota:
    """What is left to a caller in the present window."""

    limit: int
    remaining: int
    reset_seconds: int
    exceeded: bool
    window_seconds: int = _WINDOW_SECONDS


class Quotas:
    """Requests a minute per caller.

    Counted in this process only: with n processes a caller may reach n times the limit. What must hold exactly (codes
    per phone number, look-ups per customer code) is counted in the database by its room.
    """

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._lock = threading.Lock()
        self._began = -math.inf
        self._spent: Counter[str] = Counter()

    def spend(self, caller: str) -> Quota:
        """Count one request of `caller`."""
        now = time.monotonic()
        with self._lock:
            # One window for all: forgetting its callers takes a moment a minute, and no memory grows.
            if now - self._began >= _WINDOW_SECONDS:
                self._began, self._spent = now, Counter()
            self._spent[caller] += 1
            spent, began = self._spent[caller], self._began
        reset = max(1, math.ceil(began + _WINDOW_SECONDS - now))
        return Quota(self._limit, max(0, self._limit - spent), reset, exceeded=spent > self._limit)
