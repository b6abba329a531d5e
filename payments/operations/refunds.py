"""Refunds: decided once, reserved in the ledger first, carried out under one key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, insert, or_, select, text, update
from sqlalchemy.orm import Session

from kit import clock, events, logs
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments import ledger
from payments.errors import PaymentDisputed, RefundNotWaiting, RefundTooLarge, RefundUnderway, SecondPersonNeeded
from payments.events import PaymentRefunded, RefundFailed, RefundRequested
from payments.gateway import Returned
from payments.models import (
    REFUND_FROM,
    Dispute,
    DisputeState,
    JournalKind,
    MoneyState,
    Origin,
    Payment,
    PaymentItem,
    Posting,
    Refund,
    RefundState as R,
)
from payments.operations.timeline import remember

# Above this a second person has to agree (source: decision 0036; the province may set another sum).
SECOND_PERSON_ABOVE_VND = 2_000_000
_SILENT_AFTER = timedelta(seconds=20)
_UNDERWAY = (R.SUBMITTED, R.UNKNOWN)
# What of a payment is the citizen's and not on its way to a payee; one statement, so that it is true of one moment.
_UNAPPLIED = text(f"""
SELECT CAST(coalesce((SELECT -sum(e.amount_vnd) FROM journal j JOIN journal_entry e ON e.journal_id = j.id
                      WHERE j.payment_id = :id AND e.account = '{ledger.CITIZEN_UNAPPLIED}'), 0)
          - coalesce((SELECT sum(amount_vnd) FROM payment_item WHERE payment_id = :id AND taken
                      AND posting IN ('pending', 'unknown', 'parked')), 0) AS bigint)
""")


@dataclass(frozen=True)
class Order:
    """What the gateway is to be asked. `is_repeated` when it may have been asked before: look first."""

    intent_id: str
    amount_vnd: int
    is_repeated: bool


def refund_by_rule(
    session: Session, payment_id: UUID, amount_vnd: int, *, cause: str, reason: str, item_id: UUID | None = None
) -> UUID | None:
    """Give back what nobody may keep: refused by the payee, taken in excess, taken too late; None when it was before.

    With `item_id` the payee gives back what it has posted of that item, as long as it has any; else it is the citizen's
    own unapplied money. A rule decides once about each `cause` of a payment. While the payment is disputed nothing is
    given back: the bank does that, or has found that it need not.
    """
    known = select(Refund.id).where(
        Refund.payment_id == payment_id, Refund.cause == cause, Refund.origin == Origin.RULE
    )
    if session.scalar(known) is not None:
        return None
    try:
        # What was reserved before it turned out that there is too little is free again.
        with session.begin_nested():
            return _reserve(
                session,
                payment_id,
                amount_vnd,
                item_id=_posted(session, item_id),
                origin=Origin.RULE,
                cause=cause,
                reason=reason,
            )
    except (RefundTooLarge, PaymentDisputed) as exc:
        logs.logger.error("refund_not_possible", payment_id=str(payment_id), reason=exc.code)
        return None


def ask_refund(
    session: Session, payment_id: UUID, amount_vnd: int, *, clerk_id: UUID, reason: str, item_id: UUID, payee_id: UUID
) -> UUID:
    """A payee's clerk gives back all or part of what the payee has posted.

    The money is reserved at once. Once the payment's refunds by clerks are above SECOND_PERSON_ABOVE_VND together, it
    waits for a second person: many small ones are a large one. Raises NotFound, RefundTooLarge, PaymentDisputed, and
    RefundUnderway while another refund of the payment has no answer: that may be the very one the clerk means.
    """
    session.execute(select(Payment.id).where(Payment.id == payment_id).with_for_update())
    own = select(PaymentItem.id).where(
        PaymentItem.id == item_id, PaymentItem.payment_id == payment_id, PaymentItem.payee_id == payee_id
    )
    if session.scalar(own) is None:
        raise NotFound
    underway = select(Refund.id).where(Refund.payment_id == payment_id, Refund.state.in_(_UNDERWAY)).limit(1)
    if session.scalar(underway) is not None:
        raise RefundUnderway(retry_after=30)
    before = select(func.coalesce(func.sum(Refund.amount_vnd), 0)).where(
        Refund.payment_id == payment_id, Refund.origin == Origin.CLERK, Refund.state != R.FAILED
    )
    return _reserve(
        session,
        payment_id,
        amount_vnd,
        item_id=item_id,
        origin=Origin.CLERK,
        cause="clerk",
        reason=reason,
        asked_by=clerk_id,
        needs_second=session.scalars(before).one() + amount_vnd > SECOND_PERSON_ABOVE_VND,
    )


def get_refund(session: Session, refund_id: UUID, payee_id: UUID) -> Refund:
    """A refund of what a payee has posted. Raises NotFound for any other."""
    query = select(Refund).join(PaymentItem, PaymentItem.id == Refund.item_id)
    found = session.execute(query.where(Refund.id == refund_id, PaymentItem.payee_id == payee_id)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def list_payee_refunds(session: Session, payee_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """What a payee's clerks have decided to give back, the newest first."""
    query = select(Refund).join(PaymentItem, PaymentItem.id == Refund.item_id).where(PaymentItem.payee_id == payee_id)
    return page(session, query, by=[Refund.id], limit=limit, cursor=cursor, question=("refunds", payee_id))


