"""Sessions: a chain of refresh tokens, each spent once, the access tokens made on the way, and their end."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, String, and_, case, cast, delete, func, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import derivation, tokens
from auth.assurance import Proof
from auth.errors import SessionOver
from auth.events import DeviceSignedIn, SessionEndedByReuse
from auth.models import Assurance, KeyState, RefreshToken, SessionEnd, SigningKey, SignInSession
from auth.operations.citizens import find_recipient
from auth.operations.keys import issue_token
from auth.organisation_models import ClientCredential, MachineClient, Organisation, OrganisationState
from kit import clock, events, logs
from kit.errors import NotFound, NotSignedIn

IDLE = timedelta(days=30)
ABSOLUTE = timedelta(days=180)
# A phone may lose the answer to a refresh. For so long the spent token gives the very same successor once more.
RETRY = timedelta(seconds=60)
_REFRESH_TOKEN_BYTES = 32


@dataclass(frozen=True)
class SignIn:
    """What a phone holds after signing in or refreshing; `expires_in` is in seconds."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_at: datetime
    citizen_id: UUID


@dataclass(frozen=True)
class SteppedUp:
    """A session's access token with a better proof in it; `expires_in` is in seconds. The refresh token stays."""

    access_token: str
    expires_in: int
    acr: Assurance
    auth_time: datetime


def start_session(
    session: Session,
    citizen_id: UUID,
    device_name: str | None,
    proof: Proof | None = None,
    *,
    is_new_device: bool = True,
) -> SignIn:
    """Sign a citizen in on one device, by `proof`; without one, by a code to their phone just now.

    When they are signed in elsewhere and the device is new, the others are told (DeviceSignedIn). Raises NotSignedIn
    for a citizen who was erased meanwhile: signing in again makes a new one.
    """
    now = clock.now()
    # A citizen may be joined into another, or erased, while they sign in: nobody comes in as one that was given up.
    present_id = find_recipient(session, citizen_id)
    if present_id is None:
        raise NotSignedIn("unknown subject")
    citizen_id = present_id
    proof = proof or Proof(Assurance.PHONE, authenticated_at=now, known_since=now)
    is_elsewhere = is_new_device and session.execute(select(_live(citizen_id).exists())).scalar_one()
    opened = SignInSession(
        created_at=now,
        citizen_id=citizen_id,
        device_name=device_name,
        refreshed_at=now,
        expires_at=now + ABSOLUTE,
        assurance=proof.level,
        authenticated_at=proof.authenticated_at,
        known_since=proof.known_since,
        opened_by_passkey_id=proof.passkey_id,
    )
    session.add(opened)
    session.flush()
    if is_elsewhere:
        events.emit(session, DeviceSignedIn(citizen_id, opened.id))
    return _extend(session, opened, secrets.token_urlsafe(_REFRESH_TOKEN_BYTES))


def step_up(session: Session, session_id: UUID, citizen_id: UUID, proof: Proof) -> SteppedUp:
    """Raise a running session to a proof its citizen has just given.

    It counts as known since the device or the passkey, whichever is newer; national identity vouches for both. Raises
    NotSignedIn when the session is over.
    """
    known_since = (
        proof.known_since
        if proof.level is Assurance.IDENTITY
        else func.greatest(SignInSession.known_since, proof.known_since)
    )
    raised = session.execute(
        update(SignInSession)
        .where(
            SignInSession.id == session_id,
            SignInSession.citizen_id == citizen_id,
            SignInSession.ended_at.is_(None),
            SignInSession.expires_at > clock.now(),
        )
        .values(
            assurance=proof.level,
            authenticated_at=proof.authenticated_at,
            known_since=known_since,
            raised_by_passkey_id=proof.passkey_id,
        )
        .returning(SignInSession),
        execution_options={"populate_existing": True},
    ).scalar_one_or_none()
    if raised is None:
        raise NotSignedIn("session over")
    return SteppedUp(
        _issue(session, raised), int(tokens.LIFETIME.total_seconds()), raised.assurance, raised.authenticated_at
    )


