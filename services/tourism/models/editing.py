"""How guides come to be: revisions written by one person and reviewed by another, reports of errors, dead links."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record


class RevisionState(StrEnum):
    """How far a revision has come. SCHEDULED: approved, and published when its time comes."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    SENT_BACK = "sent_back"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"


class Revision(Record):
    """A whole guide as an editor wants it: once published it is history, and can be restored as a new draft."""

    __tablename__ = "guide_revision"
    __table_args__ = (
        # Four eyes, wherever the request comes from.
        CheckConstraint("reviewer_id IS NULL OR reviewer_id <> author_id", name="reviewed_by_another"),
        CheckConstraint("state NOT IN ('scheduled', 'published') OR reviewer_id IS NOT NULL", name="reviewed"),
        CheckConstraint("(state = 'published') = (published_at IS NOT NULL)", name="published_at"),
        CheckConstraint("version > 0", name="version_is_positive"),
        UniqueConstraint("guide_id", "number"),
        Index("ix_guide_revision_organisation", "organisation_id", "id"),
        Index("ix_guide_revision_due", "publish_at", postgresql_where=text("state = 'scheduled'")),
    )

    guide_id: Mapped[UUID]  # no foreign key: a new guide has no row until it is published
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    number: Mapped[int]
    body: Mapped[dict[str, Any]]
    state: Mapped[RevisionState]
    author_id: Mapped[UUID]
    reviewer_id: Mapped[UUID | None]
    note: Mapped[str | None]
    publish_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class ReportState(StrEnum):
    """What became of a visitor's report."""

    OPEN = "open"
    SETTLED = "settled"


class GuideReport(Record):
    """A visitor says that something in a guide is not so. Who said it is not kept with it."""

    __tablename__ = "guide_report"
    __table_args__ = (Index("ix_guide_report_state", "state", "id"),)

    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"))
    about: Mapped[str]
    message: Mapped[str]
    lang: Mapped[str]
    state: Mapped[ReportState] = mapped_column(default=ReportState.OPEN)
    answer: Mapped[str | None]
    settled_at: Mapped[datetime | None]


class GuideImport(Record):
    """A file an office sent, and what became of its lines: good ones are drafts, each bad one is named."""

    __tablename__ = "guide_import"

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"), index=True)
    author_id: Mapped[UUID]
    format: Mapped[str]
    drafted: Mapped[int]
    unchanged: Mapped[int]
    refused: Mapped[int]
    errors: Mapped[list[Any]]


class LinkCheck(Base):
    """An outside address that a guide names, and how it answered last."""

    __tablename__ = "guide_link_check"

    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"), primary_key=True)
    url: Mapped[str] = mapped_column(primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(index=True)
    outcome: Mapped[str]  # "ok", an HTTP status, or why there was no answer
    failures: Mapped[int]  # in a row
