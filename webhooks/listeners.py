"""What other rooms' events put into companies' logs; each is safe to hear twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

import payments.operations
from payments.events import DifferencesMoved, PaymentCaptured, RemittanceFinal, RemittancePublished
from payments.models import DiscrepancyAction, PaymentItem, Posting, Remittance, Side
from services.utilities.events import BillsPaid, BillsReturned
from webhooks import operations
from webhooks.models import EventKind

# A comparison may find thousands: it names so many, and says how many there are.
_NAMED = 100
# What is told of which steps, and whose are left out: what the company has said itself it need not be told.
_STEPS = (
    (EventKind.DISCREPANCY_ANSWERED, (DiscrepancyAction.NOTED,), Side.PROVIDER),
    (EventKind.DISCREPANCY_OPENED, (DiscrepancyAction.OPENED, DiscrepancyAction.REOPENED), None),
    (EventKind.DISCREPANCY_RESOLVED, (DiscrepancyAction.APPROVED, DiscrepancyAction.AUTO_CLOSED), None),
)


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


def log_differences(session: Session, event: DifferencesMoved) -> None:
    """What one transaction has done to a company's differences, in one event of each kind, however many they are."""
    for kind, actions, but_by in _STEPS:
        news = payments.operations.find_news(session, event.payee_id, event.written_by, actions, but_by, _NAMED)
        if news is not None:
            data = {"discrepancy_ids": [str(each) for each in news.discrepancy_ids], "count": news.count}
            operations.record_event(session, event.payee_id, kind, news.first_step_id, data)


def log_remittance_published(session: Session, event: RemittancePublished) -> None:
    """A company can read a remittance; one that adds to a day that had one already amends it."""
    found = payments.operations.get_remittance(session, event.remittance_id, event.payee_id)
    kind = EventKind.REMITTANCE_PUBLISHED if found.revision == 1 else EventKind.REMITTANCE_AMENDED
    operations.record_event(session, event.payee_id, kind, found.id, _of_remittance(found))


def log_remittance_final(session: Session, event: RemittanceFinal) -> None:
    """A remittance of a company will not change any more, and its money is on its way."""
    found = payments.operations.get_remittance(session, event.remittance_id, event.payee_id)
    operations.record_event(session, event.payee_id, EventKind.REMITTANCE_FINAL, found.id, _of_remittance(found))


def _of_remittance(found: Remittance) -> dict[str, Any]:
    return {
        "remittance_id": str(found.id),
        "business_day": found.business_day.isoformat(),
        "revision": found.revision,
        "payable_vnd": found.payable_vnd,
    }


def _log(session: Session, kind: EventKind, payment_id: UUID, items: Iterable[PaymentItem]) -> None:
    amounts: dict[UUID, int] = {}
    for item in items:
        amounts[item.payee_id] = amounts.get(item.payee_id, 0) + item.amount_vnd
    for provider_id, amount_vnd in sorted(amounts.items()):
        # Thin on purpose: whoever wants to know more asks, and is told what is true then.
        data = {"payment_id": str(payment_id), "amount_vnd": amount_vnd}
        operations.record_event(session, provider_id, kind, payment_id, data)
