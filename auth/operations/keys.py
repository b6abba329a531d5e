"""Signing keys: published a day before they sign, retired when the next one does, withdrawn at once when they must."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import keyring, tokens
from auth.keyring import OwnKey
from auth.models import KeyState, SigningKey
from kit import clock, logs
from kit.errors import NotFound, ServiceUnavailable

# Whoever checks our tokens has a day to learn of a key before it signs, and we keep a day after its last token.
ANNOUNCED = timedelta(days=1)


def issue_token(session: Session, **claims: Any) -> str:  # noqa: ANN401 - the arguments of tokens.issue
    """An access token signed with the key whose turn it is; `claims` are the arguments of `tokens.issue`.

    Raises ServiceUnavailable when every key of this machine has been withdrawn.
    """
    return tokens.issue(kid=_choose_key(session), **claims)


def find_signing_key(session: Session, kid: str) -> dict[str, Any] | None:
    """The public JWK of a key that is ours and not withdrawn."""
    return session.execute(
        select(SigningKey.public_jwk).where(SigningKey.kid == kid, SigningKey.state != KeyState.WITHDRAWN)
    ).scalar_one_or_none()


def list_signing_keys(session: Session) -> list[dict[str, Any]]:
    """The JWK set: every key that is not withdrawn, and the first one of this process, even before it signs."""
    rows = session.execute(
        select(SigningKey.kid, SigningKey.public_jwk, SigningKey.state).order_by(SigningKey.created_at)
    ).all()
    known = {row.kid for row in rows}
    keys = {row.kid: row.public_jwk for row in rows if row.state is not KeyState.WITHDRAWN}
    own = keyring.first()
    if own.kid not in known:
        keys[own.kid] = own.jwk
    return [{**jwk, "kid": kid, "use": "sig", "alg": "ES256"} for kid, jwk in keys.items()]


def list_key_states(session: Session) -> list[SigningKey]:
    """Every key there has been, the oldest first: for operators."""
    return list(session.execute(select(SigningKey).order_by(SigningKey.created_at)).scalars())


def rotate_signing_keys(session: Session) -> str:
    """Make a key and publish it; it signs a day from now, once its file is on every machine. Returns its kid.

    Raises keyring.NoKeyFolder when it has nowhere to go.
    """
    _choose_key(session)  # on a new installation the first key signs at once, and must not be overtaken
    made = keyring.make()
    _publish(session, made, KeyState.PUBLISHED)
    return made.kid


def advance_signing_keys(session: Session) -> None:
    """Let the newest key sign once it was published for a day, and withdraw those whose last token is long over."""
    now = clock.now()
    ripe = session.execute(
        select(SigningKey.kid)
        .where(SigningKey.state == KeyState.PUBLISHED, SigningKey.created_at <= now - ANNOUNCED)
        .order_by(SigningKey.created_at.desc())
        .limit(1)
        .with_for_update()
    ).scalar_one_or_none()
    if ripe is not None:
        _promote(session, ripe)
    session.execute(
        update(SigningKey)
        .where(SigningKey.state == KeyState.RETIRING, SigningKey.state_since <= now - ANNOUNCED - tokens.LIFETIME)
        .values(state=KeyState.WITHDRAWN, state_since=now)
    )


def withdraw_signing_key(session: Session, kid: str) -> str | None:
    """Refuse every token signed with this key, everywhere within ten seconds.

    When it was the one that signs, the newest published key takes over at once, or else a new one of the key folder.
    Returns the kid that took over, if one had to. Raises NotFound for a key that is not in the table.
    """
    withdrawn = session.execute(
        update(SigningKey)
        .where(SigningKey.kid == kid)
        .values(state=KeyState.WITHDRAWN, state_since=clock.now())
        .returning(SigningKey.kid)
    ).one_or_none()
    if withdrawn is None:
        raise NotFound
    states = _read_states(session)
    if KeyState.ACTIVE in states.values():
        return None
    heir = next((other for other, state in states.items() if state is KeyState.PUBLISHED), None)
    if heir is not None:
        _promote(session, heir)
        return heir
    try:
        made = keyring.make()
    except keyring.NoKeyFolder:
        logs.logger.error("no_signing_key_left")
        return None
    _publish(session, made, KeyState.ACTIVE)
    return made.kid


def _choose_key(session: Session) -> str:
    states = _read_states(session)
    for wanted in (KeyState.ACTIVE, KeyState.RETIRING):
        for kid, state in states.items():
            if state is wanted and keyring.find(kid) is not None:
                if wanted is KeyState.RETIRING:
                    logs.logger.error("signing_key_not_on_this_machine")
                return kid
    own = keyring.first()
    if own.kid in states:
        logs.logger.error("no_signing_key_left")
        raise ServiceUnavailable(retry_after=60)
    # A new installation, or a machine with a key of its own: nobody has learned another one from it.
    _publish(session, own, KeyState.ACTIVE)
    return own.kid


def _read_states(session: Session) -> dict[str, KeyState]:
    """What each key is, the newest first."""
    rows = session.execute(select(SigningKey.kid, SigningKey.state).order_by(SigningKey.created_at.desc()))
    return {row.kid: row.state for row in rows}


def _publish(session: Session, key: OwnKey, state: KeyState) -> None:
    now = clock.now()
    session.execute(
        insert(SigningKey)
        .values(kid=key.kid, public_jwk=key.jwk, created_at=now, state=state, state_since=now)
        .on_conflict_do_nothing()
    )


def _promote(session: Session, kid: str) -> None:
    now = clock.now()
    session.execute(
        update(SigningKey)
        .where(SigningKey.state.in_([KeyState.ACTIVE, KeyState.PUBLISHED]), SigningKey.kid != kid)
        .values(state=KeyState.RETIRING, state_since=now)
    )
    session.execute(update(SigningKey).where(SigningKey.kid == kid).values(state=KeyState.ACTIVE, state_since=now))
