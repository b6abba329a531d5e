"""Bookings from hold to visit, whom they are for, every step of theirs, and what is to be said of them when."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kit import clock
from kit.database import Base, Record
from services.health.models.door import PriorityGroup


class BookingState(StrEnum):
    """Where a booking stands. UNKNOWN: its day passed and nobody at the clinic opened it; nobody is to blame."""

    HELD = "held"
    BOOKED = "booked"
    CHECKED_IN = "checked_in"
    CALLED = "called"
    IN_SERVICE = "in_service"
    SEEN = "seen"
    EXPIRED = "expired"
    CANCELLED_BY_CITIZEN = "cancelled_by_citizen"
    CANCELLED_BY_CLINIC = "cancelled_by_clinic"
    NO_SHOW = "no_show"
    UNKNOWN = "unknown"
    LEFT = "left_without_being_seen"


_B = BookingState
LIVE = (_B.HELD, _B.BOOKED, _B.CHECKED_IN, _B.CALLED, _B.IN_SERVICE)
# These gave their place back; all others keep it, also after the visit, so that a place is never given twice.
EXITS = (_B.EXPIRED, _B.CANCELLED_BY_CITIZEN, _B.CANCELLED_BY_CLINIC)
BLOCKING = tuple(state for state in BookingState if state not in EXITS)
# Legal moves: state -> the states it may be reached from. A booking that moves to another slot keeps its state.
REACHED_FROM: dict[BookingState, frozenset[BookingState]] = {
    _B.HELD: frozenset(),
    _B.BOOKED: frozenset({_B.HELD}),
    _B.CHECKED_IN: frozenset({_B.BOOKED, _B.CALLED}),
    _B.CALLED: frozenset({_B.CHECKED_IN}),
    _B.IN_SERVICE: frozenset({_B.CALLED}),
    _B.SEEN: frozenset({_B.CALLED, _B.IN_SERVICE}),
    _B.EXPIRED: frozenset({_B.HELD}),
    _B.CANCELLED_BY_CITIZEN: frozenset({_B.HELD, _B.BOOKED}),
    _B.CANCELLED_BY_CLINIC: frozenset({_B.HELD, _B.BOOKED}),
    _B.NO_SHOW: frozenset({_B.BOOKED}),
    _B.UNKNOWN: frozenset({_B.BOOKED, _B.NO_SHOW}),
    _B.LEFT: frozenset({_B.CHECKED_IN, _B.CALLED}),
}
_LIVE_SQL = "state IN ('held', 'booked', 'checked_in', 'called', 'in_service')"


class Offer(StrEnum):
    """Why a place is held that its person has not picked: a turn on the waiting list, a move by the clinic, a lot."""

    WAITLIST = "waitlist"
    MOVE = "move"
    DRAW = "draw"


class Patient(Record):
    """One person who is seen, however many relatives book for them; nothing but a number stands here.

    `no` stands for the person where PostgreSQL compares ranges.
    """

    __tablename__ = "patient"

    no: Mapped[int] = mapped_column(Identity(always=True), unique=True)


class PatientKey(Base):
    """A blind index that leads to a patient: of a CCCD, an insurance number, a profile or an account."""

    __tablename__ = "patient_key"

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), index=True)


class Booking(Record):
    """A citizen's claim on a place in a slot, from hold to visit, for one patient.

    Places held together share `hold_id`; `place` counts them from 0. `patient_sealed` is what the clinic may read of
    the patient, sealed under the citizen's key. The times are those of the slot.
    """

    __tablename__ = "booking"
    __table_args__ = (
        # What no race may break: one live booking per patient, service and day; nobody in two places at once; one hold
        # of one's own choice per account and per patient.
        Index("uq_booking_live_day", "patient_id", "service_id", "day", unique=True, postgresql_where=text(_LIVE_SQL)),
        ExcludeConstraint(
            (text("int8range(patient_no, patient_no, '[]')"), "&&"),
            (text("tstzrange(starts_at, ends_at)"), "&&"),
            where=text(_LIVE_SQL),
            name="ex_booking_patient_busy",
        ),
        Index(
            "uq_booking_hold_account",
            "citizen_id",
            "place",
            unique=True,
            postgresql_where=text("state = 'held' AND offer IS NULL"),
        ),
        Index(
            "uq_booking_hold_patient",
            "patient_id",
            unique=True,
            postgresql_where=text("state = 'held' AND offer IS NULL"),
        ),
        CheckConstraint("(state = 'held') <= (hold_expires_at IS NOT NULL)", name="holds_end"),
        CheckConstraint("moves BETWEEN 0 AND 2", name="moves"),
        CheckConstraint("version > 0 AND sequence >= 0 AND place >= 0 AND code_misses >= 0", name="counts"),
        Index("ix_booking_citizen", "citizen_id", "id"),
        Index("ix_booking_patient", "patient_id", postgresql_where=text(_LIVE_SQL)),
        Index("ix_booking_hold", "hold_id", "place"),
        Index("ix_booking_slot", "slot_id"),
        Index("ix_booking_day", "service_id", "day", "starts_at", "id"),
        Index("ix_booking_lapse", "hold_expires_at", postgresql_where=text("state = 'held'")),
    )

    hold_id: Mapped[UUID]
    place: Mapped[int] = mapped_column(default=0)
    citizen_id: Mapped[UUID]
    member_id: Mapped[UUID | None]
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    patient_no: Mapped[int]
    patient_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facility.id"))
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"))
    slot_id: Mapped[UUID] = mapped_column(ForeignKey("slot.id"))
    day: Mapped[date]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    state: Mapped[BookingState] = mapped_column(default=BookingState.HELD)
    state_since: Mapped[datetime] = mapped_column(default=clock.now)
    version: Mapped[int] = mapped_column(default=1)
    hold_expires_at: Mapped[datetime | None]
    is_extended: Mapped[bool] = mapped_column(default=False)
    offer: Mapped[Offer | None]
    waitlist_entry_id: Mapped[UUID | None]
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("booking.id"))
    moves: Mapped[int] = mapped_column(default=0)
    sequence: Mapped[int] = mapped_column(default=0)  # of the calendar file: rises with every change
    priority_group: Mapped[PriorityGroup | None]
    reconfirm_by: Mapped[datetime | None]
    code_misses: Mapped[int] = mapped_column(default=0)
    code_locked_until: Mapped[datetime | None]
    appealed_at: Mapped[datetime | None]
    appeal: Mapped[str | None]


class BookingEvent(Record):
    """One step of a booking; written once, never changed. `actor_id` is a person, None for the house itself."""

    __tablename__ = "booking_event"
    __table_args__ = (Index("ix_booking_event_booking", "booking_id", "id"),)

    booking_id: Mapped[UUID] = mapped_column(ForeignKey("booking.id"))
    step: Mapped[str]
    actor_id: Mapped[UUID | None]
    detail: Mapped[dict[str, Any] | None]


class ReminderKind(StrEnum):
    """What is said before a visit, and when."""

    TWO_DAYS = "two_days"
    THREE_HOURS = "three_hours"
    SOON = "soon"  # five numbers before


class ReminderState(StrEnum):
    """How far a reminder has come."""

    DUE = "due"
    SENT = "sent"
    DROPPED = "dropped"  # the booking has moved or ended meanwhile


class Reminder(Record):
    """One thing to say of a booking at an instant; said once."""

    __tablename__ = "reminder"
    __table_args__ = (
        UniqueConstraint("booking_id", "kind", "due_at"),
        Index("ix_reminder_due", "due_at", postgresql_where=text("state = 'due'")),
    )

    booking_id: Mapped[UUID] = mapped_column(ForeignKey("booking.id"))
    kind: Mapped[ReminderKind]
    due_at: Mapped[datetime]
    state: Mapped[ReminderState] = mapped_column(default=ReminderState.DUE)
