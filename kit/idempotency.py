"""Idempotency-Key -> the resource it made, remembered in the very transaction that made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import psycopg
from sqlalchemy import Table, bindparam, delete, select, update
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
    """Who asks for what, with which key; `fingerprint` is a keyed hash of the request's meaning."""

    caller: str
    operation: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Outcome:
    """The resource a key stands for; `replayed` when an earlier request made it."""

    resource_id: UUID
    replayed: bool

    def of(self, resource_id: UUID) -> Outcome:
        """The same outcome for what was made together with the resource: a payment with its order."""
        return Outcome(resource_id, self.replayed)


# Built once: building them anew for every request would cost twice what running them does.
_KEYS = cast("Table", IdempotencyKey.__table__)
_SCOPE = (
    _KEYS.c.caller == bindparam("for_caller"),
    _KEYS.c.operation == bindparam("for_operation"),
    _KEYS.c.key == bindparam("for_key"),
)
_CLAIM = insert(_KEYS).on_conflict_do_nothing().returning(_KEYS.c.key)
_SETTLE = update(_KEYS).where(*_SCOPE).values(resource_id=bindparam("made"))
_EARLIER = select(_KEYS.c.fingerprint, _KEYS.c.resource_id).where(*_SCOPE)


def once(session: Session, request: RequestKey, make: Callable[[], UUID]) -> Outcome:
    """Run `make` for the first request with this key; give later ones what the first made.

    A concurrent request with the same key waits here for the first to commit, and raises RequestInFlight when that
    takes longer than a lock may be waited for. When `make` raises, the key is rolled back with it, so the caller may
    mend the request and use the key again. Raises IdempotencyKeyReused when the key was used for another request.
    """
    scope = {"for_caller": request.caller, "for_operation": request.operation, "for_key": request.key}
    if _claim(session, request):
        resource_id = make()
        session.execute(_SETTLE, {**scope, "made": resource_id})
        return Outcome(resource_id, replayed=False)
    earlier = session.execute(_EARLIER, scope).one()
    if earlier.fingerprint != request.fingerprint:
        raise IdempotencyKeyReused
    return Outcome(earlier.resource_id, replayed=True)


def _claim(session: Session, request: RequestKey) -> bool:
    """Whether this request is the first with its key."""
    row = {**vars(request), "resource_id": None, "created_at": clock.now()}
    try:
        return session.execute(_CLAIM, row).one_or_none() is not None
    except OperationalError as exc:
        if isinstance(exc.orig, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled):
            raise RequestInFlight(retry_after=1) from exc
        raise


def forget_old_keys(session: Session) -> None:
    """Remove keys past their 72 hours."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < clock.now() - KEPT))
