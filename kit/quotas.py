"""How often one caller may call: a window of a minute, told to the caller on every answer."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kit import clock, keyed, logs

if TYPE_CHECKING:
    from limits.storage import Storage

IN_PROCESS = "memory://"
_WINDOW_SECONDS = 60
# A counter that does not answer must not hold anybody up, and is left alone for a while.
_PATIENCE_SECONDS = 0.25
_LEFT_ALONE_SECONDS = 10


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

    Counted in this process, where with n processes a caller may reach n times the limit; or, with the address of a
    Redis, by all processes together. While that does not answer each process counts for itself. What must hold exactly
    (codes per phone number, look-ups per customer code) is counted in the database by its room.
    """

    def __init__(self, per_minute: int, *, shared_at: str = IN_PROCESS) -> None:
        self._limit = per_minute
        self._lock = threading.Lock()
        self._began = -math.inf
        self._spent: Counter[str] = Counter()
        self._shared = None if shared_at == IN_PROCESS else _connect(shared_at)
        self._left_alone_until = -math.inf

    def spend(self, caller: str) -> Quota:
        """Count one request of `caller`."""
        if self._shared is not None and time.monotonic() >= self._left_alone_until:
            quota = self._spend_together(self._shared, caller)
            if quota is not None:
                return quota
        now = time.monotonic()
        with self._lock:
            # One window for all: forgetting its callers takes a moment a minute, and no memory grows.
            if now - self._began >= _WINDOW_SECONDS:
                self._began, self._spent = now, Counter()
            self._spent[caller] += 1
            spent, began = self._spent[caller], self._began
        return self._tell(spent, began + _WINDOW_SECONDS - now)

    def _spend_together(self, shared: Storage, caller: str) -> Quota | None:
        from limits.errors import StorageError  # noqa: PLC0415 - only where a Redis is used

        window, passed = divmod(clock.now().timestamp(), _WINDOW_SECONDS)
        # Another machine's memory learns neither an address nor who has called.
        name = keyed.derive("quota", caller.encode()).hex()[:32]
        try:
            spent = shared.incr(f"{name}:{int(window)}", _WINDOW_SECONDS)
        except StorageError as exc:
            self._left_alone_until = time.monotonic() + _LEFT_ALONE_SECONDS
            logs.logger.warning("quotas_counted_alone", error=type(exc.__cause__ or exc).__name__)
            return None
        return self._tell(spent, _WINDOW_SECONDS - passed)

    def _tell(self, spent: int, left_seconds: float) -> Quota:
        # A hair more than a window may be left: sums of floats are rounded, and another thread may have begun it since.
        reset = min(_WINDOW_SECONDS, max(1, math.ceil(left_seconds)))
        return Quota(self._limit, max(0, self._limit - spent), reset, exceeded=spent > self._limit)


def _connect(url: str) -> Storage:
    """A Redis that is asked once, with little patience; connected to at the first request."""
    from limits.storage import RedisStorage  # noqa: PLC0415 - a moment of import that most processes need not spend
    from redis import ConnectionPool  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    pool = ConnectionPool.from_url(
        url,
        socket_timeout=_PATIENCE_SECONDS,
        socket_connect_timeout=_PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return RedisStorage(url, connection_pool=pool, key_prefix="citizen-quota", wrap_exceptions=True)
