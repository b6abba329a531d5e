"""What other rooms' events put into companies' logs; each is safe to hear twice."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.orm import Session

import payments.operations
from payments.events import PaymentCaptured
from payments.models import PaymentItem, Posting
from services.utilities.events import BillsPaid, BillsReturned
from webhooks import operations
from webhooks.models import EventKind


def log_captured(session: Session, event: PaymentCaptured) -> None:
    """The money for bills of each company was taken; posting them comes next."""
    items = payments.operations.list_items(session, event.payment_id)
    _log(session, EventKind.PAYMENT_CAPTURED, event.payment_id, (item for item in items if item.taken))


def log_posted(session: Session, event: BillsPaid) -> None:
    """Every captured bill of a payment stands in the books of its company."""
    items = payments.operations.list_items(session, event.payment_id)
    posted = (item for item in items if item.posting is Posting.POSTED)
    _log(session, EventKind.PAYMENT_POSTED, event.payment_id, posted)


def log_returned(session: Session, event: BillsReturned) -> None:
    """A company refused bills whose money was taken; it goes back to the citizen."""
    items = payments.operations.list_items(session, event.payment_id)
    refused = (item for item in items if item.posting is Posting.REJECTED)
    _log(session, EventKind.PAYMENT_RETURNED, event.payment_id, refused)


def _log(session: Session, kind: EventKind, payment_id: UUID, items: Iterable[PaymentItem]) -> None:
    amounts: dict[UUID, int] = {}
    for item in items:
        amounts[item.payee_id] = amounts.get(item.payee_id, 0) + item.amount_vnd
    for provider_id, amount_vnd in sorted(amounts.items()):
        # Thin on purpose: whoever wants to know more asks, and is told what is true then.
        data = {"payment_id": str(payment_id), "amount_vnd": amount_vnd}
        operations.record_event(session, provider_id, kind, payment_id, data)
