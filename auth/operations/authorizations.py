"""An app's question to a citizen on our page: opened, answered by a code to the phone, decided once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from auth import derivation, phones, redirects
from auth.app_errors import AppStopped, AppUnknown, AuthorizationElsewhere, AuthorizationOver, RedirectUnknown
from auth.app_models import App, AppState, AuthorizationRequest
from auth.errors import ChallengeOver, TooManyTries, WrongCode
from auth.models import Language
from auth.operations.apps import find_known_app
from auth.operations.challenges import get_code_to_send, prove_phone, start_challenge
from auth.operations.citizens import find_phone
from auth.operations.grants import give_grant
from kit import clock
from kit.errors import DomainError
from kit.idempotency import RequestKey

LIFETIME = timedelta(minutes=15)
_SECRET_BYTES = 32


@dataclass(frozen=True)
class Asked:
    """An app's question as it stands: what the page shows. `phone` is masked; it was sent a code, or proved."""

    request: AuthorizationRequest
    app: App
    phone: str | None


@dataclass(frozen=True)
class Answered:
    """What the app is told, as parameters of the address the citizen is sent back to."""

    redirect_uri: str
    parameters: dict[str, str | None]


def find_asking_app(session: Session, client_id: str, redirect_uri: str) -> App:
    """The app that asks, once the way back is certain: before that nobody is sent anywhere.

    Raises AppUnknown, AppStopped, RedirectUnknown.
    """
    app = find_known_app(session, client_id)
    if app is None:
        raise AppUnknown
    if app.state is AppState.SUSPENDED:
        raise AppStopped
    if redirects.find(redirect_uri, app.redirect_uris) is None:
        raise RedirectUnknown
    return app


def open_authorization(
    session: Session,
    app: App,
    *,
    redirect_uri: str,
    scopes: Collection[str],
    state: str | None,
    code_challenge: str,
    language: Language,
) -> tuple[Asked, str]:
    """Write the question down, and the secret of the browser it is asked in, which goes into a cookie."""
    now = clock.now()
    browser = secrets.token_urlsafe(_SECRET_BYTES)
    request = AuthorizationRequest(
        created_at=now,
        app_id=app.id,
        redirect_uri=redirect_uri,
        scopes=sorted(scopes),
        state=state,
        code_challenge=code_challenge,
        language=language,
        browser_hash=_hash(browser),
        expires_at=now + LIFETIME,
    )
    session.add(request)
    session.flush()
    return Asked(request, app, None), browser


def get_asked(session: Session, request_id: UUID, browser: str) -> Asked:
    """A question that waits for its answer, in the browser it was asked in.

    Raises AuthorizationElsewhere for any other browser and for what never was, AuthorizationOver, AppStopped.
    """
    asked = find_asked(session, request_id, browser)
    if isinstance(asked, DomainError):
        raise asked
    return asked


def find_asked(session: Session, request_id: UUID, browser: str) -> Asked | DomainError:
    """What `get_asked` gives or raises."""
    request = session.get(AuthorizationRequest, request_id)
    if request is None or not hmac.compare_digest(_hash(browser), request.browser_hash):
        return AuthorizationElsewhere()
    if request.decided_at is not None or request.expires_at <= clock.now():
        return AuthorizationOver()
    app = session.execute(select(App).where(App.id == request.app_id)).scalar_one()
    if app.state is not AppState.APPROVED:
        return AppStopped()
    return Asked(request, app, _find_phone(session, request))


def form_secret(request_id: UUID, browser: str) -> str:
    """What every form of a question carries, which no other page can know."""
    return derivation.form_secret_of(request_id, browser)


def send_code(session: Session, request: AuthorizationRequest, *, phone: str, address: str, attempt: str) -> None:
    """Send a code to `phone` (E.164), by the rules and budgets of signing in; `attempt` names one press of a button.

    Raises TooManyCodes.
    """
    meant = derivation.fingerprint("phone of an authorization", phone)
    # Who goes back in the browser and enters another number presses the same button, and means something else.
    key = RequestKey(f"authorization:{request.id}", "authorize", key=f"{attempt} {meant}", fingerprint=meant)
    challenge, _outcome = start_challenge(session, key, phone=phone, language=request.language, address=address)
    _move(session, request, AuthorizationRequest.citizen_id.is_(None), challenge_id=challenge.id)


def forget_code(session: Session, request: AuthorizationRequest) -> None:
    """Let the citizen enter another number, or ask for another code."""
    _move(session, request, AuthorizationRequest.citizen_id.is_(None), challenge_id=None)


def answer_code(
    session: Session, request: AuthorizationRequest, code: str, *, address: str | None
) -> WrongCode | ChallengeOver | TooManyTries | None:
    """Take the code the citizen has read; from then on the question is theirs.

    A refusal is returned, not raised, because the try it cost must be committed. No session is opened: what is proved
    here is good for this one answer.
    """
    if request.challenge_id is None:
        return ChallengeOver()
    proved = prove_phone(session, request.challenge_id, code, address=address)
    if not isinstance(proved, UUID):
        return proved
    _move(
        session,
        request,
        AuthorizationRequest.citizen_id.is_(None),
        citizen_id=proved,
        proved_at=clock.now(),
        challenge_id=None,
    )
    return None


def allow(session: Session, asked: Asked) -> Answered:
    """The citizen says yes: a grant and its code. Raises AuthorizationOver unless they have proved who they are.

    Of two answers at once one counts.
    """
    _move(session, asked.request, AuthorizationRequest.citizen_id.is_not(None), decided_at=clock.now())
    return Answered(
        asked.request.redirect_uri, {"code": give_grant(session, asked.request), "state": asked.request.state}
    )


def refuse(session: Session, asked: Asked) -> Answered:
    """The citizen says no, at whatever step. Raises AuthorizationOver when it was answered before."""
    _move(session, asked.request, decided_at=clock.now())
    return Answered(asked.request.redirect_uri, {"error": "access_denied", "state": asked.request.state})


def forget_old_authorizations(session: Session) -> None:
    """Remove questions nobody can answer any more."""
    session.execute(
        delete(AuthorizationRequest).where(AuthorizationRequest.created_at < clock.now() - timedelta(days=1))
    )


def _find_phone(session: Session, request: AuthorizationRequest) -> str | None:
    if request.citizen_id is not None:
        phone = find_phone(session, request.citizen_id)
        return phones.mask(phone) if phone else None
    if request.challenge_id is not None:
        return phones.mask(get_code_to_send(session, request.challenge_id).phone)
    return None


def _move(session: Session, request: AuthorizationRequest, *while_true: ColumnElement[bool], **values: object) -> None:
    moved = session.execute(
        update(AuthorizationRequest)
        .where(
            AuthorizationRequest.id == request.id,
            AuthorizationRequest.decided_at.is_(None),
            AuthorizationRequest.expires_at > clock.now(),
            *while_true,
        )
        .values(**values)
        .returning(AuthorizationRequest.id)
    ).one_or_none()
    if moved is None:
        raise AuthorizationOver


def _hash(browser: str) -> bytes:
    return hashlib.sha256(browser.encode()).digest()
