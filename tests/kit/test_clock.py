"""One clock for the whole process, that can be moved, and dates as they are on a Vietnamese wall."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from kit import clock
from kit.fields import Instant


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    yield
    clock.move(timedelta())


def set_to(instant: datetime) -> None:
    """Move the clock so that it shows `instant` now."""
    clock.move(timedelta())
    clock.move(instant - clock.now())


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "offset", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=400), timedelta(minutes=-5)]
)
def test_the_clock_can_be_moved_both_ways_and_goes_on(offset: timedelta) -> None:
    clock.move(offset)

    first, second = clock.now(), clock.now()

    assert abs(first - datetime.now(UTC) - offset) < timedelta(seconds=5)
    assert first <= second


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 11, 21, 16, 59, 58, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 21, 17, 0, 0, tzinfo=UTC), date(2026, 11, 22)),
        (datetime(2026, 12, 31, 17, 0, 0, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2028, 2, 28, 17, 0, 0, tzinfo=UTC), date(2028, 2, 29)),
        (datetime(2028, 2, 29, 17, 0, 0, tzinfo=UTC), date(2028, 3, 1)),
    ],
    ids=["before midnight", "midnight", "new year", "leap day", "after leap day"],
)
def test_today_is_the_day_in_vietnam(instant: datetime, day: date) -> None:
    set_to(instant)

    assert clock.today() == day


@pytest.mark.parametrize(
    ("instant", "wall"),
    [
        (datetime(2026, 11, 21, 2, 0, tzinfo=UTC), "2026-11-21T09:00:00.000+07:00"),
        # Saigon kept +08 from 1960 until it was given up in 1975.
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T08:00:00.000+08:00"),
    ],
)
def test_instants_are_told_with_the_offset_they_have_in_vietnam(instant: datetime, wall: str) -> None:
    class Holder:
        at = instant

    assert Instant().serialize("at", Holder()) == wall
