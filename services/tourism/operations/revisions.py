"""Drafts, review by another person, schedule, history and restoring: the way of a guide to the public."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from kit import clock, events
from kit.database import new_id
from kit.errors import DomainError, NotFound
from kit.pages import Page, page
from services.tourism import cards
from services.tourism.errors import ReviewedByAuthor, RevisionNotOpen
from services.tourism.events import GuidePublished
from services.tourism.models import Guide, Revision, RevisionState
from services.tourism.operations.publishing import check_content, publish, withdraw

_S = RevisionState
_WRITABLE = (_S.DRAFT, _S.SENT_BACK)
_REVIEWABLE = (_S.IN_REVIEW, _S.SCHEDULED)


@dataclass(frozen=True)
class Desk:
    """Who sits at which office's desk: the person who writes or reviews, and the office the guides belong to."""

    person_id: UUID
    organisation_id: UUID


def begin_draft(session: Session, desk: Desk, guide_id: UUID | None, body: Mapping[str, Any]) -> Revision:
    """A new draft of a guide of this office, or of a guide that does not exist yet. Raises NotFound."""
    if guide_id is None:
        guide_id = new_id()
    else:
        _check_owner(session, desk, guide_id)
    # One number a revision: who drafts the same guide at the same moment waits for the other.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"revisions of {guide_id}", 0))))
    last = session.execute(select(func.max(Revision.number)).where(Revision.guide_id == guide_id)).scalar()
    return session.execute(
        insert(Revision)
        .values(
            id=new_id(),
            created_at=clock.now(),
            guide_id=guide_id,
            organisation_id=desk.organisation_id,
            number=(last or 0) + 1,
            body=dict(body),
            state=_S.DRAFT,
            author_id=desk.person_id,
            version=1,
        )
        .returning(Revision)
    ).scalar_one()


