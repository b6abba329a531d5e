"""What clinics do when other rooms tell of themselves."""

from __future__ import annotations

from sqlalchemy.orm import Session

import auth.operations
from auth.events import CitizensJoined
from services.health import operations


def follow_citizen(session: Session, event: CitizensJoined) -> None:
    """Two accounts are one person: bookings and waits go to the one that stays."""
    kept_id = auth.operations.find_present_id(session, event.kept_id)
    operations.join_citizens(session, kept_id, event.joined_id)
