"""Deposits: what a service asks for before a place is booked, and where that money is."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kit import clock
from kit.database import Record


class DepositState(StrEnum):
    """Where a deposit is. RETURNED: it was decided to give it back; the refund tells how far that has come."""

    PAYING = "paying"
    PAID = "paid"
    ENDED = "ended"  # nothing was taken
    RETURNED = "returned"


class Deposit(Record):
    """One attempt to pay the deposit of one booking; `payment_id` may pay those of a whole family."""

    __tablename__ = "deposit"
    __table_args__ = (
        CheckConstraint("amount_vnd BETWEEN 1 AND 99999999999", name="amount"),
        CheckConstraint("(state = 'returned') = (reason IS NOT NULL)", name="returned_for_a_reason"),
        Index("uq_deposit_live", "booking_id", unique=True, postgresql_where=text("state IN ('paying', 'paid')")),
        Index("ix_deposit_booking", "booking_id"),
        Index("ix_deposit_payment", "payment_id"),
        Index("ix_deposit_returned", "facility_id", "id", postgresql_where=text("state = 'returned'")),
    )

    booking_id: Mapped[UUID] = mapped_column(ForeignKey("booking.id"))
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facility.id"))
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    amount_vnd: Mapped[int]
    state: Mapped[DepositState] = mapped_column(default=DepositState.PAYING)
    state_since: Mapped[datetime] = mapped_column(default=clock.now)
    reason: Mapped[str | None]
