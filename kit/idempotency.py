"""Idempotency-Key -> the resource it made, remembered in the very transaction that made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, Session, mapped_column

from kit import clock
from kit.database import Base
from kit.errors import IdempotencyKeyReused, RequestInFlight

KEPT = timedelta(hours=72)


class IdempotencyKey(Base):
    """One caller's intention, and the resource it led to."""

    __tablename__ = "idempotency_key"

    caller: Mapped[str] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    resource_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True)
class RequestKey:
    """Who asks for what, with which key; `fingerprint` is a hash of the request's meaning."""

    caller: str
    operation: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Outcome:
    """The resource a key stands for; `replayed` when an earlier request made it."""

    resource_id: UUID
    replayed: bool


def once(session: Session, request: RequestKey, make: Callable[[], UUID]) -> Outcome:
    """Run `make` for the first request with this key; give later ones what the first made.

    A concurrent request with the same key waits here for the first to commit, and raises RequestInFlight when that
    takes longer than a lock may be waited for. When `make` raises, the key is rolled back with it, so the caller may
    mend the request and use the key again. Raises IdempotencyKeyReused when the key was used for another request.
    """
    scope = (
        IdempotencyKey.caller == request.caller,
        IdempotencyKey.operation == request.operation,
        IdempotencyKey.key == request.key,
    )
    if _claim(session, request):
        resource_id = make()
        session.execute(update(IdempotencyKey).where(*scope).values(resource_id=resource_id))
        return Outcome(resource_id, replayed=False)
    earlier = session.execute(select(IdempotencyKey.fingerprint, IdempotencyKey.resource_id).where(*scope)).one()
    if earlier.fingerprint != request.fingerprint:
        raise IdempotencyKeyReused
    return Outcome(earlier.resource_id, replayed=True)


def _claim(session: Session, request: RequestKey) -> bool:
    """Whether this request is the first with its key."""
    claim = (
        insert(IdempotencyKey)
        .values(
            caller=request.caller,
            operation=request.operation,
            key=request.key,
            fingerprint=request.fingerprint,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.key)
    )
    try:
        return session.execute(claim).one_or_none() is not None
    except OperationalError as exc:
        if isinstance(exc.orig, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled):
            raise RequestInFlight(retry_after=1) from exc
        raise


def forget_old_keys(session: Session) -> None:
    """Remove keys past their 72 hours."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < clock.now() - KEPT))
