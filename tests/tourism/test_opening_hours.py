"""Opening hours at every minute that matters: rules, exceptions, seasons, nights, and days of the lunar calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from kit import clock, lunar
from services.tourism import opening, wording
from tests.tourism.guides import EVERY_DAY, daily

# The days of the festival as calendars of Vietnam print them.
HOI_LIM = {
    2024: "2024-02-22", 2025: "2025-02-10", 2026: "2026-03-01", 2027: "2027-02-18", 2028: "2028-02-07",
    2029: "2029-02-25", 2030: "2030-02-14", 2031: "2031-02-04", 2032: "2032-02-23", 2033: "2033-02-12",
    2034: "2034-03-03", 2035: "2035-02-20",
}  # fmt: skip
ALL_DAY = [{"opens": "00:00", "closes": "24:00"}]
LIM = {"special": [{"calendar": "lunar", "start": "01-13", "times": ALL_DAY}]}
BAR = {"weekly": [{"days": ["fri", "sat"], "times": [{"opens": "18:00", "closes": "02:00"}]}]}


def at(told: str) -> datetime:
    """An instant on a Vietnamese wall clock."""
    return datetime.fromisoformat(told).replace(tzinfo=clock.ZONE)


def state(rules: dict[str, Any], told: str) -> tuple[bool, str | None]:
    """(open, next change on a Vietnamese wall clock)."""
    found = opening.state_at(opening.read(rules), at(told))
    change = found.next_change_at
    return found.is_open, None if change is None else clock.local(change).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(("year", "day"), [(2007, "2007-02-17"), (2030, "2030-02-02"), (2026, "2026-02-17")])
def test_the_lunar_year_begins_when_vietnam_says_so(year: int, day: str) -> None:
    assert lunar.new_year(year).isoformat() == day


@pytest.mark.parametrize(("year", "day"), HOI_LIM.items())
def test_hoi_lim_falls_on_the_thirteenth_of_the_first_lunar_month(year: int, day: str) -> None:
    hours = opening.read(LIM)
    solar = date.fromisoformat(day)

    assert lunar.solar_day(year, 1, 13) == solar
    assert opening.days_of(hours, date(year, 1, 1), date(year, 12, 31)) == [solar]
    assert state(LIM, f"{day}T00:00") == (True, f"{solar + timedelta(days=1)} 00:00")
    assert state(LIM, f"{solar - timedelta(days=1)}T23:59") == (False, f"{day} 00:00")


def test_every_lunar_day_of_a_century_leads_back_to_its_solar_day() -> None:
    wrong = [
        day
        for day in lunar.days_between(date(2000, 1, 1), date(2099, 12, 31))[::3]
        if lunar.solar_day(*(told := lunar.lunar_date(day))[:3], leap=told[3]) != day
    ]

    assert wrong == []


def test_a_day_that_a_month_does_not_have_is_no_day() -> None:
    month_of_29 = next(month for month in range(1, 13) if lunar.solar_day(2026, month, 30) is None)

    assert lunar.last_day_at_most(2026, month_of_29, 30) == lunar.solar_day(2026, month_of_29, 29)
    assert lunar.solar_day(2026, 6, 1, leap=True) is None
    assert lunar.solar_day(2025, 6, 1, leap=True) == date(2025, 7, 25)
    assert lunar.solar_day(2500, 1, 1) is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2026-11-21T06:59", (False, "2026-11-21 07:00")),
        ("2026-11-21T07:00", (True, "2026-11-21 11:30")),
        ("2026-11-21T11:29", (True, "2026-11-21 11:30")),
        ("2026-11-21T11:30", (False, "2026-11-21 13:30")),
        ("2026-11-21T13:30", (True, "2026-11-21 17:00")),
        ("2026-11-21T16:59", (True, "2026-11-21 17:00")),
        ("2026-11-21T17:00", (False, "2026-11-22 07:00")),
    ],
)
def test_it_is_open_from_the_opening_minute_until_before_the_closing_minute(
    told: str, expected: tuple[bool, str]
) -> None:
    times = [{"opens": "07:00", "closes": "11:30"}, {"opens": "13:30", "closes": "17:00"}]
    rules = {"weekly": [{"days": EVERY_DAY, "times": times}]}

    assert state(rules, told) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2026-11-20T17:59", (False, "2026-11-20 18:00")),
        ("2026-11-20T18:00", (True, "2026-11-21 02:00")),
        ("2026-11-21T00:00", (True, "2026-11-21 02:00")),
        ("2026-11-21T01:59", (True, "2026-11-21 02:00")),
        ("2026-11-21T02:00", (False, "2026-11-21 18:00")),
        ("2026-11-22T01:59", (True, "2026-11-22 02:00")),
        ("2026-11-22T18:00", (False, "2026-11-27 18:00")),
    ],
)
def test_a_place_that_opens_past_midnight_closes_on_the_next_day(told: str, expected: tuple[bool, str]) -> None:
    assert state(BAR, told) == expected


def test_every_minute_of_a_week_agrees_with_the_changes_that_are_kept() -> None:
    rules = BAR | {"exceptions": [{"from_on": "2026-11-21", "to_on": "2026-11-21", "times": []}]}
    hours, begin = opening.read(rules), at("2026-11-18T00:00")
    changes = opening.changes_from(hours, begin, 10)

    wrong = [
        minute
        for minute in (begin + timedelta(minutes=n) for n in range(7 * 24 * 60))
        if opening.state_at(hours, minute).is_open != (sum(change <= minute for change in changes) % 2 == 1)
    ]

    assert wrong == []


def test_days_that_touch_are_one_opening() -> None:
    rules = {"special": [{"calendar": "lunar", "start": "01-12", "end": "01-14", "times": ALL_DAY}]}

    assert state(rules, "2026-02-28T10:00") == (True, "2026-03-03 00:00")


def test_what_never_closes_has_no_next_change() -> None:
    assert state(daily("00:00", "24:00"), "2026-11-21T03:00") == (True, None)
    assert state(daily("00:00", "00:00"), "2026-11-21T03:00") == (True, None)
    assert state({"weekly": []}, "2026-11-21T03:00") == (False, None)


def test_what_is_named_more_exactly_wins() -> None:
    rules = daily("08:00", "17:00") | {
        "seasons": [{"start": "11-01", "end": "02-28", **daily("09:00", "16:00")}],
        "special": [{"start": "11-20", "times": [{"opens": "07:00", "closes": "20:00"}]}],
        "exceptions": [{"from_on": "2026-11-20", "times": [], "reason_vi": "Sửa chữa"}],
    }

    assert state(rules, "2026-10-31T08:30") == (True, "2026-10-31 17:00")
    assert state(rules, "2026-11-19T08:30") == (False, "2026-11-19 09:00")
    assert state(rules, "2027-01-05T08:30") == (False, "2027-01-05 09:00")
    assert state(rules, "2026-11-20T10:00") == (False, "2026-11-21 09:00")
    assert state(rules, "2027-11-20T07:00") == (True, "2027-11-20 20:00")


def test_a_lunar_span_runs_over_the_new_year() -> None:
    rules = {"special": [{"calendar": "lunar", "start": "12-23", "end": "01-07", "times": ALL_DAY}]}
    tet = lunar.new_year(2027)

    days = opening.days_of(opening.read(rules), tet - timedelta(days=40), tet + timedelta(days=40))

    assert (lunar.lunar_date(days[0])[1:3], lunar.lunar_date(days[-1])[1:3]) == ((12, 23), (1, 7))
    assert days == lunar.days_between(days[0], days[-1])


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ({"monthly": []}, "monthly"),
        ({"weekly": [{"days": ["someday"], "times": []}]}, "weekly/0/days"),
        ({"weekly": [{"days": ["mon"], "times": [{"opens": "24:00", "closes": "02:00"}]}]}, "weekly/0/times/0"),
        ({"weekly": [{"days": ["mon"], "times": [{"opens": "7:00", "closes": "09:00"}]}]}, "weekly/0/times/0"),
        ({"special": [{"start": "02-30", "times": []}]}, "special/0/start"),
        ({"special": [{"calendar": "lunar", "start": "01-31", "times": []}]}, "special/0/start"),
        ({"special": [{"calendar": "julian", "start": "01-01", "times": []}]}, "special/0/calendar"),
        ({"exceptions": [{"from_on": "2026-02-30", "times": []}]}, "exceptions/0"),
        ({"exceptions": [{"from_on": "2026-03-02", "to_on": "2026-03-01", "times": []}]}, "exceptions/0"),
    ],
)
def test_rules_that_say_nothing_sensible_name_their_place(rules: dict[str, Any], place: str) -> None:
    with pytest.raises(opening.BadHours) as refused:
        opening.read(rules)

    assert refused.value.args[0] == place


def test_hours_are_put_into_words_from_the_rules_alone() -> None:
    rules = daily("07:00", "17:30") | LIM | {"exceptions": [{"from_on": "2026-12-01", "times": []}]}

    assert wording.tell_hours(rules, "vi") == [
        "Hằng ngày: 07:00–17:30",
        "13/1 âm lịch: cả ngày",
        "2026-12-01: nghỉ",
    ]
    assert wording.tell_hours(rules, "en")[1] == "day 13 of month 1, lunar calendar: all day"
    assert wording.tell_hours(None, "en") == []
