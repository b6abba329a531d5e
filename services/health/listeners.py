"""What clinics do when other rooms tell of themselves."""

from __future__ import annotations

from sqlalchemy.orm import Session

from auth.events import CitizensJoined
from services.health import operations


def join_citizens(session: Session, event: CitizensJoined) -> None:
    """Two accounts are one person: bookings and waits go to the one that stays."""
    operations.join_citizens(session, event.kept_id, event.joined_id)
