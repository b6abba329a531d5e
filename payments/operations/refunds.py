"""Refunds: decided once, reserved in the ledger first, carried out under one key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from kit import clock, events, logs
from kit.database import new_id
from payments import ledger
from payments.events import PaymentRefunded, RefundFailed, RefundRequested
from payments.gateway import Returned
from payments.models import (
    REFUND_FROM,
    Journal,
    JournalEntry,
    JournalKind,
    MoneyState,
    Payment,
    PaymentItem,
    Posting,
    Refund,
    RefundState,
)
from payments.operations.timeline import remember

_SILENT_AFTER = timedelta(seconds=20)
_NEVER_ARRIVES_AFTER = timedelta(seconds=60)  # a call lasts half a minute at most, its repetition included
_UNDERWAY = (RefundState.REQUESTED, RefundState.SUBMITTED, RefundState.UNKNOWN)
# What of a payment is the citizen's and not on its way to a payee; one statement, so that it is true of one moment.
_UNAPPLIED = text("""
SELECT CAST(coalesce((SELECT -sum(e.amount_vnd) FROM journal j JOIN journal_entry e ON e.journal_id = j.id
                      WHERE j.payment_id = :id AND e.account = :unapplied), 0)
          - coalesce((SELECT sum(amount_vnd) FROM payment_item WHERE payment_id = :id AND taken
                      AND posting = 'pending'), 0) AS bigint)
""")


@dataclass(frozen=True)
class Order:
    """What the gateway is to be asked. `is_repeated` when it was, or may have been, asked before: look first."""

    intent_id: str
    amount_vnd: int
    attempt: int
    is_repeated: bool


def refund_by_rule(
    session: Session, payment_id: UUID, amount_vnd: int, *, cause: str, reason: str, item_id: UUID | None = None
) -> UUID | None:
    """Give money back by a rule of a room; None when that was decided before, or there is not so much to give back.

    A rule decides once about each `cause` of a payment. The citizen's own unapplied money goes back first; what it does
    not cover, the payee of `item_id` gives back of what it has posted. All of it is reserved here: no two decisions can
    give back the same đồng, and none more than was taken.
    """
    payment = session.execute(
        select(Payment).where(Payment.id == payment_id, Payment.state == MoneyState.CAPTURED).with_for_update()
    ).scalar_one_or_none()
    known = select(Refund.id).where(Refund.payment_id == payment_id, Refund.cause == cause)
    if payment is None or session.scalar(known) is not None:
        return None
    missing = max(0, amount_vnd - unapplied(session, payment_id))
    item = None if item_id is None else _find_posted(session, payment_id, item_id)
    if missing > (0 if item is None else item.amount_vnd - _reversed(session, item.id)):
        logs.logger.error("refund_not_possible", payment_id=str(payment_id), reason="refund_too_large")
        return None
    now = clock.now()
    refund = Refund(
        id=new_id(),
        created_at=now,
        payment_id=payment_id,
        item_id=item_id,
        amount_vnd=amount_vnd,
        state=RefundState.REQUESTED,
        state_since=now,
        cause=cause,
        reason=reason,
    )
    session.add(refund)
    session.flush()
    if item is not None and missing:
        ledger.book_reversal(session, payment.citizen_id, refund, missing, item.payee_id)
    ledger.book_refund(session, payment.citizen_id, refund, JournalKind.REFUND_REQUESTED)
    remember(session, payment_id, "refund_requested", item_id=item_id, reason=reason)
    events.emit(session, RefundRequested(refund.id))
    return refund.id


def begin_refund(session: Session, refund_id: UUID) -> Order | None:
    """Note that the gateway is about to be asked; None when there is nothing to ask for any more."""
    refund = session.execute(select(Refund).where(Refund.id == refund_id).with_for_update()).scalar_one_or_none()
    intent_id = (
        None if refund is None else session.scalar(select(Payment.intent_id).where(Payment.id == refund.payment_id))
    )
    if refund is None or intent_id is None or refund.state not in _UNDERWAY:
        return None
    is_repeated = refund.attempt > 0
    if not is_repeated:
        refund.attempt, refund.asked_at = 1, clock.now()
        _move(session, refund, RefundState.SUBMITTED)
    return Order(intent_id, refund.amount_vnd, refund.attempt, is_repeated)


def ask_anew(session: Session, refund_id: UUID, *, after: int) -> int | None:
    """Begin another attempt, which the gateway knows no refund of; returns its number.

    None while the attempt `after` may still be on its way, or when somebody else has begun another one.
    """
    refund = _locked(session, refund_id)
    is_over = refund.asked_at is not None and clock.now() - refund.asked_at >= _NEVER_ARRIVES_AFTER
    if refund.state not in _UNDERWAY or refund.attempt != after or not is_over:
        return None
    refund.attempt, refund.asked_at = after + 1, clock.now()
    _move(session, refund, RefundState.SUBMITTED)
    return refund.attempt


def doubt_refund(session: Session, refund_id: UUID) -> None:
    """The gateway gave no answer we can rely on: what became of the call is looked up."""
    _move(session, _locked(session, refund_id), RefundState.UNKNOWN)


def apply_refund(session: Session, refund_id: UUID, told: Returned) -> None:
    """Bring a refund to what the gateway says of it; safe in any order and any number of times."""
    refund = _locked(session, refund_id)
    if (told.amount_vnd, told.refund_id) != (refund.amount_vnd, refund_id):
        logs.logger.error("gateway_refund_mismatch", refund_id=str(refund_id))
        return
    refund.gateway_id = told.id
    if told.status in {"failed", "canceled"}:
        _fail(session, refund, told.failure or told.status)
    elif told.status == "succeeded" and _move(session, refund, RefundState.SUCCEEDED):
        citizen_id = _citizen(session, refund)
        ledger.book_refund(session, citizen_id, refund, JournalKind.REFUND_DONE)
        remember(session, refund.payment_id, "refunded", item_id=refund.item_id, reason=refund.reason)
        events.emit(session, PaymentRefunded(refund.payment_id, citizen_id, refund_id, refund.amount_vnd))


def refuse_refund(session: Session, refund_id: UUID, reason: str) -> None:
    """The gateway will not give it back: what was reserved is the citizen's unapplied money again."""
    _fail(session, _locked(session, refund_id), reason)


