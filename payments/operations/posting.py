"""What payees answer: items whose money was taken, posted or refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from kit import clock
from payments import ledger
from payments.models import Payment, PaymentItem, Posting
from payments.operations.timeline import remember


def list_unposted(session: Session, *, older_than: timedelta, limit: int = 500) -> Sequence[UUID]:
    """Captured payments with items that their payee has not confirmed for too long."""
    return (
        session.execute(
            select(PaymentItem.payment_id)
            .distinct()
            .join(Payment, Payment.id == PaymentItem.payment_id)
            .where(
                PaymentItem.taken,
                PaymentItem.posting == Posting.PENDING,
                Payment.state_since < clock.now() - older_than,
            )
            .limit(limit)
        )
        .scalars()
        .all()
    )


def begin_posting(session: Session, item_id: UUID) -> int | None:
    """Note that the payee is about to be called; returns how often it was called before, None when it is done."""
    return session.execute(
        update(PaymentItem)
        .where(PaymentItem.id == item_id, PaymentItem.posting == Posting.PENDING)
        .values(posting_attempts=PaymentItem.posting_attempts + 1)
        .returning(PaymentItem.posting_attempts - 1)
    ).scalar_one_or_none()


def record_posted(session: Session, item_id: UUID, *, receipt_no: str, posted_at: datetime) -> bool:
    """The payee has posted an item: book it. False when that was known already."""
    item = _settle_item(session, item_id, posting=Posting.POSTED, receipt_no=receipt_no, posted_at=posted_at)
    if item is None:
        return False
    citizen_id = session.execute(select(Payment.citizen_id).where(Payment.id == item.payment_id)).scalar_one()
    ledger.book_posting(session, citizen_id, item)
    remember(session, item.payment_id, "posted", item_id=item_id)
    return True


def record_rejected(session: Session, item_id: UUID, reason: str) -> bool:
    """The payee has refused an item for good: its money stays the citizen's. False when that was known already."""
    item = _settle_item(session, item_id, posting=Posting.REJECTED, posting_reason=reason, live=False)
    if item is None:
        return False
    remember(session, item.payment_id, "rejected", item_id=item_id, reason=reason)
    return True


def list_settled_items(session: Session, payment_id: UUID) -> Sequence[PaymentItem] | None:
    """The items whose money was taken, once their payees have answered for all; None while one is open.

    The payment is locked, so that of two workers only one sees the last answer come in.
    """
    session.execute(select(Payment.id).where(Payment.id == payment_id).with_for_update())
    items = (
        session.execute(
            select(PaymentItem)
            .where(PaymentItem.payment_id == payment_id, PaymentItem.taken)
            .order_by(PaymentItem.id)
            .execution_options(populate_existing=True)
        )
        .scalars()
        .all()
    )
    return None if any(item.posting is Posting.PENDING for item in items) else items


def _settle_item(session: Session, item_id: UUID, **values: object) -> PaymentItem | None:
    return session.execute(
        update(PaymentItem)
        .where(PaymentItem.id == item_id, PaymentItem.posting == Posting.PENDING)
        .values(**values)
        .returning(PaymentItem)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
