"""What the gateway tells of its own accord: stored once, handled later."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock, events
from payments.events import GatewayEventReceived
from payments.gateway import Notice
from payments.models import GatewayEvent

# The events that change where money is; the others are kept and nothing more.
_TELLING = frozenset({
    "payment_intent.amount_capturable_updated",
    "payment_intent.succeeded",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.requires_action",
    "payment_intent.processing",
    "refund.updated",
    "refund.failed",
})  # fmt: skip


def store_webhook(session: Session, notice: Notice) -> None:
    """Store a verified webhook once, and have it handled later."""
    is_new = session.execute(
        insert_or_skip(GatewayEvent)
        .values(id=notice.id, type=notice.type, intent_id=notice.intent_id, received_at=clock.now())
        .on_conflict_do_nothing()
        .returning(GatewayEvent.id)
    ).scalar_one_or_none()
    if is_new and notice.type in _TELLING:
        events.emit(session, GatewayEventReceived(notice.id))


def find_intent_of_webhook(session: Session, event_id: str) -> str | None:
    """The intent a stored webhook speaks of."""
    return session.execute(select(GatewayEvent.intent_id).where(GatewayEvent.id == event_id)).scalar_one_or_none()


def mark_handled(session: Session, event_id: str) -> None:
    """Note that a stored webhook has had its effect."""
    session.execute(update(GatewayEvent).where(GatewayEvent.id == event_id).values(handled_at=clock.now()))
