"""What the front desk reads: the day's bookings with the names that citizens gave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from kit import sealed
from kit.errors import NotFound
from kit.pages import Page, page
from services.health.models import LIVE, Booking, Service
from services.health.operations.patients import Told, unseal


@dataclass(frozen=True)
class DeskBooking:
    """A booking as the front desk reads it."""

    booking: Booking
    patient: Told


def list_day(
    session: Session,
    facility_id: UUID,
    service_id: UUID,
    day: date,
    *,
    limit: int,
    cursor: str | None,
) -> Page:
    """A page of the live bookings of a service's day in the order of their times, as `DeskBooking`.

    Whoever shows them writes down that each citizen was looked at. Raises NotFound.
    """
    known = select(Service.id).where(Service.id == service_id, Service.facility_id == facility_id)
    if session.scalar(known) is None:
        raise NotFound
    found = page(
        session,
        select(Booking).where(Booking.service_id == service_id, Booking.day == day, Booking.state.in_(LIVE)),
        by=[Booking.starts_at, Booking.id],
        limit=limit,
        cursor=cursor,
        question=("desk", facility_id, service_id, day),
        descending=False,
    )
    keys = sealed.find_keys(session, {one.citizen_id for one in found.items})
    items = [DeskBooking(one, unseal(keys.get(one.citizen_id), one.id, one.patient_sealed)) for one in found.items]
    return Page(items, found.next)
