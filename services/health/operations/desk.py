"""What the front desk reads: the day's bookings with the names that citizens gave, and every look is written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

import persons.operations
from kit import sealed
from kit.errors import NotFound
from kit.pages import Page, page
from persons.models import AccessPurpose, AccessRole
from services.health.models import LIVE, Booking, Facility, Service
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
    actor: UUID,
    purpose: AccessPurpose,
    limit: int,
    cursor: str | None,
) -> Page:
    """A page of the live bookings of a service's day in the order of their times, as `DeskBooking`.

    Each citizen sees who looked, and why. Raises NotFound.
    """
    name = session.scalar(
        select(Facility.name)
        .join(Service, Service.facility_id == Facility.id)
        .where(Service.id == service_id, Facility.id == facility_id)
    )
    if name is None:
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
    for citizen_id in sorted({one.citizen_id for one in found.items}):
        persons.operations.record_access(
            session,
            citizen_id,
            role=AccessRole.CLINIC,
            purpose=purpose,
            operation="listDeskBookings",
            fields=["name", "birth_date"],
            actor_id=actor,
            organisation=name,
        )
    items = [DeskBooking(one, unseal(keys.get(one.citizen_id), one.id, one.patient_sealed)) for one in found.items]
    return Page(items, found.next)
