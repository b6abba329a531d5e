"""The double-entry journal: what is booked when money moves. Debits positive, credits negative, đồng."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
# Debit and credit of what happens to a refund.
_REFUNDS = {
    JournalKind.REFUND_REQUESTED: (CITIZEN_UNAPPLIED, REFUND_IN_FLIGHT),
    JournalKind.REFUND_DONE: (REFUND_IN_FLIGHT, GATEWAY_PENDING),
    JournalKind.REFUND_FAILED: (REFUND_IN_FLIGHT, CITIZEN_UNAPPLIED),
    JournalKind.REFUND_RETURNED: (GATEWAY_PENDING, CITIZEN_UNAPPLIED),
}


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


def book_reversal(session: Session, citizen_id: UUID, refund: Refund, amount_vnd: int, payee_id: UUID) -> None:
    """J3: the payee gives back what it had posted, so it is the citizen's again."""
    legs = [
        Leg(PROVIDER_PAYABLE, amount_vnd, payee_id=payee_id),
        Leg(CITIZEN_UNAPPLIED, -amount_vnd, citizen_id=citizen_id),
    ]
    _book(session, refund.payment_id, JournalKind.REVERSED, refund.item_id, legs, refund_id=refund.id)


def book_refund(session: Session, citizen_id: UUID, refund: Refund, kind: JournalKind) -> None:
    """J4 to J7: reserved to be given back; given back; refused by the gateway; sent back by the citizen's bank."""
    debit, credit = _REFUNDS[kind]
    legs = [
        Leg(account, amount, citizen_id=citizen_id if account == CITIZEN_UNAPPLIED else None)
        for account, amount in ((debit, refund.amount_vnd), (credit, -refund.amount_vnd))
    ]
    _book(session, refund.payment_id, kind, refund.item_id, legs, refund_id=refund.id)


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


def _book(
    session: Session,
    payment_id: UUID,
    kind: JournalKind,
    item_id: UUID | None,
    legs: Sequence[Leg],
    *,
    refund_id: UUID | None = None,
) -> None:
    now = clock.now()
    journal_id = session.execute(
        insert_or_skip(Journal)
        .values(id=new_id(), created_at=now, payment_id=payment_id, kind=kind, item_id=item_id, refund_id=refund_id)
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
