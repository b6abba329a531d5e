"""Sessions: a chain of refresh tokens, each spent once, and the access tokens made on the way."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import derivation, tokens
from auth.errors import SessionOver
from auth.models import RefreshToken, SessionEnd, SignInSession
from auth.operations.keys import publish_own_key
from kit import clock, logs

IDLE = timedelta(days=30)
ABSOLUTE = timedelta(days=180)
# A phone may lose the answer to a refresh. For so long the spent token gives the very same successor once more.
RETRY = timedelta(seconds=60)
PHONE = "phone"  # the assurance of a one-time code
_REFRESH_TOKEN_BYTES = 32


@dataclass(frozen=True)
class SignIn:
    """What a phone holds after signing in or refreshing; `expires_in` is in seconds."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_at: datetime
    citizen_id: UUID


def start_session(session: Session, citizen_id: UUID, device_name: str | None) -> SignIn:
    """Sign a citizen in on one device."""
    now = clock.now()
    opened = SignInSession(
        created_at=now,
        citizen_id=citizen_id,
        device_name=device_name,
        refreshed_at=now,
        expires_at=now + ABSOLUTE,
    )
    session.add(opened)
    session.flush()
    return _extend(session, opened, secrets.token_urlsafe(_REFRESH_TOKEN_BYTES))


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


def end_session(session: Session, session_id: UUID, citizen_id: UUID) -> None:
    """Sign a citizen out of one session; harmless when it is over already."""
    session.execute(
        update(SignInSession)
        .where(SignInSession.id == session_id, SignInSession.citizen_id == citizen_id, SignInSession.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_by=SessionEnd.SIGNED_OUT)
    )


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
    return SessionOver()


def _sign_in(session: Session, opened: SignInSession, refresh_token: str, refresh_expires_at: datetime) -> SignIn:
    publish_own_key(session)
    access_token = tokens.issue(
        role="citizen",
        subject=opened.citizen_id,
        session_id=opened.id,
        assurance=PHONE,
        authenticated_at=opened.created_at,
    )
    return SignIn(
        access_token=access_token,
        expires_in=int(tokens.LIFETIME.total_seconds()),
        refresh_token=refresh_token,
        refresh_expires_at=refresh_expires_at,
        citizen_id=opened.citizen_id,
    )


def _hash(refresh_token: str) -> bytes:
    return hashlib.sha256(refresh_token.encode()).digest()
