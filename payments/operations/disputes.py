"""Disputes: what the citizen's bank takes back, gives back and decides, as the gateway tells it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock, logs
from kit.database import new_id
from payments import ledger
from payments.gateway import Contested, Movement
from payments.models import (
    DISPUTE_FROM,
    DISPUTE_OPEN,
    BalanceTransaction,
    Dispute,
    DisputeState as D,
    JournalKind,
    Payment,
    PaymentItem,
    Posting,
)
from payments.operations.refunds import refund_by_rule, unapplied, void_waiting
from payments.operations.timeline import remember

# The gateway knows more states than move money: an inquiry (`warning_…`) and a dispute that was prevented are none.
_KNOWN = frozenset(state.value for state in D)


def apply_dispute(session: Session, told: Contested) -> None:
    """Bring a dispute to what the gateway says of it; safe in any order and any number of times.

    From the first word of it nothing can be refunded, and a refund that the gateway has not been asked for is void; the
    bill stays paid. What is lost is first taken from what is the
    citizen's anyway, then from the payees who had posted it, in their order: they claw it back from the next
    remittance. What nobody can be asked for is our loss.
    """
    if told.status not in _KNOWN:
        logs.logger.info("dispute_without_money", status=told.status)
        return
    # One without an intent is of a charge that no payment of ours made, and must not meet a payment that has none yet.
    payment = session.execute(
        select(Payment).where(Payment.intent_id.is_not(None), Payment.intent_id == told.intent_id).with_for_update()
    ).scalar_one_or_none()
    if payment is None:
        logs.logger.error("dispute_of_a_stranger")
        return
    dispute_id = _open(session, payment, told)
    to = D(told.status)
    moved = session.execute(
        update(Dispute)
        .where(Dispute.id == dispute_id, Dispute.state.in_(DISPUTE_FROM[to]))
        .values(state=to, state_since=clock.now(), evidence_due_at=told.due_at)
        .returning(Dispute.amount_vnd)
    ).scalar_one_or_none()
    if moved is None or to in DISPUTE_OPEN:
        return
    if to is D.WON:
        legs = ledger.move(ledger.GATEWAY_AVAILABLE, ledger.DISPUTED, moved)
        ledger.book(session, JournalKind.DISPUTE_WON, dispute_id, legs, payment_id=payment.id)
    else:
        _lose(session, payment, dispute_id, moved)
    remember(session, payment.id, f"dispute_{to}", reason=told.reason)
    still_open = select(Dispute.id).where(Dispute.payment_id == payment.id, Dispute.state.in_(DISPUTE_OPEN)).limit(1)
    is_disputed = session.scalar(still_open) is not None
    session.execute(update(Payment).where(Payment.id == payment.id).values(disputed=is_disputed))
    # Rules that had to wait for the bank are not asked again: what is the citizen's by now goes back after all.
    if to is D.WON and not is_disputed and (own := unapplied(session, payment.id)) > 0:
        refund_by_rule(session, payment.id, own, cause=f"dispute {dispute_id}", reason="dispute_won")


def list_disputes(session: Session, payment_id: UUID) -> Sequence[Dispute]:
    """The disputes of a payment, the oldest first."""
    return session.execute(select(Dispute).where(Dispute.payment_id == payment_id).order_by(Dispute.id)).scalars().all()


def list_unheard_disputes(session: Session, movements: Iterable[Movement]) -> list[str]:
    """The gateway's ids of disputes whose money has moved by these movements, which nobody has told us of.

    Not of movements that were read before: what is not ours would be asked about for days.
    """
    moved = [each for each in movements if each.type == "adjustment" and each.category.startswith("dispute")]
    if not moved:
        return []
    read = set(
        session.scalars(select(BalanceTransaction.id).where(BalanceTransaction.id.in_([each.id for each in moved])))
    )
    states = dict(
        session.execute(
            select(Dispute.gateway_id, Dispute.state).where(Dispute.gateway_id.in_([each.source for each in moved]))
        ).all()
    )
    unheard = [
        each.source
        for each in moved
        if each.source is not None
        and each.id not in read
        and (each.source not in states or (each.amount_vnd > 0 and states[each.source] is not D.WON))
    ]
    return list(dict.fromkeys(unheard))


def list_open_disputes(session: Session) -> Sequence[str]:
    """The gateway's ids of the disputes that the bank has not decided yet, as far as we have heard."""
    return session.scalars(select(Dispute.gateway_id).where(Dispute.state.in_(DISPUTE_OPEN))).all()


def _open(session: Session, payment: Payment, told: Contested) -> UUID:
    """Our dispute behind the gateway's; its money is booked away when it is news."""
    dispute_id = session.execute(
        insert_or_skip(Dispute)
        .values(
            id=new_id(),
            created_at=clock.now(),
            payment_id=payment.id,
            gateway_id=told.id,
            amount_vnd=told.amount_vnd,
            state=D.NEEDS_RESPONSE,
            state_since=clock.now(),
            reason=told.reason,
            evidence_due_at=told.due_at,
        )
        .on_conflict_do_nothing()
        .returning(Dispute.id)
    ).scalar_one_or_none()
    if dispute_id is None:
        return session.execute(select(Dispute.id).where(Dispute.gateway_id == told.id)).scalar_one()
    session.execute(update(Payment).where(Payment.id == payment.id).values(disputed=True))
    void_waiting(session, payment.id)
    legs = ledger.move(ledger.DISPUTED, ledger.GATEWAY_AVAILABLE, told.amount_vnd)
    ledger.book(session, JournalKind.DISPUTE_OPENED, dispute_id, legs, payment_id=payment.id)
    remember(session, payment.id, "dispute_opened", reason=told.reason)
    return dispute_id


def _lose(session: Session, payment: Payment, dispute_id: UUID, amount_vnd: int) -> None:
    legs = [ledger.Leg(ledger.DISPUTED, -amount_vnd)]
    left = amount_vnd
    if own := min(left, max(0, unapplied(session, payment.id))):
        legs.append(ledger.Leg(ledger.CITIZEN_UNAPPLIED, own, citizen_id=payment.holder_id))
        left -= own
    posted = select(PaymentItem).where(PaymentItem.payment_id == payment.id, PaymentItem.posting == Posting.POSTED)
    for item in session.execute(posted.order_by(PaymentItem.id).with_for_update()).scalars():
        if part := min(left, item.amount_vnd - item.refunded_vnd):
            legs.append(ledger.Leg(ledger.PROVIDER_PAYABLE, part, payee_id=item.payee_id))
            item.refunded_vnd += part
            left -= part
    if left:
        legs.append(ledger.Leg(ledger.LOSS, left))
    ledger.book(session, JournalKind.DISPUTE_LOST, dispute_id, legs, payment_id=payment.id)
    # What the bank has taken cannot be given back a second time.
    session.execute(
        update(Payment)
        .where(Payment.id == payment.id)
        .values(refunded_vnd=func.least(Payment.captured_vnd, Payment.refunded_vnd + amount_vnd))
    )
