"""Tables of webhooks out: where to call, with which keys, what happened, and every attempt to tell it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record
from kit.sealed import SealedForRow


class EventKind(StrEnum):
    """What a company can be told of; `subject_id` of the event is the payment, the remittance, or the step of a log."""

    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_POSTED = "payment.posted"
    PAYMENT_RETURNED = "payment.returned"
    DISCREPANCY_OPENED = "discrepancy.opened"
    DISCREPANCY_ANSWERED = "discrepancy.answered"
    DISCREPANCY_RESOLVED = "discrepancy.resolved"
    REMITTANCE_PUBLISHED = "remittance.published"
    REMITTANCE_FINAL = "remittance.final"
    REMITTANCE_AMENDED = "remittance.amended"
    ENDPOINT_TESTED = "endpoint.tested"


class EndpointState(StrEnum):
    """Whether an address is called."""

    ACTIVE = "active"
    DISABLED = "disabled"


class DeliveryState(StrEnum):
    """How far telling one event to one address has come; `failed` after the last attempt."""

    DUE = "due"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookEndpoint(Record):
    """An address of a company that is called when one of `kinds` happens."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        Index("ix_webhook_endpoint_provider", "provider_id", "id"),
        CheckConstraint("jsonb_array_length(kinds) > 0", name="hears_something"),
        CheckConstraint("version > 0", name="version_is_positive"),
    )

    provider_id: Mapped[UUID]
    url: Mapped[str]
    kinds: Mapped[list[Any]]
    state: Mapped[EndpointState] = mapped_column(default=EndpointState.ACTIVE)
    reason: Mapped[str | None]  # why it is disabled
    version: Mapped[int] = mapped_column(default=1)


class WebhookSecret(Record):
    """A secret that signs what an address is told; during a rotation two of them sign."""

    __tablename__ = "webhook_secret"

    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id", ondelete="CASCADE"), index=True)
    sealed: Mapped[bytes] = mapped_column(SealedForRow("webhook secret"))
    expires_at: Mapped[datetime | None]


class WebhookEvent(Base):
    """Something that happened to a company's bills; `written_by`, its transaction, is the order of the log.

    Ids are given before a transaction commits, so a reader who goes by them misses what commits late.
    """

    __tablename__ = "webhook_event"
    __table_args__ = (
        # An event told twice is one.
        UniqueConstraint("provider_id", "kind", "subject_id"),
        Index("ix_webhook_event_log", "provider_id", "written_by", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    provider_id: Mapped[UUID]
    kind: Mapped[EventKind]
    subject_id: Mapped[UUID]
    data: Mapped[dict[str, Any]]
    happened_at: Mapped[datetime]
    written_by: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)"))


class WebhookDelivery(Record):
    """One event on its way to one address."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        Index("ix_webhook_delivery_endpoint", "endpoint_id", "id"),
        CheckConstraint("attempts >= 0", name="attempts_are_counted"),
    )

    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id", ondelete="CASCADE"))
    event_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_event.id"), index=True)
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.DUE)
    attempts: Mapped[int] = mapped_column(default=0)
    round: Mapped[int] = mapped_column(default=1)  # one more with each replay
    next_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]


class WebhookAttempt(Record):
    """One call of an address, and what came of it: the status of the answer, or a slug of why there was none."""

    __tablename__ = "webhook_attempt"
    __table_args__ = (Index("ix_webhook_attempt_delivery", "delivery_id", "id"),)

    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_delivery.id", ondelete="CASCADE"))
    status: Mapped[int | None]
    error: Mapped[str | None]
    took_ms: Mapped[int]
