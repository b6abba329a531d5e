"""How a company comes to be a provider: its stages as data, what it was asked to show, and changes under review."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Record, guard


class ProviderStage(StrEnum):
    """How far a company has come. Citizens see a provider that is live, and no other.

    TESTING: its systems work with test data. SUSPENDED: nothing new is paid; what is on its way goes on.
    """

    APPLIED = "applied"
    IN_REVIEW = "in_review"
    TESTING = "testing"
    LIVE = "live"
    SUSPENDED = "suspended"
    REJECTED = "rejected"
    CLOSED = "closed"


_S = ProviderStage
# Legal moves: stage -> the stages it may be reached from. Live is never left for testing: what was tested is wiped.
STAGE_FROM: Mapping[ProviderStage, frozenset[ProviderStage]] = {
    _S.APPLIED: frozenset(),
    _S.IN_REVIEW: frozenset({_S.APPLIED}),
    _S.TESTING: frozenset({_S.IN_REVIEW}),
    _S.LIVE: frozenset({_S.TESTING, _S.SUSPENDED}),
    _S.SUSPENDED: frozenset({_S.LIVE}),
    _S.REJECTED: frozenset({_S.APPLIED, _S.IN_REVIEW, _S.TESTING}),
    # A live one is suspended first, so that nothing begins while it is being closed.
    _S.CLOSED: frozenset({_S.APPLIED, _S.IN_REVIEW, _S.TESTING, _S.SUSPENDED}),
}
OVER = frozenset({_S.REJECTED, _S.CLOSED})
BEFORE_TESTING = frozenset({_S.APPLIED, _S.IN_REVIEW})
NEED_A_REASON = frozenset({_S.SUSPENDED, _S.REJECTED, _S.CLOSED})


class PostingMode(StrEnum):
    """Who begins when a payment is to be posted: we call the provider's system, or it fetches and answers."""

    PUSH = "push"
    PULL = "pull"


class ChangeState(StrEnum):
    """What has become of a change a provider wants. APPROVED: another person agrees, and its day has not come."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    APPLIED = "applied"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class ProviderMove(Record):
    """One move of a company from stage to stage: who, when, why. Never altered. No actor: at a terminal."""

    __tablename__ = "provider_move"
    __table_args__ = (
        Index("ix_provider_move_provider", "provider_id", "id"),
        CheckConstraint("(from_stage IS NULL) = (to_stage = 'applied')", name="begins_applied"),
        CheckConstraint(
            "reason IS NOT NULL OR to_stage NOT IN ('suspended', 'rejected', 'closed')", name="has_a_reason"
        ),
    )

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("provider.id"))
    from_stage: Mapped[str | None]  # a ProviderStage, as it was called then
    to_stage: Mapped[ProviderStage]
    actor_id: Mapped[UUID | None]
    reason: Mapped[str | None]


class ProviderChange(Record):
    """What a provider wants to be otherwise from a day on: proposed by one person, decided by another, kept for good.

    `wanted` are the new values by field, `before` those they took the place of.
    """

    __tablename__ = "provider_change"
    __table_args__ = (
        Index("ix_provider_change_provider", "provider_id", "id"),
        Index("uq_provider_change_open", "provider_id", unique=True, postgresql_where=text("state = 'proposed'")),
        Index("ix_provider_change_due", "valid_from", postgresql_where=text("state = 'approved'")),
        CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name="two_people"),
        CheckConstraint("(state IN ('proposed', 'withdrawn')) = (decided_at IS NULL)", name="decided"),
        CheckConstraint("(state = 'applied') = (applied_at IS NOT NULL)", name="applied"),
        CheckConstraint("state <> 'declined' OR reason IS NOT NULL", name="declined_has_a_reason"),
    )

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("provider.id"))
    wanted: Mapped[dict[str, Any]]
    before: Mapped[dict[str, Any] | None]
    valid_from: Mapped[date]
    state: Mapped[ChangeState] = mapped_column(default=ChangeState.PROPOSED)
    proposed_by: Mapped[UUID]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    applied_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class TrialState(StrEnum):
    """What a provider has answered to a posting that was a trial."""

    PENDING = "pending"
    POSTED = "posted"
    REJECTED = "rejected"


class TrialPosting(Record):
    """A posting of a test bill that nobody has paid: no payment, no ledger. Kept as the record of the test."""

    __tablename__ = "trial_posting"
    __table_args__ = (
        Index("ix_trial_posting_provider", "provider_id", "id"),
        CheckConstraint("amount_vnd BETWEEN 1 AND 99999999999", name="amount"),
        CheckConstraint("(state = 'posted') = (receipt_no IS NOT NULL)", name="posted_has_a_receipt"),
    )

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("provider.id"))
    bill_no: Mapped[str]
    period: Mapped[str]
    customer_code: Mapped[str]
    amount_vnd: Mapped[int]
    state: Mapped[TrialState] = mapped_column(default=TrialState.PENDING)
    receipt_no: Mapped[str | None]
    reason: Mapped[str | None]
    posted_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)


class TrialComparison(Record):
    """A test statement beside the trial postings of its day: how many lines fit, and how many stand alone."""

    __tablename__ = "trial_comparison"
    __table_args__ = (
        Index("ix_trial_comparison_provider", "provider_id", "id"),
        CheckConstraint("matched >= 0 AND ours_open >= 0 AND theirs_open >= 0", name="counts"),
    )

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("provider.id"))
    statement_id: Mapped[UUID]
    business_day: Mapped[date]
    matched: Mapped[int]
    ours_open: Mapped[int]
    theirs_open: Mapped[int]


GUARDS = (
    """
CREATE OR REPLACE FUNCTION provider_move_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a move of a provider is never changed' USING ERRCODE = 'restrict_violation';
END $$
""",
    """
CREATE TRIGGER provider_move_append_only BEFORE UPDATE OR DELETE ON provider_move
  FOR EACH ROW EXECUTE FUNCTION provider_move_is_append_only()
""",
    """
CREATE TRIGGER provider_move_kept BEFORE TRUNCATE ON provider_move
  FOR EACH STATEMENT EXECUTE FUNCTION provider_move_is_append_only()
""",
)

guard(ProviderMove.__table__, GUARDS)