def approve_refund(session: Session, refund_id: UUID, clerk_id: UUID) -> None:
    """The second person agrees. Raises NotFound, SecondPersonNeeded for the first one, RefundNotWaiting."""
    refund = _waiting(session, refund_id)
    if refund.asked_by == clerk_id:
        raise SecondPersonNeeded
    refund.approved_by, refund.approved_at = clerk_id, clock.now()
    session.flush()
    events.emit(session, RefundRequested(refund_id))


def decline_refund(session: Session, refund_id: UUID) -> None:
    """The second person does not agree, or the first thought better of it: what was reserved is free again."""
    _waiting(session, refund_id)
    _fail(session, refund_id, "declined")


def begin_refund(session: Session, refund_id: UUID) -> Order | None:
    """Note that the gateway is about to be asked; None when there is nothing to ask for any more."""
    refund = session.execute(select(Refund).where(Refund.id == refund_id).with_for_update()).scalar_one_or_none()
    if refund is None or (refund.needs_second and refund.approved_by is None):
        return None
    is_repeated = refund.state is not R.REQUESTED
    if refund.state is not R.SUBMITTED and _move(session, refund_id, R.SUBMITTED) is None:
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
        return
    if told.status in {"failed", "canceled"}:
        _fail(session, refund_id, told.failure or told.status, gateway_id=told.id)
        return
    if told.status != "succeeded":
        return
    moved = _move(session, refund_id, R.SUCCEEDED, gateway_id=told.id)
    if moved is None:
        return
    legs = ledger.move(ledger.REFUND_IN_FLIGHT, ledger.GATEWAY_AVAILABLE, refund.amount_vnd)
    ledger.book(session, JournalKind.REFUND_DONE, refund_id, legs, payment_id=refund.payment_id)
    remember(session, refund.payment_id, "refunded", reason=refund.reason)
    citizen_id = session.execute(select(Payment.citizen_id).where(Payment.id == refund.payment_id)).scalar_one()
    by_clerk = refund.origin is Origin.CLERK
    events.emit(session, PaymentRefunded(refund.payment_id, citizen_id, refund_id, refund.amount_vnd, by_clerk))


def refuse_refund(session: Session, refund_id: UUID, reason: str) -> None:
    """The gateway will not give it back: the decision is void, and the money stands where it stood before."""
    _fail(session, refund_id, reason)


def void_waiting(session: Session, payment_id: UUID) -> None:
    """The citizen's bank has taken the money back: what the gateway was not asked for yet is not given back as well.

    The payment has to be locked by the caller.
    """
    waiting = select(Refund.id).where(Refund.payment_id == payment_id, Refund.state == R.REQUESTED)
    for refund_id in session.scalars(waiting.order_by(Refund.id).with_for_update()).all():
        _fail(session, refund_id, "disputed")


def list_doubtful_refunds(session: Session, *, limit: int = 100) -> Sequence[UUID]:
    """Refunds that should have been answered long ago, in any order: so that none can keep others waiting."""
    query = select(Refund.id).where(
        Refund.state.in_([R.REQUESTED, *_UNDERWAY]),
        Refund.state_since < clock.now() - _SILENT_AFTER,
        or_(~Refund.needs_second, Refund.approved_by.is_not(None)),
    )
    return session.execute(query.order_by(func.random()).limit(limit)).scalars().all()


