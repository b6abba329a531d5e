"""What the gateway and the bank say of our money, and the differences between that and our books."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record
from payments.models.machines import DiscrepancyState, PayoutState
from payments.models.reconciling import Way


class BalanceTransaction(Base):
    """One movement of the gateway's balance, as the gateway tells it: `net_vnd` is amount less fee."""

    __tablename__ = "balance_transaction"
    __table_args__ = (
        CheckConstraint("net_vnd = amount_vnd - fee_vnd", name="net"),
        Index("ix_balance_transaction_source", "source"),
        Index("ix_balance_transaction_payout", "payout_id", postgresql_where=text("payout_id IS NOT NULL")),
        Index("ix_balance_transaction_ripening", "available_at", postgresql_where=text("NOT ripened")),
        Index("ix_balance_transaction_created", "made_at"),
        Index("ix_balance_transaction_unexplained", "id", postgresql_where=text("NOT explained")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    category: Mapped[str]
    source: Mapped[str | None]
    amount_vnd: Mapped[int]
    fee_vnd: Mapped[int]
    net_vnd: Mapped[int]
    made_at: Mapped[datetime]
    available_at: Mapped[datetime]
    ripened: Mapped[bool]
    explained: Mapped[bool] = mapped_column(default=False)
    payout_id: Mapped[str | None]
    read_at: Mapped[datetime]


class Payout(Base):
    """A transfer of the gateway to our bank. `bank_line_id` is the credit that it became."""

    __tablename__ = "payout"

    id: Mapped[str] = mapped_column(primary_key=True)
    amount_vnd: Mapped[int]
    state: Mapped[PayoutState]
    trace_id: Mapped[str | None]
    arrives_on: Mapped[date]
    listed: Mapped[bool] = mapped_column(default=False)
    bank_line_id: Mapped[UUID | None] = mapped_column(ForeignKey("bank_line.id"), unique=True)


class BankStatement(Record):
    """One file of the bank, taken in once by its hash; its sums were true when it was taken."""

    __tablename__ = "bank_statement"
    __table_args__ = (
        CheckConstraint("opening_vnd + moved_vnd = closing_vnd", name="control_total"),
        CheckConstraint("accepted + refused = read AND known <= accepted", name="no_line_is_lost"),
        UniqueConstraint("name", "revision"),
    )

    file_hash: Mapped[str] = mapped_column(unique=True)
    layout: Mapped[str | None]  # by which it was read; none for our own form and for messages
    name: Mapped[str | None]  # the bank's own, where it corrects its statements
    revision: Mapped[int] = mapped_column(default=1)
    opening_vnd: Mapped[int]
    moved_vnd: Mapped[int]
    closing_vnd: Mapped[int]
    balanced: Mapped[bool] = mapped_column(default=True, server_default=text("true"))  # whether it knows its balances
    # What became of its lines: those that had come before are of the accepted.
    read: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    accepted: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    known: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    refused: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    errors: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("match_run.id"))


class BankForm(Base):
    """How one bank writes its statements, by the code that operators name it by; see payments/bank_layout.py."""

    __tablename__ = "bank_form"

    code: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime]
    changed_by: Mapped[UUID | None]


class BankLine(Record):
    """One movement of our bank account. `reference` is the bank's own number of it: the same one comes in once."""

    __tablename__ = "bank_line"
    __table_args__ = (
        UniqueConstraint("reference"),
        CheckConstraint("amount_vnd <> 0", name="amount"),
        Index("ix_bank_line_booked_on", "booked_on"),
    )

    statement_id: Mapped[UUID] = mapped_column(ForeignKey("bank_statement.id"))
    line: Mapped[int]
    reference: Mapped[str]
    booked_on: Mapped[date]
    amount_vnd: Mapped[int]
    purpose: Mapped[str]
    withdrawn: Mapped[bool] = mapped_column(default=False, server_default=text("false"))


class Discrepancy(Record):
    """A difference between our books and somebody else's; it takes two people to book it away."""

    __tablename__ = "discrepancy"
    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        CheckConstraint("approved_by IS NULL OR approved_by <> proposed_by", name="two_people"),
        CheckConstraint("state <> 'resolved' OR approved_by IS NOT NULL", name="resolved_by_two"),
        Index("ix_discrepancy_open", "id", postgresql_where=text("state IN ('open', 'investigating', 'proposed')")),
        Index("ix_discrepancy_payee", "payee_id", "id", postgresql_where=text("payee_id IS NOT NULL")),
    )

    kind: Mapped[str]
    subject: Mapped[str]
    amount_vnd: Mapped[int]
    state: Mapped[DiscrepancyState] = mapped_column(default=DiscrepancyState.OPEN)
    explanation: Mapped[str | None]
    account: Mapped[str | None]
    proposed_by: Mapped[UUID | None]
    approved_by: Mapped[UUID | None]
    # Which comparison found it, of whose day, and until when somebody is to have explained it.
    way: Mapped[Way | None]
    payee_id: Mapped[UUID | None]
    business_day: Mapped[date | None]
    due_on: Mapped[date | None]
    evidence_hash: Mapped[str | None]
    details: Mapped[dict[str, Any] | None]
    closed_at: Mapped[datetime | None]


class Alarm(Record):
    """A finding of the periodic check that a person has to look at; open until a later check finds all well.

    Neither open nor cleared: the gateway's balance was seen to differ from our books, by what `promises` says.
    """

    __tablename__ = "books_alarm"
    __table_args__ = (Index("uq_books_alarm_open", "open", unique=True, postgresql_where=text("open")),)

    promises: Mapped[str]
    open: Mapped[bool] = mapped_column(default=True)
    cleared_at: Mapped[datetime | None]
