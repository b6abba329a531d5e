"""The Vietnamese lunar calendar, as far as holidays need it: new moons and solar terms seen from the zone +7.

Months begin on the day of the new moon in Vietnam; the eleventh month holds the winter solstice; a year of thirteen
months repeats the first month in which the sun enters no principal term. New moons after J. Meeus, Astronomical
Algorithms, chapter 49, the sun's longitude after chapter 25, both good to a few minutes.
"""

from __future__ import annotations

import math
from datetime import date, timedelta

_EPOCH = date(2000, 1, 1)
_JULIAN_OF_EPOCH = 2_451_544.5  # midnight, universal time
_ZONE_DAYS = 7 / 24
_MONTH_DAYS = 29.530588861
_TERM_DEGREES = 30


def first_of_month(year: int, month: int) -> date:
    """The first day of a lunar month (1 to 12, not the repeated one) of the lunar year that begins in `year`."""
    eleventh, repeated, count = _year_from_eleventh(year - 1 if month <= 10 else year)  # noqa: PLR2004 - a month
    # Months after the eleventh of the year before: the 12th is one on, the 1st two on.
    steps = month + 1 if month <= 10 else month - 11  # noqa: PLR2004 - months
    if repeated is not None and steps >= repeated:
        steps += 1
    if steps > count:
        raise ValueError("there is no such month")
    return _new_moon_day(eleventh + steps)


def day_of(year: int, month: int, day: int) -> date:
    """The solar date of a lunar day: `day_of(2030, 1, 1)` is Tết 2030."""
    return first_of_month(year, month) + timedelta(days=day - 1)


def _year_from_eleventh(year: int) -> tuple[int, int | None, int]:
    """Number of the new moon that begins the eleventh month of `year`, which step repeats its month, how many steps."""
    first, last = _eleventh_month(year), _eleventh_month(year + 1)
    count = last - first
    if count == 12:  # noqa: PLR2004 - months
        return first, None, count
    terms = [_term_at_start(first + step) for step in range(count + 1)]
    repeated = next(step for step in range(1, count) if terms[step] == terms[step + 1])
    return first, repeated, count


def _eleventh_month(year: int) -> int:
    """Number of the new moon that begins the month with the winter solstice of `year`."""
    days = (date(year, 12, 31) - _EPOCH).days
    number = int(days / _MONTH_DAYS) + 1
    while _new_moon_day(number) > date(year, 12, 31):
        number -= 1
    # The sun is past the solstice (term 9 of 12, counted from the equinox) when this month begins: it is the next one.
    return number - 1 if _term_at_start(number) >= 9 else number  # noqa: PLR2004 - a term


def _new_moon_day(number: int) -> date:
    local = _new_moon(number) - _JULIAN_OF_EPOCH + _ZONE_DAYS
    return _EPOCH + timedelta(days=math.floor(local))


def _term_at_start(number: int) -> int:
    """Which twelfth of its way the sun is in at the midnight that begins the month of this new moon."""
    days = (_new_moon_day(number) - _EPOCH).days
    return int(_sun_degrees(_JULIAN_OF_EPOCH + days - _ZONE_DAYS) // _TERM_DEGREES)


def _sun_degrees(julian: float) -> float:
    century = (julian - 2_451_545.0) / 36_525
    anomaly = math.radians(357.52911 + 35_999.05029 * century - 0.0001537 * century**2)
    centre = (
        (1.914602 - 0.004817 * century) * math.sin(anomaly)
        + 0.019993 * math.sin(2 * anomaly)
        + 0.000289 * math.sin(3 * anomaly)
    )
    node = math.radians(125.04 - 1934.136 * century)
    return (280.46646 + 36_000.76983 * century + centre - 0.00569 - 0.00478 * math.sin(node)) % 360


def _new_moon(number: int) -> float:
    """The instant of the new moon counted from that of 6 January 2000, as a Julian day in universal time."""
    t = number / 1236.85
    mean = 2_451_550.09766 + 29.530588861 * number + 0.00015437 * t**2 - 0.000000150 * t**3
    sun = math.radians(2.5534 + 29.10535670 * number - 0.0000014 * t**2)
    moon = math.radians(201.5643 + 385.81693528 * number + 0.0107582 * t**2)
    node = math.radians(160.7108 + 390.67050284 * number - 0.0016118 * t**2)
    turn = math.radians(124.7746 - 1.56375588 * number + 0.0020672 * t**2)
    e = 1 - 0.002516 * t
    correction = (
        -0.40720 * math.sin(moon)
        + 0.17241 * e * math.sin(sun)
        + 0.01608 * math.sin(2 * moon)
        + 0.01039 * math.sin(2 * node)
        + 0.00739 * e * math.sin(moon - sun)
        - 0.00514 * e * math.sin(moon + sun)
        + 0.00208 * e**2 * math.sin(2 * sun)
        - 0.00111 * math.sin(moon - 2 * node)
        - 0.00057 * math.sin(moon + 2 * node)
        + 0.00056 * e * math.sin(2 * moon + sun)
        - 0.00042 * math.sin(3 * moon)
        + 0.00042 * e * math.sin(sun + 2 * node)
        + 0.00038 * e * math.sin(sun - 2 * node)
        - 0.00024 * e * math.sin(2 * moon - sun)
        - 0.00017 * math.sin(turn)
        - 0.00007 * math.sin(moon + 2 * sun)
    )
    planets = 0.000325 * math.sin(math.radians(299.77 + 0.107408 * number - 0.009173 * t**2))
    # Earth time runs ahead of universal time by about a minute in this century.
    return mean + correction + planets - 69 / 86_400
