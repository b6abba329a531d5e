"""The only place that asks the time, so that tests and the sandbox can move it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

# Vietnam has had no daylight saving since 1975, but was +08 before: always go through the zone, never a fixed offset.
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")

_offset = timedelta(0)


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC) + _offset  # noqa: TID251 - the one reader of the system clock


def today() -> date:
    """The present calendar day in Vietnam."""
    return now().astimezone(ZONE).date()


def local(instant: datetime) -> datetime:
    """The same instant on a Vietnamese wall clock."""
    return instant.astimezone(ZONE)


def move(offset: timedelta) -> None:
    """Shift this process's time by `offset` from the system clock; tests and the sandbox's clock do so."""
    global _offset  # noqa: PLW0603 - one clock per process is the point
    _offset = offset
