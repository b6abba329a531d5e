"""People whose place is gone through no fault of theirs: a task each, and the nearest place before all others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock, sealed
from kit.database import new_id
from kit.events import emit
from services.health.errors import AlreadyBooked, HoldLimit, PatientBusy, PractitionerBusy
from services.health.events import BookingCancelledByClinic, PlaceOffered
from services.health.models import (
    LIVE,
    Booking,
    BookingState,
    MoveCause,
    MoveState,
    MoveTask,
    Offer,
    Slot,
    SlotState,
)
from services.health.operations import rush
from services.health.operations.patients import lock_patient, seal_told, unseal
from services.health.operations.seats import claim_from, give_back, lock_slots, write_claim
from services.health.operations.timeline import change_state

OFFER = timedelta(hours=24)
_CANDIDATES = 20
_BATCH = 500
_OPEN = (MoveState.OPEN, MoveState.OFFERED)


def open_tasks(session: Session, booking_ids: Sequence[UUID], cause: MoveCause, reason: str) -> int:
    """Open a task for each of these bookings that has none; returns how many were opened."""
    if not booking_ids:
        return 0
    bookings = session.execute(
        select(Booking.id, Booking.facility_id, Booking.service_id)
        .where(Booking.id.in_(booking_ids))
        .order_by(Booking.id)  # who booked first is offered a place first
    ).all()
    opened = session.scalars(
        insert(MoveTask)
        .values(
            [
                {
                    "id": new_id(),
                    "created_at": clock.now(),
                    "booking_id": row.id,
                    "facility_id": row.facility_id,
                    "service_id": row.service_id,
                    "cause": cause,
                    "reason": reason,
                    "state": MoveState.OPEN,
                }
                for row in bookings
            ]
        )
        .on_conflict_do_nothing()
        .returning(MoveTask.id)
    ).all()
    return len(opened)


def list_open(session: Session, facility_id: UUID) -> list[Any]:
    """The open tasks of a facility with the time each booking was for, the oldest first."""
    return list(
        session.execute(
            select(
                MoveTask.id,
                MoveTask.created_at,
                MoveTask.booking_id,
                MoveTask.service_id,
                MoveTask.cause,
                MoveTask.reason,
                MoveTask.state,
                MoveTask.offered_id,
                Booking.starts_at,
            )
            .join(Booking, Booking.id == MoveTask.booking_id)
            .where(MoveTask.facility_id == facility_id, MoveTask.state.in_(_OPEN))
            .order_by(MoveTask.id)
            .limit(500)
        )
    )


def list_due(session: Session, service_id: UUID | None = None, *, after: UUID | None = None) -> Sequence[UUID]:
    """Tasks for which a place is still to be found, of a service or of all, the oldest after one of them first.

    Those for which there is none stay open: whoever wants all asks on `after` the last one.
    """
    due = select(MoveTask.id).where(MoveTask.state == MoveState.OPEN).order_by(MoveTask.id).limit(_BATCH)
    if after is not None:
        due = due.where(MoveTask.id > after)
    if service_id is not None:
        due = due.where(MoveTask.service_id == service_id)
    return session.scalars(due).all()


def offer_place(session: Session, task_id: UUID) -> bool:
    """Hold the nearest place for somebody who has lost theirs, for a day; False when there is none, or no need.

    The old booking ends with the offer. Without a place it stands, until its time comes: then the clinic has cancelled
    it.
    """
    task = session.execute(
        select(MoveTask)
        .where(MoveTask.id == task_id, MoveTask.state == MoveState.OPEN)
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if task is None:
        return False
    old = session.execute(select(Booking).where(Booking.id == task.booking_id)).scalar_one()
    # In the order of everybody: patient, slot, booking.
    lock_patient(session, old.patient_id, wait=True)
    lock_slots(session, [old.slot_id])
    old = session.execute(
        select(Booking).where(Booking.id == task.booking_id).execution_options(populate_existing=True)
    ).scalar_one()
    if _needs_nothing(session, task, old):
        task.state, task.closed_at = MoveState.MOVED, clock.now()
        session.flush()
        return False
    was_live = old.state in LIVE
    if was_live:
        _end(session, old, task.reason)
    found = _hold_nearest(session, old)
    if found is None:
        if was_live and old.starts_at > clock.now():
            raise NoPlaceYet  # undoes the end as well: the person keeps what they have until there is something better
        task.state, task.closed_at = MoveState.GAVE_UP, clock.now()
        session.flush()
        return False
    task.state, task.offered_id = MoveState.OFFERED, found
    session.flush()
    emit(session, PlaceOffered(found, old.citizen_id, Offer.MOVE))
    return True


class NoPlaceYet(Exception):
    """There is no place to offer; whoever asked undoes the transaction and asks again later."""


def close_task_of(session: Session, offered_id: UUID, *, taken: bool) -> None:
    """The person who was offered this booking has taken it, or let it pass."""
    session.execute(
        update(MoveTask)
        .where(MoveTask.offered_id == offered_id, MoveTask.state == MoveState.OFFERED)
        .values(state=MoveState.MOVED if taken else MoveState.DECLINED, closed_at=clock.now())
    )


def close_task_for(session: Session, booking_id: UUID) -> bool:
    """The person found another place themself; whether a task stood open for this booking."""
    closed = session.scalar(
        update(MoveTask)
        .where(MoveTask.booking_id == booking_id, MoveTask.state == MoveState.OPEN)
        .values(state=MoveState.MOVED, closed_at=clock.now())
        .returning(MoveTask.id)
    )
    return closed is not None


def is_displaced(session: Session, booking_id: UUID) -> bool:
    """Whether a task stands open for this booking."""
    open_task = select(MoveTask.id).where(MoveTask.booking_id == booking_id, MoveTask.state.in_(_OPEN))
    return session.scalar(open_task) is not None


def displaced() -> ColumnElement[bool]:
    """The same of each booking of a statement."""
    return select(MoveTask.id).where(MoveTask.booking_id == Booking.id, MoveTask.state.in_(_OPEN)).exists()


def _needs_nothing(session: Session, task: MoveTask, old: Booking) -> bool:
    if old.state in LIVE:
        slot = session.execute(select(Slot.state).where(Slot.id == old.slot_id)).scalar_one()
        return slot is SlotState.OPEN and task.cause is MoveCause.SCHEDULE
    return old.state is not BookingState.CANCELLED_BY_CLINIC


def _end(session: Session, old: Booking, reason: str) -> None:
    ended = change_state(
        session,
        BookingState.CANCELLED_BY_CLINIC,
        Booking.id == old.id,
        actor=None,
        detail={"reason": reason},
        sequence=Booking.sequence + 1,
    )
    for row in ended:
        give_back(session, row.slot_id)
        rush.forget(row.service_id)
        emit(session, BookingCancelledByClinic(row.id, row.citizen_id))


def _hold_nearest(session: Session, old: Booking) -> UUID | None:
    now = clock.now()
    candidates = session.scalars(
        select(Slot.id)
        .where(
            Slot.service_id == old.service_id,
            Slot.state == SlotState.OPEN,
            Slot.taken < Slot.capacity,
            Slot.closes_at > now,
            Slot.id != old.slot_id,
        )
        .order_by(func.abs(func.extract("epoch", Slot.starts_at - old.starts_at)), Slot.id)
        .limit(_CANDIDATES)
    ).all()
    key = sealed.find_key(session, old.citizen_id)
    told = unseal(key, old.id, old.patient_sealed)
    who = told.who(old)
    for slot_id in candidates:
        hold_id = new_id()
        try:
            with session.begin_nested():
                place = claim_from(session, [slot_id])
                if place is None:
                    continue
                write_claim(
                    session,
                    place,
                    who,
                    citizen_id=old.citizen_id,
                    hold_id=hold_id,
                    number=0,
                    expires_at=min(now + OFFER, place.closes_at),
                    offer=Offer.MOVE,
                    replaces_id=old.id,
                    sealed_as=seal_told(key, hold_id, told) if key is not None and old.patient_sealed else None,
                )
        except (AlreadyBooked, PatientBusy, HoldLimit, PractitionerBusy):
            continue
        return hold_id
    return None
