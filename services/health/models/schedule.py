"""Schedules and what is made of them: weekly rules, exceptions, holidays, and places as rows."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Time, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record

MOST_PLACES = 500


class ScheduleRule(Record):
    """Every week on a day from `opens` to `closes` (Vietnamese clocks): `capacity` people a slot, `kept` for walk-ins.

    The places to book, `capacity - kept`, can be taken from `release_days` before the day, at `release_time`. A rule is
    never rewritten: it ends (`valid_to`) and another one begins.
    """

    __tablename__ = "schedule_rule"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 1 AND 7", name="weekday"),
        CheckConstraint("opens < closes", name="hours"),
        CheckConstraint("slot_minutes BETWEEN 5 AND 480", name="minutes"),
        CheckConstraint(f"capacity BETWEEN 1 AND {MOST_PLACES}", name="capacity"),
        CheckConstraint("kept >= 0 AND kept < capacity", name="kept"),
        CheckConstraint("release_days BETWEEN 0 AND 120", name="release"),
        CheckConstraint("valid_from <= valid_to", name="days"),
        Index("ix_schedule_rule_service", "service_id", "valid_from"),
    )

    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"))
    practitioner_id: Mapped[UUID | None] = mapped_column(ForeignKey("practitioner.id"))
    weekday: Mapped[int]
    opens: Mapped[time] = mapped_column(Time)
    closes: Mapped[time] = mapped_column(Time)
    slot_minutes: Mapped[int]
    capacity: Mapped[int]
    kept: Mapped[int] = mapped_column(default=0)
    release_days: Mapped[int] = mapped_column(default=120)
    release_time: Mapped[time] = mapped_column(Time, default=time(0))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class ExceptionKind(StrEnum):
    """What is different: no places, places besides the weekly ones, another number of places."""

    CLOSED = "closed"
    EXTRA = "extra"
    CAPACITY = "capacity"


class ScheduleException(Record):
    """Days on which a service, or with no service the whole facility, does not follow its weekly rules."""

    __tablename__ = "schedule_exception"
    __table_args__ = (
        CheckConstraint("from_on <= to_on", name="days"),
        CheckConstraint("opens < closes", name="hours"),
        CheckConstraint(f"capacity BETWEEN 1 AND {MOST_PLACES}", name="capacity"),
        CheckConstraint("kind = 'closed' OR (service_id IS NOT NULL AND capacity IS NOT NULL)", name="says_how_many"),
        CheckConstraint(
            "kind <> 'extra' OR (opens IS NOT NULL AND closes IS NOT NULL AND slot_minutes IS NOT NULL)",
            name="extra_says_when",
        ),
        Index("ix_schedule_exception_facility", "facility_id", "from_on"),
    )

    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facility.id"))
    service_id: Mapped[UUID | None] = mapped_column(ForeignKey("service.id"))
    practitioner_id: Mapped[UUID | None] = mapped_column(ForeignKey("practitioner.id"))
    kind: Mapped[ExceptionKind]
    from_on: Mapped[date]
    to_on: Mapped[date]
    opens: Mapped[time | None] = mapped_column(Time)
    closes: Mapped[time | None] = mapped_column(Time)
    slot_minutes: Mapped[int | None]
    capacity: Mapped[int | None]
    reason: Mapped[str]


class HolidayKind(StrEnum):
    """A day off, or a day of rest that is worked instead of another."""

    OFF = "off"
    WORKING = "working"


class Holiday(Base):
    """A day the province announces. A WORKING day follows the weekly rules of `as_weekday`. This table decides."""

    __tablename__ = "holiday"
    __table_args__ = (
        CheckConstraint("as_weekday BETWEEN 1 AND 7", name="weekday"),
        CheckConstraint("(kind = 'working') = (as_weekday IS NOT NULL)", name="working_as"),
    )

    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[HolidayKind]
    as_weekday: Mapped[int | None]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    source: Mapped[str]


class SlotState(StrEnum):
    """OPEN gives places; WITHDRAWN gives none any more: the schedule has changed."""

    OPEN = "open"
    WITHDRAWN = "withdrawn"


class Slot(Record):
    """Some minutes of a service with `capacity` places to book, of which `taken` are someone's.

    Bookable from `release_at` until `closes_at`, both instants; `day` is the calendar day in Vietnam. Made and changed
    by one writer; `taken` moves with bookings only, in the same transaction.
    """

    __tablename__ = "slot"
    __table_args__ = (
        UniqueConstraint("service_id", "practitioner_id", "starts_at", postgresql_nulls_not_distinct=True),
        CheckConstraint("taken BETWEEN 0 AND capacity", name="taken"),
        CheckConstraint("kept >= 0", name="kept"),
        CheckConstraint("starts_at < ends_at", name="order"),
        CheckConstraint("(practitioner_id IS NULL) = (practitioner_no IS NULL)", name="practitioner"),
        # Nobody sees people of two slots at once, wherever they are. Ranges of one number stand in for equality, which
        # GiST has no operator for without an extension.
        ExcludeConstraint(
            (text("int8range(practitioner_no, practitioner_no, '[]')"), "&&"),
            (text("tstzrange(starts_at, ends_at)"), "&&"),
            where=text("practitioner_no IS NOT NULL AND taken > 0"),
            name="ex_slot_practitioner_busy",
        ),
        Index("ix_slot_day", "service_id", "day", "starts_at", "id"),
        Index("ix_slot_time", "starts_at", "id"),
        Index("ix_slot_facility", "facility_id", "starts_at", postgresql_where=text("state = 'open'")),
    )

    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facility.id"))
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"))
    practitioner_id: Mapped[UUID | None] = mapped_column(ForeignKey("practitioner.id"))
    practitioner_no: Mapped[int | None]
    day: Mapped[date]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    release_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    capacity: Mapped[int]
    kept: Mapped[int] = mapped_column(default=0)
    taken: Mapped[int] = mapped_column(default=0)
    state: Mapped[SlotState] = mapped_column(default=SlotState.OPEN)


class ClinicDay(Base):
    """A service on a day as the front desk runs it; `turn` is where the calling of lanes has come to."""

    __tablename__ = "clinic_day"
    __table_args__ = (CheckConstraint("turn >= 0", name="turn"),)

    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    opened_at: Mapped[datetime | None]
    opened_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    turn: Mapped[int] = mapped_column(default=0)
