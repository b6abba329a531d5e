"""What guides do when payments and persons tell of themselves."""

from __future__ import annotations

from sqlalchemy.orm import Session

from auth.events import CitizensJoined
from payments.events import PaymentCaptured, PaymentEnded
from services.tourism import operations


def issue_tickets(session: Session, event: PaymentCaptured) -> None:
    """The money for tickets was taken: they hold."""
    operations.issue_tickets(session, event.payment_id)


def release_places(session: Session, event: PaymentEnded) -> None:
    """A payment that took no money gives its places to others."""
    operations.release_order(session, event.payment_id)


def join_visitors(session: Session, event: CitizensJoined) -> None:
    """Two citizens are one person: so are their favourites, plans, stamps and tickets."""
    operations.move_citizen(session, event.kept_id, event.joined_id)
