"""What schools' events put into the inbox; each is safe to hear twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from kit import clock
from kit.events import emit
from notifications import operations
from notifications.events import MessagePosted
from notifications.models import MessageKind
from services.education.events import OpenDayCancelled, RoundDue, SavedSchoolGone
from services.education.operations import admissions, lists, reading


def tell_round_due(session: Session, event: RoundDue) -> None:
    """A round of a saved school comes nearer, its dates moved, or it does not take place."""
    found = admissions.get_round(session, event.round_id).found
    params = {
        "milestone": event.kind if found.withdrawn_at is None else "withdrawn",
        "school_year": found.school_year,
        "grade": found.grade,
        "opens_at": found.opens_at.isoformat(),
        "closes_at": found.closes_at.isoformat(),
    }
    _tell(session, event.citizen_id, MessageKind.SCHOOL_ROUND, event.reminder_id, params)


def tell_school_gone(session: Session, event: SavedSchoolGone) -> None:
    """A school on parents' lists was closed, or became another."""
    heir = reading.find_heir(session, event.school_id)
    params = {
        "school": reading.get_school(session, event.school_id).row.facts["name"],
        "successor": reading.get_school(session, heir).row.facts["name"] if heir else None,
    }
    for citizen_id in lists.list_savers(session, event.school_id):
        _tell(session, citizen_id, MessageKind.SCHOOL_GONE, event.school_id, params)


def tell_open_day_cancelled(session: Session, event: OpenDayCancelled) -> None:
    """A school cancelled the open day a family wanted to come to."""
    visit = lists.get_visit(session, event.citizen_id, event.visit_id)
    params = {"school": visit.school_name, "day": clock.local(visit.starts_at).date().isoformat()}
    _tell(session, event.citizen_id, MessageKind.OPEN_DAY_CANCELLED, event.visit_id, params)


def _tell(session: Session, citizen_id: UUID, kind: MessageKind, subject_id: UUID, params: Mapping[str, Any]) -> None:
    message_id = operations.post_message(session, citizen_id, kind, subject_id, params)
    if message_id is not None:
        emit(session, MessagePosted(message_id))
