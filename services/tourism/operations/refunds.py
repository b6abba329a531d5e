"""Money for tickets on its way back: decided here, carried out by payments, watched until it has arrived."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

import payments.operations
from kit import events
from kit.errors import NotFound
from kit.pages import Page, page
from payments.models import PaymentItem, Refund, RefundState
from services.tourism.errors import RefundNotRepeatable
from services.tourism.events import TicketRefundDue
from services.tourism.models import Guide, OrderState, TicketOrder
from services.tourism.operations.revisions import Desk


def give_back(session: Session, order: TicketOrder, reason: str) -> None:
    """Reserve what was paid for an order, to go back to where it came from; the try's number makes it another one."""
    order.refund_tries += 1
    session.flush()
    if order.payment_id is None:
        return
    item_id = item_of(session, order)
    # What was taken and never posted goes back because the site refuses it.
    if not payments.operations.record_rejected(session, item_id, reason):
        payments.operations.refund_by_rule(
            session,
            order.payment_id,
            order.amount_vnd,
            cause=f"tickets:{order.id}:{order.refund_tries}",
            reason=reason,
            item_id=item_id,
        )
    if order.refund_tries == 1:
        events.emit(session, TicketRefundDue(order.id, order.citizen_id, order.amount_vnd, reason))


def item_of(session: Session, order: TicketOrder) -> UUID:
    """What a payment calls the claim of an order."""
    return session.execute(
        select(PaymentItem.id).where(PaymentItem.payment_id == order.payment_id, PaymentItem.subject_id == order.id)
    ).scalar_one()


def complete_refund(session: Session, payment_id: UUID) -> None:
    """The money of an order has arrived at the citizen's bank. Safe to repeat."""
    session.execute(
        update(TicketOrder)
        .where(TicketOrder.payment_id == payment_id, TicketOrder.state == OrderState.REFUND_DUE)
        .values(state=OrderState.REFUNDED, version=TicketOrder.version + 1)
    )


def reopen_refund(session: Session, payment_id: UUID) -> None:
    """The citizen's bank has sent the money back: it is due again. Safe to repeat."""
    session.execute(
        update(TicketOrder)
        .where(TicketOrder.payment_id == payment_id, TicketOrder.state == OrderState.REFUNDED)
        .values(state=OrderState.REFUND_DUE, version=TicketOrder.version + 1)
    )


def repeat_refund(session: Session, desk: Desk, order_id: UUID) -> None:
    """Let the gateway try once more to give money back, after it would not.

    Raises NotFound for an order of another office, and RefundNotRepeatable while a try is under way or none is due.
    """
    order = session.execute(
        select(TicketOrder)
        .join(Guide, Guide.id == TicketOrder.guide_id)
        .where(TicketOrder.id == order_id, Guide.organisation_id == desk.organisation_id)
        .with_for_update(of=TicketOrder)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if order is None:
        raise NotFound
    if order.state is not OrderState.REFUND_DUE or order.payment_id is None:
        raise RefundNotRepeatable(state=order.state)
    tries = payments.operations.list_refunds(session, order.payment_id)
    if any(one.state is not RefundState.FAILED for one in tries):
        raise RefundNotRepeatable(state=order.state)
    give_back(session, order, "tried_again")


def list_refunds(session: Session, desk: Desk, *, limit: int, cursor: str | None) -> Page:
    """Orders for places of this office whose money is on its way back, the newest first; `failure` where it is not."""
    latest = (
        select(Refund.failure)
        .where(Refund.payment_id == TicketOrder.payment_id)
        .order_by(Refund.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(
            TicketOrder.id, TicketOrder.payment_id, TicketOrder.amount_vnd, TicketOrder.visit_on,
            TicketOrder.refund_tries, latest.label("failure"),
        )
        .join(Guide, Guide.id == TicketOrder.guide_id)
        .where(Guide.organisation_id == desk.organisation_id, TicketOrder.state == OrderState.REFUND_DUE)
    )  # fmt: skip
    question = ("ticket-refunds", desk.organisation_id)
    return page(session, query, by=[TicketOrder.id], limit=limit, cursor=cursor, question=question)
