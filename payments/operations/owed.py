"""What a payee is owed, and the money that is handed on to it (J7)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from payments import ledger
from payments.ledger import Leg
from payments.models import JournalKind


def payable(session: Session, payee_id: UUID) -> int:
    """What is owed to a payee now, in đồng; negative when it has had more than it may keep."""
    return -ledger.balance(session, ledger.PROVIDER_PAYABLE, payee_id=payee_id)


def remit(session: Session, payee_id: UUID, amount_vnd: int, *, commission_vnd: int, remittance: str) -> bool:
    """Book that a payee got `amount_vnd` of what it is owed, less our commission, from the bank account.

    `remittance` is the payee's number of it: the same one is booked once, and False says that it was before. What is
    taken back after a remittance makes the next one smaller by itself. Raises ValueError for a commission above the
    amount, or an amount that is none.
    """
    if not 0 <= commission_vnd <= amount_vnd or amount_vnd == 0:
        raise ValueError("a remittance is of something, and leaves the payee no less than nothing")
    legs = [
        Leg(ledger.PROVIDER_PAYABLE, amount_vnd, payee_id=payee_id),
        Leg(ledger.BANK, commission_vnd - amount_vnd),
        Leg(ledger.FEE_INCOME, -commission_vnd),
    ]
    return ledger.book(session, JournalKind.REMITTED, f"{payee_id} {remittance}", legs)
