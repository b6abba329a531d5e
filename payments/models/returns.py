"""Money on its way back: refunds somebody decided on, and disputes a citizen's bank has opened."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Record
from payments.models.machines import DisputeState, RefundState


class Origin(StrEnum):
    """Who decided: a rule of the house, or a person."""

    RULE = "rule"
    CLERK = "clerk"


class Refund(Record):
    """One decision to give money back; its id is the gateway's key, so that it can be carried out once only.

    With `item_id` the payee gives back what it had posted; without one the citizen's own unapplied money goes back.
    """

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint("amount_vnd BETWEEN 1 AND 99999999999", name="amount"),
        CheckConstraint("(origin = 'clerk') = (asked_by IS NOT NULL)", name="clerk_has_a_name"),
        CheckConstraint("approved_by IS NULL OR approved_by <> asked_by", name="two_people"),
        CheckConstraint(
            "NOT needs_second OR approved_by IS NOT NULL OR state IN ('requested', 'failed')", name="second"
        ),
        # A rule decides once about each cause, however often it is asked.
        Index("uq_refund_cause", "payment_id", "cause", unique=True, postgresql_where=text("origin = 'rule'")),
        Index("ix_refund_payment", "payment_id", "id"),
        Index("ix_refund_open", "state_since", postgresql_where=text("state IN ('requested', 'submitted', 'unknown')")),
        Index("ix_refund_approved", "approved_at", "id", postgresql_where=text("approved_at IS NOT NULL")),
        CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="approved_some_time"),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_item.id"))
    amount_vnd: Mapped[int]
    state: Mapped[RefundState] = mapped_column(default=RefundState.REQUESTED)
    state_since: Mapped[datetime]
    origin: Mapped[Origin]
    cause: Mapped[str]
    reason: Mapped[str]
    needs_second: Mapped[bool] = mapped_column(default=False)
    asked_by: Mapped[UUID | None]
    approved_by: Mapped[UUID | None]
    approved_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    gateway_id: Mapped[str | None] = mapped_column(unique=True)


class Dispute(Record):
    """A payment that the citizen has called wrong at their bank; the bank keeps the money until it has decided."""

    __tablename__ = "dispute"
    __table_args__ = (
        CheckConstraint("amount_vnd BETWEEN 1 AND 99999999999", name="amount"),
        Index("ix_dispute_payment", "payment_id", "id"),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    gateway_id: Mapped[str] = mapped_column(unique=True)
    amount_vnd: Mapped[int]
    state: Mapped[DisputeState]
    state_since: Mapped[datetime]
    reason: Mapped[str]
    evidence_due_at: Mapped[datetime | None]
