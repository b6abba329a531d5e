"""Tickets to a place: types with prices, places a day, orders, the tickets themselves, and what gates have scanned."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record


class VisitorClass(StrEnum):
    """Who a price is for."""

    ADULT = "adult"
    CHILD = "child"
    STUDENT = "student"
    SENIOR = "senior"
    RESIDENT = "resident"
    FOREIGNER = "foreigner"


class OrderState(StrEnum):
    """Where an order is. REFUND_DUE: its places are free again and the money that was taken is on its way back."""

    HELD = "held"
    PAID = "paid"
    RELEASED = "released"
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"


LIVE_ORDERS = frozenset({OrderState.HELD, OrderState.PAID})


class TicketState(StrEnum):
    """Whether a ticket opens the gate."""

    VALID = "valid"
    USED = "used"
    CANCELLED = "cancelled"


class TicketType(Record):
    """A ticket that can be bought for a guide's place; until when it can be given back is said in hours."""

    __tablename__ = "ticket_type"
    __table_args__ = (
        CheckConstraint("price_vnd BETWEEN 0 AND 99999999999", name="price"),
        CheckConstraint("refund_hours_before >= 0", name="refund_hours"),
        UniqueConstraint("guide_id", "visitor_class"),
    )

    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"))
    visitor_class: Mapped[VisitorClass]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    price_vnd: Mapped[int]
    refund_hours_before: Mapped[int | None]  # before midnight of the day of the visit; None: never
    is_sold: Mapped[bool] = mapped_column(default=True)


class TicketDay(Base):
    """How many visitors a place takes on a day, and how many places are taken."""

    __tablename__ = "ticket_day"
    __table_args__ = (CheckConstraint("taken BETWEEN 0 AND capacity", name="taken"),)

    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"), primary_key=True)
    visit_on: Mapped[date] = mapped_column(primary_key=True)
    capacity: Mapped[int]
    taken: Mapped[int] = mapped_column(default=0)


class TicketOrder(Record):
    """A citizen's tickets for one place and day, bought together."""

    __tablename__ = "ticket_order"
    __table_args__ = (
        CheckConstraint("amount_vnd BETWEEN 0 AND 99999999999", name="amount"),
        CheckConstraint("places > 0", name="places_is_positive"),
        Index("ix_ticket_order_citizen", "citizen_id", "id"),
        Index("ix_ticket_order_payment", "payment_id", postgresql_where=text("payment_id IS NOT NULL")),
        CheckConstraint("refund_tries >= 0", name="refund_tries"),
        Index("ix_ticket_order_held", "created_at", postgresql_where=text("state = 'held'")),
    )

    citizen_id: Mapped[UUID]
    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"))
    visit_on: Mapped[date]
    places: Mapped[int]
    amount_vnd: Mapped[int]
    state: Mapped[OrderState] = mapped_column(default=OrderState.HELD)
    payment_id: Mapped[UUID | None]
    refundable_until_at: Mapped[datetime | None]
    # How often the gateway was to give the money back; more than once only after it would not.
    refund_tries: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)


class Ticket(Record):
    """One visitor's way through the gate, once."""

    __tablename__ = "ticket"
    __table_args__ = (
        CheckConstraint("(state = 'used') = (used_at IS NOT NULL)", name="used_at"),
        Index("ix_ticket_order", "order_id"),
        Index("ix_ticket_gate", "guide_id", "visit_on"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("ticket_order.id"))
    type_id: Mapped[UUID] = mapped_column(ForeignKey("ticket_type.id"))
    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"))
    visit_on: Mapped[date]
    state: Mapped[TicketState] = mapped_column(default=TicketState.VALID)
    used_at: Mapped[datetime | None]


class GateScan(Record):
    """A code held before a gate, and what the gate was told; a code scanned twice stands here twice."""

    __tablename__ = "gate_scan"
    __table_args__ = (
        # A gate that was offline may send the same scans again.
        UniqueConstraint("ticket_id", "scanned_at", "gate"),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"))
    gate: Mapped[str]
    scanned_at: Mapped[datetime]
    outcome: Mapped[str]
