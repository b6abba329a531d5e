"""Reminders of rounds: each milestone once, by the child's age, and again when the dates moved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, case, cast, exists, select
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
_BATCH = 2_000


def remind(session: Session) -> int:
    """Give the reminders that are due now and were not given; returns how many.

    Each parent hears of a round's present milestone only: who saved a school late is not told what is past. At most
    two thousand pairs of a parent and a round are looked at; the next tick goes on.
    """
    now = clock.now()
    reached = case(
        (AdmissionRound.closes_at <= now + LAST_DAY_BEFORE, ReminderKind.LAST_DAY.value),
        (AdmissionRound.opens_at <= now, ReminderKind.OPEN.value),
        (AdmissionRound.opens_at <= now + SOON_BEFORE, ReminderKind.SOON.value),
        else_=ReminderKind.PAPERS.value,
    )
    settled = exists().where(
        RoundReminder.citizen_id == SavedSchool.citizen_id,
        RoundReminder.round_id == AdmissionRound.id,
        RoundReminder.dates_version == AdmissionRound.dates_version,
        cast(RoundReminder.kind, Text) == reached,
    )
    rows = session.execute(
        _waiting()
        .where(
            AdmissionRound.opens_at <= now + PAPERS_BEFORE,
            AdmissionRound.closes_at > now,
            AdmissionRound.withdrawn_at.is_(None),
            ~settled,
        )
        .limit(_BATCH)
    ).all()
    due = [(row, kind) for row in rows if (kind := milestone(row.AdmissionRound, row.citizen_id, now)) is not None]
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
            _note(session, row, reached, is_told=False)
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


def _give(session: Session, due: Iterable[tuple[Any, ReminderKind]]) -> int:
    by_citizen: dict[UUID, list[tuple[Any, ReminderKind]]] = defaultdict(list)
    for row, kind in due:
        by_citizen[row.citizen_id].append((row, kind))
    count = 0
    for citizen_id, rows in by_citizen.items():
        # Birth dates stand sealed under the citizen's key: opened here, compared, and forgotten.
        born = {member.id: member.birth_date.year for member in persons.operations.list_members(session, citizen_id)}
        wanted = {
            (row.AdmissionRound.id, kind)
            for row, kind in rows
            if is_for_child(row.AdmissionRound, born.get(row.member_id))
        }
        for row, kind in rows:
            # What is for no child of theirs is settled in silence, or it would be looked at again at every tick.
            is_told = (row.AdmissionRound.id, kind) in wanted
            reminder_id = _note(session, row, kind, is_told=is_told)
            if reminder_id is not None and is_told:
                emit(session, RoundDue(reminder_id, citizen_id, row.AdmissionRound.id, kind.value))
                count += 1
    return count


def _note(
    session: Session,
    row: Any,  # noqa: ANN401 - a row of named columns
    kind: ReminderKind,
    *,
    is_told: bool,
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
            is_told=is_told,
        )
        .on_conflict_do_nothing()
        .returning(RoundReminder.id)
    )
