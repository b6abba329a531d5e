"""How Alembic reaches the database: one transaction, under a lock, so that many machines may start at once."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, text

import server.models  # noqa: F401 - registers every table
from kit.database import Base

_LOCK = 7_242_017  # any constant of our own


def _is_ours(_thing: object, name: str | None, kind: str, *_rest: object) -> bool:
    """The queue brings its own tables; `only` narrows a new migration to the tables of one room."""
    only = context.config.attributes.get("only")
    return kind != "table" or (not (name or "").startswith("procrastinate_") and (only is None or name in only))


engine = create_engine(context.config.attributes["url"], connect_args={"options": "-c lock_timeout=60s"})
with engine.connect() as connection:
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
    connection.commit()
    try:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            include_object=_is_ours,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
        connection.commit()
engine.dispose()
