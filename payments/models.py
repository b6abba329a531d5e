"""Payments, their items and states, the gateway's events, and the double-entry journal."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, event, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record
from kit.sealed import SealedText


class MoneyState(StrEnum):
    """Where the citizen's money is. UNKNOWN: the gateway's answer is not known yet; it never means failed."""

    CREATED = "created"
    AUTHORISING = "authorising"
    REQUIRES_ACTION = "requires_action"
    UNKNOWN = "unknown"
    AUTHORISED = "authorised"
    CAPTURING = "capturing"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_M = MoneyState
ENDED = frozenset({_M.FAILED, _M.CANCELLED, _M.EXPIRED})
_BEFORE_HOLD = frozenset({_M.CREATED, _M.AUTHORISING, _M.REQUIRES_ACTION, _M.UNKNOWN})
# Legal moves: state -> the states it may be reached from. CAPTURED may follow an end: money that arrives late is booked
# all the same, and then applied or given back.
REACHED_FROM: dict[MoneyState, frozenset[MoneyState]] = {
    _M.CREATED: frozenset(),
    _M.AUTHORISING: frozenset({_M.CREATED, _M.REQUIRES_ACTION, _M.UNKNOWN}),
    _M.REQUIRES_ACTION: frozenset({_M.CREATED, _M.AUTHORISING, _M.UNKNOWN}),
    _M.UNKNOWN: frozenset({_M.CREATED, _M.AUTHORISING, _M.REQUIRES_ACTION, _M.AUTHORISED, _M.CAPTURING}),
    _M.AUTHORISED: _BEFORE_HOLD,
    _M.CAPTURING: frozenset({_M.AUTHORISED}),
    _M.CAPTURED: frozenset(_M) - {_M.CAPTURED},
    _M.FAILED: _BEFORE_HOLD,
    _M.CANCELLED: _BEFORE_HOLD | {_M.AUTHORISED, _M.CAPTURING},
    _M.EXPIRED: _BEFORE_HOLD | {_M.AUTHORISED, _M.CAPTURING},
}


class Posting(StrEnum):
    """Whether the payee has written the money to the debtor's account (gạch nợ)."""

    PENDING = "pending"
    POSTED = "posted"
    REJECTED = "rejected"
    NOT_TAKEN = "not_taken"


class RefundState(StrEnum):
    """What has become of a decision to give money back. UNKNOWN: the gateway's answer is not known yet."""

    REQUESTED = "requested"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_R = RefundState
REFUND_FROM: dict[RefundState, frozenset[RefundState]] = {
    _R.REQUESTED: frozenset(),
    _R.SUBMITTED: frozenset({_R.REQUESTED, _R.UNKNOWN}),
    _R.UNKNOWN: frozenset({_R.SUBMITTED}),
    _R.SUCCEEDED: frozenset({_R.SUBMITTED, _R.UNKNOWN}),
    _R.FAILED: frozenset({_R.REQUESTED, _R.SUBMITTED, _R.UNKNOWN}),
}


class Payment(Record):
    """One citizen's intention to pay one or several items with one card."""

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("amount_vnd BETWEEN 1 AND 99999999999", name="amount"),
        CheckConstraint("captured_vnd BETWEEN 0 AND amount_vnd", name="captured"),
        CheckConstraint("(state = 'captured') = (captured_vnd > 0)", name="captured_state"),
        Index("ix_payment_citizen", "citizen_id", "id"),
        # What the sweeper looks for: small, because almost every payment is over.
        Index(
            "ix_payment_open",
            "state_since",
            postgresql_where=text("state NOT IN ('captured', 'failed', 'cancelled', 'expired')"),
        ),
    )

    citizen_id: Mapped[UUID]
    amount_vnd: Mapped[int]
    capture_vnd: Mapped[int | None]
    captured_vnd: Mapped[int] = mapped_column(default=0)
    state: Mapped[MoneyState] = mapped_column(default=MoneyState.CREATED)
    state_since: Mapped[datetime]
    reason: Mapped[str | None]
    intent_id: Mapped[str | None] = mapped_column(unique=True)
    # With either of these somebody else could confirm the payment at the gateway.
    redirect_url: Mapped[str | None] = mapped_column(SealedText("payment confirmation"))
    client_secret: Mapped[str | None] = mapped_column(SealedText("payment confirmation"))
    version: Mapped[int] = mapped_column(default=1)


