"""What keeps guides true: visitors' reports, stale facts, dead links, pictures with their papers, alerts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_change
from sqlalchemy.orm import Session

from auth.organisation_models import Organisation, OrganisationKind
from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from services.tourism.errors import AlertOver, MediaUnlicensed
from services.tourism.models import (
    Guide,
    GuideAlert,
    GuideBlob,
    GuideMedia,
    GuideReport,
    GuideText,
    LinkCheck,
    MediaKind,
    Publication,
    ReportState,
)
from services.tourism.operations.publishing import next_change_no
from services.tourism.operations.revisions import Desk, get_own_guide

STALE_AFTER = timedelta(days=365)
_CHECK_AGAIN_AFTER = timedelta(days=7)
_LINKS_A_RUN = 50
_Columns = Row[*tuple[Any, ...]]


# -- reports -----------------------------------------------------------------------------------------------------------


def report_guide(session: Session, guide_id: UUID, *, about: str, message: str, lang: str) -> UUID:
    """Note that a visitor found something wrong. Raises NotFound for a guide nobody can read."""
    if session.execute(select(Guide.id).where(Guide.id == guide_id, Guide.withdrawn_at.is_(None))).first() is None:
        raise NotFound
    report = GuideReport(guide_id=guide_id, about=about, message=message, lang=lang)
    session.add(report)
    session.flush()
    return report.id


def list_reports(session: Session, desk: Desk, *, state: str | None, limit: int, cursor: str | None) -> Page:
    """Reports on guides of this office, the newest first."""
    query = (
        select(GuideReport)
        .join(Guide, Guide.id == GuideReport.guide_id)
        .where(Guide.organisation_id == desk.organisation_id)
    )
    if state is not None:
        query = query.where(GuideReport.state == state)
    question = ("guide-reports", desk.organisation_id, state)
    return page(session, query, by=[GuideReport.id], limit=limit, cursor=cursor, question=question)


def answer_report(session: Session, desk: Desk, report_id: UUID, answer: str) -> GuideReport:
    """Settle a report on a guide of this office; saying so again changes the answer. Raises NotFound."""
    own = select(Guide.id).where(Guide.organisation_id == desk.organisation_id)
    settled = session.execute(
        update(GuideReport)
        .where(GuideReport.id == report_id, GuideReport.guide_id.in_(own))
        .values(state=ReportState.SETTLED, answer=answer, settled_at=clock.now())
        .returning(GuideReport)
    ).scalar_one_or_none()
    if settled is None:
        raise NotFound
    return settled


# -- stale facts and dead links ----------------------------------------------------------------------------------------


def list_stale(session: Session, desk: Desk, *, limit: int, cursor: str | None) -> Page:
    """Guides of this office whose facts are past their day, or were not verified for a year, or never."""
    today = clock.today()
    query = (
        select(Guide.id, Guide.slug, GuideText.title, Guide.verified_on, Guide.valid_until_on, Guide.changed_at)
        .join(GuideText, (GuideText.guide_id == Guide.id) & (GuideText.lang == "vi"))
        .where(
            Guide.organisation_id == desk.organisation_id,
            Guide.withdrawn_at.is_(None),
            or_(
                Guide.valid_until_on < today,
                Guide.verified_on.is_(None),
                Guide.verified_on < today - STALE_AFTER,
            ),
        )
    )
    question = ("stale-guides", desk.organisation_id)
    return page(session, query, by=[Guide.id], limit=limit, cursor=cursor, question=question, descending=False)


def list_broken_links(session: Session, desk: Desk, *, limit: int, cursor: str | None) -> Page:
    """Outside addresses in guides of this office that did not answer when they were asked last."""
    query = (
        select(
            LinkCheck.guide_id, LinkCheck.url, LinkCheck.checked_at, LinkCheck.outcome, LinkCheck.failures, Guide.slug
        )
        .join(Guide, Guide.id == LinkCheck.guide_id)
        .where(Guide.organisation_id == desk.organisation_id, Guide.withdrawn_at.is_(None), LinkCheck.failures > 0)
    )
    question = ("broken-links", desk.organisation_id)
    keys = [LinkCheck.guide_id, LinkCheck.url]
    return page(session, query, by=keys, limit=limit, cursor=cursor, question=question, descending=False)


def list_due_links(session: Session) -> Sequence[tuple[UUID, str]]:
    """Addresses in published guides that were not asked for a week, or never; a few at a time."""
    website = Guide.contacts["website"].astext
    booking = Guide.contacts["booking_url"].astext
    due: list[tuple[UUID, str]] = []
    for url in (website, booking):
        rows = session.execute(
            select(Guide.id, url)
            .outerjoin(LinkCheck, (LinkCheck.guide_id == Guide.id) & (LinkCheck.url == url))
            .where(
                Guide.withdrawn_at.is_(None),
                url.is_not(None),
                or_(LinkCheck.checked_at.is_(None), LinkCheck.checked_at < clock.now() - _CHECK_AGAIN_AFTER),
            )
            .order_by(LinkCheck.checked_at.nulls_first(), Guide.id)
            .limit(_LINKS_A_RUN)
        )
        due += [(row[0], row[1]) for row in rows]
    return due


def record_link(session: Session, guide_id: UUID, url: str, outcome: str) -> None:
    """Note how an address answered: "ok", or what was wrong."""
    failed = outcome != "ok"
    values = {"checked_at": clock.now(), "outcome": outcome}
    session.execute(
        insert_or_change(LinkCheck)
        .values(guide_id=guide_id, url=url, failures=int(failed), **values)
        .on_conflict_do_update(
            index_elements=[LinkCheck.guide_id, LinkCheck.url],
            set_={**values, "failures": LinkCheck.failures + 1 if failed else 0},
        )
    )


def forget_gone_links(session: Session) -> None:
    """Drop what is known of addresses that no guide names any more."""
    named = or_(
        Guide.contacts["website"].astext == LinkCheck.url, Guide.contacts["booking_url"].astext == LinkCheck.url
    )
    still = select(Guide.id).where(Guide.id == LinkCheck.guide_id, named)
    session.execute(delete(LinkCheck).where(~still.exists()))


# -- media -------------------------------------------------------------------------------------------------------------


def add_media(
    session: Session, desk: Desk, guide_id: UUID, *, kind: MediaKind, media_type: str, content: bytes
) -> UUID:
    """Keep a file of a guide as a draft; the same file again is the same. Raises NotFound."""
    get_own_guide(session, desk, guide_id)
    sha256 = hashlib.sha256(content).hexdigest()
    session.execute(insert_or_change(GuideBlob).values(sha256=sha256, content=content).on_conflict_do_nothing())
    place = session.execute(
        select(func.coalesce(func.max(GuideMedia.place), 0) + 1).where(GuideMedia.guide_id == guide_id)
    ).scalar_one()
    made = session.execute(
        insert_or_change(GuideMedia)
        .values(
            id=new_id(), created_at=clock.now(), guide_id=guide_id, kind=kind, media_type=media_type, sha256=sha256,
            bytes_total=len(content), alt={}, transcript={}, state=Publication.DRAFT, place=place,
        )
        .on_conflict_do_nothing()
        .returning(GuideMedia.id)
    ).scalar_one_or_none()  # fmt: skip
    if made is not None:
        return made
    known = select(GuideMedia.id).where(GuideMedia.guide_id == guide_id, GuideMedia.sha256 == sha256)
    return session.execute(known).scalar_one()


def get_media(session: Session, desk: Desk, media_id: UUID, *, to_change: bool = False) -> GuideMedia:
    """A file of a guide of this office, draft or not; `to_change` keeps others from changing it. Raises NotFound."""
    query = (
        select(GuideMedia)
        .join(Guide, Guide.id == GuideMedia.guide_id)
        .where(GuideMedia.id == media_id, Guide.organisation_id == desk.organisation_id)
    )
    if to_change:
        query = query.with_for_update(of=GuideMedia, key_share=True)
    found = session.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def change_media(session: Session, file: GuideMedia, changes: Mapping[str, Any]) -> GuideMedia:
    """Write the papers and state of a file that `get_media` gave to change.

    Raises MediaUnlicensed for one without author or licence that is to be published.
    """
    for name, value in changes.items():
        setattr(file, name, Publication(value) if name == "state" else value)
    if file.state is Publication.PUBLISHED and not (file.author and file.licence):
        raise MediaUnlicensed
    session.execute(
        update(Guide)
        .where(Guide.id == file.guide_id)
        .values(change_no=next_change_no(session), changed_at=clock.now(), version=Guide.version + 1)
    )
    session.flush()
    return file


# -- alerts ------------------------------------------------------------------------------------------------------------


def give_alert(session: Session, desk: Desk, alert: Mapping[str, Any]) -> UUID:
    """Warn of some provinces, communes or guides from now on; returns the alert's id.

    An office's alert covers guides of its own, also where it names an area; the province's covers everybody's. Raises
    NotFound for a guide that is not told, or is another office's.
    """
    _check_named(session, desk, {UUID(one) for one in alert["guide_ids"]})
    made = session.execute(
        insert(GuideAlert)
        .values(
            id=new_id(),
            created_at=clock.now(),
            author_id=desk.person_id,
            organisation_id=desk.organisation_id,
            version=1,
            **alert,
        )
        .returning(GuideAlert.id)
    ).scalar_one()
    next_change_no(session)  # what lists and packs tell is another from now on
    return made


def get_alert(session: Session, alert_id: UUID) -> GuideAlert:
    """An alert, whoever gave it. Raises NotFound."""
    found = session.execute(select(GuideAlert).where(GuideAlert.id == alert_id)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def end_alert(session: Session, desk: Desk, alert_id: UUID) -> GuideAlert:
    """Call an alert of this office off. Raises NotFound, and AlertOver when it has ended."""
    alert = get_alert(session, alert_id)
    if alert.organisation_id != desk.organisation_id:
        raise NotFound
    now = clock.now()
    ended = session.execute(
        update(GuideAlert)
        .where(GuideAlert.id == alert_id, GuideAlert.ended_at.is_(None), GuideAlert.ends_at > now)
        .values(ended_at=now, version=GuideAlert.version + 1)
        .returning(GuideAlert)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if ended is None:
        raise AlertOver
    next_change_no(session)
    return ended


def alerts_of_area(
    session: Session, where: ColumnElement[bool], at: datetime, *more: ColumnElement[Any]
) -> Sequence[_Columns]:
    """Alerts in force or ahead that a pack takes along."""
    return session.execute(
        select(
            GuideAlert.id, GuideAlert.kind, GuideAlert.level, GuideAlert.closes, GuideAlert.reason_vi,
            GuideAlert.reason_en, GuideAlert.province_codes, GuideAlert.commune_codes, GuideAlert.guide_ids,
            GuideAlert.starts_at, GuideAlert.ends_at, GuideAlert.organisation_id, *more,
        )
        .where(where, GuideAlert.ended_at.is_(None), GuideAlert.ends_at > at)
        .order_by(GuideAlert.id)
    ).all()  # fmt: skip


def _check_named(session: Session, desk: Desk, guide_ids: set[UUID]) -> None:
    kind = session.execute(select(Organisation.kind).where(Organisation.id == desk.organisation_id)).scalar_one()
    named = select(func.count()).where(Guide.id.in_(guide_ids), Guide.withdrawn_at.is_(None))
    if kind is not OrganisationKind.PROVINCE:
        named = named.where(Guide.organisation_id == desk.organisation_id)
    if session.execute(named).scalar_one() != len(guide_ids):
        raise NotFound
