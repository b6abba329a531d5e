"""The double-entry journal: what is booked when money moves. Debits positive, credits negative, đồng."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from payments.models import Journal, JournalEntry, JournalKind, Payment, PaymentItem, Refund

GATEWAY_PENDING = "1110"
PROVIDER_PAYABLE = "2110"
CITIZEN_UNAPPLIED = "2120"
REFUND_IN_FLIGHT = "2130"


@dataclass(frozen=True)
class Leg:
    """One side of a booking, with whom it concerns."""

    account: str
    amount_vnd: int
    payee_id: UUID | None = None
    citizen_id: UUID | None = None


def book_capture(session: Session, payment: Payment) -> None:
    """J1: the gateway has the money, and it is the citizen's until the payee posts it."""
    amount = payment.captured_vnd
    legs = [Leg(GATEWAY_PENDING, amount), Leg(CITIZEN_UNAPPLIED, -amount, citizen_id=payment.citizen_id)]
    _book(session, payment.id, JournalKind.CAPTURED, None, legs)


def book_posting(session: Session, citizen_id: UUID, item: PaymentItem) -> None:
    """J2: the payee has written it to the debtor's account, so now we owe it to the payee."""
    legs = [
        Leg(CITIZEN_UNAPPLIED, item.amount_vnd, citizen_id=citizen_id),
        Leg(PROVIDER_PAYABLE, -item.amount_vnd, payee_id=item.payee_id),
    ]
    _book(session, item.payment_id, JournalKind.POSTED, item.id, legs)


def book_refund(
    session: Session, kind: JournalKind, refund: Refund, *, citizen_id: UUID, payee_id: UUID | None
) -> None:
    """J3 to J5: the payee's or the citizen's own money is reserved, has gone back, or stays where it was."""
    amount, owner = refund.amount_vnd, Leg(CITIZEN_UNAPPLIED, refund.amount_vnd, citizen_id=citizen_id)
    if payee_id is not None:
        owner = Leg(PROVIDER_PAYABLE, amount, payee_id=payee_id)
    legs = {
        JournalKind.REFUND_REQUESTED: [owner, Leg(REFUND_IN_FLIGHT, -amount)],
        JournalKind.REFUND_DONE: [Leg(REFUND_IN_FLIGHT, amount), Leg(GATEWAY_PENDING, -amount)],
        JournalKind.REFUND_FAILED: [Leg(REFUND_IN_FLIGHT, amount), replace(owner, amount_vnd=-amount)],
    }
    _book(session, refund.payment_id, kind, refund.item_id, legs[kind])


def sum_of_all(session: Session) -> int:
    """The sum of every entry ever made: 0, or something is badly wrong."""
    return int(session.execute(select(func.coalesce(func.sum(JournalEntry.amount_vnd), 0))).scalar_one())


def balance(session: Session, account: str, *, payee_id: UUID | None = None, citizen_id: UUID | None = None) -> int:
    """Debits less credits of an account, of one payee or citizen where given."""
    query = select(func.coalesce(func.sum(JournalEntry.amount_vnd), 0)).where(JournalEntry.account == account)
    if payee_id is not None:
        query = query.where(JournalEntry.payee_id == payee_id)
    if citizen_id is not None:
        query = query.where(JournalEntry.citizen_id == citizen_id)
    return int(session.execute(query).scalar_one())


def _book(session: Session, payment_id: UUID, kind: JournalKind, item_id: UUID | None, legs: Sequence[Leg]) -> None:
    now = clock.now()
    journal_id = session.execute(
        insert_or_skip(Journal)
        .values(id=new_id(), created_at=now, payment_id=payment_id, kind=kind, item_id=item_id)
        .on_conflict_do_nothing()
        .returning(Journal.id)
    ).scalar_one_or_none()
    if journal_id is None:
        return
    session.execute(
        insert(JournalEntry),
        [
            {
                "id": new_id(),
                "created_at": now,
                "journal_id": journal_id,
                "account": leg.account,
                "payee_id": leg.payee_id,
                "citizen_id": leg.citizen_id,
                "amount_vnd": leg.amount_vnd,
            }
            for leg in legs
        ],
    )
