"""The double-entry journal, the seals over it, and the triggers that hold whoever writes."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record, guard


class JournalKind(StrEnum):
    """Which event a journal books; the numbers of the chart of entries in docs/ledger.md."""

    CAPTURED = "captured"  # J1
    POSTED = "posted"  # J2
    FEE = "fee"  # J3
    AVAILABLE = "available"  # J4
    PAYOUT = "payout"  # J5
    PAYOUT_FAILED = "payout_failed"  # J5 back
    BANKED = "banked"  # J6
    BANK_UNIDENTIFIED = "bank_unidentified"
    REMITTED = "remitted"  # J7
    REFUND_REQUESTED = "refund_requested"  # J8
    REFUND_DONE = "refund_done"
    REFUND_FAILED = "refund_failed"
    REVERSED = "reversed"  # J9
    DISPUTE_OPENED = "dispute_opened"  # J10
    DISPUTE_FEE = "dispute_fee"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    REFUND_RETURNED = "refund_returned"  # J11
    ADJUSTMENT = "adjustment"  # J12


class Journal(Record):
    """One booking: two or more entries that sum to zero. Never changed, never deleted.

    `subject` is what happened: the id of a payment, an item, a refund, a payout, a movement of the gateway's balance.
    `number` is the order in which bookings were made; time would not do, because clocks are moved.
    """

    __tablename__ = "journal"
    __table_args__ = (
        Index("uq_journal_once", "kind", "subject", unique=True),
        Index("ix_journal_payment", "payment_id", "id"),
        Index("ix_journal_number", "number", unique=True),
        CheckConstraint("kind <> 'adjustment' OR discrepancy_id IS NOT NULL", name="adjustment_is_explained"),
    )

    number: Mapped[int] = mapped_column(Identity(always=True))
    kind: Mapped[JournalKind]
    subject: Mapped[str]
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment.id"))
    payee_id: Mapped[UUID | None]
    discrepancy_id: Mapped[UUID | None] = mapped_column(ForeignKey("discrepancy.id"))


class JournalEntry(Record):
    """One side of a booking: debits positive, credits negative, in đồng."""

    __tablename__ = "journal_entry"
    __table_args__ = (
        CheckConstraint("amount_vnd <> 0", name="amount"),
        Index("ix_journal_entry_journal", "journal_id"),
        Index("ix_journal_entry_account", "account", "payee_id"),
        # What a payee is owed for a window of time.
        Index("ix_journal_entry_payee", "payee_id", "created_at", postgresql_where=text("account = '2110'")),
        # Entries are added in the order of time: a range of it is a range of the table.
        Index("ix_journal_entry_made", "created_at", postgresql_using="brin"),
    )

    journal_id: Mapped[UUID] = mapped_column(ForeignKey("journal.id"))
    account: Mapped[str]
    payee_id: Mapped[UUID | None]
    citizen_id: Mapped[UUID | None]
    amount_vnd: Mapped[int]


class Seal(Base):
    """The place of a journal in its provider's chain: `digest` is over the journal and the digest before it."""

    __tablename__ = "seal"
    __table_args__ = (UniqueConstraint("journal_number"),)

    chain: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    journal_number: Mapped[int]
    journal_id: Mapped[UUID]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_at: Mapped[datetime]


class DailyRoot(Base):
    """One signature over the heads of all chains at the end of a day; providers keep copies of it."""

    __tablename__ = "daily_root"

    day: Mapped[date] = mapped_column(primary_key=True)
    heads: Mapped[dict[str, Any]]
    root: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[str]
    signature: Mapped[bytes] = mapped_column(LargeBinary)


_APPEND_ONLY = ("journal", "journal_entry", "seal", "daily_root")
# Triggers that hold whoever writes: a journal sums to zero at commit, and is never changed.
GUARDS = (
    """
CREATE OR REPLACE FUNCTION journal_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT coalesce(sum(amount_vnd), 1) <> 0 OR count(*) < 2 FROM journal_entry WHERE journal_id =
      CASE TG_TABLE_NAME WHEN 'journal' THEN NEW.id ELSE (to_jsonb(NEW) ->> 'journal_id')::uuid END) THEN
    RAISE EXCEPTION 'a journal must have two entries or more that sum to zero' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
""",
    """
CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'journals are never changed: book a new one' USING ERRCODE = 'restrict_violation';
END $$
""",
    """
CREATE CONSTRAINT TRIGGER journal_balances AFTER INSERT ON journal
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_must_balance()
""",
    """
CREATE CONSTRAINT TRIGGER journal_entry_balances AFTER INSERT ON journal_entry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_must_balance()
""",
    *(
        f"""
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()
"""
        for table in _APPEND_ONLY
    ),
)

guard(Journal.__table__, GUARDS)
