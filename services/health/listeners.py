"""What clinics do when other rooms tell of themselves: money for deposits, accounts that are one."""

from __future__ import annotations

from sqlalchemy.orm import Session

import auth.operations
from auth.events import CitizensJoined
from payments.events import PaymentCaptured, PaymentEnded
from services.health import operations


def book_paid(session: Session, event: PaymentCaptured) -> None:
    """A deposit was taken: its places are booked."""
    operations.record_taken(session, event.payment_id)


def end_deposit(session: Session, event: PaymentEnded) -> None:
    """A deposit was not taken after all."""
    operations.record_ended(session, event.payment_id)


def follow_citizen(session: Session, event: CitizensJoined) -> None:
    """Two accounts are one person: bookings and waits go to the one that stays."""
    kept_id = auth.operations.find_present_id(session, event.kept_id)
    operations.join_citizens(session, kept_id, event.joined_id)
