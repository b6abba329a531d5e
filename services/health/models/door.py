"""The door of a clinic: lanes, and numbers in them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Record


class LaneKind(StrEnum):
    """Who waits together: priority by law, with an appointment, without one."""

    PRIORITY = "priority"
    APPOINTMENT = "appointment"
    WALK_IN = "walk_in"


class PriorityGroup(StrEnum):
    """Who goes first by the Law on Medical Examination and Treatment 2023, article 3."""

    EMERGENCY = "emergency"
    UNDER_SIX = "under_six"
    PREGNANT = "pregnant"
    SEVERE_DISABILITY = "severe_disability"
    SEVENTY_FIVE = "seventy_five"
    MERIT = "merit"


class QueueLane(Record):
    """A lane of a service on a day; `last_number` is the number drawn last, and the next one is one more."""

    __tablename__ = "queue_lane"
    __table_args__ = (
        UniqueConstraint("service_id", "day", "kind"),
        CheckConstraint("last_number >= 0", name="numbers"),
    )

    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"))
    day: Mapped[date]
    kind: Mapped[LaneKind]
    last_number: Mapped[int] = mapped_column(default=0)


class TicketState(StrEnum):
    """How far a number has come."""

    WAITING = "waiting"
    CALLED = "called"
    IN_SERVICE = "in_service"
    DONE = "done"
    LEFT = "left"


class QueueTicket(Record):
    """A number in a lane. `rank` orders those who wait; being skipped moves it back, `number` never changes."""

    __tablename__ = "queue_ticket"
    __table_args__ = (
        UniqueConstraint("lane_id", "number"),
        UniqueConstraint("booking_id"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("skips BETWEEN 0 AND 2", name="skips"),
        Index("ix_queue_ticket_waiting", "lane_id", "rank", "number", postgresql_where=text("state = 'waiting'")),
        Index("ix_queue_ticket_day", "service_id", "day", "called_at"),
    )

    lane_id: Mapped[UUID] = mapped_column(ForeignKey("queue_lane.id"))
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"))
    day: Mapped[date]
    number: Mapped[int]
    rank: Mapped[int]
    booking_id: Mapped[UUID | None] = mapped_column(ForeignKey("booking.id"))
    priority_group: Mapped[PriorityGroup | None]
    state: Mapped[TicketState] = mapped_column(default=TicketState.WAITING)
    skips: Mapped[int] = mapped_column(default=0)
    called_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    is_told: Mapped[bool] = mapped_column(default=False)  # that the turn is near
