"""Tables of the inbox: messages, the phones that are told of them, and which phone was told of what."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from auth.models import Language
from kit.database import Base, Record


class MessageKind(StrEnum):
    """What a message is about; `subject_id` is the id of that."""

    BILLS_PAID = "bills_paid"
    PAYMENT_ENDED = "payment_ended"
    BILLS_RETURNED = "bills_returned"
    NEW_DEVICE = "new_device"
    SESSION_CLOSED = "session_closed"
    PASSKEY_ADDED = "passkey_added"
    APP_ALLOWED = "app_allowed"
    MANDATE_ACCEPTED = "mandate_accepted"
    MANDATE_REVOKED = "mandate_revoked"
    SCHOOL_ROUND = "school_round"
    SCHOOL_GONE = "school_gone"
    OPEN_DAY_CANCELLED = "open_day_cancelled"
    AUTOMATIC_ANNOUNCED = "automatic_announced"
    AUTOMATIC_LEFT = "automatic_left"
    TICKETS_READY = "tickets_ready"
    TICKETS_RETURNED = "tickets_returned"
    VISIT_REMINDER = "visit_reminder"
    TURN_NEAR = "turn_near"
    PLACE_OFFERED = "place_offered"
    PLACE_MISSED = "place_missed"
    VISIT_CANCELLED = "visit_cancelled"
    DRAW_LOST = "draw_lost"


class AddressKind(StrEnum):
    """What Firebase knows a phone by."""

    TOKEN = "token"  # noqa: S105 - a kind, not a secret
    FID = "fid"


class Platform(StrEnum):
    """Where the app runs."""

    ANDROID = "android"
    IOS = "ios"
    WEB = "web"


class PushState(StrEnum):
    """How far a push to one phone has come; `failed` is final."""

    DUE = "due"
    SENT = "sent"
    FAILED = "failed"


class Message(Record):
    """Something told to a citizen. The words are made when it is read, from `kind` and `params`, in their language."""

    __tablename__ = "message"
    __table_args__ = (
        # An event told twice is announced once.
        UniqueConstraint("citizen_id", "kind", "subject_id"),
        CheckConstraint("version > 0", name="version_is_positive"),
        Index("ix_message_inbox", "citizen_id", "id"),
        Index("ix_message_unread", "citizen_id", "id", postgresql_where=text("read_at IS NULL")),
    )

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id", ondelete="CASCADE"))
    kind: Mapped[MessageKind]
    subject_id: Mapped[UUID]
    params: Mapped[dict[str, Any]]
    read_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class Device(Record):
    """A phone or browser that shows pushes to one citizen."""

    __tablename__ = "device"
    __table_args__ = (CheckConstraint("version > 0", name="version_is_positive"),)

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id", ondelete="CASCADE"), index=True)
    # Unique over all citizens: a phone that changes hands must stop showing the messages of the one before.
    address: Mapped[str] = mapped_column(unique=True)
    address_kind: Mapped[AddressKind]
    platform: Mapped[Platform]
    language: Mapped[Language]
    registered_at: Mapped[datetime]  # when the app last said that it is here
    version: Mapped[int] = mapped_column(default=1)


class Push(Base):
    """One message on its way to one phone; the row remembers what need not be sent again."""

    __tablename__ = "push"
    __table_args__ = (CheckConstraint("attempts >= 0", name="attempts_are_counted"),)

    message_id: Mapped[UUID] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"), primary_key=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"), primary_key=True, index=True)
    state: Mapped[PushState] = mapped_column(default=PushState.DUE)
    attempts: Mapped[int] = mapped_column(default=0)
    tried_at: Mapped[datetime | None]
