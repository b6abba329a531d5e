"""Sentences made from facts: hours, prices and access in words, so that text and structure cannot disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.tourism.opening import WEEKDAYS

_DAYS = {
    "vi": ("Thứ hai", "Thứ ba", "Thứ tư", "Thứ năm", "Thứ sáu", "Thứ bảy", "Chủ nhật"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_CLASSES = {
    "adult": ("Người lớn", "Adults"),
    "child": ("Trẻ em", "Children"),
    "student": ("Học sinh, sinh viên", "Students"),
    "senior": ("Người cao tuổi", "Seniors"),
    "resident": ("Người địa phương", "Residents"),
    "foreigner": ("Khách nước ngoài", "Foreign visitors"),
}


def tell_hours(rules: Mapping[str, Any] | None, lang: str) -> list[str]:
    """Opening hours as lines in Vietnamese, or in English for every other language; no line where none are known."""
    if rules is None:
        return []
    lang = lang if lang == "vi" else "en"
    lines = [_week_line(line, lang) for line in rules.get("weekly") or ()]
    for season in rules.get("seasons") or ():
        span = _span(season, lang)
        lines += [f"{span}: {_week_line(line, lang)}" for line in season.get("weekly") or ()]
    lines += [f"{_span(day, lang)}: {_times(day.get('times'), lang)}" for day in rules.get("special") or ()]
    for one in rules.get("exceptions") or ():
        days = one["from_on"] if one.get("to_on") in {None, one["from_on"]} else f"{one['from_on']} – {one['to_on']}"
        reason = one.get(f"reason_{lang}")
        lines.append(f"{days}: {_times(one.get('times'), lang)}" + (f" ({reason})" if reason else ""))
    return lines


def tell_prices(prices: Sequence[Mapping[str, Any]] | None, *, is_free: bool | None, lang: str) -> list[str]:
    """Prices as lines; free is said, and nothing is said where nothing is known."""
    place = 0 if lang == "vi" else 1
    if is_free:
        return [("Miễn phí", "Free")[place]]
    lines = []
    for price in prices or ():
        amount = f"{price['amount_vnd']:,}".replace(",", "." if place == 0 else ",") + (" đ" if place == 0 else " VND")
        what = ("Miễn phí", "Free")[place] if price["amount_vnd"] == 0 else amount
        condition = price.get("condition_vi" if place == 0 else "condition_en")
        who = _CLASSES[price["visitor_class"]][place]
        lines.append(f"{who}: {what}" + (f" ({condition})" if condition else ""))
    return lines


def _week_line(line: Mapping[str, Any], lang: str) -> str:
    numbers = sorted(WEEKDAYS.index(day) for day in line["days"])
    names = _DAYS[lang]
    if len(numbers) == len(WEEKDAYS):
        days = "Hằng ngày" if lang == "vi" else "Every day"
    elif len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):  # noqa: PLR2004 - a pair is a list
        days = f"{names[numbers[0]]} – {names[numbers[-1]]}"
    else:
        days = ", ".join(names[n] for n in numbers)
    return f"{days}: {_times(line.get('times'), lang)}"


def _times(times: Sequence[Mapping[str, str]] | None, lang: str) -> str:
    if not times:
        return "nghỉ" if lang == "vi" else "closed"
    if [(one["opens"], one["closes"]) for one in times] in ([("00:00", "24:00")], [("00:00", "00:00")]):
        return "cả ngày" if lang == "vi" else "all day"
    return ", ".join(f"{one['opens']}–{one['closes']}" for one in times)


def _span(span: Mapping[str, Any], lang: str) -> str:
    is_lunar = span.get("calendar") == "lunar"
    start, end = span["start"], span.get("end") or span["start"]
    first, last = _month_day(start, lang), _month_day(end, lang)
    days = first if start == end else f"{first} – {last}"
    if not is_lunar:
        return days
    leap = (" nhuận" if lang == "vi" else " (leap month)") if span.get("leap") else ""
    return f"{days}{leap} âm lịch" if lang == "vi" else f"{days}{leap}, lunar calendar"


def _month_day(at: str, lang: str) -> str:
    month, day = int(at[:2]), int(at[3:])
    return f"{day}/{month}" if lang == "vi" else f"day {day} of month {month}"
