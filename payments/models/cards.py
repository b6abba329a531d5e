"""Cards that citizens let the gateway keep for them: of the card itself we hold what a receipt would print."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Record
from kit.sealed import SealedText


class CardState(StrEnum):
    """How far a card has come. ADDING: the citizen's bank, or the gateway's answer, is waited for."""

    ADDING = "adding"
    KEPT = "kept"
    FAILED = "failed"
    REMOVED = "removed"


class SavedCard(Record):
    """A card kept by the gateway under a customer of its own, which knows nothing of the citizen."""

    __tablename__ = "saved_card"
    __table_args__ = (
        CheckConstraint("version > 0", name="version_is_positive"),
        CheckConstraint("state <> 'kept' OR method_id IS NOT NULL", name="kept_can_pay"),
        Index("ix_saved_card_citizen", "citizen_id", "id"),
        Index("ix_saved_card_adding", "created_at", postgresql_where=text("state = 'adding'")),
    )

    citizen_id: Mapped[UUID]
    state: Mapped[CardState] = mapped_column(default=CardState.ADDING)
    state_since: Mapped[datetime]
    reason: Mapped[str | None]
    customer_id: Mapped[str | None] = mapped_column(unique=True)
    setup_id: Mapped[str | None] = mapped_column(unique=True)
    method_id: Mapped[str | None] = mapped_column(unique=True)
    brand: Mapped[str | None]
    last4: Mapped[str | None]
    expires_month: Mapped[int | None]
    expires_year: Mapped[int | None]
    # With either of these somebody else could have their own card kept in the citizen's place.
    redirect_url: Mapped[str | None] = mapped_column(SealedText("card confirmation"))
    client_secret: Mapped[str | None] = mapped_column(SealedText("card confirmation"))
    version: Mapped[int] = mapped_column(default=1)