def list_doubtful_refunds(session: Session, *, limit: int = 100) -> Sequence[UUID]:
    """Refunds that should have been answered long ago, the oldest first."""
    query = select(Refund.id).where(
        Refund.state.in_(_UNDERWAY), Refund.state_since < clock.now() - _SILENT_AFTER
    )  # fmt: skip
    return session.execute(query.order_by(Refund.state_since).limit(limit)).scalars().all()


def list_refunds(session: Session, payment_id: UUID) -> Sequence[Refund]:
    """The refunds of a payment, the oldest first."""
    return session.execute(select(Refund).where(Refund.payment_id == payment_id).order_by(Refund.id)).scalars().all()


def unapplied(session: Session, payment_id: UUID) -> int:
    """What of a payment is the citizen's and not on its way to a payee, in đồng."""
    return int(session.execute(_UNAPPLIED, {"id": payment_id, "unapplied": ledger.CITIZEN_UNAPPLIED}).scalar_one())


def _find_posted(session: Session, payment_id: UUID, item_id: UUID) -> PaymentItem | None:
    return session.execute(
        select(PaymentItem).where(
            PaymentItem.id == item_id, PaymentItem.payment_id == payment_id, PaymentItem.posting == Posting.POSTED
        )
    ).scalar_one_or_none()


def _reversed(session: Session, item_id: UUID) -> int:
    """What the payee of an item has given back of it before."""
    given = (
        select(func.coalesce(func.sum(JournalEntry.amount_vnd), 0))
        .join(Journal, Journal.id == JournalEntry.journal_id)
        .where(
            Journal.item_id == item_id,
            Journal.kind == JournalKind.REVERSED,
            JournalEntry.account == ledger.PROVIDER_PAYABLE,
        )
    )
    return int(session.execute(given).scalar_one())


def _fail(session: Session, refund: Refund, reason: str) -> None:
    was_done = refund.state is RefundState.SUCCEEDED
    if not _move(session, refund, RefundState.FAILED):
        return
    refund.failure = reason
    citizen_id = _citizen(session, refund)
    kind = JournalKind.REFUND_RETURNED if was_done else JournalKind.REFUND_FAILED
    ledger.book_refund(session, citizen_id, refund, kind)
    remember(session, refund.payment_id, "refund_failed", item_id=refund.item_id, reason=reason)
    events.emit(session, RefundFailed(refund.payment_id, citizen_id, refund.id, refund.amount_vnd))


def _move(session: Session, refund: Refund, to: RefundState) -> bool:
    """One guarded move; False when `to` cannot be reached from where the refund is."""
    moved = session.execute(
        update(Refund)
        .where(Refund.id == refund.id, Refund.state.in_(REFUND_FROM[to]))
        .values(state=to, state_since=clock.now())
        .returning(Refund.id)
    ).scalar_one_or_none()
    session.refresh(refund, ["state", "state_since"])
    return moved is not None


def _locked(session: Session, refund_id: UUID) -> Refund:
    return session.execute(
        select(Refund).where(Refund.id == refund_id).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()


def _citizen(session: Session, refund: Refund) -> UUID:
    return session.execute(select(Payment.citizen_id).where(Payment.id == refund.payment_id)).scalar_one()
