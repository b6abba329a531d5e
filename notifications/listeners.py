"""What other rooms' events put into the inbox; each is safe to hear twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

import payments.operations
import services.health.operations
from kit import clock
from kit.events import emit
from notifications import operations
from notifications.events import MessagePosted
from notifications.models import MessageKind
from payments.events import PaymentEnded
from payments.models import PaymentItem, Posting
from services.health.events import BookingCancelledByClinic, OfferMissed, PlaceOffered, ReminderDue
from services.utilities.events import BillsPaid, BillsReturned

# The app showed these as they happened: they belong into the inbox, but a phone need not buzz for them.
SEEN_ON_SCREEN = frozenset({
    "card_declined", "insufficient_funds", "card_expired", "wrong_cvc", "authentication_needed",
    "authentication_failed", "payment_method_invalid", "amount_too_small",
    "cancelled_by_citizen",
})  # fmt: skip


def tell_payment_ended(session: Session, event: PaymentEnded) -> None:
    """The payment took no money, and why."""
    items = _items(session, event)
    params = {"bills": _names(items), "state": event.state, "reason": event.reason}
    _tell(session, event, MessageKind.PAYMENT_ENDED, params, push=event.reason not in SEEN_ON_SCREEN)


def tell_bills_paid(session: Session, event: BillsPaid) -> None:
    """The provider has recorded the bills of the payment."""
    posted = [item for item in _items(session, event) if item.posting is Posting.POSTED]
    last = max(item.posted_at for item in posted if item.posted_at is not None)
    params = {
        "bills": _names(posted),
        "amount_vnd": event.amount_vnd,
        "posted_on": clock.local(last).date().isoformat(),
    }
    _tell(session, event, MessageKind.BILLS_PAID, params)


def tell_bills_returned(session: Session, event: BillsReturned) -> None:
    """The provider would not take bills that were paid, and their money goes back."""
    items = _items(session, event)
    refused = [item for item in items if item.posting is not Posting.POSTED]
    params = {"bills": _names(refused or items), "amount_vnd": event.amount_vnd, "reason": event.reason}
    _tell(session, event, MessageKind.BILLS_RETURNED, params)


def tell_reminder(session: Session, event: ReminderDue) -> None:
    """A visit is near, or the turn is."""
    kind = MessageKind.TURN_NEAR if event.kind == "soon" else MessageKind.VISIT_REMINDER
    _tell_visit(session, event.booking_id, kind, event.reminder_id)


def tell_place_offered(session: Session, event: PlaceOffered) -> None:
    """A place is held for somebody who waited, or who has lost theirs."""
    _tell_visit(session, event.booking_id, MessageKind.PLACE_OFFERED, event.booking_id)


def tell_offer_missed(session: Session, event: OfferMissed) -> None:
    """An offered place went to somebody else."""
    _tell_visit(session, event.booking_id, MessageKind.PLACE_MISSED, event.booking_id)


def tell_visit_cancelled(session: Session, event: BookingCancelledByClinic) -> None:
    """The clinic cannot keep an appointment."""
    _tell_visit(session, event.booking_id, MessageKind.VISIT_CANCELLED, event.booking_id)


def _tell_visit(session: Session, booking_id: UUID, kind: MessageKind, subject_id: UUID) -> None:
    visit = services.health.operations.get_visit(session, booking_id)
    params = {"place": visit.place, "starts_at": visit.starts_at.isoformat()}
    if kind is MessageKind.PLACE_OFFERED and visit.hold_expires_at is not None:
        params["until_at"] = visit.hold_expires_at.isoformat()
    message_id = operations.post_message(session, visit.citizen_id, kind, subject_id, params)
    if message_id is not None:
        emit(session, MessagePosted(message_id))


def _items(session: Session, event: PaymentEnded | BillsPaid | BillsReturned) -> Sequence[PaymentItem]:
    return payments.operations.get_payment(session, event.payment_id, event.citizen_id).items


def _names(items: Iterable[PaymentItem]) -> list[dict[str, str]]:
    return [{"vi": item.label_vi, "en": item.label_en} for item in items]


def _tell(
    session: Session,
    event: PaymentEnded | BillsPaid | BillsReturned,
    kind: MessageKind,
    params: Mapping[str, Any],
    *,
    push: bool = True,
) -> None:
    message_id = operations.post_message(session, event.citizen_id, kind, event.payment_id, params)
    if message_id is not None and push:
        emit(session, MessagePosted(message_id))