def list_refunds(session: Session, payment_id: UUID) -> Sequence[Refund]:
    """The refunds of a payment, the oldest first."""
    return session.execute(select(Refund).where(Refund.payment_id == payment_id).order_by(Refund.id)).scalars().all()


def unapplied(session: Session, payment_id: UUID) -> int:
    """What of a payment is the citizen's and not on its way to a payee, in đồng."""
    return int(session.execute(_UNAPPLIED, {"id": payment_id}).scalar_one())


def _reserve(
    session: Session,
    payment_id: UUID,
    amount_vnd: int,
    *,
    item_id: UUID | None,
    **decision: Any,  # noqa: ANN401
) -> UUID:
    """Take the amount out of reach of any other decision, and write this one down."""
    reserved = session.execute(
        update(Payment)
        .where(
            Payment.id == payment_id,
            Payment.state == MoneyState.CAPTURED,
            ~Payment.disputed,
            Payment.refunded_vnd + amount_vnd <= Payment.captured_vnd,
        )
        .values(refunded_vnd=Payment.refunded_vnd + amount_vnd)
        .returning(Payment.holder_id)
    ).one_or_none()
    if reserved is None:
        raise _why_not(session, payment_id)
    refund_id, now, payee_id = new_id(), clock.now(), None
    if item_id is not None:
        payee_id = _take_back(session, payment_id, item_id, amount_vnd)
    elif (left := unapplied(session, payment_id)) < amount_vnd:
        raise RefundTooLarge(refundable_vnd=max(left, 0))
    session.execute(
        insert(Refund).values(
            id=refund_id,
            created_at=now,
            payment_id=payment_id,
            item_id=item_id,
            amount_vnd=amount_vnd,
            state=R.REQUESTED,
            state_since=now,
            **{"needs_second": False, **decision},
        )
    )
    citizen = {"citizen_id": reserved.holder_id}
    if item_id is not None:
        legs = [
            ledger.Leg(ledger.PROVIDER_PAYABLE, amount_vnd, payee_id=payee_id),
            ledger.Leg(ledger.CITIZEN_UNAPPLIED, -amount_vnd, **citizen),
        ]
        ledger.book(session, JournalKind.REVERSED, refund_id, legs, payment_id=payment_id)
    legs = ledger.move(ledger.CITIZEN_UNAPPLIED, ledger.REFUND_IN_FLIGHT, amount_vnd, **citizen)
    ledger.book(session, JournalKind.REFUND_REQUESTED, refund_id, legs, payment_id=payment_id)
    remember(session, payment_id, "refund_requested", item_id=item_id, reason=decision["reason"])
    if not decision.get("needs_second"):
        events.emit(session, RefundRequested(refund_id))
    return refund_id


def _take_back(session: Session, payment_id: UUID, item_id: UUID, amount_vnd: int) -> UUID:
    taken = session.execute(
        update(PaymentItem)
        .where(
            PaymentItem.id == item_id,
            PaymentItem.payment_id == payment_id,
            PaymentItem.posting == Posting.POSTED,
            PaymentItem.refunded_vnd + amount_vnd <= PaymentItem.amount_vnd,
        )
        .values(refunded_vnd=PaymentItem.refunded_vnd + amount_vnd)
        .returning(PaymentItem.payee_id)
    ).scalar_one_or_none()
    if taken is None:
        item = session.execute(
            select(PaymentItem.amount_vnd - PaymentItem.refunded_vnd, PaymentItem.posting).where(
                PaymentItem.id == item_id, PaymentItem.payment_id == payment_id
            )
        ).one_or_none()
        if item is None:
            raise NotFound
        raise RefundTooLarge(refundable_vnd=item[0] if item.posting is Posting.POSTED else 0)
    return taken


def _why_not(session: Session, payment_id: UUID) -> Exception:
    payment = session.execute(select(Payment).where(Payment.id == payment_id)).scalar_one_or_none()
    if payment is None:
        return NotFound()
    if payment.disputed:
        return PaymentDisputed()
    return RefundTooLarge(refundable_vnd=payment.captured_vnd - payment.refunded_vnd)