def refresh_session(session: Session, refresh_token: str) -> SignIn | SessionOver:
    """Spend a refresh token for its successor and a fresh access token.

    The successor follows from the token alone. Concurrent callers with one token, and an honest retry within a minute
    while the successor is unused, are therefore given the same one; never are there two. Any other second use means
    that the token is in two hands: the whole session ends. A refusal is returned, not raised, because that end must
    be committed.
    """
    now = clock.now()
    token_hash = _hash(refresh_token)
    # The session's row is what concurrent refreshes queue up for; everything below sees what the one before committed.
    found = session.execute(
        update(SignInSession)
        .where(
            SignInSession.id
            == select(RefreshToken.session_id).where(RefreshToken.token_hash == token_hash).scalar_subquery(),
            SignInSession.ended_at.is_(None),
            SignInSession.expires_at > now,
        )
        .values(refreshed_at=now)
        .returning(SignInSession)
    ).scalar_one_or_none()
    if found is None:
        return SessionOver()
    successor = derivation.successor_of(refresh_token)
    spent = session.execute(
        update(RefreshToken)
        .where(RefreshToken.token_hash == token_hash, RefreshToken.spent_at.is_(None), RefreshToken.expires_at > now)
        .values(spent_at=now)
        .returning(RefreshToken.token_hash)
    ).one_or_none()
    if spent is not None:
        return _extend(session, found, successor)
    return _answer_second_use(session, found, token_hash, successor)


def list_sessions(session: Session, citizen_id: UUID) -> list[SignInSession]:
    """Where a citizen is signed in, the last used first."""
    return list(session.execute(_live(citizen_id).order_by(SignInSession.refreshed_at.desc())).scalars())


