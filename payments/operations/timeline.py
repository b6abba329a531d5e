"""The steps of a payment's life, as citizen, provider and developer see them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from payments.models import PaymentEvent


def remember(
    session: Session, payment_id: UUID, step: str, *, item_id: UUID | None = None, reason: str | None = None
) -> None:
    """Append one step to a payment's timeline."""
    session.execute(
        insert(PaymentEvent).values(
            id=new_id(), created_at=clock.now(), payment_id=payment_id, step=str(step), item_id=item_id, reason=reason
        )
    )
