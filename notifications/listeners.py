"""What other rooms' events put into the inbox; each is safe to hear twice."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from kit.events import emit
from notifications import operations
from notifications.events import MessagePosted
from notifications.models import MessageKind
from payments.events import PaymentEnded
from services.utilities.events import BillsPaid, BillsReturned

# The app showed these as they happened: they belong into the inbox, but a phone need not buzz for them.
SEEN_ON_SCREEN = frozenset({
    ("failed", "card_declined"),
    ("failed", "payment_method_invalid"),
    ("cancelled", "cancelled_by_citizen"),
})  # fmt: skip


def tell_payment_ended(session: Session, event: PaymentEnded) -> None:
    """The payment took no money, and why."""
    _tell(
        session,
        event.citizen_id,
        MessageKind.PAYMENT_ENDED,
        event.payment_id,
        {"state": event.state, "reason": event.reason},
        push=(event.state, event.reason) not in SEEN_ON_SCREEN,
    )


def tell_bills_paid(session: Session, event: BillsPaid) -> None:
    """The provider has recorded every bill of the payment."""
    params = {"amount_vnd": event.amount_vnd}
    _tell(session, event.citizen_id, MessageKind.BILLS_PAID, event.payment_id, params)


def tell_bills_returned(session: Session, event: BillsReturned) -> None:
    """The provider would not take bills that were paid, and their money goes back."""
    params = {"amount_vnd": event.amount_vnd, "reason": event.reason}
    _tell(session, event.citizen_id, MessageKind.BILLS_RETURNED, event.payment_id, params)


def _tell(
    session: Session,
    citizen_id: UUID,
    kind: MessageKind,
    subject_id: UUID,
    params: dict[str, Any],
    *,
    push: bool = True,
) -> None:
    message_id = operations.post_message(session, citizen_id, kind, subject_id, params)
    if message_id is not None and push:
        emit(session, MessagePosted(message_id))