def get_session(session: Session, session_id: UUID, citizen_id: UUID) -> SignInSession:
    """One live session of a citizen; raises NotFound."""
    found = session.execute(_live(citizen_id).where(SignInSession.id == session_id)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def find_sign_in_time(session: Session, session_id: UUID) -> datetime | None:
    """When a session was opened; None when it is not remembered any more."""
    return session.execute(select(SignInSession.created_at).where(SignInSession.id == session_id)).scalar_one_or_none()


def rename_session(session: Session, named: SignInSession, device_name: str) -> SignInSession:
    """Give the device of a session, as read before, the name its citizen knows it by.

    Raises NotFound when another change came first.
    """
    renamed = session.execute(
        update(SignInSession)
        .where(SignInSession.id == named.id, SignInSession.version == named.version)
        .values(device_name=device_name, version=SignInSession.version + 1)
        .returning(SignInSession),
        execution_options={"populate_existing": True},
    ).scalar_one_or_none()
    if renamed is None:
        raise NotFound
    return renamed


def end_session(session: Session, session_id: UUID, citizen_id: UUID, *, from_elsewhere: bool = False) -> None:
    """Sign a citizen out of one session; harmless when it is over already. Its access tokens end within ten seconds."""
    by = SessionEnd.ENDED_ELSEWHERE if from_elsewhere else SessionEnd.SIGNED_OUT
    session.execute(
        update(SignInSession)
        .where(SignInSession.id == session_id, SignInSession.citizen_id == citizen_id, SignInSession.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_by=by)
    )


def end_other_sessions(session: Session, citizen_id: UUID, *, but: UUID | None) -> int:
    """Sign a citizen out everywhere but in one session; returns of how many."""
    ended = session.execute(
        update(SignInSession)
        .where(
            SignInSession.citizen_id == citizen_id,
            SignInSession.ended_at.is_(None),
            SignInSession.expires_at > clock.now(),
            SignInSession.id.is_distinct_from(but),
        )
        .values(ended_at=clock.now(), ended_by=SessionEnd.ENDED_ELSEWHERE)
        .returning(SignInSession.refreshed_at)
    )
    return sum(row.refreshed_at > clock.now() - IDLE for row in ended)


def forget_passkey(session: Session, passkey_id: UUID, citizen_id: UUID) -> None:
    """End the sessions that a passkey has opened, and take back what it has raised others to.

    Whoever held the passkey is out: access tokens of what it has opened end within ten seconds.
    """
    live = (SignInSession.citizen_id == citizen_id, SignInSession.ended_at.is_(None))
    session.execute(
        update(SignInSession)
        .where(*live, SignInSession.opened_by_passkey_id == passkey_id)
        .values(ended_at=clock.now(), ended_by=SessionEnd.PASSKEY_REMOVED)
    )
    opened_as = case((SignInSession.opened_by_passkey_id.is_(None), Assurance.PHONE), else_=Assurance.PASSKEY)
    session.execute(
        update(SignInSession)
        .where(*live, SignInSession.raised_by_passkey_id == passkey_id)
        .values(assurance=opened_as, authenticated_at=SignInSession.created_at, raised_by_passkey_id=None)
    )


def list_revoked(session: Session) -> frozenset[str]:
    """What access tokens may still name although it is over.

    Sessions, clients and their credentials that ended lately, systems of suspended organisations, withdrawn keys.
    """
    now = clock.now()
    since = now - 2 * tokens.LIFETIME
    ended = select(cast(SignInSession.id, String)).where(SignInSession.ended_at > since)
    revoked = (
        select(cast(MachineClient.id, String))
        .join(Organisation, Organisation.id == MachineClient.organisation_id)
        .where(or_(MachineClient.revoked_at > since, Organisation.state == OrganisationState.SUSPENDED))
    )
    lapsed = select(cast(ClientCredential.id, String)).where(
        or_(
            ClientCredential.withdrawn_at > since,
            and_(ClientCredential.expires_at > since, ClientCredential.expires_at <= now),
        )
    )
    withdrawn = select(SigningKey.kid).where(SigningKey.state == KeyState.WITHDRAWN)
    return frozenset(session.execute(union_all(ended, revoked, lapsed, withdrawn)).scalars())


def forget_old_sessions(session: Session) -> None:
    """Remove sessions that nobody could refresh for the last thirty days, and links spent as long ago.

    Until then a spent token that turns up still ends its session; after that it is unknown, and refused as well.
    """
    horizon = clock.now() - IDLE
    # However a session ended, its last refresh lies further back than this.
    session.execute(delete(SignInSession).where(SignInSession.refreshed_at < horizon - IDLE))
    session.execute(delete(RefreshToken).where(RefreshToken.spent_at < horizon))


def _extend(session: Session, opened: SignInSession, refresh_token: str) -> SignIn:
    expires_at = min(clock.now() + IDLE, opened.expires_at)
    session.execute(
        insert(RefreshToken).values(token_hash=_hash(refresh_token), session_id=opened.id, expires_at=expires_at)
    )
    return _sign_in(session, opened, refresh_token, expires_at)


def _answer_second_use(
    session: Session, found: SignInSession, token_hash: bytes, successor: str
) -> SignIn | SessionOver:
    now = clock.now()
    token = session.execute(select(RefreshToken).where(RefreshToken.token_hash == token_hash)).scalar_one()
    if token.spent_at is None:
        return SessionOver()  # thirty days idle
    following = session.execute(
        select(RefreshToken.spent_at, RefreshToken.expires_at).where(RefreshToken.token_hash == _hash(successor))
    ).one_or_none()
    if following is not None and following.spent_at is None and now - token.spent_at <= RETRY:
        return _sign_in(session, found, successor, following.expires_at)
    session.execute(
        update(SignInSession)
        .where(SignInSession.id == found.id, SignInSession.ended_at.is_(None))
        .values(ended_at=now, ended_by=SessionEnd.TOKEN_REUSED)
    )
    logs.logger.warning("refresh_token_reused", actor=logs.pseudonym(f"citizen:{found.citizen_id}"))
    events.emit(session, SessionEndedByReuse(found.citizen_id, found.id))
    return SessionOver()


def _sign_in(session: Session, opened: SignInSession, refresh_token: str, refresh_expires_at: datetime) -> SignIn:
    return SignIn(
        access_token=_issue(session, opened),
        expires_in=int(tokens.LIFETIME.total_seconds()),
        refresh_token=refresh_token,
        refresh_expires_at=refresh_expires_at,
        citizen_id=opened.citizen_id,
    )


def _issue(session: Session, opened: SignInSession) -> str:
    return issue_token(
        session,
        role="citizen",
        subject=opened.citizen_id,
        session_id=opened.id,
        assurance=opened.assurance,
        authenticated_at=opened.authenticated_at,
        known_since=opened.known_since,
    )


def _live(citizen_id: UUID) -> Select[SignInSession]:
    now = clock.now()
    return select(SignInSession).where(
        SignInSession.citizen_id == citizen_id,
        SignInSession.ended_at.is_(None),
        SignInSession.expires_at > now,
        SignInSession.refreshed_at > now - IDLE,
    )


def _hash(refresh_token: str) -> bytes:
    return hashlib.sha256(refresh_token.encode()).digest()
