"""Opening hours as rules, and what follows from them at an instant: open or not, and when that changes next."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from kit import clock, lunar

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON_DAYS = 400  # a festival comes once a lunar year, which has at most 385 days
_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_DAY_MINUTES = 24 * 60
_LEAP_YEAR = 2024
Times = tuple[tuple[int, int], ...]  # (opens, closes) in minutes from midnight; closing may lie beyond 1440


class BadHours(ValueError):
    """Rules that say nothing sensible; `args` are the place in the rules and a stable slug."""


@dataclass(frozen=True)
class Yearly:
    """A span of days that comes every year: solar or lunar, both ends included; it may run over the new year."""

    calendar: str
    start: tuple[int, int]  # month, day
    end: tuple[int, int]
    leap: bool
    times: Times

    def holds(self, day: date) -> bool:
        """Whether the span includes `day`."""
        if self.calendar == "solar":
            here = (day.month, day.day)
            if self.start <= self.end:
                return self.start <= here <= self.end
            return here >= self.start or here <= self.end
        return any(first <= day <= last for first, last in self.spans(lunar.lunar_years(day)))

    def spans(self, years: Sequence[int]) -> Iterator[tuple[date, date]]:
        """The days of the span in some years of its own calendar."""
        for year in years:
            first = self._day(year, self.start)
            last = self._day(year + (self.end < self.start), self.end)
            if first is not None and last is not None:
                yield first, last

    def _day(self, year: int, at: tuple[int, int]) -> date | None:
        if self.calendar == "lunar":
            return lunar.last_day_at_most(year, *at, leap=self.leap)
        is_there = at != (2, 29) or (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))
        return date(year, *at) if is_there else date(year, 2, 28)


@dataclass(frozen=True)
class Season:
    """A yearly span with a week of its own."""

    span: Yearly
    week: tuple[Times, ...]


@dataclass(frozen=True)
class Unlike:
    """Days that are unlike what the rules say: other times, or none."""

    first: date
    last: date
    times: Times


@dataclass(frozen=True)
class Hours:
    """All rules of one guide. What is named more exactly wins: exceptions, days of the year, seasons, the week."""

    week: tuple[Times, ...] = ((),) * 7
    seasons: tuple[Season, ...] = ()
    special: tuple[Yearly, ...] = ()
    exceptions: tuple[Unlike, ...] = field(default=())

    def of_day(self, day: date) -> Times:
        """The times that begin on `day`; a time that began the day before may still run."""
        for exception in self.exceptions:
            if exception.first <= day <= exception.last:
                return exception.times
        for span in self.special:
            if span.holds(day):
                return span.times
        for season in self.seasons:
            if season.span.holds(day):
                return season.week[day.weekday()]
        return self.week[day.weekday()]


@dataclass(frozen=True)
class State:
    """What the rules say of an instant. `next_change_at` is None where nothing changes within thirteen months."""

    is_open: bool
    next_change_at: datetime | None


def read(rules: Mapping[str, Any]) -> Hours:
    """The rules of a guide as they are stored and sent. Raises BadHours with the place of what is wrong."""
    return _read(_frozen(rules))


def state_at(hours: Hours, instant: datetime) -> State:
    """Whether it is open at `instant` and when that changes. A closing minute is closed, an opening minute is open."""
    is_open = False
    for opens, closes in _spans(hours, instant, HORIZON_DAYS):
        if closes <= instant:
            continue
        is_open = opens <= instant
        if not is_open:
            return State(is_open=False, next_change_at=opens)
        is_endless = closes >= _midnight(clock.local(instant).date() + timedelta(days=HORIZON_DAYS))
        return State(is_open=True, next_change_at=None if is_endless else closes)
    return State(is_open=is_open, next_change_at=None)


def changes_from(hours: Hours, instant: datetime, days: int) -> list[datetime]:
    """When it opens, closes, opens … in order, from the day before `instant` on for `days` days, and once after that.

    It begins closed, so that an odd number of changes before an instant means that it is open then.
    """
    today = clock.local(instant).date()
    last, end = _midnight(today + timedelta(days=days)), _midnight(today + timedelta(days=HORIZON_DAYS))
    found: list[datetime] = []
    for opens, closes in _spans(hours, instant, HORIZON_DAYS):
        for at in (opens, closes):
            if at is closes and at >= end:
                return found  # it stays open
            found.append(at)
            if at >= last:
                return found
    return found


def days_of(hours: Hours, first: date, last: date) -> list[date]:
    """The days between two, both included, on which it opens."""
    return [day for day in lunar.days_between(first, last) if hours.of_day(day)]


def _spans(hours: Hours, instant: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
    """Open spans in order, those that touch made one, from the day before `instant` on."""
    begins = clock.local(instant).date() - timedelta(days=1)
    pending: tuple[datetime, datetime] | None = None
    for number in range(days + 1):
        day = begins + timedelta(days=number)
        for opens, closes in sorted(hours.of_day(day)):
            span = _at(day, opens), _at(day, closes)
            if pending is not None and span[0] <= pending[1]:
                pending = pending[0], max(pending[1], span[1])
                continue
            if pending is not None:
                yield pending
            pending = span
    if pending is not None:
        yield pending


def _at(day: date, minutes: int) -> datetime:
    return _midnight(day + timedelta(days=minutes // _DAY_MINUTES), minutes % _DAY_MINUTES)


def _midnight(day: date, minutes: int = 0) -> datetime:
    return datetime.combine(day, time(minutes // 60, minutes % 60), clock.ZONE)


# -- reading -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _read(rules: Any) -> Hours:  # noqa: ANN401 - frozen JSON
    given = dict(rules)
    unknown = set(given) - {"weekly", "seasons", "special", "exceptions"}
    if unknown:
        raise BadHours(min(unknown), "unknown")
    return Hours(
        week=_week(given.get("weekly", ()), "weekly"),
        seasons=tuple(
            Season(_yearly(dict(one), f"seasons/{n}", ()), _week(dict(one).get("weekly", ()), f"seasons/{n}/weekly"))
            for n, one in enumerate(given.get("seasons", ()))
        ),
        special=tuple(
            _yearly(dict(one), f"special/{n}", _times(dict(one).get("times", ()), f"special/{n}/times"))
            for n, one in enumerate(given.get("special", ()))
        ),
        exceptions=tuple(_exception(dict(one), f"exceptions/{n}") for n, one in enumerate(given.get("exceptions", ()))),
    )


def _week(given: Any, place: str) -> tuple[Times, ...]:  # noqa: ANN401
    week: list[list[tuple[int, int]]] = [[] for _ in WEEKDAYS]
    for n, one in enumerate(given):
        line = dict(one)
        days = line.get("days", ())
        if not days or not set(days) <= set(WEEKDAYS):
            raise BadHours(f"{place}/{n}/days", "not_an_option")
        for day in days:
            week[WEEKDAYS.index(day)] += _times(line.get("times", ()), f"{place}/{n}/times")
    return tuple(tuple(sorted(times)) for times in week)


def _yearly(line: dict[str, Any], place: str, times: Times) -> Yearly:
    calendar = line.get("calendar", "solar")
    if calendar not in {"solar", "lunar"}:
        raise BadHours(f"{place}/calendar", "not_an_option")
    start = _month_day(line.get("start"), f"{place}/start", calendar)
    end = _month_day(line.get("end", line.get("start")), f"{place}/end", calendar)
    return Yearly(calendar, start, end, bool(line.get("leap", False)), times)


def _month_day(given: Any, place: str, calendar: str) -> tuple[int, int]:  # noqa: ANN401
    if not isinstance(given, str) or not re.fullmatch(r"[0-9]{2}-[0-9]{2}", given):
        raise BadHours(place, "pattern")
    month, day = int(given[:2]), int(given[3:])
    try:
        date(_LEAP_YEAR, month, day if calendar == "solar" else 1)
    except ValueError as exc:
        raise BadHours(place, "out_of_range") from exc
    if not 1 <= day <= (31 if calendar == "solar" else 30):
        raise BadHours(place, "out_of_range")
    return month, day


def _exception(line: dict[str, Any], place: str) -> Unlike:
    try:
        first = date.fromisoformat(line["from_on"])
        last = date.fromisoformat(line.get("to_on") or line["from_on"])
    except (KeyError, TypeError, ValueError) as exc:
        raise BadHours(place, "not_a_date") from exc
    if last < first:
        raise BadHours(place, "out_of_range")
    return Unlike(first, last, _times(line.get("times", ()), f"{place}/times"))


def _times(given: Any, place: str) -> Times:  # noqa: ANN401
    return tuple(_time(dict(one), f"{place}/{n}") for n, one in enumerate(given))


def _time(line: dict[str, Any], place: str) -> tuple[int, int]:
    opens, closes = (line.get(name) for name in ("opens", "closes"))
    if not all(isinstance(one, str) and _CLOCK_TIME.fullmatch(one) for one in (opens, closes)) or opens == "24:00":
        raise BadHours(place, "pattern")
    begins, ends = (int(one[:2]) * 60 + int(one[3:]) for one in (str(opens), str(closes)))
    # What closes at or before it opens closes on the next day: 18:00–02:00; 00:00–00:00 is the whole day.
    return begins, ends if ends > begins else ends + _DAY_MINUTES


def _frozen(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return tuple(sorted((name, _frozen(inner)) for name, inner in value.items() if inner is not None))
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list | tuple) else value