def _posted(session: Session, item_id: UUID | None) -> UUID | None:
    """The item, if its payee has anything of it left to give back."""
    kept = (PaymentItem.posting == Posting.POSTED, PaymentItem.refunded_vnd < PaymentItem.amount_vnd)
    return session.scalar(select(PaymentItem.id).where(PaymentItem.id == item_id, *kept))


def _waiting(session: Session, refund_id: UUID) -> Refund:
    _lock_payment(session, refund_id)
    refund = session.execute(select(Refund).where(Refund.id == refund_id).with_for_update()).scalar_one_or_none()
    if refund is None:
        raise NotFound
    if not (refund.state is R.REQUESTED and refund.needs_second and refund.approved_by is None):
        raise RefundNotWaiting
    return refund


def _lock_payment(session: Session, refund_id: UUID) -> None:
    """Whoever changes a payment and its refund locks the payment first."""
    own = select(Payment.id).join(Refund, Refund.payment_id == Payment.id).where(Refund.id == refund_id)
    session.execute(own.with_for_update(of=Payment))


def _fail(session: Session, refund_id: UUID, reason: str, *, gateway_id: str | None = None) -> None:
    _lock_payment(session, refund_id)
    before = session.execute(select(Refund).where(Refund.id == refund_id).with_for_update()).scalar_one()
    was_done, payment_id, amount, item_id = (
        before.state is R.SUCCEEDED, before.payment_id, before.amount_vnd, before.item_id,
    )  # fmt: skip
    if _move(session, refund_id, R.FAILED, failure=reason, gateway_id=gateway_id or before.gateway_id) is None:
        return
    # Counted anew: of what a dispute has taken as well, a refund that failed frees nothing.
    standing = select(func.coalesce(func.sum(Refund.amount_vnd), 0)).where(
        Refund.payment_id == payment_id, Refund.state != R.FAILED
    )
    lost = select(func.coalesce(func.sum(Dispute.amount_vnd), 0)).where(
        Dispute.payment_id == payment_id, Dispute.state == DisputeState.LOST
    )
    decided = standing.scalar_subquery() + lost.scalar_subquery()
    holder_id = session.execute(
        update(Payment)
        .where(Payment.id == payment_id)
        .values(refunded_vnd=func.least(Payment.captured_vnd, decided))
        .returning(Payment.holder_id)
    ).scalar_one()
    # After a success the money is at the gateway again and the citizen's. Before one, the decision is void as a whole.
    kind = JournalKind.REFUND_RETURNED if was_done else JournalKind.REFUND_FAILED
    source = ledger.GATEWAY_AVAILABLE if was_done else ledger.REFUND_IN_FLIGHT
    legs = ledger.move(source, ledger.CITIZEN_UNAPPLIED, amount, citizen_id=holder_id)
    ledger.book(session, kind, refund_id, legs, payment_id=payment_id)
    if item_id is not None and not was_done:
        payee_id = session.execute(
            update(PaymentItem)
            .where(PaymentItem.id == item_id)
            .values(refunded_vnd=PaymentItem.refunded_vnd - amount)
            .returning(PaymentItem.payee_id)
        ).scalar_one()
        legs = [
            ledger.Leg(ledger.CITIZEN_UNAPPLIED, amount, citizen_id=holder_id),
            ledger.Leg(ledger.PROVIDER_PAYABLE, -amount, payee_id=payee_id),
        ]
        ledger.book(session, JournalKind.REVERSED, f"{refund_id} back", legs, payment_id=payment_id)
    remember(session, payment_id, "refund_failed", reason=reason)
    events.emit(session, RefundFailed(payment_id, holder_id, refund_id, amount))
    logs.logger.error("refund_failed", payment_id=str(payment_id), reason=reason)


def _move(session: Session, refund_id: UUID, to: R, **values: object) -> UUID | None:
    # Asking again does not make the silence any younger: it is counted from the first time.
    since = clock.now()
    if to in _UNDERWAY:
        values["state_since"] = case((Refund.state.in_(_UNDERWAY), Refund.state_since), else_=since)
    return session.execute(
        update(Refund)
        .where(Refund.id == refund_id, Refund.state.in_(REFUND_FROM[to]))
        .values({"state": to, "state_since": since, **values})
        .returning(Refund.payment_id)
    ).scalar_one_or_none()
