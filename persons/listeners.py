"""What the room of personal data does when two citizens turn out to be one person."""

from __future__ import annotations

from sqlalchemy.orm import Session

import auth.operations
from auth.events import CitizensJoined
from persons import operations


def follow_citizen(session: Session, event: CitizensJoined) -> None:
    """Values, household, mandates, consents, requests and the access log go on as the kept one's."""
    kept_id = auth.operations.find_present_id(session, event.kept_id)
    operations.join_citizens(session, kept_id=kept_id, joined_id=event.joined_id)
