"""Citizens: made at their first sign-in, known by their number."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from auth.models import Citizen, Language
from kit import clock, sealed
from kit.database import new_id
from kit.errors import NotFound, NotSignedIn

PHONE = "phone"  # the field of the vault by which a citizen is found


def welcome_citizen(session: Session, phone: str, language: Language) -> UUID:
    """The id of the citizen with this proved E.164 number, made if it is their first sign-in; two at once make one."""
    known = sealed.find_owner(session, PHONE, phone)
    if known is not None:
        # The app tells its language at every sign-in; the last word counts for what we send.
        session.execute(update(Citizen).where(Citizen.id == known).values(language=language))
        return known
    citizen_id = new_id()
    if not sealed.put(session, citizen_id, PHONE, phone, proved_by="phone_code", alone=True):
        sealed.destroy(session, citizen_id)
        return welcome_citizen(session, phone, language)
    session.add(Citizen(id=citizen_id, created_at=clock.now(), language=language))
    session.flush()
    return citizen_id


def get_citizen(session: Session, citizen_id: UUID) -> Citizen:
    """The citizen who holds a valid token; raises NotSignedIn when they are no longer with us."""
    citizen = session.get(Citizen, citizen_id)
    if citizen is None or citizen.erased_at is not None:
        raise NotSignedIn("unknown subject")
    return citizen


def find_present_id(session: Session, citizen_id: UUID) -> UUID:
    """Whom a citizen goes on as: the one they were joined into, at the end of the chain, else themselves.

    Until this transaction ends nobody joins that one into yet another: what is written under the id stays with them.
    """
    return _follow(session, citizen_id)[0]


def find_recipient(session: Session, citizen_id: UUID) -> UUID | None:
    """Whom to tell what a citizen is to be told: as whom they go on; None for one who was erased, or is unknown."""
    present_id, is_here = _follow(session, citizen_id)
    return present_id if is_here else None


def take_with_joined(session: Session, citizen_id: UUID) -> list[UUID]:
    """The citizen and everybody who was joined into them, at whatever distance; all locked until this transaction ends.

    Raises NotSignedIn for a citizen who is no longer with us.
    """
    session.execute(select(Citizen.id).where(Citizen.id == citizen_id).with_for_update())
    get_citizen(session, citizen_id)
    found = [citizen_id]
    for one in found:
        joined = select(Citizen.id).where(Citizen.joined_into == one).order_by(Citizen.id).with_for_update()
        found.extend(session.execute(joined).scalars())
    return found


def find_phone(session: Session, citizen_id: UUID) -> str | None:
    """The E.164 number of a citizen, for sending; it may stand in no log and no URL."""
    return sealed.read(session, citizen_id, [PHONE]).get(PHONE)


def get_language(session: Session, citizen_id: UUID) -> Language:
    """What a citizen reads; raises NotFound for an unknown one."""
    language = session.execute(select(Citizen.language).where(Citizen.id == citizen_id)).scalar_one_or_none()
    if language is None:
        raise NotFound
    return language


def _follow(session: Session, citizen_id: UUID) -> tuple[UUID, bool]:
    """As whom a citizen goes on, and whether that one is known and has not been erased."""
    while True:
        row = session.execute(
            select(Citizen.joined_into, Citizen.erased_at).where(Citizen.id == citizen_id).with_for_update(read=True)
        ).one_or_none()
        if row is None or row.joined_into is None:
            return citizen_id, row is not None and row.erased_at is None
        citizen_id = row.joined_into
