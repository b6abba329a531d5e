"""The sandbox's own clock, which a test may move."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from sandbox.store import Store

# The moment a piece of late work belongs to: after the clock jumped, what was due on the way happens at its own time.
_AS_OF: ContextVar[float | None] = ContextVar("as_of", default=None)


class Clock:
    """Real time plus an offset that survives restarts; every timestamp the sandbox hands out follows it."""

    def __init__(self, store: Store) -> None:
        """Take up the offset of the last run."""
        self._store = store

    @property
    def offset_seconds(self) -> float:
        """How far ahead of real time the sandbox is; negative when behind."""
        setting = self._store.get("setting", "clock")
        return 0.0 if setting is None else float(setting["offset_seconds"])

    def now(self) -> datetime:
        """Return the present moment of the sandbox, in UTC."""
        return datetime.fromtimestamp(self._seconds(), UTC)

    def timestamp(self) -> int:
        """Return the present moment as whole seconds since 1970."""
        return int(self._seconds())

    @contextmanager
    def as_of(self, moment: float) -> Iterator[None]:
        """Inside the block, and in this thread, the present moment is this one (seconds since 1970)."""
        token = _AS_OF.set(moment)
        try:
            yield
        finally:
            _AS_OF.reset(token)

    def move_to(self, moment: datetime) -> None:
        """Make now() return this moment and run on from there."""
        self.move_by(moment.timestamp() - time.time())

    def move_by(self, offset_seconds: float) -> None:
        """Set the offset from real time; 0 returns to real time."""
        self._store.put("setting", "clock", {"offset_seconds": offset_seconds})

    def _seconds(self) -> float:
        moment = _AS_OF.get()
        return time.time() + self.offset_seconds if moment is None else moment
