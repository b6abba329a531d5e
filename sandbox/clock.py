"""The sandbox's own clock, which a test may move."""

import time
from datetime import UTC, datetime

from sandbox.store import Store


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
        return datetime.fromtimestamp(time.time() + self.offset_seconds, UTC)

    def timestamp(self) -> int:
        """Return the present moment as whole seconds since 1970."""
        return int(time.time() + self.offset_seconds)

    def move_to(self, moment: datetime) -> None:
        """Make now() return this moment and run on from there."""
        self.move_by(moment.timestamp() - time.time())

    def move_by(self, offset_seconds: float) -> None:
        """Set the offset from real time; 0 returns to real time."""
        self._store.put("setting", "clock", {"offset_seconds": offset_seconds})
