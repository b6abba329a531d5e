"""What citizens have allowed to apps: the code, the chain of refresh tokens, access tokens, and the end of it all."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import app_scopes, tokens
from auth.app_errors import InvalidGrant
from auth.app_models import App, AppGrant, AppRefreshToken, AppState, AppUser, AuthorizationRequest, GrantEnd
from auth.errors import InvalidScope
from auth.events import AppAllowed
from auth.models import Citizen
from auth.operations.keys import find_signing_key, issue_token
from kit import clock, events, logs
from kit.errors import NotFound, NotSignedIn

CODE_LIFETIME = timedelta(seconds=60)
CONSENT_LIFETIME = timedelta(days=90)
IDLE = timedelta(days=30)
_TOKEN_BYTES = 32
_VERIFIER = re.compile("[A-Za-z0-9._~-]{43,128}")  # RFC 7636 section 4.1


@dataclass(frozen=True)
class AppTokens:
    """What an app holds; `expires_in` is in seconds, `scope` separates by spaces."""

    access_token: str
    expires_in: int
    refresh_token: str
    scope: str


@dataclass(frozen=True)
class LiveGrant:
    """What stands behind an app's access token at this moment."""

    citizen_id: UUID
    app_name: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class AllowedApp:
    """An app a citizen has allowed something, all its sign-ins taken together."""

    app: App
    scopes: list[str]
    given_at: datetime
    used_at: datetime
    ends_at: datetime
    sign_ins: int


def give_grant(session: Session, request: AuthorizationRequest) -> str:
    """The citizen's consent, written down as they read it; returns its code: for one use, within a minute."""
    now = clock.now()
    code = secrets.token_urlsafe(_TOKEN_BYTES)
    session.execute(
        insert(AppUser)
        # Random, not of the time: it must not tell when the citizen came.
        .values(app_id=request.app_id, citizen_id=request.citizen_id, alias=uuid4())
        .on_conflict_do_nothing()
    )
    session.add(
        AppGrant(
            created_at=now,
            app_id=request.app_id,
            citizen_id=request.citizen_id,
            scopes=request.scopes,
            text_version=app_scopes.VERSION,
            language=request.language,
            redirect_uri=request.redirect_uri,
            code_hash=_hash(code),
            code_challenge=request.code_challenge,
            code_expires_at=now + CODE_LIFETIME,
            ends_at=end_of_consent(request),
        )
    )
    session.flush()
    return code


def end_of_consent(request: AuthorizationRequest) -> datetime:
    """When a consent to this question ends by itself: the same at every look, so that what was read is what holds."""
    return (request.proved_at or clock.now()) + CONSENT_LIFETIME


def redeem_code(
    session: Session, app: App, code: str, *, redirect_uri: str | None, code_verifier: str
) -> AppTokens | InvalidGrant:
    """Trade a code for the first tokens of its grant; of many who try at once one succeeds.

    Whoever shows a code spends it. When it is not the app it was given to, with its verifier (RFC 7636, S256) and the
    same way back, if one is named, the grant is over; and so it is, with all its tokens, when a code comes twice. A
    refusal is returned, not raised, because that end must be committed.
    """
    now = clock.now()
    grant = session.scalars(
        update(AppGrant)
        .where(AppGrant.code_hash == _hash(code), AppGrant.code_spent_at.is_(None))
        .values(code_spent_at=now, used_at=now)
        .returning(AppGrant)
    ).one_or_none()
    if grant is None:
        spent = session.scalars(select(AppGrant.id).where(AppGrant.code_hash == _hash(code))).one_or_none()
        if spent is not None:
            _end(session, spent, GrantEnd.CODE_REPLAYED)
        return InvalidGrant()
    is_theirs = (
        grant.app_id == app.id
        and _VERIFIER.fullmatch(code_verifier) is not None
        and redirect_uri in {None, grant.redirect_uri}
        and hmac.compare_digest(_s256(code_verifier), grant.code_challenge.encode())
    )
    if not is_theirs or grant.code_expires_at <= now or grant.ended_at is not None:
        _end(session, grant.id, GrantEnd.CODE_MISUSED)
        return InvalidGrant()
    events.emit(session, AppAllowed(grant.citizen_id, grant.app_id, grant.id))
    return _extend(session, grant)


