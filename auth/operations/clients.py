"""Machine clients: systems of providers that call with an id and a secret."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import tokens
from auth.errors import InvalidClient, InvalidScope
from auth.models import MachineClient, MachineRole
from auth.operations.keys import issue_token
from kit import clock
from kit.database import new_id
from kit.errors import NotFound

_SECRET_BYTES = 32
_NOBODY = hashlib.sha256(b"").digest()  # what an unknown client's secret is compared with, so that it takes as long


@dataclass(frozen=True)
class ClientToken:
    """An access token for a machine; `expires_in` is in seconds, `scope` separates by spaces."""

    access_token: str
    expires_in: int
    scope: str


def create_client(
    session: Session,
    *,
    role: MachineRole | str,
    provider_id: UUID | None,
    scopes: Iterable[str],
    name: str,
    client_id: UUID | None = None,
    secret: str | None = None,
) -> tuple[MachineClient, str]:
    """A machine client and its secret, which nobody can read again.

    Without `secret` one of 256 random bits is made; a given one must be as hard to guess. With the `client_id` of an
    earlier client that client takes the new values, but a revoked one stays revoked.
    """
    secret = secret or secrets.token_urlsafe(_SECRET_BYTES)
    values = {
        "name": name,
        "role": MachineRole(role),
        "provider_id": provider_id,
        "secret_hash": _hash(secret),
        "scopes": sorted(set(scopes)),
    }
    client = session.execute(
        insert(MachineClient)
        .values(id=client_id or new_id(), created_at=clock.now(), **values)
        .on_conflict_do_update(index_elements=[MachineClient.id], set_=values)
        .returning(MachineClient),
        execution_options={"populate_existing": True},
    ).scalar_one()
    return client, secret


def revoke_client(session: Session, client_id: UUID) -> None:
    """Give this client no more tokens; those it holds end within ten seconds. Raises NotFound."""
    revoked = session.execute(
        update(MachineClient)
        .where(MachineClient.id == client_id)
        .values(revoked_at=clock.now())
        .returning(MachineClient.id)
    ).one_or_none()
    if revoked is None:
        raise NotFound


def issue_client_token(session: Session, client_id: str, secret: str, scope: str | None) -> ClientToken:
    """An access token for a client that knows its secret, with the scopes asked for, or all that it was granted.

    Raises InvalidClient, without telling an unknown client from a revoked one or a wrong secret, and InvalidScope.
    """
    client = _find_client(session, client_id)
    is_right = hmac.compare_digest(_hash(secret), client.secret_hash if client else _NOBODY)
    if client is None or not is_right:
        raise InvalidClient
    granted = set(client.scopes)
    scopes = set(scope.split()) if scope else granted
    if not scopes <= granted:
        raise InvalidScope(granted=sorted(granted))
    token = issue_token(session, role=client.role, subject=client.id, provider_id=client.provider_id, scopes=scopes)
    return ClientToken(token, int(tokens.LIFETIME.total_seconds()), " ".join(sorted(scopes)))


def _find_client(session: Session, client_id: str) -> MachineClient | None:
    try:
        parsed = UUID(client_id)
    except ValueError:
        return None
    return session.execute(
        select(MachineClient).where(MachineClient.id == parsed, MachineClient.revoked_at.is_(None))
    ).scalar_one_or_none()


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
