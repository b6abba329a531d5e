"""Reminders of rounds: each milestone once, by the child's age, and again when the dates moved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import persons.operations
from kit import clock
from kit.database import new_id
from kit.events import emit
from services.education.events import RoundDue
from services.education.models import AdmissionRound, ReminderKind, RoundReminder, SavedSchool, School
from services.education.operations.admissions import CONCERNS
from services.education.operations.lists import is_for_child

PAPERS_BEFORE = timedelta(days=14)
SOON_BEFORE = timedelta(days=3)
LAST_DAY_BEFORE = timedelta(days=1)
JITTER_SECONDS = 900  # parents of a city are not all told of the opening in the same second
_BATCH = 500


def remind(session: Session) -> int:
    """Give the reminders that are due now and were not given; returns how many.

    Each parent hears of a round's present milestone only: who saved a school late is not told what is past. After
    five hundred it leaves the rest to the next tick.
    """
    now = clock.now()
    given = exists().where(
        RoundReminder.citizen_id == SavedSchool.citizen_id,
        RoundReminder.round_id == AdmissionRound.id,
        RoundReminder.dates_version == AdmissionRound.dates_version,
    )
    waiting = _waiting().where(
        AdmissionRound.opens_at <= now + PAPERS_BEFORE,
        AdmissionRound.closes_at > now,
        AdmissionRound.withdrawn_at.is_(None),
    )
    rows = session.execute(waiting.add_columns(given.label("was_given"))).all()
    known = _given(session, rows)
    due = []
    for row in rows:
        kind = milestone(row.AdmissionRound, row.citizen_id, now)
        if (
            kind is not None
            and (row.citizen_id, row.AdmissionRound.id, kind, row.AdmissionRound.dates_version) not in known
        ):
            due.append((row, kind))
    return _give(session, due)


def remind_of_change(session: Session, round_id: UUID, dates_version: int) -> int:
    """Tell those who wait for a round that its dates moved, once for each time they did; returns how many.

    The milestone the new dates have reached already counts as told with it. A round that has moved again since is told
    by that later event.
    """
    rows = session.execute(
        _waiting().where(AdmissionRound.id == round_id, AdmissionRound.dates_version == dates_version)
    ).all()
    told = _give(session, [(row, ReminderKind.CHANGED) for row in rows])
    now = clock.now()
    for row in rows:
        reached = milestone(row.AdmissionRound, row.citizen_id, now)
        if reached is not None:
            _note(session, row, reached)
    return told


def milestone(one: AdmissionRound, citizen_id: UUID, now: datetime) -> ReminderKind | None:
    """How far a round has come for a parent: papers, soon, open, last day; None long before and after."""
    opens_at = one.opens_at + timedelta(seconds=citizen_id.int % JITTER_SECONDS)
    steps = (
        (one.closes_at, None),
        (max(one.closes_at - LAST_DAY_BEFORE, opens_at), ReminderKind.LAST_DAY),
        (opens_at, ReminderKind.OPEN),
        (one.opens_at - SOON_BEFORE, ReminderKind.SOON),
        (one.opens_at - PAPERS_BEFORE, ReminderKind.PAPERS),
    )
    return next((kind for since, kind in steps if now >= since), None)


def _waiting() -> Select[UUID, UUID | None, AdmissionRound]:
    """Every saved school with each round that concerns it."""
    return (
        select(SavedSchool.citizen_id, SavedSchool.member_id, AdmissionRound)
        .join(School, School.id == SavedSchool.school_id)
        .join(AdmissionRound, CONCERNS)
        .where(School.is_listed)
        .order_by(SavedSchool.citizen_id, AdmissionRound.id)
    )


def _given(session: Session, rows: Iterable[Any]) -> set[tuple[UUID, UUID, ReminderKind, int]]:
    rounds = {row.AdmissionRound.id for row in rows if row.was_given}
    found = session.execute(
        select(RoundReminder.citizen_id, RoundReminder.round_id, RoundReminder.kind, RoundReminder.dates_version).where(
            RoundReminder.round_id.in_(rounds)
        )
    )
    return {tuple(row) for row in found}  # type: ignore[misc]


def _give(session: Session, due: list[tuple[Any, ReminderKind]]) -> int:
    by_citizen: dict[UUID, list[tuple[Any, ReminderKind]]] = defaultdict(list)
    for row, kind in due:
        by_citizen[row.citizen_id].append((row, kind))
    count = 0
    for citizen_id, rows in by_citizen.items():
        if count >= _BATCH:
            break
        # Birth dates stand sealed under the citizen's key: opened here, compared, and forgotten.
        born = {member.id: member.birth_date.year for member in persons.operations.list_members(session, citizen_id)}
        for row, kind in rows:
            if not is_for_child(row.AdmissionRound, born.get(row.member_id)):
                continue
            reminder_id = _note(session, row, kind)
            if reminder_id is not None:
                emit(session, RoundDue(reminder_id, citizen_id, row.AdmissionRound.id, kind.value))
                count += 1
    return count


def _note(
    session: Session,
    row: Any,  # noqa: ANN401 - a row of named columns
    kind: ReminderKind,
) -> UUID | None:
    return session.scalar(
        insert(RoundReminder)
        .values(
            id=new_id(),
            created_at=clock.now(),
            citizen_id=row.citizen_id,
            round_id=row.AdmissionRound.id,
            kind=kind,
            dates_version=row.AdmissionRound.dates_version,
        )
        .on_conflict_do_nothing()
        .returning(RoundReminder.id)
    )
