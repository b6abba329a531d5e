"""Giving places back: expiry, and what a place does when nobody has it any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import Session

from kit import clock
from kit.events import emit
from services.health.events import OfferMissed
from services.health.models import Booking, BookingState, Offer, Patient, Slot
from services.health.operations import rush
from services.health.operations.moves import close_task_of
from services.health.operations.seats import give_back, lock_slots
from services.health.operations.timeline import change_state
from services.health.operations.waitlist import pass_on, record_miss

_SWEPT = 200


def release(session: Session, slot_id: UUID, service_id: UUID) -> None:
    """A place without an owner goes to the first who waits for it, or is free for everybody.

    The caller holds the slot's lock and has ended the booking in this transaction.
    """
    if not pass_on(session, slot_id):
        give_back(session, slot_id)
    rush.forget(service_id)


def end_bookings(
    session: Session,
    state: BookingState,
    *where: ColumnElement[bool],
    actor: UUID | None,
    detail: dict[str, Any] | None = None,
) -> list[Row[*tuple[Any, ...]]]:
    """End bookings in a state that gives their places back, and give them back; the slots are locked by the caller.

    Those of patients for whom somebody books right now are left alone, unless the caller has locked the patient before:
    or else two who end each other's waiting patients would wait for each other.
    """
    theirs = select(Booking.patient_id).where(*where)
    free = session.scalars(
        select(Patient.id)
        .where(Patient.id.in_(theirs))
        .order_by(Patient.id)
        .with_for_update(key_share=True, skip_locked=True)
    ).all()
    if not free:
        return []
    among = (*where, Booking.patient_id.in_(free))
    ended = change_state(session, state, *among, actor=actor, detail=detail, sequence=Booking.sequence + 1)
    for row in ended:
        if row.waitlist_entry_id is not None and row.offer is Offer.WAITLIST:
            record_miss(session, row.waitlist_entry_id)
        if row.offer is Offer.MOVE:
            close_task_of(session, row.id, taken=False)
    for row in sorted(ended, key=lambda row: row.slot_id):
        release(session, row.slot_id, row.service_id)
    return ended


def lapse(session: Session, *where: ColumnElement[bool], wait: bool = True) -> int:
    """End the matching holds that have run out, now, and give their places back; returns how many.

    Without `wait`, which is for those who have locked slots before, only where nobody else is at work on the slot.
    """
    now = clock.now()
    lapsed = (Booking.state == BookingState.HELD, Booking.hold_expires_at <= now, *where)
    slots = session.scalars(select(Booking.slot_id).where(*lapsed).limit(_SWEPT)).all()
    if slots:
        slots = lock_slots(session, slots, wait=wait)
    if not slots:
        return 0
    ended = end_bookings(session, BookingState.EXPIRED, *lapsed, Booking.slot_id.in_(slots), actor=None)
    for row in ended:
        if row.offer is not None:
            emit(session, OfferMissed(row.id, row.citizen_id))
    return len(ended)


def list_lapsed_slots(session: Session) -> Sequence[UUID]:
    """Slots with holds that have run out, for a sweep that takes them one by one."""
    return session.scalars(
        select(Booking.slot_id)
        .where(Booking.state == BookingState.HELD, Booking.hold_expires_at <= clock.now())
        .distinct()
        .limit(_SWEPT)
    ).all()


def lapse_slot(session: Session, slot_id: UUID) -> int:
    """End the holds of one slot that have run out; 0 as well when somebody else is at work on the slot."""
    free = select(Slot.id).where(Slot.id == slot_id).with_for_update(skip_locked=True, key_share=True)
    if session.execute(free).one_or_none() is None:
        return 0
    return lapse(session, Booking.slot_id == slot_id)
