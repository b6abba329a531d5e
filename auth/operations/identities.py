"""National identities: attempts to prove one, and the citizen a verified person is; one person is one citizen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth.assurance import Proof
from auth.errors import IdentityAttemptOver, IdentityOfAnother
from auth.events import CitizensJoined
from auth.identity import Person
from auth.models import Assurance, Citizen, IdentityAttempt, Language, LinkedIdentity, Passkey, SignInSession
from auth.operations.citizens import PHONE, find_phone
from auth.operations.members import move_memberships
from auth.operations.sessions import SignIn, end_other_sessions, end_session, start_session
from kit import clock, events, sealed
from kit.database import new_id
from kit.errors import NotSignedIn

LIFETIME = timedelta(minutes=10)
CCCD = "cccd"  # the field of the vault by which a verified person is found
_PROVED_BY = "national_identity"
# National identity vouches for the device: what it opens has never to wait.
_VOUCHED_FOR = datetime.fromtimestamp(0, UTC)


def start_identity_attempt(session: Session, *, session_id: UUID | None, redirect_uri: str) -> IdentityAttempt:
    """Open a way to the identity provider and back; `session_id` is the session it is to raise, if any."""
    now = clock.now()
    attempt = IdentityAttempt(
        created_at=now, session_id=session_id, redirect_uri=redirect_uri, expires_at=now + LIFETIME
    )
    session.add(attempt)
    session.flush()
    return attempt


def spend_identity_attempt(session: Session, attempt_id: UUID, *, session_id: UUID | None) -> IdentityAttempt:
    """Take an attempt, once, in the session it was started in. Raises IdentityAttemptOver."""
    now = clock.now()
    spent = session.execute(
        update(IdentityAttempt)
        .where(
            IdentityAttempt.id == attempt_id,
            IdentityAttempt.session_id.is_not_distinct_from(session_id),
            IdentityAttempt.spent_at.is_(None),
            IdentityAttempt.expires_at > now,
        )
        .values(spent_at=now)
        .returning(IdentityAttempt)
    ).scalar_one_or_none()
    if spent is None:
        raise IdentityAttemptOver
    return spent


def sign_in_with_identity(session: Session, person: Person, *, device_name: str | None, language: Language) -> SignIn:
    """Sign in the citizen a verified person is; the first time makes them one."""
    _take_turn(session, person)
    citizen_id = _find_citizen(session, person)
    if citizen_id is None:
        citizen_id = new_id()
        session.add(Citizen(id=citizen_id, created_at=clock.now(), language=language))
        session.flush()
    _link(session, citizen_id, person)
    return start_session(session, citizen_id, device_name, _proof())


def step_up_with_identity(session: Session, person: Person, *, citizen_id: UUID, session_id: UUID) -> SignIn:
    """Go on as a verified person, in a new session that takes the place of the running one.

    When the person is another citizen already, the two are joined: they are proved to be one, by the session on one
    side and the identity on the other. Raises IdentityOfAnother when the citizen is linked to somebody else, and
    NotSignedIn when the session is over.
    """
    _take_turn(session, person)
    device_name = _get_device_name(session, session_id, citizen_id)
    known = _find_citizen(session, person)
    if known is not None and known != citizen_id:
        if _is_linked_elsewhere(session, citizen_id, person):
            raise IdentityOfAnother
        _join(session, kept_id=known, joined_id=citizen_id)
        citizen_id = known
    else:
        end_session(session, session_id, citizen_id)
    _link(session, citizen_id, person)
    return start_session(session, citizen_id, device_name, _proof(), is_new_device=False)


def forget_old_attempts(session: Session) -> None:
    """Remove ways to the identity provider that nobody can come back by."""
    session.execute(delete(IdentityAttempt).where(IdentityAttempt.created_at < clock.now() - timedelta(days=1)))


def _proof() -> Proof:
    return Proof(Assurance.IDENTITY, authenticated_at=clock.now(), known_since=_VOUCHED_FOR)


def _take_turn(session: Session, person: Person) -> None:
    """Let of two who come as the same person at once the second see what the first has done."""
    name = person.facts.get(CCCD) or f"{person.issuer} {person.subject}"
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"identity of {name}", 0))))


def _find_citizen(session: Session, person: Person) -> UUID | None:
    linked = session.execute(
        select(LinkedIdentity.citizen_id).where(
            LinkedIdentity.issuer == person.issuer, LinkedIdentity.subject == person.subject
        )
    ).scalar_one_or_none()
    if linked is not None or CCCD not in person.facts:
        return linked
    # Another provider, or another client of it, names the same person differently: the verified CCCD tells.
    return sealed.find_owner(session, CCCD, person.facts[CCCD])


def _is_linked_elsewhere(session: Session, citizen_id: UUID, person: Person) -> bool:
    subject = session.execute(
        select(LinkedIdentity.subject).where(
            LinkedIdentity.citizen_id == citizen_id, LinkedIdentity.issuer == person.issuer
        )
    ).scalar_one_or_none()
    return subject not in {None, person.subject}


def _link(session: Session, citizen_id: UUID, person: Person) -> None:
    if _is_linked_elsewhere(session, citizen_id, person):
        raise IdentityOfAnother
    now = clock.now()
    session.execute(
        insert(LinkedIdentity)
        .values(
            id=new_id(),
            created_at=now,
            citizen_id=citizen_id,
            issuer=person.issuer,
            subject=person.subject,
            level=person.level,
            verified_at=now,
        )
        .on_conflict_do_update(
            index_elements=[LinkedIdentity.issuer, LinkedIdentity.subject],
            set_={"level": person.level, "verified_at": now},
        )
    )
    for name, value in person.facts.items():
        if not sealed.put(session, citizen_id, name, value, proved_by=_PROVED_BY, alone=name == CCCD):
            raise IdentityOfAnother


def _join(session: Session, *, kept_id: UUID, joined_id: UUID) -> None:
    """Let one citizen go on as another: their ways in move, their sessions end, their rows are moved by each room."""
    phone = find_phone(session, joined_id)
    if phone is not None:
        # The number was proved in the session that joins them, and is newer than the one known so far.
        sealed.remove(session, joined_id, [PHONE])
        session.flush()
        sealed.put(session, kept_id, PHONE, phone, proved_by="phone_code", alone=True)
    session.execute(update(Passkey).where(Passkey.citizen_id == joined_id).values(citizen_id=kept_id))
    move_memberships(session, kept_id=kept_id, joined_id=joined_id)
    end_other_sessions(session, joined_id, but=None)
    session.execute(update(Citizen).where(Citizen.id == joined_id).values(joined_into=kept_id))
    events.emit(session, CitizensJoined(kept_id, joined_id))


def _get_device_name(session: Session, session_id: UUID, citizen_id: UUID) -> str | None:
    found = session.execute(
        select(SignInSession).where(
            SignInSession.id == session_id, SignInSession.citizen_id == citizen_id, SignInSession.ended_at.is_(None)
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotSignedIn("session over")
    return found.device_name
