"""What bills do when a payment tells of itself."""

from __future__ import annotations

from sqlalchemy.orm import Session

from payments.events import PaymentEnded
from services.utilities import operations


def release_bills(session: Session, event: PaymentEnded) -> None:
    """A payment that took no money gives its bills back."""
    operations.release_bills(session, event.payment_id)
