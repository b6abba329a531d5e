"""What tickets' events put into the inbox; each is safe to hear twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

import services.tourism.operations
from kit.events import emit
from notifications import operations
from notifications.events import MessagePosted
from notifications.models import MessageKind
from services.tourism.events import TicketRefundDue, TicketsIssued


def tell_tickets_ready(session: Session, event: TicketsIssued) -> None:
    """Tickets were paid, or cost nothing, and open the gate."""
    params = _visit(session, event.order_id) | {"count": event.places}
    _tell(session, event.citizen_id, MessageKind.TICKETS_READY, event.order_id, params)


def tell_tickets_returned(session: Session, event: TicketRefundDue) -> None:
    """Tickets were given back, or could not be had after all, and their money is on its way back."""
    params = _visit(session, event.order_id) | {"amount_vnd": event.amount_vnd, "reason": event.reason}
    _tell(session, event.citizen_id, MessageKind.TICKETS_RETURNED, event.order_id, params)


def _visit(session: Session, order_id: UUID) -> dict[str, Any]:
    place, visit_on = services.tourism.operations.describe_order(session, order_id)
    return {"place": place, "visit_on": visit_on.isoformat()}


def _tell(session: Session, citizen_id: UUID, kind: MessageKind, subject_id: UUID, params: Mapping[str, Any]) -> None:
    message_id = operations.post_message(session, citizen_id, kind, subject_id, params)
    if message_id is not None:
        emit(session, MessagePosted(message_id))
