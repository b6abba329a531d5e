"""What happened to bookings."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kit.events import Event


@dataclass(frozen=True)
class PlacesWithdrawn(Event):
    """A schedule has changed under people who had places: each of them is to be moved."""

    service_id: UUID


@dataclass(frozen=True)
class PlaceOffered(Event):
    """A place is held for someone who waited for it, or whose own place is gone. `kind` is waitlist or move."""

    booking_id: UUID
    citizen_id: UUID
    kind: str


@dataclass(frozen=True)
class OfferMissed(Event):
    """An offered place was not taken in time."""

    booking_id: UUID
    citizen_id: UUID


@dataclass(frozen=True)
class BookingConfirmed(Event):
    """Someone has a place."""

    booking_id: UUID
    citizen_id: UUID


@dataclass(frozen=True)
class BookingCancelledByClinic(Event):
    """The clinic cannot keep an appointment."""

    booking_id: UUID
    citizen_id: UUID


@dataclass(frozen=True)
class ReminderDue(Event):
    """It is time to remind someone of a visit. `kind` is two_days, three_hours or soon."""

    reminder_id: UUID
    booking_id: UUID
    citizen_id: UUID
    kind: str


@dataclass(frozen=True)
class DrawLost(Event):
    """Lots were drawn, and there was no place for this request."""

    request_id: UUID
    citizen_id: UUID
