"""What bills do when a payment tells of itself, and when two citizens turn out to be one person."""

from __future__ import annotations

from sqlalchemy.orm import Session

import auth.operations
from auth.events import CitizensJoined
from payments.events import CardRemoved, PaymentEnded
from services.utilities import operations
from services.utilities.models import AutomaticPayment
from services.utilities.operations import personal


def release_bills(session: Session, event: PaymentEnded) -> None:
    """A payment that took no money gives its bills back."""
    operations.release_bills(session, event.payment_id)


def leave_planned(session: Session, event: PaymentEnded) -> None:
    """A payment that had begun by itself took no money: its bill is the citizen's to pay, and they are told."""
    operations.leave_started(session, event.payment_id, event.reason)


def end_with_card(session: Session, event: CardRemoved) -> None:
    """What was to be paid by a card that is gone is not paid by itself any more."""
    operations.end_automatic(session, AutomaticPayment.card_id == event.card_id)


def follow_citizen(session: Session, event: CitizensJoined) -> None:
    """Linked accounts and look-ups go on as the kept one's."""
    kept_id = auth.operations.find_present_id(session, event.kept_id)
    personal.join_citizens(session, kept_id=kept_id, joined_id=event.joined_id)
