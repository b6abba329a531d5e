"""From weekly rules, exceptions and holidays to the slots of a day; pure arithmetic on Vietnamese wall clocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from kit import clock, lunar
from services.health.models import ExceptionKind, Holiday, HolidayKind, ScheduleException, ScheduleRule


@dataclass(frozen=True)
class PlannedSlot:
    """A slot as the schedule wants it; instants are UTC, `capacity` counts the places to book."""

    practitioner_id: UUID | None
    day: date
    starts_at: datetime
    ends_at: datetime
    release_at: datetime
    capacity: int
    kept: int


def instant(day: date, at: time) -> datetime:
    """The instant of a Vietnamese wall clock, in UTC."""
    return datetime.combine(day, at, clock.ZONE).astimezone(UTC)


def plan(
    days: Iterable[date],
    rules: Sequence[ScheduleRule],
    exceptions: Sequence[ScheduleException],
    holidays: Mapping[date, Holiday],
) -> Iterator[PlannedSlot]:
    """The slots of these days in order of time, no two of one practitioner beginning at once: the first rule wins."""
    for day in days:
        changes = [one for one in exceptions if one.from_on <= day <= one.to_on]
        found: dict[tuple[datetime, UUID | None], PlannedSlot] = {}
        for slot in (*_extra(day, changes), *_weekly(day, rules, holidays.get(day))):
            changed = _apply(slot, changes)
            if changed is not None:
                found.setdefault((changed.starts_at, changed.practitioner_id), changed)
        yield from sorted(found.values(), key=lambda slot: (slot.starts_at, str(slot.practitioner_id)))


def _weekly(day: date, rules: Sequence[ScheduleRule], holiday: Holiday | None) -> Iterator[PlannedSlot]:
    if holiday is not None and holiday.kind is HolidayKind.OFF:
        return
    weekday = holiday.as_weekday if holiday is not None else day.isoweekday()
    for rule in rules:
        in_force = rule.valid_from <= day and (rule.valid_to is None or day <= rule.valid_to)
        if rule.weekday == weekday and in_force:
            release = instant(day - timedelta(days=rule.release_days), rule.release_time)
            for start, end in _cut(day, rule.opens, rule.closes, rule.slot_minutes):
                yield PlannedSlot(rule.practitioner_id, day, start, end, release, rule.capacity - rule.kept, rule.kept)


def _extra(day: date, changes: Sequence[ScheduleException]) -> Iterator[PlannedSlot]:
    for one in changes:
        if one.kind is ExceptionKind.EXTRA and one.opens and one.closes and one.slot_minutes and one.capacity:
            for start, end in _cut(day, one.opens, one.closes, one.slot_minutes):
                yield PlannedSlot(one.practitioner_id, day, start, end, one.created_at, one.capacity, 0)


def _apply(slot: PlannedSlot, changes: Sequence[ScheduleException]) -> PlannedSlot | None:
    for one in changes:
        if not _concerns(one, slot):
            continue
        if one.kind is ExceptionKind.CLOSED:
            return None
        if one.kind is ExceptionKind.CAPACITY and one.capacity:
            slot = replace(slot, capacity=one.capacity)
    return slot


def _concerns(one: ScheduleException, slot: PlannedSlot) -> bool:
    if one.practitioner_id is not None and one.practitioner_id != slot.practitioner_id:
        return False
    begins, ends = one.opens or time.min, one.closes
    start, end = clock.local(slot.starts_at), clock.local(slot.ends_at)
    return end > datetime.combine(slot.day, begins, clock.ZONE) and (
        ends is None or start < datetime.combine(slot.day, ends, clock.ZONE)
    )


def _cut(day: date, opens: time, closes: time, minutes: int) -> Iterator[tuple[datetime, datetime]]:
    start, end, length = instant(day, opens), instant(day, closes), timedelta(minutes=minutes)
    while start + length <= end:
        yield start, start + length
        start += length


def usual_holidays(year: int) -> list[dict[str, object]]:
    """The public holidays the Labour Code gives a year; what the government moves is announced and typed in.

    Tết is taken as its eve and the first four days; National Day as 1 and 2 September.
    """
    tet = lunar.new_year(year)
    kings = lunar.day_of(year, 3, 10)
    days: list[tuple[date, str, str]] = [
        (date(year, 1, 1), "Tết Dương lịch", "New Year"),
        (tet - timedelta(days=1), "Tết Nguyên đán", "Lunar New Year"),
        *((tet + timedelta(days=step), "Tết Nguyên đán", "Lunar New Year") for step in range(4)),
        (kings, "Giỗ Tổ Hùng Vương", "Hùng Kings’ Day"),
        (date(year, 4, 30), "Ngày Chiến thắng", "Reunification Day"),
        (date(year, 5, 1), "Quốc tế Lao động", "Labour Day"),
        (date(year, 9, 1), "Quốc khánh", "National Day"),
        (date(year, 9, 2), "Quốc khánh", "National Day"),
    ]
    if year >= 2026:  # noqa: PLR2004 - the first year of this holiday
        days.append((date(year, 11, 24), "Ngày Văn hóa Việt Nam", "Vietnam Culture Day"))
    source = "Labour Code 2019, article 112; lunar dates computed; swapped days by the yearly notice"
    return [
        {"day": day, "kind": "off", "name_vi": name_vi, "name_en": name_en, "source": source}
        for day, name_vi, name_en in days
    ]
