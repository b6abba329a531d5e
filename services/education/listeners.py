"""What schools do when other rooms tell of something; each is safe to hear twice."""

from __future__ import annotations

from sqlalchemy.orm import Session

from auth.events import CitizensJoined
from services.education.events import RoundChanged
from services.education.operations import personal, reminders


def join_lists(session: Session, event: CitizensJoined) -> None:
    """Two citizens are one person: their lists and visits become one."""
    personal.move_citizen(session, event.kept_id, event.joined_id)


def remind_of_change(session: Session, event: RoundChanged) -> None:
    """The dates of a round moved: those who wait for it hear of it."""
    reminders.remind_of_change(session, event.round_id, event.dates_version)
