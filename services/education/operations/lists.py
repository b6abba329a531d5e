"""A parent's list: saved schools per child, what comes up for them, open days and visits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import persons.operations
from kit import clock, idempotency
from kit.database import new_id
from kit.errors import NotFound, PreconditionFailed
from kit.events import emit
from kit.idempotency import Outcome, RequestKey
from services.education.errors import ListFull, OpenDayFull, OpenDayOver, SchoolNotOpen, VisitExists
from services.education.events import OpenDayCancelled
from services.education.models import AdmissionRound, OpenDay, RoundReminder, SavedSchool, School, Visit
from services.education.operations.admissions import find_rounds_of_schools

MOST_SAVED = 100
VISIT_NOTICE = timedelta(days=1)


@dataclass(frozen=True)
class Saved:
    """A school on the list, the child it is for, and the rounds that fit."""

    found: SavedSchool
    school: Row[Any]
    child: str | None
    rounds: Sequence[AdmissionRound]


def save_school(
    session: Session, request: RequestKey, citizen_id: UUID, school_id: UUID, member_id: UUID | None
) -> Outcome:
    """Put a school on the list, for a child of the household or for none, once; saving it again gives the same entry.

    Raises NotFound (school or child), SchoolNotOpen, ListFull.
    """

    def save() -> UUID:
        school = session.execute(
            select(School.is_listed, School.successor_id).where(School.id == school_id)
        ).one_or_none()
        if school is None:
            raise NotFound
        if not school.is_listed:
            raise SchoolNotOpen(successor_id=school.successor_id)
        if member_id is not None:
            persons.operations.get_member(session, citizen_id, member_id)
        # Two at once would both count ninety-nine: one at a time per citizen.
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"saved:{citizen_id}", 0))))
        mine = SavedSchool.citizen_id == citizen_id
        same_child = SavedSchool.member_id == member_id if member_id else SavedSchool.member_id.is_(None)
        earlier = session.scalar(select(SavedSchool.id).where(mine, SavedSchool.school_id == school_id, same_child))
        if earlier is not None:
            return earlier
        if (session.scalar(select(func.count()).where(mine)) or 0) >= MOST_SAVED:
            raise ListFull
        # What was settled in silence, because no child of theirs had the age, may be for this one.
        session.execute(delete(RoundReminder).where(RoundReminder.citizen_id == citizen_id, ~RoundReminder.is_told))
        saved_id = new_id()
        session.add(
            SavedSchool(
                id=saved_id, created_at=clock.now(), citizen_id=citizen_id, school_id=school_id, member_id=member_id
            )
        )
        session.flush()
        return saved_id

    return idempotency.once(session, request, save)


def list_saved(session: Session, citizen_id: UUID) -> list[Saved]:
    """The whole list, the newest entry first, each with the rounds its child can apply in this year or the next."""
    return _saved(session, citizen_id, SavedSchool.citizen_id == citizen_id)


def get_saved(session: Session, citizen_id: UUID, saved_id: UUID) -> Saved:
    """One entry of the citizen's list; raises NotFound."""
    found = _saved(session, citizen_id, (SavedSchool.id == saved_id) & (SavedSchool.citizen_id == citizen_id))
    if not found:
        raise NotFound
    return found[0]


def remove_saved(session: Session, entry: SavedSchool) -> None:
    """Take an entry off the list in the version that was looked at; raises PreconditionFailed."""
    gone = session.scalar(
        delete(SavedSchool)
        .where(SavedSchool.id == entry.id, SavedSchool.version == entry.version)
        .returning(SavedSchool.id)
    )
    if gone is None:
        raise PreconditionFailed


def list_savers(session: Session, school_id: UUID) -> Sequence[UUID]:
    """Everybody who has saved a school."""
    return session.scalars(
        select(SavedSchool.citizen_id)
        .where(SavedSchool.school_id == school_id)
        .distinct()
        .order_by(SavedSchool.citizen_id)
    ).all()


def list_open_days(session: Session, school_id: UUID) -> Sequence[OpenDay]:
    """The coming open days of a school, the nearest first; at most fifty."""
    return session.scalars(
        select(OpenDay)
        .where(OpenDay.school_id == school_id, OpenDay.ends_at > clock.now(), OpenDay.cancelled_at.is_(None))
        .order_by(OpenDay.starts_at, OpenDay.id)
        .limit(50)
    ).all()


def save_open_day(session: Session, given: dict[str, Any], open_day_id: UUID | None) -> UUID:
    """Write a new open day, or cancel one: its families are told. Raises NotFound."""
    if open_day_id is None:
        open_day_id = new_id()
        session.add(OpenDay(id=open_day_id, created_at=clock.now(), **given))
        session.flush()
        return open_day_id
    cancelled = session.scalar(
        update(OpenDay)
        .where(OpenDay.id == open_day_id, OpenDay.cancelled_at.is_(None))
        .values(cancelled_at=clock.now())
        .returning(OpenDay.id)
    )
    if cancelled is None:
        raise NotFound
    visits = session.execute(
        update(Visit)
        .where(Visit.open_day_id == open_day_id, Visit.cancelled_at.is_(None))
        .values(cancelled_at=clock.now(), version=Visit.version + 1)
        .returning(Visit.id, Visit.citizen_id)
    ).all()
    for visit in visits:
        emit(session, OpenDayCancelled(visit.id, visit.citizen_id))
    return open_day_id


