"""What bills do when a payment tells of itself, and when two citizens turn out to be one person."""

from __future__ import annotations

from sqlalchemy.orm import Session

import auth.operations
from auth.events import CitizensJoined
from payments.events import PaymentEnded
from services.utilities import operations
from services.utilities.operations import personal


def release_bills(session: Session, event: PaymentEnded) -> None:
    """A payment that took no money gives its bills back."""
    operations.release_bills(session, event.payment_id)


def follow_citizen(session: Session, event: CitizensJoined) -> None:
    """Linked accounts and look-ups go on as the kept one's."""
    kept_id = auth.operations.find_present_id(session, event.kept_id)
    personal.join_citizens(session, kept_id=kept_id, joined_id=event.joined_id)
