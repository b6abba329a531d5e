"""The Vietnamese lunar calendar, by the one library that is allowed to know it."""

from __future__ import annotations

from datetime import date, timedelta

from lunar_vn import LunarDate, lunar_to_solar, solar_to_lunar

# What the library has been tested for; a rule asked for outside of it has no day there.
FIRST_YEAR, LAST_YEAR = 1900, 2099
_LONGEST_MONTH = 30


def solar_day(year: int, month: int, day: int, *, leap: bool = False) -> date | None:
    """The solar day of a lunar date in lunar year `year`; None where that year has no such day.

    Reckoned for UTC+7, as Vietnam does: the new year of 2007 was 17 February, a day before China's. The thirtieth of a
    month of 29 days is no day.
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    try:
        found = lunar_to_solar(LunarDate(day, month, year, leap))
    except ValueError:
        return None
    # The library counts on from the first of the month: the way back tells whether the month has that day.
    return found if lunar_date(found) == (year, month, day, leap) else None


def last_day_at_most(year: int, month: int, day: int, *, leap: bool = False) -> date | None:
    """As `solar_day`, and for the thirtieth of a short month its last day."""
    found = solar_day(year, month, day, leap=leap)
    if found is None and day == _LONGEST_MONTH:
        return solar_day(year, month, day - 1, leap=leap)
    return found


def lunar_date(day: date) -> tuple[int, int, int, bool]:
    """(year, month, day, leap) of a solar day on the Vietnamese lunar calendar."""
    told = solar_to_lunar(day)
    return told.year, told.month, told.day, bool(told.leap)


def lunar_years(day: date) -> tuple[int, int]:
    """The lunar years a span around `day` can belong to: its own and the one before."""
    year = lunar_date(day)[0]
    return year - 1, year


def new_year(year: int) -> date:
    """The first day of lunar year `year` (Tết). Raises ValueError outside of the known years."""
    return day_of(year, 1, 1)


def day_of(year: int, month: int, day: int) -> date:
    """As `solar_day`, of a day that every year has. Raises ValueError outside of the known years."""
    found = solar_day(year, month, day)
    if found is None:
        raise ValueError(f"no day {day} of month {month} in lunar year {year}")
    return found


def days_between(start: date, end: date) -> list[date]:
    """Every day from `start` to `end`, both included."""
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]
