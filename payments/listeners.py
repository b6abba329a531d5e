"""What payments do when two citizens turn out to be one person."""

from __future__ import annotations

from sqlalchemy.orm import Session

import auth.operations
from auth.events import CitizensJoined
from payments.operations import personal


def follow_citizen(session: Session, event: CitizensJoined) -> None:
    """Payments go on as the kept one's; what is booked keeps the id it was booked under."""
    kept_id = auth.operations.find_present_id(session, event.kept_id)
    personal.join_citizens(session, kept_id=kept_id, joined_id=event.joined_id)
