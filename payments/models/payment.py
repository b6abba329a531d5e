"""Payments, their items, the steps of their lives, and what the gateway told of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record
from kit.sealed import SealedText
from payments.models.machines import MoneyState, Posting, Settlement


class Payment(Record):
    """One citizen's intention to pay one or several items with one card."""

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("amount_vnd BETWEEN 1 AND 99999999999", name="amount"),
        CheckConstraint("captured_vnd BETWEEN 0 AND amount_vnd", name="captured"),
        CheckConstraint("(state = 'captured') = (captured_vnd > 0)", name="captured_state"),
        # Reserved and done: what may be given back is held here, where no race can break it.
        CheckConstraint("refunded_vnd BETWEEN 0 AND captured_vnd", name="refunded"),
        Index("ix_payment_citizen", "citizen_id", "id"),
        # What the sweeper looks for: small, because almost every payment is over.
        Index(
            "ix_payment_open",
            "state_since",
            postgresql_where=text("state NOT IN ('captured', 'failed', 'cancelled', 'expired')"),
        ),
    )

    citizen_id: Mapped[UUID]
    # Under whom the journal keeps the money: it stays when two citizens turn out to be one person.
    holder_id: Mapped[UUID]
    amount_vnd: Mapped[int]
    capture_vnd: Mapped[int | None]
    captured_vnd: Mapped[int] = mapped_column(default=0)
    refunded_vnd: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    disputed: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    state: Mapped[MoneyState] = mapped_column(default=MoneyState.CREATED)
    state_since: Mapped[datetime]
    settlement: Mapped[Settlement] = mapped_column(default=Settlement.UNSETTLED, server_default=text("'unsettled'"))
    reason: Mapped[str | None]
    intent_id: Mapped[str | None] = mapped_column(unique=True)
    charge_id: Mapped[str | None] = mapped_column(unique=True)
    card_id: Mapped[UUID | None] = mapped_column(ForeignKey("saved_card.id"))  # a kept one, where one is used
    # With either of these somebody else could confirm the payment at the gateway.
    redirect_url: Mapped[str | None] = mapped_column(SealedText("payment confirmation"))
    client_secret: Mapped[str | None] = mapped_column(SealedText("payment confirmation"))
    version: Mapped[int] = mapped_column(default=1)


class PaymentItem(Record):
    """One thing a payment pays for. `subject_id` is the payee's claim (a bill) in the room that opened the payment."""

    __tablename__ = "payment_item"
    __table_args__ = (
        CheckConstraint("amount_vnd BETWEEN 1 AND 99999999999", name="amount"),
        CheckConstraint("refunded_vnd BETWEEN 0 AND amount_vnd", name="refunded"),
        # One live payment per claim, where no race can break it.
        Index("uq_payment_item_live", "subject_id", unique=True, postgresql_where=text("live")),
        Index("ix_payment_item_payment", "payment_id"),
        Index("ix_payment_item_payee", "payee_id", "id", postgresql_where=text("taken")),
        # What a payee's own statement of a day is compared with.
        Index("ix_payment_item_posted", "payee_id", "posted_at", postgresql_where=text("posting = 'posted'")),
        Index(
            "ix_payment_item_pending",
            "payment_id",
            postgresql_where=text("taken AND posting IN ('pending', 'unknown', 'parked')"),
        ),
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
    refunded_vnd: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class PaymentEvent(Record):
    """One step of a payment's life: the timeline citizen, provider and developer share."""

    __tablename__ = "payment_event"
    __table_args__ = (Index("ix_payment_event_payment", "payment_id", "id"),)

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    step: Mapped[str]
    item_id: Mapped[UUID | None]
    reason: Mapped[str | None]


class GatewayEvent(Base):
    """A webhook of the gateway, stored once by its id; only a pointer to what must be fetched anew."""

    __tablename__ = "gateway_event"

    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    intent_id: Mapped[str | None]
    object_id: Mapped[str | None]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]
    # Truly signed, but of another account or mode: kept for a person to look at, and never acted upon.
    quarantined: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
