"""What parents keep: saved schools, the reminders they were given, visits on open days."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Record


class SavedSchool(Record):
    """A school on a parent's list, for one child of the household or for none in particular."""

    __tablename__ = "saved_school"
    __table_args__ = (
        Index("uq_saved_school", "citizen_id", "school_id", text("coalesce(member_id, citizen_id)"), unique=True),
        Index("ix_saved_school_school", "school_id"),
        CheckConstraint("version > 0", name="version_is_positive"),
    )

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("household_member.id", ondelete="CASCADE"), index=True)
    school_id: Mapped[UUID] = mapped_column(ForeignKey("school.id"))
    version: Mapped[int] = mapped_column(default=1)


class ReminderKind(StrEnum):
    """What a parent is reminded of."""

    PAPERS = "papers"
    SOON = "soon"
    OPEN = "open"
    LAST_DAY = "last_day"
    CHANGED = "changed"


class RoundReminder(Record):
    """A reminder that is settled: once for each round, kind and version of its dates, however often the clock ticks.

    `is_told` is false where the round was for no child of the parent's, or another reminder told it too.
    """

    __tablename__ = "round_reminder"
    __table_args__ = (UniqueConstraint("citizen_id", "round_id", "kind", "dates_version"),)

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    round_id: Mapped[UUID] = mapped_column(ForeignKey("admission_round.id", ondelete="CASCADE"), index=True)
    kind: Mapped[ReminderKind]
    dates_version: Mapped[int]
    is_told: Mapped[bool]


class OpenDay(Record):
    """A day on which a school shows itself, with a bounded number of places."""

    __tablename__ = "open_day"
    __table_args__ = (
        CheckConstraint("taken BETWEEN 0 AND places", name="never_overfull"),
        CheckConstraint("starts_at < ends_at", name="starts_before_it_ends"),
        Index("ix_open_day_school", "school_id", "starts_at"),
    )

    school_id: Mapped[UUID] = mapped_column(ForeignKey("school.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    campus: Mapped[str]
    places: Mapped[int]
    taken: Mapped[int] = mapped_column(default=0)
    cancelled_at: Mapped[datetime | None]


class Visit(Record):
    """A family's place on an open day; one of a family is enough."""

    __tablename__ = "school_visit"
    __table_args__ = (
        Index(
            "uq_school_visit_live", "citizen_id", "open_day_id", unique=True,
            postgresql_where=text("cancelled_at IS NULL"),
        ),
        CheckConstraint("people BETWEEN 1 AND 4", name="people_in_bounds"),
        CheckConstraint("version > 0", name="version_is_positive"),
    )  # fmt: skip

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    open_day_id: Mapped[UUID] = mapped_column(ForeignKey("open_day.id"), index=True)
    people: Mapped[int]
    cancelled_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
