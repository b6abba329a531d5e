"""The application's connection to the database, with more patience than in production, and waiting for who waits."""

from __future__ import annotations

import threading
import time

from sqlalchemy import text
from sqlalchemy.orm import Session

from kit import database
from server.settings import Settings

_PATIENCE_MS = 20_000
_LONGEST_SECONDS = 30


def connect(settings: Settings) -> None:
    """Connect this process, as the application under test is connected, in place of whatever it was connected to."""
    database.disconnect()
    database.connect(settings.database_url, pool_size=settings.pool_size, statement_timeout_ms=_PATIENCE_MS)


def until_somebody_waits_for(session: Session) -> None:
    """Return as soon as another transaction waits for a lock that this one holds."""
    mine = session.scalar(text("SELECT pg_backend_pid()"))
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE :mine = ANY (pg_blocking_pids(pid))")
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        with database.transaction() as look:
            if look.scalar(waiting, {"mine": mine}):
                return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits for a lock of this transaction")
