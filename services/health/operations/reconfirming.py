"""Those who did not come twice say once more on the day that they will; else their place goes to others."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, case, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from kit import clock
from services.health.models import Booking, BookingState

_NO_SHOWS = 2
_NO_SHOW_DAYS = timedelta(days=90)
_RECONFIRM = timedelta(hours=1)


def reconfirm_by(
    session: Session, citizen_id: UUID, starts_at: datetime | InstrumentedAttribute[datetime]
) -> ColumnElement[datetime | None] | None:
    """Until when a citizen has to say again that they come to a visit, as a value to write.

    An hour before it, for those who missed two in ninety days. NULL for others, and for a visit that is nearer than
    that: whoever books so late has just said that they come.
    """
    if not _has_missed(session, citizen_id):
        return None
    start = literal(starts_at, DateTime(timezone=True)) if isinstance(starts_at, datetime) else starts_at
    return case((start > clock.now() + _RECONFIRM, start - _RECONFIRM))


def _has_missed(session: Session, citizen_id: UUID) -> bool:
    missed = select(func.count()).where(
        Booking.citizen_id == citizen_id,
        Booking.state == BookingState.NO_SHOW,
        Booking.appealed_at.is_(None),
        Booking.starts_at > clock.now() - _NO_SHOW_DAYS,
    )
    return (session.scalar(missed) or 0) >= _NO_SHOWS
