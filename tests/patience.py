"""The application's connection to the database, with more patience than in production: test machines are slow."""

from __future__ import annotations

from kit import database
from server.settings import Settings

_PATIENCE_MS = 20_000


def connect(settings: Settings) -> None:
    """Connect this process, as the application under test is connected, in place of whatever it was connected to."""
    database.disconnect()
    database.connect(settings.database_url, pool_size=settings.pool_size, statement_timeout_ms=_PATIENCE_MS)
