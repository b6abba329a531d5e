"""Refunds: decided once for each cause, reserved in the ledger first, carried out under one key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from kit import clock, events, logs
from kit.database import new_id
from payments import ledger
from payments.events import RefundRequested
from payments.gateway import Returned
from payments.models import (
    REFUND_FROM,
    JournalKind,
    MoneyState,
    Payment,
    PaymentItem,
    Posting,
    Refund,
    RefundState as R,
)
from payments.operations.timeline import remember

_SILENT_AFTER = timedelta(seconds=20)


@dataclass(frozen=True)
class Order:
    """What the gateway is to be asked. `is_repeated` when it may have been asked before: look first."""

    intent_id: str
    amount_vnd: int
    is_repeated: bool


def refund_by_rule(
    session: Session, payment_id: UUID, amount_vnd: int, *, cause: str, reason: str, item_id: UUID | None = None
) -> UUID | None:
    """Give money back that was taken: of an item its payee had posted, or without one what was never applied.

    A rule decides once about each `cause` of a payment; None when it has, or when there is not so much to give back.
    """
    payment = session.execute(select(Payment).where(Payment.id == payment_id).with_for_update()).scalar_one()
    known = select(Refund.id).where(Refund.payment_id == payment_id, Refund.cause == cause)
    if session.scalar(known) is not None:
        return None
    if payment.state is not MoneyState.CAPTURED or amount_vnd > _left(session, payment, item_id):
        logs.logger.error("refund_not_possible", payment_id=str(payment_id), reason=reason)
        return None
    now = clock.now()
    refund = Refund(
        id=new_id(),
        created_at=now,
        payment_id=payment_id,
        item_id=item_id,
        amount_vnd=amount_vnd,
        state_since=now,
        cause=cause,
        reason=reason,
    )
    session.add(refund)
    session.flush()
    _book(session, JournalKind.REFUND_REQUESTED, refund)
    remember(session, payment_id, "refund_requested", item_id=item_id, reason=reason)
    events.emit(session, RefundRequested(refund.id))
    return refund.id


def begin_refund(session: Session, refund_id: UUID) -> Order | None:
    """Note that the gateway is about to be asked; None when there is nothing to ask for any more."""
    refund = session.execute(select(Refund).where(Refund.id == refund_id).with_for_update()).scalar_one_or_none()
    if refund is None:
        return None
    is_repeated = refund.state is not R.REQUESTED
    if refund.state is not R.SUBMITTED and not _move(session, refund_id, R.SUBMITTED):
        return None
    intent_id = session.execute(select(Payment.intent_id).where(Payment.id == refund.payment_id)).scalar_one()
    return None if intent_id is None else Order(intent_id, refund.amount_vnd, is_repeated)


def doubt_refund(session: Session, refund_id: UUID) -> None:
    """The gateway gave no answer we can rely on: it is asked again under the same key."""
    _move(session, refund_id, R.UNKNOWN)


def apply_refund(session: Session, refund_id: UUID, told: Returned) -> None:
    """Bring a refund to what the gateway says of it; safe in any order and any number of times."""
    refund = session.execute(select(Refund).where(Refund.id == refund_id)).scalar_one_or_none()
    if refund is None or (told.amount_vnd, told.refund_id) != (refund.amount_vnd, refund_id):
        logs.logger.error("gateway_refund_mismatch", refund_id=str(refund_id))
    elif told.status in {"failed", "canceled"}:
        _fail(session, refund, told.failure or told.status)
    elif told.status == "succeeded" and _move(session, refund_id, R.SUCCEEDED, gateway_id=told.id):
        _book(session, JournalKind.REFUND_DONE, refund)
        remember(session, refund.payment_id, "refunded", item_id=refund.item_id, reason=refund.reason)


def refuse_refund(session: Session, refund_id: UUID, reason: str) -> None:
    """The gateway will not give it back: the decision is void, and the money stands where it stood before."""
    refund = session.execute(select(Refund).where(Refund.id == refund_id)).scalar_one()
    _fail(session, refund, reason)


def list_doubtful_refunds(session: Session, *, limit: int = 100) -> Sequence[UUID]:
    """Refunds that should have been answered long ago, the oldest first."""
    query = select(Refund.id).where(
        Refund.state.in_([R.REQUESTED, R.SUBMITTED, R.UNKNOWN]), Refund.state_since < clock.now() - _SILENT_AFTER
    )
    return session.execute(query.order_by(Refund.state_since).limit(limit)).scalars().all()


def list_refunds(session: Session, payment_id: UUID) -> Sequence[Refund]:
    """The refunds of a payment, the oldest first."""
    query = select(Refund).where(Refund.payment_id == payment_id).order_by(Refund.id)
    return session.execute(query.execution_options(populate_existing=True)).scalars().all()


def _left(session: Session, payment: Payment, item_id: UUID | None) -> int:
    """What of an item, or of money that was never applied, has not been given back; the payment is locked."""
    of_items = select(func.coalesce(func.sum(PaymentItem.amount_vnd), 0)).where(PaymentItem.payment_id == payment.id)
    given = select(func.coalesce(func.sum(Refund.amount_vnd), 0)).where(
        Refund.payment_id == payment.id, Refund.item_id.is_not_distinct_from(item_id), Refund.state != R.FAILED
    )
    if item_id is None:
        taken = payment.captured_vnd - int(session.execute(of_items.where(PaymentItem.taken)).scalar_one())
    else:
        posted = of_items.where(PaymentItem.id == item_id, PaymentItem.posting == Posting.POSTED)
        taken = int(session.execute(posted).scalar_one())
    return taken - int(session.execute(given).scalar_one())


def _book(session: Session, kind: JournalKind, refund: Refund) -> None:
    citizen_id = session.execute(select(Payment.citizen_id).where(Payment.id == refund.payment_id)).scalar_one()
    payee_id = None
    if refund.item_id is not None:
        payee_id = session.execute(select(PaymentItem.payee_id).where(PaymentItem.id == refund.item_id)).scalar_one()
    ledger.book_refund(session, kind, refund, citizen_id=citizen_id, payee_id=payee_id)


def _fail(session: Session, refund: Refund, reason: str) -> None:
    if not _move(session, refund.id, R.FAILED, failure=reason):
        return
    _book(session, JournalKind.REFUND_FAILED, refund)
    remember(session, refund.payment_id, "refund_failed", item_id=refund.item_id, reason=reason)
    logs.logger.error("refund_failed", payment_id=str(refund.payment_id), reason=reason)


def _move(session: Session, refund_id: UUID, to: R, **values: object) -> bool:
    moved = session.execute(
        update(Refund)
        .where(Refund.id == refund_id, Refund.state.in_(REFUND_FROM[to]))
        .values(state=to, state_since=clock.now(), **values)
        .returning(Refund.id)
    )
    return moved.scalar_one_or_none() is not None
