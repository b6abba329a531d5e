"""Holding, booking, moving and cancelling in one step each, as other systems ask for it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from kit.idempotency import Outcome, RequestKey
from services.health.models import Booking
from services.health.operations.bookings import BookingTold, cancel_booking, get_booking, move_booking, tell
from services.health.operations.holds import Asked, confirm_hold, hold_places, list_held


def hold_slot(
    session: Session, request: RequestKey, citizen_id: UUID, slot_id: UUID, patient_id: UUID | None
) -> tuple[Outcome, list[BookingTold]]:
    """Hold a place of this slot for one person, and what is held; raises as `hold_places` does.

    `patient_id` is the citizen's own id or that of a profile; None is the citizen.
    """
    member = None if patient_id == citizen_id else patient_id
    outcome = hold_places(session, request, citizen_id, Asked([member], slot_id=slot_id))
    return outcome, tell(session, list_held(session, citizen_id, outcome.resource_id))


def book_slot(
    session: Session, request: RequestKey, citizen_id: UUID, slot_id: UUID, patient_id: UUID | None
) -> tuple[Outcome, list[BookingTold]]:
    """Hold a place and say yes at once: both or neither; raises as `hold_places` and `confirm_hold` do."""
    # Two steps of one intention, each remembered under a name of its own.
    first = replace(request, operation=f"{request.operation}/hold")
    held, _told = hold_slot(session, first, citizen_id, slot_id, patient_id)
    outcome = confirm_hold(session, request, citizen_id, held.resource_id)
    return outcome, tell(session, list_held(session, citizen_id, held.resource_id))


def book_held(
    session: Session, request: RequestKey, citizen_id: UUID, booking_id: UUID
) -> tuple[Outcome, list[BookingTold]]:
    """Say yes to all that is held together with this booking; raises as `confirm_hold` does."""
    hold_id = get_booking(session, citizen_id, booking_id).hold_id
    outcome = confirm_hold(session, request, citizen_id, hold_id)
    return outcome, tell(session, list_held(session, citizen_id, hold_id))


def move_to_slot(
    session: Session, request: RequestKey, citizen_id: UUID, booking_id: UUID, slot_id: UUID
) -> tuple[Outcome, list[BookingTold]]:
    """Move a booking to another slot of its service; raises as `move_booking` does."""
    outcome = move_booking(session, request, citizen_id, booking_id, slot_id=slot_id, window=None)
    return outcome, tell(session, [_now(session, citizen_id, booking_id)])


def give_up(
    session: Session, request: RequestKey, citizen_id: UUID, booking_id: UUID
) -> tuple[Outcome, list[BookingTold]]:
    """Cancel a booking; raises as `cancel_booking` does."""
    outcome = cancel_booking(session, request, citizen_id, booking_id)
    return outcome, tell(session, [_now(session, citizen_id, booking_id)])


def _now(session: Session, citizen_id: UUID, booking_id: UUID) -> Booking:
    return get_booking(session, citizen_id, booking_id)