def book_visit(session: Session, request: RequestKey, citizen_id: UUID, open_day_id: UUID, people: int) -> Outcome:
    """Take places on an open day for a family, once per Idempotency-Key; never more than there are.

    Raises NotFound, OpenDayOver (from a day before it begins), OpenDayFull, VisitExists.
    """

    def book() -> UUID:
        taken = session.execute(
            update(OpenDay)
            .where(
                OpenDay.id == open_day_id,
                OpenDay.cancelled_at.is_(None),
                OpenDay.starts_at > clock.now() + VISIT_NOTICE,
                OpenDay.taken + people <= OpenDay.places,
            )
            .values(taken=OpenDay.taken + people)
            .returning(OpenDay.id)
        ).one_or_none()
        if taken is None:
            _refuse_visit(session, open_day_id)
        visit_id = new_id()
        made = session.scalar(
            insert(Visit)
            .values(id=visit_id, created_at=clock.now(), citizen_id=citizen_id, open_day_id=open_day_id, people=people)
            .on_conflict_do_nothing()
            .returning(Visit.id)
        )
        if made is None:
            earlier = session.scalar(
                select(Visit.id).where(
                    Visit.citizen_id == citizen_id, Visit.open_day_id == open_day_id, Visit.cancelled_at.is_(None)
                )
            )
            raise VisitExists(visit_id=earlier)
        return visit_id

    return idempotency.once(session, request, book)


def get_visit(session: Session, citizen_id: UUID, visit_id: UUID) -> Row[Any]:
    """A family's visit with its open day; raises NotFound."""
    found = session.execute(_visits(Visit.id == visit_id, citizen_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


def list_visits(session: Session, citizen_id: UUID) -> Sequence[Row[Any]]:
    """The citizen's visits that were not cancelled, the nearest first; at most a hundred."""
    statement = _visits(Visit.cancelled_at.is_(None), citizen_id).order_by(OpenDay.starts_at, Visit.id).limit(100)
    return session.execute(statement).all()


def cancel_visit(session: Session, citizen_id: UUID, visit_id: UUID, version: int) -> None:
    """Give a family's places back; raises PreconditionFailed when the visit changed meanwhile."""
    # The day before its visits, as who cancels the whole day has it, or the two would wait for each other.
    lock_days(session, Visit.id == visit_id)
    gone = session.execute(
        update(Visit)
        .where(
            Visit.id == visit_id,
            Visit.citizen_id == citizen_id,
            Visit.version == version,
            Visit.cancelled_at.is_(None),
        )
        .values(cancelled_at=clock.now(), version=Visit.version + 1)
        .returning(Visit.open_day_id, Visit.people)
    ).one_or_none()
    if gone is None:
        raise PreconditionFailed
    session.execute(update(OpenDay).where(OpenDay.id == gone.open_day_id).values(taken=OpenDay.taken - gone.people))


def lock_days(session: Session, *of_visits: ColumnElement[bool]) -> None:
    """Let nobody else change the open days of some visits until the transaction ends; always in the same order."""
    days = select(Visit.open_day_id).where(*of_visits)
    session.execute(select(OpenDay.id).where(OpenDay.id.in_(days)).order_by(OpenDay.id).with_for_update(key_share=True))


def _visits(condition: ColumnElement[bool], citizen_id: UUID) -> Any:  # noqa: ANN401 - a statement of columns
    return (
        select(
            Visit.id,
            Visit.open_day_id,
            Visit.people,
            Visit.cancelled_at,
            Visit.version,
            OpenDay.school_id,
            School.name.label("school_name"),
            OpenDay.campus,
            OpenDay.starts_at,
            OpenDay.ends_at,
        )
        .join(OpenDay, OpenDay.id == Visit.open_day_id)
        .join(School, School.id == OpenDay.school_id)
        .where(Visit.citizen_id == citizen_id, condition)
    )


def _refuse_visit(session: Session, open_day_id: UUID) -> None:
    day = session.scalar(select(OpenDay).where(OpenDay.id == open_day_id))
    if day is None:
        raise NotFound
    if day.cancelled_at is not None or day.starts_at <= clock.now() + VISIT_NOTICE:
        raise OpenDayOver
    raise OpenDayFull(places_left=day.places - day.taken)


def _saved(session: Session, citizen_id: UUID, condition: ColumnElement[bool]) -> list[Saved]:
    rows = session.execute(
        select(SavedSchool, School.id, School.name, School.state, School.commune_name, School.successor_id)
        .join(School, School.id == SavedSchool.school_id)
        .where(condition)
        .order_by(SavedSchool.id.desc())
    ).all()
    if not rows:
        return []
    children = {member.id: member for member in persons.operations.list_members(session, citizen_id)}
    rounds: dict[UUID, list[AdmissionRound]] = defaultdict(list)
    for pair in find_rounds_of_schools(session, {row.SavedSchool.school_id for row in rows}):
        rounds[pair.school_id].append(pair.AdmissionRound)
    return [
        _with_rounds(row, children.get(row.SavedSchool.member_id), rounds[row.SavedSchool.school_id]) for row in rows
    ]


def _with_rounds(
    row: Any,  # noqa: ANN401 - a row of named columns
    child: persons.operations.Member | None,
    rounds: Sequence[AdmissionRound],
) -> Saved:
    born = child.birth_date.year if child else None
    return Saved(
        row.SavedSchool, row, child.name if child else None, [one for one in rounds if is_for_child(one, born)]
    )


def is_for_child(one: AdmissionRound, birth_year: int | None) -> bool:
    """Whether a child born in that year has the age of a round; where no child is named, every round fits."""
    return birth_year is None or one.age_from <= one.school_year - birth_year <= one.age_to
