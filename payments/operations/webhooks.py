"""What the gateway tells of its own accord: stored once, handled later."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock, events, logs
from payments.events import GatewayEventReceived
from payments.gateway import Notice
from payments.models import GatewayEvent

# The events that change where money is; the others are kept and nothing more.
_TELLING = frozenset(
    f"payment_intent.{what}"
    for what in (
        "amount_capturable_updated",
        "succeeded",
        "canceled",
        "payment_failed",
        "requires_action",
        "processing",
    )
) | {
    "setup_intent.succeeded",
    "setup_intent.setup_failed",
    "setup_intent.canceled",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
}


def store_webhook(session: Session, notice: Notice) -> None:
    """Store a verified webhook once, and have it handled later; one that is not meant for us is set aside."""
    is_new = session.execute(
        insert_or_skip(GatewayEvent)
        .values(
            id=notice.id,
            type=notice.type,
            intent_id=notice.intent_id,
            object_id=notice.object_id,
            received_at=clock.now(),
            quarantined=notice.foreign,
        )
        .on_conflict_do_nothing()
        .returning(GatewayEvent.id)
    ).scalar_one_or_none()
    if is_new and notice.foreign:
        logs.logger.error("gateway_event_quarantined", event_type=notice.type)
    elif is_new and notice.type in _TELLING:
        events.emit(session, GatewayEventReceived(notice.id))


def find_webhook(session: Session, event_id: str) -> GatewayEvent | None:
    """A stored webhook, None for one that was handled before."""
    query = select(GatewayEvent).where(GatewayEvent.id == event_id, GatewayEvent.handled_at.is_(None))
    return session.execute(query).scalar_one_or_none()


def mark_handled(session: Session, event_id: str) -> None:
    """Note that a stored webhook has had its effect."""
    session.execute(update(GatewayEvent).where(GatewayEvent.id == event_id).values(handled_at=clock.now()))