def refresh_grant(session: Session, app: App, refresh_token: str, scope: str | None) -> AppTokens | InvalidGrant:
    """Spend a refresh token for its successor and a fresh access token, for `scope` or all that was allowed.

    A spent token that comes again, or a token that another app shows, is in two hands: the grant ends. There is no
    second chance as for a citizen's own phone. A refusal is returned, not raised, because that end must be committed.
    Raises InvalidScope.
    """
    now = clock.now()
    token_hash = _hash(refresh_token)
    # The grant's row is what concurrent refreshes queue up for; everything below sees what the one before committed.
    grant = session.scalars(
        update(AppGrant)
        .where(
            AppGrant.id
            == select(AppRefreshToken.grant_id).where(AppRefreshToken.token_hash == token_hash).scalar_subquery(),
            AppGrant.ended_at.is_(None),
            AppGrant.ends_at > now,
        )
        .values(used_at=now)
        .returning(AppGrant)
    ).one_or_none()
    if grant is None:
        return InvalidGrant()
    if grant.app_id != app.id:
        _end(session, grant.id, GrantEnd.TOKEN_MISUSED)
        return InvalidGrant()
    scopes = set(scope.split()) if scope else set(grant.scopes)
    if not scopes <= set(grant.scopes):
        raise InvalidScope(granted=grant.scopes)
    spent = session.execute(
        update(AppRefreshToken)
        .where(
            AppRefreshToken.token_hash == token_hash,
            AppRefreshToken.spent_at.is_(None),
            AppRefreshToken.expires_at > now,
        )
        .values(spent_at=now)
        .returning(AppRefreshToken.token_hash)
    ).one_or_none()
    if spent is not None:
        return _extend(session, grant, scopes)
    is_reused = session.scalars(select(AppRefreshToken.spent_at).where(AppRefreshToken.token_hash == token_hash)).one()
    if is_reused is not None:
        _end(session, grant.id, GrantEnd.TOKEN_REUSED)
    return InvalidGrant()


def revoke_token(session: Session, app: App, token: str) -> InvalidGrant | None:
    """End the grant that a refresh or access token of this app belongs to (RFC 7009); what is unknown is over anyway.

    Returns InvalidGrant for the token of another app, which is left alone.
    """
    grant_id = session.scalars(
        select(AppRefreshToken.grant_id).where(AppRefreshToken.token_hash == _hash(token))
    ).one_or_none() or _grant_of(session, token)
    if grant_id is None:
        return None
    owner = session.scalars(select(AppGrant.app_id).where(AppGrant.id == grant_id)).one_or_none()
    if owner != app.id:
        return InvalidGrant()
    _end(session, grant_id, GrantEnd.RETURNED)
    return None


def find_live_grant(session: Session, grant_id: UUID, app_id: UUID, alias: UUID) -> LiveGrant | None:
    """Whom an app's access token is about and what it may still do; None once grant or app ended, or they left."""
    found = session.execute(
        select(AppGrant.citizen_id, AppGrant.scopes, App.name_vi)
        .join(App, App.id == AppGrant.app_id)
        .join(Citizen, Citizen.id == AppGrant.citizen_id)
        .join(AppUser, (AppUser.app_id == AppGrant.app_id) & (AppUser.citizen_id == AppGrant.citizen_id))
        .where(
            AppGrant.id == grant_id,
            AppGrant.app_id == app_id,
            AppGrant.ended_at.is_(None),
            AppGrant.ends_at > clock.now(),
            App.state == AppState.APPROVED,
            # A consent given while its citizen was being erased or joined is over too.
            Citizen.erased_at.is_(None),
            Citizen.joined_into.is_(None),
            AppUser.alias == alias,
        )
    ).one_or_none()
    return None if found is None else LiveGrant(found.citizen_id, found.name_vi, frozenset(found.scopes))


def list_allowed_apps(session: Session, citizen_id: UUID) -> list[AllowedApp]:
    """The apps that may see something of a citizen now, the last allowed first."""
    grants = session.execute(
        select(AppGrant, App)
        .join(App, App.id == AppGrant.app_id)
        .where(
            AppGrant.citizen_id == citizen_id,
            AppGrant.code_spent_at.is_not(None),
            AppGrant.ended_at.is_(None),
            AppGrant.ends_at > clock.now(),
            App.state != AppState.WITHDRAWN,
        )
        .order_by(AppGrant.id.desc())
    ).all()
    by_app: dict[UUID, list[AppGrant]] = {}
    apps = {app.id: app for _, app in grants}
    for grant, app in grants:
        by_app.setdefault(app.id, []).append(grant)
    return [_together(apps[app_id], given) for app_id, given in by_app.items()]


