"""Which access tokens are over before their time, as this process knows it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from auth import operations
from kit import clock
from kit.database import transaction

# Access tokens live for minutes and are checked without the database; what ended before its time is read this often.
_KEPT = timedelta(seconds=5)


class Revoked:
    """What was ended lately, as this process read it at most five seconds ago."""

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()
        self._read_at: datetime | None = None
        self._lock = threading.Lock()

    def holds(self, *names: str) -> bool:
        """Whether a token that names any of these is over; reads anew, by one query, when it is time."""
        if self._is_stale():
            with self._lock:
                # Of all threads that found it stale the first one reads, the others have waited for it.
                if self._is_stale():
                    with transaction() as session:
                        self._names = operations.list_revoked(session)
                    self._read_at = clock.now()
        return not self._names.isdisjoint(names)

    def _is_stale(self) -> bool:
        # A clock that was set back makes it stale as well.
        return self._read_at is None or not timedelta() <= clock.now() - self._read_at < _KEPT
