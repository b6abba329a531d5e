"""Payments as citizens and flows read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from kit.errors import NotFound
from kit.pages import Page, page
from payments.errors import AmountTooSmall, CardDeclined, PaymentMethodInvalid
from payments.gateway import publishable_key
from payments.models import MoneyState, Payment, PaymentEvent, PaymentItem

_CARD_REASONS = frozenset({
    "card_declined", "insufficient_funds", "card_expired", "wrong_cvc",
    "authentication_needed", "authentication_failed",
})  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A payment with its items and its steps: what `getPayment` answers."""

    payment: Payment
    items: Sequence[PaymentItem]
    steps: Sequence[PaymentEvent]
    publishable_key: str


def get_payment(session: Session, payment_id: UUID, citizen_id: UUID) -> Told:
    """A citizen's own payment; raises NotFound for anybody else's."""
    payment = session.execute(
        select(Payment).where(Payment.id == payment_id, Payment.citizen_id == citizen_id)
    ).scalar_one_or_none()
    if payment is None:
        raise NotFound
    items = session.execute(select(PaymentItem).where(PaymentItem.payment_id == payment_id).order_by(PaymentItem.id))
    steps = session.execute(select(PaymentEvent).where(PaymentEvent.payment_id == payment_id).order_by(PaymentEvent.id))
    return Told(payment, items.scalars().all(), steps.scalars().all(), publishable_key())


def list_items(session: Session, payment_id: UUID) -> Sequence[PaymentItem]:
    """All items of a payment, whoever's it is: for rooms, never for a citizen."""
    items = session.scalars(select(PaymentItem).where(PaymentItem.payment_id == payment_id).order_by(PaymentItem.id))
    return items.all()


def get_submitted(session: Session, payment_id: UUID, citizen_id: UUID) -> Told:
    """The payment as the answer to the request that made it.

    Raises CardDeclined, PaymentMethodInvalid and AmountTooSmall when the gateway said so at once. What came to light
    later was not the first answer, and is not the answer to a replay either.
    """
    told = get_payment(session, payment_id, citizen_id)
    reason = told.payment.reason
    if [step.step for step in told.steps] != [MoneyState.CREATED, MoneyState.FAILED]:
        return told
    if reason in _CARD_REASONS:
        raise CardDeclined(reason=reason, payment_id=payment_id)
    if reason == "amount_too_small":
        raise AmountTooSmall(payment_id=payment_id)
    if reason == "payment_method_invalid":
        raise PaymentMethodInvalid(payment_id=payment_id)
    return told


def list_payments(session: Session, citizen_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A citizen's payments, newest first."""
    return page(
        session,
        select(Payment).where(Payment.citizen_id == citizen_id),
        by=[Payment.id],
        limit=limit,
        cursor=cursor,
        question=("payments", citizen_id),
    )


def find_state(session: Session, payment_id: UUID) -> Payment | None:
    """The payment as it is, whoever asks: for flows, never for callers."""
    return session.execute(select(Payment).where(Payment.id == payment_id)).scalar_one_or_none()