class PaymentItem(Record):
    """One thing a payment pays for. `subject_id` is the payee's claim (a bill) in the room that opened the payment."""

    __tablename__ = "payment_item"
    __table_args__ = (
        CheckConstraint("amount_vnd BETWEEN 1 AND 99999999999", name="amount"),
        # One live payment per claim, where no race can break it.
        Index("uq_payment_item_live", "subject_id", unique=True, postgresql_where=text("live")),
        Index("ix_payment_item_payment", "payment_id"),
        Index("ix_payment_item_payee", "payee_id", "id", postgresql_where=text("taken")),
        Index("ix_payment_item_pending", "payment_id", postgresql_where=text("taken AND posting = 'pending'")),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    payee_id: Mapped[UUID]
    subject_id: Mapped[UUID]
    amount_vnd: Mapped[int]
    label_vi: Mapped[str]
    label_en: Mapped[str]
    live: Mapped[bool] = mapped_column(default=True)
    taken: Mapped[bool] = mapped_column(default=False)
    posting: Mapped[Posting] = mapped_column(default=Posting.PENDING)
    posting_attempts: Mapped[int] = mapped_column(default=0)
    posting_reason: Mapped[str | None]
    receipt_no: Mapped[str | None]
    posted_at: Mapped[datetime | None]


class PaymentEvent(Record):
    """One step of a payment's life: the timeline citizen, provider and developer share."""

    __tablename__ = "payment_event"
    __table_args__ = (Index("ix_payment_event_payment", "payment_id", "id"),)

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    step: Mapped[str]
    item_id: Mapped[UUID | None]
    reason: Mapped[str | None]


class Refund(Record):
    """One decision to give money back; its id is the gateway's key, so that it can be carried out once only.

    With `item_id` it is taken back from the payee that had posted it; without one it is the citizen's own money, which
    came too late for what it was to pay.
    """

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint("amount_vnd BETWEEN 1 AND 99999999999", name="amount"),
        # A rule decides once about each cause, however often it is asked.
        Index("uq_refund_cause", "payment_id", "cause", unique=True),
        Index("ix_refund_open", "state_since", postgresql_where=text("state IN ('requested', 'submitted', 'unknown')")),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_item.id"))
    amount_vnd: Mapped[int]
    state: Mapped[RefundState] = mapped_column(default=RefundState.REQUESTED)
    state_since: Mapped[datetime]
    cause: Mapped[str]
    reason: Mapped[str]
    failure: Mapped[str | None]
    gateway_id: Mapped[str | None] = mapped_column(unique=True)


class GatewayEvent(Base):
    """A webhook of the gateway, stored once by its id; only a pointer to what must be fetched anew."""

    __tablename__ = "gateway_event"

    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    intent_id: Mapped[str | None]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]


class JournalKind(StrEnum):
    """Which event a journal books; the numbers of the chart of entries in docs/ledger.md."""

    CAPTURED = "captured"
    POSTED = "posted"
    REFUND_REQUESTED = "refund_requested"
    REFUND_DONE = "refund_done"
    REFUND_FAILED = "refund_failed"


class Journal(Record):
    """One booking: two or more entries that sum to zero. Never changed, never deleted."""

    __tablename__ = "journal"
    __table_args__ = (
        Index("uq_journal_once", "payment_id", "kind", "item_id", unique=True, postgresql_nulls_not_distinct=True),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    kind: Mapped[JournalKind]
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_item.id"))


class JournalEntry(Record):
    """One side of a booking: debits positive, credits negative, in đồng."""

    __tablename__ = "journal_entry"
    __table_args__ = (
        CheckConstraint("amount_vnd <> 0", name="amount"),
        Index("ix_journal_entry_journal", "journal_id"),
        Index("ix_journal_entry_account", "account", "payee_id"),
    )

    journal_id: Mapped[UUID] = mapped_column(ForeignKey("journal.id"))
    account: Mapped[str]
    payee_id: Mapped[UUID | None]
    citizen_id: Mapped[UUID | None]
    amount_vnd: Mapped[int]


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
        for table in ("journal", "journal_entry")
    ),
)


def _guard(_target: Any, connection: Any, **_options: Any) -> None:  # noqa: ANN401 - SQLAlchemy's signature
    for statement in GUARDS:
        connection.exec_driver_sql(statement)


event.listen(JournalEntry.__table__, "after_create", _guard)
