"""What other rooms' events put into the inbox; each is safe to hear twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

import auth.operations
import payments.operations
import services.utilities.operations
from auth.events import AppAllowed, CitizensJoined, DeviceSignedIn, PasskeyAdded, SessionEndedByReuse
from kit import clock
from kit.events import emit
from notifications import operations
from notifications.events import MessagePosted
from notifications.models import MessageKind
from payments.events import PaymentEnded, PaymentRefunded
from payments.models import PaymentItem, Posting
from persons.events import MandateAccepted, MandateRevoked
from services.utilities.events import AutomaticPaymentAnnounced, AutomaticPaymentLeft, BillsPaid, BillsReturned
from services.utilities.operations import Planned

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
    is_new = event.reason not in SEEN_ON_SCREEN
    _tell(session, event.citizen_id, MessageKind.PAYMENT_ENDED, event.payment_id, params, push=is_new)


def tell_bills_paid(session: Session, event: BillsPaid) -> None:
    """The provider has recorded the bills of the payment."""
    posted = [item for item in _items(session, event) if item.posting is Posting.POSTED]
    last = max(item.posted_at for item in posted if item.posted_at is not None)
    params = {
        "bills": _names(posted),
        "amount_vnd": event.amount_vnd,
        "posted_on": clock.local(last).date().isoformat(),
    }
    _tell(session, event.citizen_id, MessageKind.BILLS_PAID, event.payment_id, params)


def tell_bills_returned(session: Session, event: BillsReturned) -> None:
    """The provider would not take bills that were paid, and their money goes back."""
    items = _items(session, event)
    refused = [item for item in items if item.posting is not Posting.POSTED]
    params = {"bills": _names(refused or items), "amount_vnd": event.amount_vnd, "reason": event.reason}
    _tell(session, event.citizen_id, MessageKind.BILLS_RETURNED, event.payment_id, params)


def tell_new_device(session: Session, event: DeviceSignedIn) -> None:
    """The citizen's account was signed in to on one more device: the others should know."""
    since = auth.operations.find_sign_in_time(session, event.session_id)
    _tell(session, event.citizen_id, MessageKind.NEW_DEVICE, event.session_id, registered_before=since)


def tell_session_closed(session: Session, event: SessionEndedByReuse) -> None:
    """A refresh token was in two hands, so its session is over."""
    _tell(session, event.citizen_id, MessageKind.SESSION_CLOSED, event.session_id)


def tell_passkey_added(session: Session, event: PasskeyAdded) -> None:
    """There is one more way in."""
    _tell(session, event.citizen_id, MessageKind.PASSKEY_ADDED, event.passkey_id)


def tell_app_allowed(session: Session, event: AppAllowed) -> None:
    """An app of others may see something of the citizen from now on."""
    _tell(session, event.citizen_id, MessageKind.APP_ALLOWED, event.grant_id)


def tell_mandate_accepted(session: Session, event: MandateAccepted) -> None:
    """Both sides of a mandate hear that it holds."""
    _tell_both(session, event, MessageKind.MANDATE_ACCEPTED)


def tell_mandate_revoked(session: Session, event: MandateRevoked) -> None:
    """Both sides of a mandate hear that it is over."""
    _tell_both(session, event, MessageKind.MANDATE_REVOKED)


def follow_citizen(session: Session, event: CitizensJoined) -> None:
    """The inbox and the phones go on as the kept citizen's."""
    kept_id = auth.operations.find_present_id(session, event.kept_id)
    operations.join_citizens(session, kept_id=kept_id, joined_id=event.joined_id)


def tell_refunded(session: Session, event: PaymentRefunded) -> None:
    """A provider has given money back of its own accord; what a rule gives back was announced with its cause."""
    if not event.by_clerk:
        return
    params = {
        "bills": _names(_items(session, event)),
        "amount_vnd": event.amount_vnd,
        "reason": "refunded_by_provider",
    }
    _tell(session, event.citizen_id, MessageKind.BILLS_RETURNED, event.refund_id, params)


def tell_automatic_announced(session: Session, event: AutomaticPaymentAnnounced) -> None:
    """A bill will be paid by itself: the citizen hears of it in time to skip it."""
    planned = services.utilities.operations.find_planned(session, event.planned_id)
    if planned is not None:
        params = _of_planned(planned) | {"posted_on": clock.local(planned.found.pay_at).date().isoformat()}
        _tell(session, event.citizen_id, MessageKind.AUTOMATIC_ANNOUNCED, event.planned_id, params)


def tell_automatic_left(session: Session, event: AutomaticPaymentLeft) -> None:
    """A bill was not paid by itself: the citizen has to, and hears why."""
    planned = services.utilities.operations.find_planned(session, event.planned_id)
    if planned is not None:
        params = _of_planned(planned) | {"reason": event.reason}
        _tell(session, event.citizen_id, MessageKind.AUTOMATIC_LEFT, event.planned_id, params)


def _of_planned(planned: Planned) -> dict[str, Any]:
    claim = planned.claim
    return {"bills": [{"vi": claim.label_vi, "en": claim.label_en}], "amount_vnd": planned.found.amount_vnd}


def _items(
    session: Session, event: PaymentEnded | BillsPaid | BillsReturned | PaymentRefunded
) -> Sequence[PaymentItem]:
    # Since the event its citizen may have been proved to be another one, to whom the payment has moved.
    payment = payments.operations.find_state(session, event.payment_id)
    owner_id = payment.citizen_id if payment else event.citizen_id
    return payments.operations.get_payment(session, event.payment_id, owner_id).items


def _names(items: Iterable[PaymentItem]) -> list[dict[str, str]]:
    return [{"vi": item.label_vi, "en": item.label_en} for item in items]


def _tell_both(session: Session, event: MandateAccepted | MandateRevoked, kind: MessageKind) -> None:
    _tell(session, event.principal_id, kind, event.mandate_id, {"reason": "principal"})
    _tell(session, event.agent_id, kind, event.mandate_id, {"reason": "agent"})


def _tell(
    session: Session,
    citizen_id: UUID,
    kind: MessageKind,
    subject_id: UUID,
    params: Mapping[str, Any] | None = None,
    *,
    push: bool = True,
    registered_before: datetime | None = None,
) -> None:
    recipient_id = auth.operations.find_recipient(session, citizen_id)
    if recipient_id is None:
        return  # erased meanwhile: there is nobody to tell, and nothing may be kept
    message_id = operations.post_message(session, recipient_id, kind, subject_id, params or {})
    if message_id is not None and push:
        emit(session, MessagePosted(message_id, registered_before.isoformat() if registered_before else None))
