"""What the school office proposes, decides and sends, and the history of every school."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record


class SchoolOffice(Base):
    """A province whose schools an organisation looks after."""

    __tablename__ = "school_office"

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    province_code: Mapped[str] = mapped_column(primary_key=True)


class ProposalKind(StrEnum):
    """What an editor proposes."""

    SCHOOL = "school"
    ROUND = "round"
    ZONES = "zones"
    OPEN_DAY = "open_day"


class ProposalState(StrEnum):
    """What became of a proposal."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Proposal(Record):
    """A change an editor asks for; it takes effect when somebody else approves it."""

    __tablename__ = "school_proposal"
    __table_args__ = (
        # Two pairs of eyes, whatever the code above believes.
        CheckConstraint("decided_by <> proposed_by", name="two_pairs_of_eyes"),
        CheckConstraint("(state IN ('approved', 'refused')) = (decided_by IS NOT NULL)", name="decision_has_an_author"),
        CheckConstraint("version > 0", name="version_is_positive"),
        Index("ix_school_proposal_state", "organisation_id", "state", "id"),
        Index("ix_school_proposal_school", "school_id", "id", postgresql_where=text("school_id IS NOT NULL")),
        Index("ix_school_proposal_import", "import_id", postgresql_where=text("import_id IS NOT NULL")),
    )

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    kind: Mapped[ProposalKind]
    school_id: Mapped[UUID | None] = mapped_column(ForeignKey("school.id"))
    subject_id: Mapped[UUID | None]  # the round or open day that is changed; what approval has made
    base_version: Mapped[int | None]
    changes: Mapped[dict[str, Any]]
    why: Mapped[str]
    proposed_by: Mapped[UUID]
    import_id: Mapped[UUID | None] = mapped_column(ForeignKey("school_import.id"))
    state: Mapped[ProposalState] = mapped_column(default=ProposalState.PROPOSED)
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    decision_note: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)


class SchoolRevision(Record):
    """One change of a school that took effect: what was, what is, who asked, who agreed, and why."""

    __tablename__ = "school_revision"
    __table_args__ = (UniqueConstraint("school_id", "version"),)

    school_id: Mapped[UUID] = mapped_column(ForeignKey("school.id"))
    version: Mapped[int]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    why: Mapped[str]
    proposed_by: Mapped[UUID | None]  # None: brought in by an operator at the terminal
    approved_by: Mapped[UUID | None]


class SchoolImport(Record):
    """A file the school office sent: each good line became a proposal, each bad one stands in `errors`."""

    __tablename__ = "school_import"

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"), index=True)
    format: Mapped[str]
    what: Mapped[str]
    why: Mapped[str]
    proposed_by: Mapped[UUID]
    lines: Mapped[int]
    changed: Mapped[int]
    unchanged: Mapped[int]
    refused: Mapped[int]
    errors: Mapped[list[Any]]