def get_revision(session: Session, desk: Desk, revision_id: UUID) -> Revision:
    """A revision of this office. Raises NotFound."""
    found = session.execute(
        select(Revision).where(Revision.id == revision_id, Revision.organisation_id == desk.organisation_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def list_revisions(
    session: Session, desk: Desk, *, guide_id: UUID | None, state: str | None, limit: int, cursor: str | None
) -> Page:
    """Revisions of this office, the newest first; of one guide they are its history."""
    query = select(Revision).where(Revision.organisation_id == desk.organisation_id)
    if guide_id is not None:
        query = query.where(Revision.guide_id == guide_id)
    if state is not None:
        query = query.where(Revision.state == state)
    question = ("guide-revisions", desk.organisation_id, guide_id, state)
    return page(session, query, by=[Revision.id], limit=limit, cursor=cursor, question=question)


def change_draft(session: Session, desk: Desk, revision: Revision, body: Mapping[str, Any]) -> Revision:
    """Write a draft anew; only its author may. Raises RevisionNotOpen."""
    return _move(
        session, revision, _WRITABLE, _S.DRAFT, Revision.author_id == desk.person_id, body=dict(body), note=None
    )


def send_draft(session: Session, revision: Revision) -> Revision:
    """Hand a draft in for review. Raises RevisionNotOpen, UnknownCategory and VietnameseTextMissing."""
    check_content(session, revision.guide_id, revision.body)
    return _move(session, revision, _WRITABLE, _S.IN_REVIEW)


def send_back(session: Session, desk: Desk, revision: Revision, note: str) -> Revision:
    """Return a revision to its author with a note, also one that is scheduled. Raises ReviewedByAuthor."""
    _check_other(desk, revision)
    return _move(session, revision, _REVIEWABLE, _S.SENT_BACK, reviewer_id=desk.person_id, note=note, publish_at=None)


def approve(session: Session, desk: Desk, revision: Revision, publish_at: datetime | None) -> Revision:
    """Publish a revision, at once or at its time. Raises ReviewedByAuthor and RevisionNotOpen.

    The constraint of the table refuses an author who reviews, whatever way they take.
    """
    _check_other(desk, revision)
    if publish_at is not None and publish_at > clock.now():
        return _move(
            session, revision, _REVIEWABLE, _S.SCHEDULED, reviewer_id=desk.person_id, note=None, publish_at=publish_at
        )
    approved = _move(
        session,
        revision,
        _REVIEWABLE,
        _S.PUBLISHED,
        reviewer_id=desk.person_id,
        note=None,
        publish_at=None,
        published_at=clock.now(),
    )
    _go_public(session, approved)
    return approved


def publish_due(session: Session) -> int:
    """Publish the scheduled revisions whose time has come; safe to run twice at once. Returns how many.

    One that cannot be published any more goes back to its author with the reason, and keeps nobody else waiting.
    """
    now = clock.now()
    due = (
        session.execute(
            select(Revision)
            .where(Revision.state == _S.SCHEDULED, Revision.publish_at <= now)
            .order_by(Revision.publish_at, Revision.id)
            .limit(100)
            .with_for_update(skip_locked=True)
        )
        .scalars()
        .all()
    )
    published = 0
    for revision in due:
        try:
            with session.begin_nested():
                _go_public(session, _move(session, revision, (_S.SCHEDULED,), _S.PUBLISHED, published_at=now))
        except DomainError as exc:
            _title, reason = exc.text(cards.HOME)
            session.refresh(revision)
            _move(session, revision, (_S.SCHEDULED,), _S.SENT_BACK, note=reason, publish_at=None)
        else:
            published += 1
    return published


def restore(session: Session, desk: Desk, revision: Revision) -> Revision:
    """A new draft that says what an older revision said; it takes the way of every draft."""
    return begin_draft(session, desk, revision.guide_id, revision.body)


def get_own_guide(session: Session, desk: Desk, guide_id: UUID) -> Guide:
    """A published guide of this office, for its editors. Raises NotFound."""
    found = session.execute(
        select(Guide).where(
            Guide.id == guide_id, Guide.organisation_id == desk.organisation_id, Guide.withdrawn_at.is_(None)
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def remove_guide(session: Session, desk: Desk, guide_id: UUID) -> None:
    """Take a guide of this office from the public; its history stays and can be restored. Raises NotFound."""
    get_own_guide(session, desk, guide_id)
    withdraw(session, guide_id)


def publish_seed(session: Session, desk: Desk, reviewer_id: UUID, guide_id: UUID, body: Mapping[str, Any]) -> bool:
    """Write and publish a guide of a sample, with its revision; False when it says that already."""
    last = session.execute(
        select(Revision.body).where(Revision.guide_id == guide_id).order_by(Revision.number.desc()).limit(1)
    ).scalar_one_or_none()
    if last == body:
        return False
    known = session.execute(select(Guide.id).where(Guide.id == guide_id)).first()
    draft = begin_draft(session, desk, None if known is None else guide_id, body)
    if known is None:
        session.execute(update(Revision).where(Revision.id == draft.id).values(guide_id=guide_id))
        session.refresh(draft)
    send_draft(session, draft)
    approve(session, Desk(reviewer_id, desk.organisation_id), draft, None)
    return True


def _go_public(session: Session, revision: Revision) -> None:
    publish(session, revision.guide_id, revision.organisation_id, revision.body)
    events.emit(session, GuidePublished(revision.guide_id, revision.id))


def _check_owner(session: Session, desk: Desk, guide_id: UUID) -> None:
    owner = session.execute(
        select(Revision.organisation_id).where(Revision.guide_id == guide_id).limit(1)
    ).scalar_one_or_none()
    if owner is None:
        owner = session.execute(select(Guide.organisation_id).where(Guide.id == guide_id)).scalar_one_or_none()
    if owner != desk.organisation_id:
        raise NotFound


def _check_other(desk: Desk, revision: Revision) -> None:
    if revision.author_id == desk.person_id:
        raise ReviewedByAuthor


def _move(
    session: Session,
    revision: Revision,
    sources: tuple[RevisionState, ...],
    to: RevisionState,
    *where: Any,  # noqa: ANN401 - conditions
    **values: Any,  # noqa: ANN401 - columns
) -> Revision:
    """One guarded move of a revision as it was read; raises RevisionNotOpen when it stands elsewhere by now."""
    moved = session.execute(
        update(Revision)
        .where(Revision.id == revision.id, Revision.version == revision.version, Revision.state.in_(sources), *where)
        .values(state=to, version=Revision.version + 1, **values)
        .returning(Revision)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if moved is None:
        raise RevisionNotOpen(state=revision.state)
    return moved
