"""What payees answer: items whose money was taken, posted or refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, and_, bindparam, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kit import clock, logs
from kit.database import new_id
from payments.models import POSTING_FROM, POSTING_OPEN, Payment, PaymentItem, Posting
from payments.operations import statements
from payments.operations.refunds import refund_by_rule
from payments.operations.timeline import remember

# A payee that has been silent for so long is a matter for a person; it is asked all the same.
PARKED_AFTER = timedelta(hours=24)
_ITEMS = cast("Table", PaymentItem.__table__)
# The payment is locked, so that of two workers only one sees the last answer come in.
_ANSWERS = (
    select(
        Payment.citizen_id,
        Payment.captured_vnd,
        _ITEMS.c.id,
        _ITEMS.c.posting,
        _ITEMS.c.posting_reason,
        _ITEMS.c.amount_vnd,
        _ITEMS.c.taken,
    )
    .join(_ITEMS, _ITEMS.c.payment_id == Payment.id)
    .where(Payment.id == bindparam("settled_id"))
    .order_by(_ITEMS.c.id)
    .with_for_update(of=Payment)
)


@dataclass(frozen=True)
class Settled:
    """What became of a captured payment once every payee has answered; `kept_vnd` is the citizen's."""

    citizen_id: UUID
    posted_vnd: int
    kept_vnd: int
    refusal: str | None


def list_unposted(
    session: Session, *, older_than: timedelta, but: Collection[UUID] = (), limit: int = 500
) -> Sequence[UUID]:
    """Captured payments with items that their payee has not confirmed for too long; `but` leaves payees out.

    The oldest of each payee first, then the second of each: one that never answers keeps the others' waiting least.
    """
    turn = func.row_number().over(partition_by=PaymentItem.payee_id, order_by=(Payment.state_since, Payment.id))
    waiting = (
        select(PaymentItem.payment_id, Payment.state_since, turn.label("turn"))
        .join(Payment, Payment.id == PaymentItem.payment_id)
        .where(
            PaymentItem.taken,
            PaymentItem.posting.in_(POSTING_OPEN),
            PaymentItem.payee_id.not_in(but),
            Payment.state_since < clock.now() - older_than,
        )
        .subquery()
    )
    query = select(waiting.c.payment_id).group_by(waiting.c.payment_id, waiting.c.state_since)
    return session.scalars(query.order_by(func.min(waiting.c.turn), waiting.c.state_since).limit(limit)).all()


def park_postings(session: Session, within: Mapping[UUID, timedelta] | None = None) -> int:
    """Set aside what no payee has answered for a day, in sight of a person; returns how many.

    `within` names payees that have promised to answer sooner.
    """
    now = clock.now()
    overdue = or_(
        Payment.state_since < now - PARKED_AFTER,
        *(
            and_(PaymentItem.payee_id == payee_id, Payment.state_since < now - limit)
            for payee_id, limit in (within or {}).items()
        ),
    )
    parked = session.execute(
        update(PaymentItem)
        .where(
            PaymentItem.taken,
            PaymentItem.posting.in_(POSTING_FROM[Posting.PARKED]),
            Payment.id == PaymentItem.payment_id,
            overdue,
        )
        .values(posting=Posting.PARKED)
        .returning(PaymentItem.payment_id, PaymentItem.id)
    ).all()
    for payment_id, item_id in parked:
        remember(session, payment_id, Posting.PARKED, item_id=item_id)
        logs.logger.error("posting_parked", payment_id=str(payment_id))
    return len(parked)


def begin_posting(session: Session, payment_id: UUID, *, but: Collection[UUID] = ()) -> Mapping[UUID, int]:
    """Note that the payees are about to be called; item id -> how often each was called before, without those done.

    `but` are items whose payees are not called: they fetch what is to be posted.
    """
    values = {"id": payment_id, "but": list(but)}
    return {row.id: row.calls_before for row in session.execute(statements.BEGIN_POSTING, values)}


def hand_out(session: Session, item_ids: Collection[UUID]) -> None:
    """Note that a payee has fetched these items: what it makes of them is not known until it answers."""
    if item_ids:
        session.execute(statements.HAND_OUT, {"ids": list(item_ids)})


def record_posted(session: Session, item_id: UUID, *, receipt_no: str, posted_at: datetime) -> bool:
    """The payee has posted an item: book it. False when that was known already."""
    ids = {name: new_id() for name in ("journal_id", "debit_id", "credit_id")}
    answer = {"receipt_no": receipt_no, "posted_at": posted_at}
    return _settle(session, statements.POST, item_id, **answer, **ids) is not None


def record_rejected(session: Session, item_id: UUID, reason: str) -> bool:
    """The payee has refused an item for good: its money goes back to the citizen. False when that was known already."""
    item = _settle(session, statements.REJECT, item_id, reason=reason)
    if item is None:
        return False
    refund_by_rule(session, item.payment_id, item.amount_vnd, cause=f"item {item_id}", reason=reason)
    return True


def revive_item(session: Session, payment_id: UUID, subject_id: UUID) -> bool:
    """Apply money that came after the end to a claim that is still owed; False when another payment has the claim."""
    try:
        with session.begin_nested():
            revived = session.execute(
                update(PaymentItem)
                .where(
                    PaymentItem.payment_id == payment_id,
                    PaymentItem.subject_id == subject_id,
                    PaymentItem.posting.in_(POSTING_FROM[Posting.PENDING]),
                    ~PaymentItem.taken,
                )
                .values(posting=Posting.PENDING, posting_reason=None, live=True, taken=True)
                .returning(PaymentItem.id)
            ).scalar_one_or_none()
    except IntegrityError:
        # One live payment per claim: the index has decided.
        return False
    return revived is not None


def refund_late(session: Session, payment_id: UUID, amount_vnd: int) -> None:
    """Give back what came after the end and cannot be applied any more."""
    refund_by_rule(session, payment_id, amount_vnd, cause="late", reason="came_too_late")


def find_settled(session: Session, payment_id: UUID) -> Settled | None:
    """What became of a captured payment, once its payees have answered for all; None while one is open."""
    rows = session.execute(_ANSWERS, {"settled_id": payment_id}).all()
    if not rows or not rows[0].captured_vnd or any(row.taken and row.posting in POSTING_OPEN for row in rows):
        return None
    posted = sum(row.amount_vnd for row in rows if row.posting is Posting.POSTED)
    refusal = next((row.posting_reason for row in rows if row.taken and row.posting_reason), None)
    return Settled(rows[0].citizen_id, posted, rows[0].captured_vnd - posted, refusal)


def _settle(session: Session, statement: Any, item_id: UUID, **values: object) -> Any:  # noqa: ANN401 - a row or None
    values |= {"id": item_id, "now": clock.now(), "step_id": new_id()}
    return session.execute(statement, values).one_or_none()
