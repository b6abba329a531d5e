"""What schools hold about a citizen: the list of saved schools, reminders given, visits on open days."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from kit import clock, export
from services.education.models import OpenDay, RoundReminder, SavedSchool, School, Visit
from services.education.operations.lists import lock_days

TABLES = frozenset({"saved_school", "round_reminder", "school_visit"})


def export_citizen(session: Session, citizen_id: UUID) -> dict[str, Any]:
    """Saved schools with the child they are for (by its id in the household), reminders, visits."""
    saved = (
        select(SavedSchool.id, SavedSchool.created_at, SavedSchool.member_id, School.name.label("school"))
        .join(School, School.id == SavedSchool.school_id)
        .where(SavedSchool.citizen_id == citizen_id)
        .order_by(SavedSchool.id)
    )
    reminders = (
        select(RoundReminder.created_at, RoundReminder.round_id, RoundReminder.kind)
        .where(RoundReminder.citizen_id == citizen_id, RoundReminder.is_told)
        .order_by(RoundReminder.id)
    )
    visits = (
        select(Visit.id, Visit.created_at, Visit.people, Visit.cancelled_at, OpenDay.starts_at, OpenDay.school_id)
        .join(OpenDay, OpenDay.id == Visit.open_day_id)
        .where(Visit.citizen_id == citizen_id)
        .order_by(Visit.id)
    )
    return {
        "saved_schools": export.rows(session, saved),
        "round_reminders": export.rows(session, reminders),
        "visits": export.rows(session, visits),
    }


def erase_citizen(session: Session, citizen_id: UUID) -> None:
    """Drop the list and its reminders; places on coming open days go back to the school."""
    lock_days(session, Visit.citizen_id == citizen_id)
    coming = session.execute(
        select(Visit.open_day_id, Visit.people).where(Visit.citizen_id == citizen_id, Visit.cancelled_at.is_(None))
    ).all()
    for visit in sorted(coming):
        session.execute(
            update(OpenDay)
            .where(OpenDay.id == visit.open_day_id, OpenDay.starts_at > clock.now())
            .values(taken=OpenDay.taken - visit.people)
        )
    for model in (Visit, RoundReminder, SavedSchool):
        session.execute(delete(model).where(model.citizen_id == citizen_id))


def move_citizen(session: Session, kept_id: UUID, joined_id: UUID) -> None:
    """Give all of `joined_id` to `kept_id`; where both have the same, the kept one's stays. Safe to run twice."""
    mine = {
        (row.school_id, row.member_id)
        for row in session.execute(
            select(SavedSchool.school_id, SavedSchool.member_id).where(SavedSchool.citizen_id == kept_id)
        )
    }
    for entry in session.scalars(select(SavedSchool).where(SavedSchool.citizen_id == joined_id)).all():
        if (entry.school_id, entry.member_id) in mine:
            session.delete(entry)
        else:
            entry.citizen_id, entry.version = kept_id, entry.version + 1
    given = {
        (row.round_id, row.kind, row.dates_version)
        for row in session.execute(
            select(RoundReminder.round_id, RoundReminder.kind, RoundReminder.dates_version).where(
                RoundReminder.citizen_id == kept_id
            )
        )
    }
    for reminder in session.scalars(select(RoundReminder).where(RoundReminder.citizen_id == joined_id)).all():
        if (reminder.round_id, reminder.kind, reminder.dates_version) in given:
            session.delete(reminder)
        else:
            reminder.citizen_id = kept_id
    _move_visits(session, kept_id, joined_id)
    session.flush()


def _move_visits(session: Session, kept_id: UUID, joined_id: UUID) -> None:
    lock_days(session, Visit.citizen_id == joined_id)
    live = set(
        session.scalars(select(Visit.open_day_id).where(Visit.citizen_id == kept_id, Visit.cancelled_at.is_(None)))
    )
    for visit in session.scalars(select(Visit).where(Visit.citizen_id == joined_id)).all():
        if visit.cancelled_at is None and visit.open_day_id in live:
            # One family, one visit: the other's places go back.
            visit.cancelled_at = clock.now()
            session.execute(
                update(OpenDay).where(OpenDay.id == visit.open_day_id).values(taken=OpenDay.taken - visit.people)
            )
        visit.citizen_id, visit.version = kept_id, visit.version + 1
