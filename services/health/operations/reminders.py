"""What is to be said of a booking and when; each thing is said once, and to each person by themself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from kit.events import emit
from services.health.events import ReminderDue
from services.health.models import Booking, BookingState, Reminder, ReminderKind, ReminderState

BEFORE = {ReminderKind.TWO_DAYS: timedelta(hours=48), ReminderKind.THREE_HOURS: timedelta(hours=3)}
_BATCH = 500


def plan_reminders(session: Session, booking_id: UUID, starts_at: datetime) -> None:
    """Plan what is to be said before a visit at this time; what was planned for another time is dropped.

    An instant that has passed already is left out: whoever books for the afternoon knows of it.
    """
    now = clock.now()
    wanted = {kind: starts_at - before for kind, before in BEFORE.items() if starts_at - before > now}
    session.execute(
        update(Reminder)
        .where(
            Reminder.booking_id == booking_id,
            Reminder.state == ReminderState.DUE,
            Reminder.due_at.not_in(list(wanted.values())),
        )
        .values(state=ReminderState.DROPPED)
    )
    for kind, due_at in wanted.items():
        _plan(session, booking_id, kind, due_at)


def remind_now(session: Session, booking_id: UUID, citizen_id: UUID, kind: ReminderKind) -> None:
    """Say something of a booking at once, and only once however often it is asked for."""
    reminder_id = _plan(session, booking_id, kind, clock.now(), state=ReminderState.SENT)
    if reminder_id is not None:
        emit(session, ReminderDue(reminder_id, booking_id, citizen_id, kind))


def list_due(session: Session) -> Sequence[UUID]:
    """What is to be said by now, the oldest first."""
    return session.scalars(
        select(Reminder.id)
        .where(Reminder.state == ReminderState.DUE, Reminder.due_at <= clock.now())
        .order_by(Reminder.due_at, Reminder.id)
        .limit(_BATCH)
    ).all()


def send_due(session: Session, reminder_id: UUID) -> bool:
    """Hand one reminder on, once; False when it was handed on before, or its booking is not as it was."""
    row = session.execute(
        update(Reminder)
        .where(Reminder.id == reminder_id, Reminder.state == ReminderState.DUE)
        .values(state=ReminderState.SENT)
        .returning(Reminder.booking_id, Reminder.kind)
    ).one_or_none()
    if row is None:
        return False
    citizen_id = session.scalar(
        select(Booking.citizen_id).where(
            Booking.id == row.booking_id, Booking.state == BookingState.BOOKED, Booking.starts_at > clock.now()
        )
    )
    if citizen_id is None:
        session.execute(update(Reminder).where(Reminder.id == reminder_id).values(state=ReminderState.DROPPED))
        return False
    emit(session, ReminderDue(reminder_id, row.booking_id, citizen_id, row.kind))
    return True


def _plan(
    session: Session,
    booking_id: UUID,
    kind: ReminderKind,
    due_at: datetime,
    state: ReminderState = ReminderState.DUE,
) -> UUID | None:
    return session.scalar(
        insert(Reminder)
        .values(id=new_id(), created_at=clock.now(), booking_id=booking_id, kind=kind, due_at=due_at, state=state)
        # A booking that came back to a time it had before is reminded anew, unless that was said.
        .on_conflict_do_update(
            index_elements=[Reminder.booking_id, Reminder.kind, Reminder.due_at],
            set_={"state": state},
            where=Reminder.state == ReminderState.DROPPED,
        )
        .returning(Reminder.id)
    )
