"""What became of each difference, step by step: who did what and when. Added to, never changed."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Record, guard
from payments.models.machines import DiscrepancyState


class DiscrepancyAction(StrEnum):
    """What happened to a difference."""

    OPENED = "opened"
    REOPENED = "reopened"  # a later row contradicts the one that had closed it
    CHANGED = "changed"  # another sum
    NOTED = "noted"
    INVESTIGATED = "investigated"
    PROPOSED = "proposed"
    DECLINED = "declined"
    APPROVED = "approved"
    AUTO_CLOSED = "auto_closed"
    REMINDED = "reminded"


class Side(StrEnum):
    """Who did it: the comparisons and the clock of the house itself, people of the province, or the provider."""

    HOUSE = "house"
    PROVINCE = "province"
    PROVIDER = "provider"


class DiscrepancyEvent(Record):
    """One step of a difference, with the state and the sum (đồng) that it had afterwards.

    `payee_id` is whom the difference concerns. `person_id` and `organisation` say who acted, for whom; a comparison has
    neither, a provider's system no person. What one transaction, `written_by`, wrote is told to a provider at once.
    """

    __tablename__ = "discrepancy_event"
    __table_args__ = (
        CheckConstraint("side <> 'house' OR person_id IS NULL", name="house_is_nobody"),
        CheckConstraint("(action = 'reminded') = (reminded_on IS NOT NULL)", name="reminder_has_a_day"),
        Index("ix_discrepancy_event_of", "discrepancy_id", "created_at", "id"),
        Index("ix_discrepancy_event_written", "written_by", "payee_id", postgresql_where=text("payee_id IS NOT NULL")),
        Index(
            "ix_discrepancy_event_decided",
            "created_at",
            "id",
            postgresql_where=text("action IN ('approved', 'declined')"),
        ),
        # One reminder for each difference and day, however often somebody looks.
        Index(
            "uq_discrepancy_event_reminder",
            "discrepancy_id",
            "reminded_on",
            unique=True,
            postgresql_where=text("action = 'reminded'"),
        ),
    )

    discrepancy_id: Mapped[UUID] = mapped_column(ForeignKey("discrepancy.id"))
    payee_id: Mapped[UUID | None]
    action: Mapped[DiscrepancyAction]
    state: Mapped[DiscrepancyState]
    amount_vnd: Mapped[int]
    side: Mapped[Side]
    person_id: Mapped[UUID | None]
    organisation: Mapped[str | None]
    account: Mapped[str | None]
    reason: Mapped[str | None]
    reminded_on: Mapped[date | None]
    written_by: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)"))


# The function is the journal's own.
GUARDS = (
    """
CREATE TRIGGER discrepancy_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON discrepancy_event
  FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()
""",
)

guard(DiscrepancyEvent.__table__, GUARDS)
