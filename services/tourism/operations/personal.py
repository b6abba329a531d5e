"""What guides hold about a citizen: favourites, plans and stamps, and the tickets they bought."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from kit import export
from services.tourism.models import Ticket, TicketOrder
from services.tourism.operations.visitors import erase_visits, export_visits, join_citizens

TABLES = frozenset({"visitor", "ticket_order"})


def export_citizen(session: Session, citizen_id: UUID) -> dict[str, Any]:
    """Everything, with each ticket; the codes are not told: who has them could go in."""
    orders = (
        select(
            TicketOrder.id, TicketOrder.created_at, TicketOrder.guide_id, TicketOrder.visit_on, TicketOrder.places,
            TicketOrder.amount_vnd, TicketOrder.state, TicketOrder.payment_id,
        )
        .where(TicketOrder.citizen_id == citizen_id)
        .order_by(TicketOrder.id)
    )  # fmt: skip
    tickets = (
        select(Ticket.id, Ticket.order_id, Ticket.visit_on, Ticket.state, Ticket.used_at)
        .join(TicketOrder, TicketOrder.id == Ticket.order_id)
        .where(TicketOrder.citizen_id == citizen_id)
        .order_by(Ticket.id)
    )
    return {
        **export_visits(session, citizen_id),
        "ticket_orders": export.rows(session, orders),
        "tickets": export.rows(session, tickets),
    }


def erase_citizen(session: Session, citizen_id: UUID) -> None:
    """Forget what was liked, planned and seen. Orders are papers of a payment: they keep an id that leads to nobody."""
    erase_visits(session, citizen_id)


def move_citizen(session: Session, kept_id: UUID, joined_id: UUID) -> None:
    """What was one citizen's is the other's. Safe to repeat."""
    join_citizens(session, kept_id, joined_id)
    session.execute(update(TicketOrder).where(TicketOrder.citizen_id == joined_id).values(citizen_id=kept_id))
