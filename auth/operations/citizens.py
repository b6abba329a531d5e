"""Citizens: made at their first sign-in, known by their number."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth.models import Citizen, Language
from kit import clock
from kit.database import new_id
from kit.errors import NotFound, NotSignedIn


def welcome_citizen(session: Session, phone: str, language: Language) -> UUID:
    """The id of the citizen with this E.164 number, made if it is their first sign-in; two at once make one."""
    return session.execute(
        insert(Citizen)
        .values(id=new_id(), created_at=clock.now(), phone=phone, language=language)
        # The app tells its language at every sign-in; the last word counts for what we send.
        .on_conflict_do_update(index_elements=[Citizen.phone], set_={"language": language})
        .returning(Citizen.id)
    ).scalar_one()


def get_citizen(session: Session, citizen_id: UUID) -> Citizen:
    """The citizen who holds a valid token; raises NotSignedIn when they are no longer with us."""
    citizen = session.get(Citizen, citizen_id)
    if citizen is None:
        raise NotSignedIn("unknown subject")
    return citizen


def find_phone(session: Session, citizen_id: UUID) -> str | None:
    """The E.164 number of a citizen, for sending; it may stand in no log and no URL."""
    return session.execute(select(Citizen.phone).where(Citizen.id == citizen_id)).scalar_one_or_none()


def get_language(session: Session, citizen_id: UUID) -> Language:
    """What a citizen reads; raises NotFound for an unknown one."""
    language = session.execute(select(Citizen.language).where(Citizen.id == citizen_id)).scalar_one_or_none()
    if language is None:
        raise NotFound
    return language