def withdraw_app(session: Session, citizen_id: UUID, app_id: UUID) -> None:
    """Take back all that a citizen has allowed to an app, with effect at once; harmless when it is over already.

    Raises NotFound for an app they never allowed anything.
    """
    mine = (AppGrant.citizen_id == citizen_id, AppGrant.app_id == app_id)
    if session.scalars(select(func.count()).select_from(AppGrant).where(*mine)).one() == 0:
        raise NotFound
    session.execute(
        update(AppGrant)
        .where(*mine, AppGrant.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_by=GrantEnd.WITHDRAWN)
    )


def end_grants_of(session: Session, citizen_id: UUID) -> None:
    """End all that a citizen has allowed, because nobody signs in as them any more."""
    session.execute(
        update(AppGrant)
        .where(AppGrant.citizen_id == citizen_id, AppGrant.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_by=GrantEnd.CITIZEN_GONE)
    )


def hand_over_grants(session: Session, citizen_id: UUID, heir_id: UUID) -> None:
    """End what a citizen has allowed, and let it be another's history: they are proved to be the same person.

    A question that waits is the other's to answer, and an app goes on to call them what it called the one who is gone,
    unless it knows the other already. Doing it again changes nothing.
    """
    end_grants_of(session, citizen_id)
    session.execute(update(AppGrant).where(AppGrant.citizen_id == citizen_id).values(citizen_id=heir_id))
    session.execute(
        update(AuthorizationRequest).where(AuthorizationRequest.citizen_id == citizen_id).values(citizen_id=heir_id)
    )
    gone = delete(AppUser).where(AppUser.citizen_id == citizen_id).returning(AppUser.app_id, AppUser.alias)
    known = [{"app_id": app_id, "citizen_id": heir_id, "alias": alias} for app_id, alias in session.execute(gone)]
    if known:
        session.execute(insert(AppUser).on_conflict_do_nothing(), known)


def forget_old_grants(session: Session) -> None:
    """Remove codes that nobody has come for, and links of chains that were spent or ended long ago.

    A consent that was used stays, as proof of what was allowed and when it ended.
    """
    now = clock.now()
    session.execute(
        delete(AppGrant).where(AppGrant.code_spent_at.is_(None), AppGrant.created_at < now - timedelta(days=1))
    )
    session.execute(delete(AppRefreshToken).where(AppRefreshToken.spent_at < now - IDLE))
    session.execute(delete(AppRefreshToken).where(AppRefreshToken.expires_at < now - IDLE))


def _extend(session: Session, grant: AppGrant, scopes: set[str] | None = None) -> AppTokens:
    refresh_token = secrets.token_urlsafe(_TOKEN_BYTES)
    session.execute(
        insert(AppRefreshToken).values(
            token_hash=_hash(refresh_token), grant_id=grant.id, expires_at=min(clock.now() + IDLE, grant.ends_at)
        )
    )
    alias = session.scalars(
        select(AppUser.alias).where(AppUser.app_id == grant.app_id, AppUser.citizen_id == grant.citizen_id)
    ).one()
    wanted = sorted(scopes or grant.scopes)
    access_token = issue_token(
        session, role="developer", subject=alias, session_id=grant.id, client_id=grant.app_id, scopes=wanted
    )
    return AppTokens(access_token, int(tokens.LIFETIME.total_seconds()), refresh_token, " ".join(wanted))


def _grant_of(session: Session, access_token: str) -> UUID | None:
    try:
        claims = tokens.verify(access_token, lambda kid: find_signing_key(session, kid))
    except NotSignedIn:
        return None
    return claims.session_id if claims.client_id else None


def _end(session: Session, grant_id: UUID, by: GrantEnd) -> None:
    ended = session.execute(
        update(AppGrant)
        .where(AppGrant.id == grant_id, AppGrant.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_by=by)
        .returning(AppGrant.citizen_id)
    ).one_or_none()
    if ended is not None and by is not GrantEnd.RETURNED:
        logs.logger.warning("app_grant_ended", code=by, actor=logs.pseudonym(f"citizen:{ended.citizen_id}"))


def _together(app: App, grants: list[AppGrant]) -> AllowedApp:
    return AllowedApp(
        app=app,
        scopes=sorted({scope for grant in grants for scope in grant.scopes}),
        given_at=max(grant.created_at for grant in grants),
        used_at=max(grant.used_at or grant.created_at for grant in grants),
        ends_at=max(grant.ends_at for grant in grants),
        sign_ins=len(grants),
    )


def _s256(code_verifier: str) -> bytes:
    return urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
