"""What a payee is remitted for each of its business days, and on which terms."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record, guard


class PayeeTerms(Record):
    """A payee's cut-off and our commission, from a day on; the row before holds until then."""

    __tablename__ = "payee_terms"
    __table_args__ = (
        UniqueConstraint("payee_id", "valid_from"),
        CheckConstraint("cut_off_minutes BETWEEN 1 AND 1440", name="cut_off"),
        CheckConstraint("commission_vnd >= 0 AND commission_bp BETWEEN 0 AND 10000", name="commission"),
    )

    payee_id: Mapped[UUID]
    valid_from: Mapped[date]
    # Minutes after midnight in Vietnam; 1440 is the end of the calendar day.
    cut_off_minutes: Mapped[int]
    commission_vnd: Mapped[int] = mapped_column(default=0)
    commission_bp: Mapped[int] = mapped_column(default=0)
    source: Mapped[str]


class RemittanceState(StrEnum):
    """How far a remittance has come. A final one never changes: what comes later is a revision of its own."""

    DRAFT = "draft"
    PUBLISHED = "published"
    FINAL = "final"


class Remittance(Record):
    """One revision of a payee's business day: what it adds to the revisions before it, and what is paid for that.

    Sums are in đồng, positive towards the payee. What the payee owes us (a claw-back larger than the day) is carried
    into its next remittance by `number`, which has no gaps.
    """

    __tablename__ = "remittance"
    __table_args__ = (
        UniqueConstraint("payee_id", "business_day", "revision"),
        UniqueConstraint("payee_id", "number"),
        UniqueConstraint("reference"),
        CheckConstraint("opens_at < closes_at", name="window"),
        CheckConstraint("(revision = 1) = (explanation IS NULL)", name="revision_explains_itself"),
        CheckConstraint(
            "posted_vnd - returned_vnd - clawed_back_vnd + adjusted_vnd - commission_vnd + carried_in_vnd "
            "= payable_vnd + carried_out_vnd",
            name="control_total",
        ),
        CheckConstraint("payable_vnd >= 0 AND carried_out_vnd <= 0 AND carried_in_vnd <= 0", name="signs"),
        CheckConstraint("(state = 'draft') = (published_at IS NULL)", name="published"),
        CheckConstraint("(state = 'final') = (final_at IS NOT NULL)", name="final"),
        Index("ix_remittance_state", "state", "payee_id", postgresql_where=text("state <> 'final'")),
    )

    payee_id: Mapped[UUID]
    business_day: Mapped[date]
    revision: Mapped[int]
    number: Mapped[int]
    # What the bank's transfer carries: short enough that no bank cuts it off.
    reference: Mapped[str]
    state: Mapped[RemittanceState] = mapped_column(default=RemittanceState.DRAFT)
    explanation: Mapped[str | None]
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    lines: Mapped[int] = mapped_column(default=0)
    posted_vnd: Mapped[int] = mapped_column(default=0)
    returned_vnd: Mapped[int] = mapped_column(default=0)
    clawed_back_vnd: Mapped[int] = mapped_column(default=0)
    adjusted_vnd: Mapped[int] = mapped_column(default=0)
    commission_vnd: Mapped[int] = mapped_column(default=0)
    carried_in_vnd: Mapped[int] = mapped_column(default=0)
    payable_vnd: Mapped[int] = mapped_column(default=0)
    carried_out_vnd: Mapped[int] = mapped_column(default=0)
    # As the payee was called when its files were signed: it may be called otherwise tomorrow.
    payee_name: Mapped[str | None]
    proof: Mapped[dict[str, Any] | None]
    # Format -> SHA-256 of the file, our signature and its public key, made when it was published.
    files: Mapped[dict[str, Any] | None]
    published_at: Mapped[datetime | None]
    final_at: Mapped[datetime | None]
    paid_line_id: Mapped[UUID | None] = mapped_column(ForeignKey("bank_line.id"), unique=True)
    confirmed_on: Mapped[date | None]


class RemittanceLine(Base):
    """One entry of the ledger on a payee's account, in the one remittance that pays it. Never changed."""

    __tablename__ = "remittance_line"
    __table_args__ = (
        UniqueConstraint("remittance_id", "place"),
        CheckConstraint("amount_vnd <> 0 AND commission_vnd >= 0", name="amount"),
        Index("ix_remittance_line_item", "item_id", postgresql_where=text("item_id IS NOT NULL")),
    )

    # No foreign key: it would need the right to lock an entry, which nobody has; entries never go away.
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    remittance_id: Mapped[UUID] = mapped_column(ForeignKey("remittance.id"))
    place: Mapped[int]
    kind: Mapped[str]
    payment_id: Mapped[UUID | None]
    item_id: Mapped[UUID | None]
    booked_at: Mapped[datetime]
    amount_vnd: Mapped[int]
    commission_vnd: Mapped[int] = mapped_column(default=0)


# What is published stays as it is signed, and gets no line more. It becomes final; then it may still be tied to the
# bank's line and the payee's own advice, and to nothing else.
GUARDS = (
    """
CREATE OR REPLACE FUNCTION remittance_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE later text[] := '{paid_line_id,confirmed_on}';
BEGIN
  IF OLD.state = 'published' THEN
    later := later || '{state,final_at}'::text[];
  END IF;
  IF OLD.state <> 'draft' AND (TG_OP = 'DELETE' OR NEW.state = 'draft'
      OR to_jsonb(NEW) - later IS DISTINCT FROM to_jsonb(OLD) - later) THEN
    RAISE EXCEPTION 'a published remittance is never changed: publish a revision' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$
""",
    """
CREATE OR REPLACE FUNCTION remittance_line_is_drafted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM (SELECT DISTINCT remittance_id FROM added) a JOIN remittance r ON r.id = a.remittance_id
      WHERE r.state <> 'draft') THEN
    RAISE EXCEPTION 'a line is added to a draft alone: publish a revision' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$
""",
    """
CREATE TRIGGER remittance_line_drafted AFTER INSERT ON remittance_line REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION remittance_line_is_drafted()
""",
    """
CREATE TRIGGER remittance_append_only BEFORE UPDATE OR DELETE ON remittance
  FOR EACH ROW EXECUTE FUNCTION remittance_is_final()
""",
    """
CREATE TRIGGER remittance_line_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON remittance_line
  FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()
""",
)

guard(Remittance.__table__, GUARDS)
