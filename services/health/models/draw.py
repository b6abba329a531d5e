"""Days whose places are drawn by lot, and who asks for one."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Record
from kit.sealed import SealedText


class DrawState(StrEnum):
    """ANNOUNCED takes requests in its ten minutes; DRAWN has its order and gives places; DONE has given them."""

    ANNOUNCED = "announced"
    DRAWN = "drawn"
    DONE = "done"
    CANCELLED = "cancelled"


class Draw(Record):
    """The places of a service on a day, given by lot to those who ask between `opens_at` and `closes_at`.

    `seed_hash` is published from the beginning; `seed` stays sealed until the draw, and stands in `shown_seed` then,
    beside `list_hash` and `tickets` in their drawn order, each with what became of it in `outcomes`.
    """

    __tablename__ = "draw"
    __table_args__ = (
        Index("uq_draw_day", "service_id", "day", unique=True, postgresql_where=text("state <> 'cancelled'")),
        CheckConstraint("opens_at < closes_at", name="order"),
        CheckConstraint(
            "(state IN ('drawn', 'done')) = "
            "(shown_seed IS NOT NULL AND list_hash IS NOT NULL AND tickets IS NOT NULL AND drawn_at IS NOT NULL)",
            name="shown",
        ),
        CheckConstraint("(state = 'done') = (outcomes IS NOT NULL AND done_at IS NOT NULL)", name="told"),
        Index("ix_draw_due", "closes_at", postgresql_where=text("state IN ('announced', 'drawn')")),
    )

    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facility.id"))
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"))
    day: Mapped[date]
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    announced_by: Mapped[UUID]
    state: Mapped[DrawState] = mapped_column(default=DrawState.ANNOUNCED)
    seed_hash: Mapped[str]
    seed: Mapped[str] = mapped_column(SealedText("draw seed"))
    shown_seed: Mapped[str | None]
    list_hash: Mapped[str | None]
    tickets: Mapped[list[Any] | None]
    outcomes: Mapped[list[Any] | None]
    drawn_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]


class DrawOutcome(StrEnum):
    """How a request stands. PASSED_OVER: drawn early enough, but there was no place this person could come to."""

    ENTERED = "entered"
    WITHDRAWN = "withdrawn"
    WON = "won"
    LOST = "lost"
    PASSED_OVER = "passed_over"


class DrawRequest(Record):
    """One person asks for a place of a draw; one request a person, whoever asks.

    `ticket` is random and public; nothing leads from it to the person but this row.
    """

    __tablename__ = "draw_request"
    __table_args__ = (
        Index(
            "uq_draw_request_patient",
            "draw_id",
            "patient_id",
            unique=True,
            postgresql_where=text("state <> 'withdrawn'"),
        ),
        Index("ix_draw_request_rank", "draw_id", "rank"),
        Index("ix_draw_request_citizen", "citizen_id", "id"),
        CheckConstraint("(state = 'won') = (booking_id IS NOT NULL)", name="winners_have_places"),
    )

    draw_id: Mapped[UUID] = mapped_column(ForeignKey("draw.id"))
    citizen_id: Mapped[UUID]
    member_id: Mapped[UUID | None]
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    patient_no: Mapped[int]
    patient_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    ticket: Mapped[str] = mapped_column(unique=True)
    rank: Mapped[int | None]  # from 1
    state: Mapped[DrawOutcome] = mapped_column(default=DrawOutcome.ENTERED)
    booking_id: Mapped[UUID | None] = mapped_column(ForeignKey("booking.id"))
