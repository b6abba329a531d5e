"""Reminders of rounds: each milestone once, by the child's age, and again when the dates moved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, Text, case, cast, exists, func, select
from sqlalchemy.dialects.postgresql import BIT, insert
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
    """Give the reminders that are due now; returns how many pairs of a parent and a round it settled.

    Each parent hears of a round's present milestone only: who saved a school late is not told what is past. At most
    two thousand pairs at once: ask again until none is left.
    """
    now = clock.now()
    reached = _milestone(now)
    settled = exists().where(
        RoundReminder.citizen_id == SavedSchool.citizen_id,
        RoundReminder.round_id == AdmissionRound.id,
        RoundReminder.dates_version == AdmissionRound.dates_version,
        cast(RoundReminder.kind, Text) == reached,
    )
    rows = session.execute(
        _waiting(reached)
        .where(
            AdmissionRound.opens_at <= now + PAPERS_BEFORE,
            AdmissionRound.closes_at > now,
            AdmissionRound.withdrawn_at.is_(None),
            ~settled,
        )
        .limit(_BATCH)
    ).all()
    _give(session, [(row, ReminderKind(row.reached)) for row in rows])
    return len(rows)


def remind_of_change(session: Session, round_id: UUID, dates_version: int) -> int:
    """Tell those who wait for a round that its dates moved, once for each time they did; returns how many.

    The milestone the new dates have reached already counts as told with it. A round that has moved again since is told
    by that later event.
    """
    rows = session.execute(
        _waiting(_milestone(clock.now())).where(
            AdmissionRound.id == round_id, AdmissionRound.dates_version == dates_version
        )
    ).all()
    told = _give(session, [(row, ReminderKind.CHANGED) for row in rows])
    for row in rows:
        if row.reached is not None:
            _note(session, row, ReminderKind(row.reached), is_told=False)
    return told


def _milestone(now: datetime) -> ColumnElement[str | None]:
    """How far a round has come for a parent: papers, soon, open, last day; NULL long before and after.

    It opens a little later for each parent, by an amount drawn from their id.
    """
    digits = func.right(cast(SavedSchool.citizen_id, Text), 7)
    jitter = func.mod(cast(cast(func.concat("x", digits), BIT(28)), Integer), JITTER_SECONDS)
    opens_at = AdmissionRound.opens_at + func.make_interval(0, 0, 0, 0, 0, 0, jitter)
    return case(
        (AdmissionRound.closes_at <= now, None),
        ((AdmissionRound.closes_at <= now + LAST_DAY_BEFORE) & (opens_at <= now), ReminderKind.LAST_DAY.value),
        (opens_at <= now, ReminderKind.OPEN.value),
        (AdmissionRound.opens_at <= now + SOON_BEFORE, ReminderKind.SOON.value),
        (AdmissionRound.opens_at <= now + PAPERS_BEFORE, ReminderKind.PAPERS.value),
        else_=None,
    )


def _waiting(reached: ColumnElement[str | None]) -> Select[UUID, AdmissionRound, Sequence[UUID | None], str | None]:
    """Every parent with each round that concerns a school they saved, and the children they saved it for."""
    return (
        select(
            SavedSchool.citizen_id,
            AdmissionRound,
            func.array_agg(SavedSchool.member_id).label("member_ids"),
            reached.label("reached"),
        )
        .join(School, School.id == SavedSchool.school_id)
        .join(AdmissionRound, CONCERNS)
        .where(School.is_listed)
        .group_by(SavedSchool.citizen_id, AdmissionRound.id)
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
        for row, kind in rows:
            # What is for no child of theirs is settled in silence, or it would be looked at again at every tick.
            is_told = any(is_for_child(row.AdmissionRound, born.get(member_id)) for member_id in row.member_ids)
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
