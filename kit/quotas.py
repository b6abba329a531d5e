"""How often one caller may call: a window per process, told to the caller on every answer."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

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
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def spend(self, caller: str) -> Quota:
        """Count one request of `caller`."""
        allowed = self._limiter.hit(self._item, caller)
        stats = self._limiter.get_window_stats(self._item, caller)
        reset = max(1, math.ceil(stats.reset_time - time.time()))  # noqa: TID251 - the window runs on the system clock
        return Quota(self._item.amount, max(0, stats.remaining), reset, exceeded=not allowed)
