"""Apps of others: registered by a citizen, reviewed by the province, known by an id and maybe a secret."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth.app_errors import AppPublic, AppSettled, AppsFull, ReviewOutOfTurn
from auth.app_models import CHANGEABLE, MOVES, App, AppReview, AppState, Review
from auth.errors import InvalidClient
from auth.models import Citizen, Language
from kit import clock
from kit.errors import NotFound, PreconditionFailed
from kit.pages import Page, page

MOST_APPS = 20  # of one owner that are not withdrawn
FORMER_SECRET = timedelta(days=1)
_SECRET_BYTES = 32
_NOBODY = hashlib.sha256(b"").digest()  # what an unknown app's secret is compared with, so that it takes as long


def register_app(session: Session, owner_id: UUID, told: Mapping[str, Any]) -> App:
    """A new app, to be reviewed by the province. `told` are the columns its owner may fill. Raises AppsFull."""
    # One owner's registrations wait for each other, so that two at once can't both be the last.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"apps of {owner_id}", 0))))
    if len(list_own_apps(session, owner_id)) >= MOST_APPS:
        raise AppsFull(limit=MOST_APPS)
    now = clock.now()
    app = App(owner_id=owner_id, created_at=now, state=AppState.SUBMITTED, state_since=now, **_columns(told))
    session.add(app)
    session.flush()
    return app


def put_up_app(session: Session, app_id: UUID, owner_id: UUID, told: Mapping[str, Any]) -> None:
    """An approved app that nobody has to review, of an owner who never signs in: for the sandbox alone.

    Repeating it changes nothing.
    """
    now = clock.now()
    owner = insert(Citizen).values(id=owner_id, created_at=now, language=Language.VI)
    session.execute(owner.on_conflict_do_nothing())
    state = {"state": AppState.APPROVED, "state_since": now, "approved_at": now, "version": 1}
    app = insert(App).values(id=app_id, created_at=now, owner_id=owner_id, **state, **_columns(told))
    session.execute(app.on_conflict_do_nothing())


def list_own_apps(session: Session, owner_id: UUID) -> Sequence[App]:
    """The apps a citizen has registered and not withdrawn, the newest first."""
    return session.scalars(_own(owner_id).order_by(App.id.desc())).all()


def get_own_app(session: Session, app_id: UUID, owner_id: UUID) -> App:
    """One of the apps a citizen has registered; raises NotFound."""
    found = session.scalars(_own(owner_id).where(App.id == app_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


def change_app(session: Session, app: App, told: Mapping[str, Any]) -> App:
    """Change an app, as read before, and submit it (again). Raises AppSettled once it was approved."""
    if app.state not in CHANGEABLE:
        raise AppSettled(state=app.state)
    return _change(session, app, state=AppState.SUBMITTED, state_since=clock.now(), reason=None, **_columns(told))


def withdraw_registration(session: Session, app: App) -> None:
    """Take an app back for good: it gets nothing any more, and what it got is over at once."""
    _change(session, app, state=AppState.WITHDRAWN, state_since=clock.now(), reason=None)


def hand_over_apps(session: Session, owner_id: UUID, heir_id: UUID) -> None:
    """Let another citizen answer for the apps of one: they are proved to be the same person."""
    session.execute(update(App).where(App.owner_id == owner_id).values(owner_id=heir_id, version=App.version + 1))


def give_up_apps(session: Session, owner_id: UUID) -> None:
    """Withdraw the apps of a citizen who is erased: nobody answers for them any more."""
    session.execute(
        update(App)
        .where(App.owner_id == owner_id)
        .values(state=AppState.WITHDRAWN, state_since=clock.now(), reason=None, owner_name="", version=App.version + 1)
    )


def issue_app_secret(session: Session, app: App) -> str:
    """A fresh secret of 256 random bits, which nobody can read again; the one before is good for a day more.

    Raises AppPublic for an app that has none.
    """
    if not app.is_confidential:
        raise AppPublic
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    former = {"former_secret_hash": app.secret_hash, "former_secret_ends_at": clock.now() + FORMER_SECRET}
    _change(session, app, secret_hash=_hash(secret), **(former if app.secret_hash else {}))
    return secret


def list_apps(session: Session, *, state: AppState | None, limit: int, cursor: str | None) -> Page:
    """All apps, or those in one state, the newest first: for those who review."""
    every = select(App) if state is None else select(App).where(App.state == state)
    return page(session, every, by=[App.id], limit=limit, cursor=cursor, question=("apps", state))


def get_app(session: Session, app_id: UUID, *, version: int | None = None) -> App:
    """Any app, for those who review; raises NotFound, and PreconditionFailed unless it is of the `version` they saw."""
    found = session.get(App, app_id)
    if found is None:
        raise NotFound
    if version not in {None, found.version}:
        raise PreconditionFailed
    return found


def review_app(session: Session, app: App, decision: Review, *, reason: str | None, reviewer_id: UUID | None) -> App:
    """Decide about an app as it was read; what it may do begins or ends at once.

    Raises ReviewOutOfTurn when its state doesn't allow the decision, and PreconditionFailed when it was changed since:
    nothing is approved that nobody has seen.
    """
    possible, leads_to = MOVES[decision]
    if app.state not in possible:
        raise ReviewOutOfTurn(state=app.state)
    now = clock.now()
    told = {"approved_at": now} if decision is Review.APPROVE else {}
    is_bad = leads_to in {AppState.REFUSED, AppState.SUSPENDED}
    changed = _change(session, app, state=leads_to, state_since=now, reason=reason if is_bad else None, **told)
    session.add(AppReview(created_at=now, app_id=app.id, reviewer_id=reviewer_id, decision=decision, reason=reason))
    session.flush()
    return changed


def find_known_app(session: Session, client_id: str) -> App | None:
    """The app of that id, approved or suspended: who else asks is nobody."""
    try:
        parsed = UUID(client_id)
    except ValueError:
        return None
    known = select(App).where(App.id == parsed, App.state.in_([AppState.APPROVED, AppState.SUSPENDED]))
    return session.scalars(known).one_or_none()


def authenticate_app(session: Session, client_id: str, secret: str) -> App:
    """The approved app that calls: a confidential one by its secret, a public one by its id alone.

    Raises InvalidClient, without telling an unknown app from a suspended one or a wrong secret.
    """
    app = find_known_app(session, client_id)
    known = [] if app is None else [one for one in (app.secret_hash, _former(app)) if one is not None]
    # All of them, and one for nobody, so that it takes as long whoever asks.
    matches = [hmac.compare_digest(_hash(secret), one) for one in known or [_NOBODY]]
    if app is None or app.state is not AppState.APPROVED:
        raise InvalidClient
    is_right = bool(known) and any(matches) if app.is_confidential else not secret
    if not is_right:
        raise InvalidClient
    return app


def _own(owner_id: UUID) -> Select[App]:
    return select(App).where(App.owner_id == owner_id, App.state != AppState.WITHDRAWN)


def _change(session: Session, app: App, **values: object) -> App:
    changed = session.scalars(
        update(App)
        .where(App.id == app.id, App.version == app.version)
        .values(version=App.version + 1, **values)
        .returning(App),
        execution_options={"populate_existing": True},
    ).one_or_none()
    if changed is None:
        raise PreconditionFailed
    return changed


def _columns(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sorted(value) if name == "scopes" else value for name, value in told.items()}


def _former(app: App) -> bytes | None:
    is_good = app.former_secret_ends_at is not None and clock.now() < app.former_secret_ends_at
    return app.former_secret_hash if is_good else None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
