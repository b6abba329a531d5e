"""Drawing lots and giving the places away in drawn order, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from kit import clock, sealed
from kit.database import new_id
from kit.events import emit
from services.health import lots
from services.health.errors import AlreadyBooked, PatientBusy, PractitionerBusy
from services.health.events import DrawLost, PlaceOffered
from services.health.models import Draw, DrawOutcome, DrawRequest, DrawState, Offer, Slot, SlotState
from services.health.operations import rush
from services.health.operations.patients import lock_patient, seal_told, unseal
from services.health.operations.schedules import write_slots
from services.health.operations.seats import claim_from, lock_slots, write_claim

OFFER = timedelta(hours=2)
_CANDIDATES = 50
Columns = Row[*tuple[Any, ...]]


class _Gone(Exception):
    """Somebody was faster to this slot."""


def list_draws_due(session: Session) -> Sequence[UUID]:
    """Draws whose time is over, and that have still to be drawn, or to give places."""
    return session.scalars(
        select(Draw.id)
        .where(Draw.state.in_([DrawState.ANNOUNCED, DrawState.DRAWN]), Draw.closes_at <= clock.now())
        .order_by(Draw.closes_at)
        .limit(50)
    ).all()


def draw_lots(session: Session, draw_id: UUID) -> bool:
    """Close the list, publish its hash and the seed, and give every ticket its rank; False when that has been done.

    Who asks at this very moment is in the list or is refused: both need the row of the draw.
    """
    draw = session.execute(
        select(Draw.id, Draw.seed, Draw.seed_hash)
        .where(Draw.id == draw_id, Draw.state == DrawState.ANNOUNCED, Draw.closes_at <= clock.now())
        .with_for_update()
    ).one_or_none()
    if draw is None:
        return False
    if lots.promise(draw.seed) != draw.seed_hash:
        raise ValueError("the seed is not the one that was promised")
    entered = {
        row.ticket: row.id
        for row in session.execute(
            select(DrawRequest.ticket, DrawRequest.id).where(
                DrawRequest.draw_id == draw_id, DrawRequest.state == DrawOutcome.ENTERED
            )
        )
    }
    tickets = lots.order(draw.seed, entered)
    if tickets:
        ranks = [{"id": entered[ticket], "rank": rank} for rank, ticket in enumerate(tickets, 1)]
        session.execute(update(DrawRequest), ranks)
    session.execute(
        update(Draw)
        .where(Draw.id == draw_id)
        .values(
            state=DrawState.DRAWN,
            shown_seed=draw.seed,
            list_hash=lots.hash_list(tickets),
            tickets=tickets,
            drawn_at=clock.now(),
        )
    )
    return True


def place_next(session: Session, draw_id: UUID) -> bool:
    """Hold a place for the next in drawn order, for two hours; False when everybody has been told.

    One at a time, whoever calls: the row of the draw is locked. What is left over then is everybody's.
    """
    draw = session.execute(
        select(Draw.id, Draw.service_id, Draw.day, Draw.tickets)
        .where(Draw.id == draw_id, Draw.state == DrawState.DRAWN)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if draw is None:
        return False
    entered = (DrawRequest.draw_id == draw_id, DrawRequest.state == DrawOutcome.ENTERED)
    request = session.scalar(select(DrawRequest).where(*entered).order_by(DrawRequest.rank).limit(1))
    if request is None:
        _finish(session, draw)
        return False
    lock_patient(session, request.patient_id, wait=True)
    candidates = _candidates(session, draw)
    if not candidates:
        lost = session.execute(
            update(DrawRequest)
            .where(*entered)
            .values(state=DrawOutcome.LOST)
            .returning(DrawRequest.id, DrawRequest.citizen_id)
        ).all()
        for row in lost:
            emit(session, DrawLost(row.id, row.citizen_id))
        return True
    booking_id = _hold_first(session, request, candidates)
    request.state = DrawOutcome.PASSED_OVER if booking_id is None else DrawOutcome.WON
    request.booking_id = booking_id
    session.flush()
    if booking_id is None:
        emit(session, DrawLost(request.id, request.citizen_id))
    else:
        emit(session, PlaceOffered(booking_id, request.citizen_id, Offer.DRAW))
    return True


def _candidates(session: Session, draw: Columns) -> Sequence[UUID]:
    return session.scalars(
        select(Slot.id)
        .where(
            Slot.service_id == draw.service_id,
            Slot.day == draw.day,
            Slot.state == SlotState.OPEN,
            Slot.taken < Slot.capacity,
            Slot.closes_at > clock.now(),
        )
        .order_by(Slot.starts_at, Slot.id)
        .limit(_CANDIDATES)
    ).all()


def _hold_first(session: Session, request: DrawRequest, candidates: Sequence[UUID]) -> UUID | None:
    """The held booking of the first place this person can come to."""
    key = sealed.find_key(session, request.citizen_id)
    told = unseal(key, request.id, request.patient_sealed)
    who = told.who(request)
    for slot_id in candidates:
        hold_id = new_id()
        try:
            with session.begin_nested():
                place = _claim(session, slot_id)
                write_claim(
                    session,
                    place,
                    who,
                    citizen_id=request.citizen_id,
                    hold_id=hold_id,
                    number=0,
                    expires_at=min(clock.now() + OFFER, place.closes_at),
                    offer=Offer.DRAW,
                    sealed_as=seal_told(key, hold_id, told) if key is not None and request.patient_sealed else None,
                )
        except AlreadyBooked:
            return None
        except (PatientBusy, PractitionerBusy, _Gone):
            continue
        return hold_id
    return None


def _claim(session: Session, slot_id: UUID) -> Columns:
    """One place of the slot; raises _Gone, so that the slot is let go of: who waits for one must hold no other."""
    # Waits for whoever gives or takes a place there now: nobody loses a place by an accident of time.
    lock_slots(session, [slot_id])
    place = claim_from(session, [slot_id])
    if place is None:
        raise _Gone
    return place


def _finish(session: Session, draw: Columns) -> None:
    became = {
        row.ticket: row.state.value
        for row in session.execute(select(DrawRequest.ticket, DrawRequest.state).where(DrawRequest.draw_id == draw.id))
    }
    # Who has left altogether since is in the list all the same, or it could not be hashed again.
    outcomes = [became.get(ticket, DrawOutcome.WITHDRAWN.value) for ticket in draw.tickets]
    session.execute(
        update(Draw).where(Draw.id == draw.id).values(state=DrawState.DONE, outcomes=outcomes, done_at=clock.now())
    )
    write_slots(session, draw.service_id)
    rush.forget(draw.service_id)
