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
from auth.operations.apps import hand_over_apps
from auth.operations.budgets import begin_sign_in
from auth.operations.citizens import PHONE, find_phone, find_present_id
from auth.operations.grants import hand_over_grants
from auth.operations.members import move_memberships
from auth.operations.sessions import SignIn, end_other_sessions, end_session, start_session
from kit import clock, events, sealed, vault
from kit.database import new_id
from kit.errors import NotSignedIn

LIFETIME = timedelta(minutes=10)
CCCD = "cccd"  # the field of the vault by which a verified person is found
_PROVED_BY = "national_identity"
_JOINED_LATELY = timedelta(hours=2)
# National identity vouches for the device: what it opens has never to wait.
_VOUCHED_FOR = datetime.fromtimestamp(0, UTC)


def start_identity_attempt(
    session: Session, *, session_id: UUID | None, redirect_uri: str, address: str | None = None
) -> IdentityAttempt:
    """Open a way to the identity provider and back; `session_id` is the session it is to raise, if any.

    Raises TooManyTries when the network `address` has begun its share of sign-ins.
    """
    begin_sign_in(session, address)
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
        if _is_somebody_else(session, citizen_id, person):
            raise IdentityOfAnother
        _join(session, kept_id=known, joined_id=citizen_id)
        citizen_id = known
    else:
        end_session(session, session_id, citizen_id)
    _link(session, citizen_id, person)
    return start_session(session, citizen_id, device_name, _proof(), is_new_device=False)


def repeat_joins(session: Session) -> None:
    """Tell the rooms again of those who were joined in the last two hours.

    The access tokens of the one that was given up live on for some seconds: what was left behind with them moves too.
    """
    since = clock.now() - _JOINED_LATELY
    ended = select(SignInSession.citizen_id).where(SignInSession.ended_at > since)
    lately = select(Citizen.joined_into, Citizen.id).where(Citizen.id.in_(ended)).order_by(Citizen.id)
    for kept_id, joined_id in session.execute(lately).all():
        if kept_id is not None:
            events.emit(session, CitizensJoined(kept_id, joined_id))


def forget_old_attempts(session: Session) -> None:
    """Remove ways to the identity provider that nobody can come back by."""
    session.execute(delete(IdentityAttempt).where(IdentityAttempt.created_at < clock.now() - timedelta(days=1)))


def _proof() -> Proof:
    return Proof(Assurance.IDENTITY, authenticated_at=clock.now(), known_since=_VOUCHED_FOR)


def _take_turn(session: Session, person: Person) -> None:
    """Let of two who come as the same person at once the second see what the first has done."""
    name = person.facts.get(CCCD) or f"{person.issuer} {person.subject}"
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"identity of {name}", 0))))


def _index(person: Person) -> bytes:
    return vault.blind_index("identity subject", f"{person.issuer} {person.subject}")


def _find_citizen(session: Session, person: Person) -> UUID | None:
    linked = session.execute(
        select(LinkedIdentity.citizen_id).where(
            LinkedIdentity.issuer == person.issuer, LinkedIdentity.subject_index == _index(person)
        )
    ).scalar_one_or_none()
    if linked is None and CCCD in person.facts:
        # Another provider, or another client of it, names the same person differently: the verified CCCD tells.
        linked = sealed.find_owner(session, CCCD, person.facts[CCCD])
    return None if linked is None else find_present_id(session, linked)


def _is_somebody_else(session: Session, citizen_id: UUID, person: Person) -> bool:
    """Whether a citizen is proved to be another person: by this provider, or by a CCCD that another one verified."""
    is_proved = sealed.list_proofs(session, citizen_id).get(CCCD) == _PROVED_BY
    if is_proved and person.facts.get(CCCD) not in {None, sealed.read(session, citizen_id, [CCCD])[CCCD]}:
        return True
    index = session.execute(
        select(LinkedIdentity.subject_index).where(
            LinkedIdentity.citizen_id == citizen_id, LinkedIdentity.issuer == person.issuer
        )
    ).scalar_one_or_none()
    return index not in {None, _index(person)}


def _link(session: Session, citizen_id: UUID, person: Person) -> None:
    if _is_somebody_else(session, citizen_id, person):
        raise IdentityOfAnother
    now = clock.now()
    session.execute(
        insert(LinkedIdentity)
        .values(
            id=new_id(),
            created_at=now,
            citizen_id=citizen_id,
            issuer=person.issuer,
            subject_index=_index(person),
            level=person.level,
            verified_at=now,
        )
        .on_conflict_do_update(
            index_elements=[LinkedIdentity.issuer, LinkedIdentity.subject_index],
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
    # Of two accounts at one provider the kept one's stays; the other is found by its verified CCCD when it comes again.
    providers = select(LinkedIdentity.issuer).where(LinkedIdentity.citizen_id == kept_id)
    theirs = LinkedIdentity.citizen_id == joined_id
    session.execute(delete(LinkedIdentity).where(theirs, LinkedIdentity.issuer.in_(providers)))
    session.execute(update(LinkedIdentity).where(theirs).values(citizen_id=kept_id))
    move_memberships(session, kept_id=kept_id, joined_id=joined_id)
    end_other_sessions(session, joined_id, but=None)
    hand_over_grants(session, joined_id, kept_id)
    hand_over_apps(session, joined_id, kept_id)
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
