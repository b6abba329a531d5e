"""Signing keys: published by whoever signs with them, looked up by whoever checks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import tokens
from auth.models import SigningKey
from kit import clock
from kit.errors import NotFound


def publish_own_key(session: Session) -> None:
    """Put this process's key into the table before a token signed with it leaves; machines sharing it may race."""
    kid, jwk = tokens.own_key()
    session.execute(insert(SigningKey).values(kid=kid, public_jwk=jwk, created_at=clock.now()).on_conflict_do_nothing())


def find_signing_key(session: Session, kid: str) -> dict[str, Any] | None:
    """The public JWK of a key that is ours and not retired."""
    return session.execute(
        select(SigningKey.public_jwk).where(SigningKey.kid == kid, SigningKey.retired_at.is_(None))
    ).scalar_one_or_none()


def list_signing_keys(session: Session) -> list[dict[str, Any]]:
    """The JWK set: every key that is not retired, and the one this process will sign with, even before it does."""
    rows = session.execute(
        select(SigningKey.kid, SigningKey.public_jwk, SigningKey.retired_at).order_by(SigningKey.created_at)
    ).all()
    known = {row.kid for row in rows}
    keys = {row.kid: row.public_jwk for row in rows if row.retired_at is None}
    kid, jwk = tokens.own_key()
    if kid not in known:
        keys[kid] = jwk
    return [{**jwk, "kid": kid, "use": "sig", "alg": "ES256"} for kid, jwk in keys.items()]


def retire_signing_key(session: Session, kid: str) -> None:
    """Refuse every token signed with this key from now on; a machine that still signs with it signs in vain.

    Raises NotFound for a key that is not in the table.
    """
    retired = session.execute(
        update(SigningKey).where(SigningKey.kid == kid).values(retired_at=clock.now()).returning(SigningKey.kid)
    ).one_or_none()
    if retired is None:
        raise NotFound
