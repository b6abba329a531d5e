"""What guides do when a payment tells of itself, and when two citizens turn out to be one person."""

from __future__ import annotations

from sqlalchemy.orm import Session

import auth.operations
from auth.events import CitizensJoined
from payments.events import PaymentCaptured, PaymentEnded, PaymentRefunded, RefundFailed
from services.tourism import operations
from services.tourism.operations import personal


def issue_tickets(session: Session, event: PaymentCaptured) -> None:
    """The money for tickets was taken: they hold."""
    operations.issue_tickets(session, event.payment_id)


def release_places(session: Session, event: PaymentEnded) -> None:
    """A payment that took no money gives its places to others."""
    operations.release_order(session, event.payment_id)


def complete_refund(session: Session, event: PaymentRefunded) -> None:
    """The money for tickets is back on the citizen's card."""
    operations.complete_refund(session, event.payment_id)


def reopen_refund(session: Session, event: RefundFailed) -> None:
    """The money for tickets came back to us: it is due again."""
    operations.reopen_refund(session, event.payment_id)


def follow_citizen(session: Session, event: CitizensJoined) -> None:
    """Favourites, plans, stamps and tickets go on as the kept one's."""
    kept_id = auth.operations.find_present_id(session, event.kept_id)
    personal.move_citizen(session, kept_id, event.joined_id)
