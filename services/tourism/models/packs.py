"""Packs for phones without a signal: one file in parts, whole or as the difference to an older pack."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record


class Pack(Record):
    """A pack of an area or itinerary. With a `base_id` it holds only what has changed since that pack."""

    __tablename__ = "guide_pack"
    __table_args__ = (
        CheckConstraint("bytes_total > 0", name="bytes_total_is_positive"),
        UniqueConstraint("scope", "number", "base_id", postgresql_nulls_not_distinct=True),
        Index("ix_guide_pack_newest", "scope", "number", postgresql_where=text("base_id IS NULL")),
    )

    scope: Mapped[str]
    number: Mapped[int]
    base_id: Mapped[UUID | None] = mapped_column(ForeignKey("guide_pack.id"))
    bytes_total: Mapped[int]
    sha256: Mapped[str]
    files: Mapped[dict[str, Any]]  # path -> SHA-256 of every file a phone has with this pack
    manifest: Mapped[dict[str, Any]]
    signature: Mapped[str]
    kid: Mapped[str]


class PackPart(Base):
    """A piece of a pack's file; all pieces but the last have the same size."""

    __tablename__ = "guide_pack_part"

    pack_id: Mapped[UUID] = mapped_column(ForeignKey("guide_pack.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class PackKey(Base):
    """A public key that signs packs and tickets, or did: what phones hold must stay checkable."""

    __tablename__ = "guide_pack_key"

    kid: Mapped[str] = mapped_column(primary_key=True)
    public_jwk: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
