"""What payments hold about a citizen: told on request, and kept as books are, under an id that leads to nobody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from kit import export
from kit.errors import DomainError
from payments.models import ENDED, POSTING_OPEN, MoneyState, Payment, PaymentItem, Refund, RefundState, SavedCard
from payments.operations import cards
from persons.errors import PaymentUnderway

TABLES = frozenset({"payment", "journal_entry", "saved_card"})


def export_citizen(session: Session, citizen_id: UUID) -> dict[str, Any]:
    """Every payment, what it was for, what was given back, and the cards that are or were kept."""
    payments = (
        select(
            Payment.id,
            Payment.created_at,
            Payment.amount_vnd,
            Payment.captured_vnd,
            Payment.state,
            Payment.state_since,
            Payment.reason,
        )
        .where(Payment.citizen_id == citizen_id)
        .order_by(Payment.id)
    )
    items = (
        select(
            PaymentItem.id,
            PaymentItem.payment_id,
            PaymentItem.subject_id,
            PaymentItem.amount_vnd,
            PaymentItem.label_vi,
            PaymentItem.label_en,
            PaymentItem.posting,
            PaymentItem.receipt_no,
            PaymentItem.posted_at,
        )
        .join(Payment, Payment.id == PaymentItem.payment_id)
        .where(Payment.citizen_id == citizen_id)
        .order_by(PaymentItem.id)
    )
    refunds = (
        select(Refund.id, Refund.created_at, Refund.payment_id, Refund.amount_vnd, Refund.state, Refund.reason)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Payment.citizen_id == citizen_id)
        .order_by(Refund.id)
    )
    kept = (
        select(
            SavedCard.id,
            SavedCard.created_at,
            SavedCard.state,
            SavedCard.brand,
            SavedCard.last4,
            SavedCard.expires_month,
            SavedCard.expires_year,
        )
        .where(SavedCard.citizen_id == citizen_id)
        .order_by(SavedCard.id)
    )
    told = {"payments": payments, "items": items, "refunds": refunds, "cards": kept}
    return {name: export.rows(session, query) for name, query in told.items()}


def erase_citizen(session: Session, citizen_id: UUID) -> None:
    """Forget the doors to the gateway and every card; what is booked are papers that the law makes us keep."""
    own = select(SavedCard).where(SavedCard.citizen_id == citizen_id)
    for card in session.scalars(own).all():
        cards.remove_card(session, card)
    session.execute(
        update(SavedCard)
        .where(SavedCard.citizen_id == citizen_id)
        .values(brand=None, last4=None, expires_month=None, expires_year=None)
    )
    session.execute(
        update(Payment).where(Payment.citizen_id == citizen_id).values(client_secret=None, redirect_url=None)
    )


def join_citizens(session: Session, *, kept_id: UUID, joined_id: UUID) -> None:
    """Let one citizen's payments and cards go on as another's; the journal is never changed. Again changes nothing."""
    session.execute(update(SavedCard).where(SavedCard.citizen_id == joined_id).values(citizen_id=kept_id))
    session.execute(update(Payment).where(Payment.citizen_id == joined_id).values(citizen_id=kept_id))


def find_obstacle(session: Session, citizen_id: UUID) -> DomainError | None:
    """Money that is still on its way, to the payee or back: nobody could be told of it afterwards."""
    underway = session.scalar(
        select(Payment.id)
        .outerjoin(PaymentItem, PaymentItem.payment_id == Payment.id)
        .outerjoin(Refund, Refund.payment_id == Payment.id)
        .where(
            Payment.citizen_id == citizen_id,
            or_(
                Payment.state.not_in([MoneyState.CAPTURED, *ENDED]),
                PaymentItem.taken & PaymentItem.posting.in_(POSTING_OPEN),
                Refund.state.not_in([RefundState.SUCCEEDED, RefundState.FAILED]),
                Payment.disputed,
            ),
        )
        .limit(1)
    )
    return None if underway is None else PaymentUnderway()
