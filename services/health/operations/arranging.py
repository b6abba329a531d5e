"""Holding, booking, moving and cancelling in one step each, as other systems ask for it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from kit.idempotency import Outcome, RequestKey
from services.health.operations.bookings import BookingTold, cancel_booking, get_booking, move_booking, tell
from services.health.operations.holds import Asked, confirm_hold, hold_places, list_held


def arrange(
    session: Session,
    request: RequestKey,
    citizen_id: UUID,
    *,
    slot_id: UUID | None,
    booking_id: UUID | None,
    patient_id: UUID | None,
    is_cancelled: bool,
) -> tuple[Outcome, list[BookingTold]]:
    """Book, move or cancel, whichever is meant, once per Idempotency-Key; and how the bookings stand now.

    A slot alone is held and booked at once; a booking alone is one that is held, and booked with all that is held
    together with it; both together mean a move. Raises as `hold_places`, `confirm_hold`, `move_booking` and
    `cancel_booking` do.
    """
    if booking_id is None:
        if slot_id is None:
            raise ValueError("neither a slot nor a booking was asked for")
        return _book_slot(session, request, citizen_id, slot_id, patient_id)
    if is_cancelled:
        outcome = cancel_booking(session, request, citizen_id, booking_id)
    elif slot_id is not None:
        outcome = move_booking(session, request, citizen_id, booking_id, slot_id=slot_id, window=None)
    else:
        hold_id = get_booking(session, citizen_id, booking_id).hold_id
        outcome = confirm_hold(session, request, citizen_id, hold_id)
        return outcome, tell(session, list_held(session, citizen_id, hold_id))
    return outcome, tell(session, [get_booking(session, citizen_id, booking_id)])


def hold_slot(
    session: Session, request: RequestKey, citizen_id: UUID, slot_id: UUID, patient_id: UUID | None
) -> tuple[Outcome, list[BookingTold]]:
    """Hold a place of this slot for one person, and what is held; raises as `hold_places` does.

    `patient_id` is the citizen's own id or that of a profile; None is the citizen.
    """
    member = None if patient_id == citizen_id else patient_id
    outcome = hold_places(session, request, citizen_id, Asked([member], slot_id=slot_id))
    return outcome, tell(session, list_held(session, citizen_id, outcome.resource_id))


def _book_slot(
    session: Session, request: RequestKey, citizen_id: UUID, slot_id: UUID, patient_id: UUID | None
) -> tuple[Outcome, list[BookingTold]]:
    # Two steps of one intention, each remembered under a name of its own.
    first = replace(request, operation=f"{request.operation}/hold")
    held, _told = hold_slot(session, first, citizen_id, slot_id, patient_id)
    outcome = confirm_hold(session, request, citizen_id, held.resource_id)
    return outcome, tell(session, list_held(session, citizen_id, held.resource_id))
