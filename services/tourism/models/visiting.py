"""A visitor, signed in or only known by a token of the phone; what they like, plan and have seen."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record


class Visitor(Record):
    """Whose favourites, plans and stamps these are: a citizen's, or those of a phone nobody has signed in on."""

    __tablename__ = "visitor"
    __table_args__ = (
        CheckConstraint("(citizen_id IS NULL) <> (token_hash IS NULL)", name="citizen_or_phone"),
        Index("uq_visitor_citizen", "citizen_id", unique=True, postgresql_where=text("citizen_id IS NOT NULL")),
        Index("ix_visitor_seen_on", "seen_on", postgresql_where=text("citizen_id IS NULL")),
    )

    citizen_id: Mapped[UUID | None]
    token_hash: Mapped[bytes | None] = mapped_column(unique=True)
    seen_on: Mapped[date]


class Favourite(Base):
    """A guide a visitor wants to find again."""

    __tablename__ = "visitor_favourite"

    visitor_id: Mapped[UUID] = mapped_column(ForeignKey("visitor.id", ondelete="CASCADE"), primary_key=True)
    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"), primary_key=True)
    created_at: Mapped[datetime]


class Plan(Record):
    """A visitor's own itinerary."""

    __tablename__ = "visitor_plan"
    __table_args__ = (
        CheckConstraint("version > 0", name="version_is_positive"),
        Index("ix_visitor_plan_visitor", "visitor_id", "id"),
    )

    visitor_id: Mapped[UUID] = mapped_column(ForeignKey("visitor.id", ondelete="CASCADE"))
    title: Mapped[str]
    starts_on: Mapped[date | None]
    stops: Mapped[list[Any]]
    version: Mapped[int] = mapped_column(default=1)


class Visit(Record):
    """A stamp: a visitor was at a guide's place on a day. Where exactly they stood is not kept."""

    __tablename__ = "visitor_visit"
    __table_args__ = (
        UniqueConstraint("visitor_id", "guide_id", "visited_on"),
        Index("ix_visitor_visit_visitor", "visitor_id", "id"),
    )

    visitor_id: Mapped[UUID] = mapped_column(ForeignKey("visitor.id", ondelete="CASCADE"))
    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"))
    visited_on: Mapped[date]
    proved_by: Mapped[str]
