"""What others say of the same money, line by line, and the runs that compared it with our books."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record


class Way(StrEnum):
    """Which two sides are compared: all four must close before money is reconciled."""

    GATEWAY = "gateway"
    BANK = "bank"
    PROVIDER = "provider"
    ADVICE = "advice"


class Statement(Record):
    """A file in which somebody tells what they have booked for one day; a corrected one is a new revision.

    `content_hash` is over the rows in the order of their keys, so that a file that was renamed or reordered is known.
    """

    __tablename__ = "statement"
    __table_args__ = (
        CheckConstraint("accepted + refused = read", name="no_line_is_lost"),
        Index("uq_statement_revision", "payee_id", "way", "business_day", "revision", unique=True),
        # One revision of a day holds; the others are kept for whoever asks what was said before.
        Index("uq_statement_current", "payee_id", "way", "business_day", unique=True, postgresql_where=text("current")),
    )

    payee_id: Mapped[UUID]
    way: Mapped[Way]
    business_day: Mapped[date]
    revision: Mapped[int]
    current: Mapped[bool] = mapped_column(default=True)
    format: Mapped[str]
    file_hash: Mapped[str]
    content_hash: Mapped[str]
    read: Mapped[int]
    accepted: Mapped[int]
    refused: Mapped[int]
    amount_vnd: Mapped[int]
    added: Mapped[int] = mapped_column(default=0)
    removed: Mapped[int] = mapped_column(default=0)
    errors: Mapped[list[Any]]


class StatementRow(Base):
    """One line of a statement. `key` is what both sides know it by: a bill's number, a transfer's reference."""

    __tablename__ = "statement_row"
    __table_args__ = (CheckConstraint("amount_vnd <> 0", name="amount"),)

    statement_id: Mapped[UUID] = mapped_column(ForeignKey("statement.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    amount_vnd: Mapped[int]
    receipt_no: Mapped[str | None]
    customer_code: Mapped[str | None]


class MatchRun(Record):
    """One comparison and its counts: every line of either side is matched or stands in one difference."""

    __tablename__ = "match_run"
    __table_args__ = (
        CheckConstraint("ours = matched + ours_open AND theirs = matched + theirs_open", name="no_line_is_lost"),
        Index("ix_match_run_payee", "payee_id", "way", "id"),
    )

    way: Mapped[Way]
    payee_id: Mapped[UUID | None]
    first_day: Mapped[date]
    last_day: Mapped[date]
    ours: Mapped[int]
    theirs: Mapped[int]
    matched: Mapped[int]
    matched_vnd: Mapped[int]
    ours_open: Mapped[int]
    theirs_open: Mapped[int]
    opened: Mapped[int]
    closed: Mapped[int]


class DiscrepancyNote(Record):
    """What one side says of a difference. `evidence_hash` is the SHA-256 of a document that side keeps."""

    __tablename__ = "discrepancy_note"
    __table_args__ = (Index("ix_discrepancy_note_of", "discrepancy_id", "id"),)

    discrepancy_id: Mapped[UUID] = mapped_column(ForeignKey("discrepancy.id"))
    payee_id: Mapped[UUID | None]
    person_id: Mapped[UUID | None]
    body: Mapped[str]
    evidence_hash: Mapped[str | None]
