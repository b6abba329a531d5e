"""Those who wait for a place, and those whose place is gone."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Record

MOST_OFFERS = 3


class DayPart(StrEnum):
    """Which half of a day suits; noon divides."""

    ANY = "any"
    MORNING = "morning"
    AFTERNOON = "afternoon"


class WaitState(StrEnum):
    """How a wait stands. EXHAUSTED: three offers were let pass."""

    WAITING = "waiting"
    OFFERED = "offered"
    PLACED = "placed"
    WITHDRAWN = "withdrawn"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"


class WaitlistEntry(Record):
    """A citizen waits with a patient for a place of a service; who has waited longest (`queued_at`) is asked first."""

    __tablename__ = "waitlist_entry"
    __table_args__ = (
        CheckConstraint("from_on <= to_on", name="days"),
        CheckConstraint(f"offers BETWEEN 0 AND {MOST_OFFERS}", name="offers"),
        Index(
            "uq_waitlist_entry_live",
            "patient_id",
            "service_id",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'offered')"),
        ),
        Index("ix_waitlist_entry_next", "service_id", "queued_at", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_waitlist_entry_citizen", "citizen_id", "id"),
    )

    citizen_id: Mapped[UUID]
    member_id: Mapped[UUID | None]
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    patient_no: Mapped[int]
    patient_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"))
    from_on: Mapped[date]
    to_on: Mapped[date]
    part: Mapped[DayPart] = mapped_column(default=DayPart.ANY)
    queued_at: Mapped[datetime]
    state: Mapped[WaitState] = mapped_column(default=WaitState.WAITING)
    offers: Mapped[int] = mapped_column(default=0)
    missed: Mapped[int] = mapped_column(default=0)
    last_slot_id: Mapped[UUID | None]  # the same place is not offered twice
    version: Mapped[int] = mapped_column(default=1)


class MoveCause(StrEnum):
    """Why somebody's place is gone."""

    SCHEDULE = "schedule"
    CLINIC = "clinic"


class MoveState(StrEnum):
    """How far moving somebody has come."""

    OPEN = "open"
    OFFERED = "offered"
    MOVED = "moved"
    DECLINED = "declined"
    GAVE_UP = "gave_up"  # the day came before a place was found


class MoveTask(Record):
    """Somebody whose place is gone through no fault of theirs, and who is to get another one first."""

    __tablename__ = "move_task"
    __table_args__ = (
        Index("uq_move_task_open", "booking_id", unique=True, postgresql_where=text("state IN ('open', 'offered')")),
        Index("ix_move_task_open", "service_id", "id", postgresql_where=text("state IN ('open', 'offered')")),
    )

    booking_id: Mapped[UUID] = mapped_column(ForeignKey("booking.id"))
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facility.id"))
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"))
    cause: Mapped[MoveCause]
    reason: Mapped[str]
    state: Mapped[MoveState] = mapped_column(default=MoveState.OPEN)
    offered_id: Mapped[UUID | None] = mapped_column(ForeignKey("booking.id"))
    closed_at: Mapped[datetime | None]
