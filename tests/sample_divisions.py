"""The provinces, communes and areas of the sample, as most stories need them: read once, and then copied."""

from __future__ import annotations

from datetime import date

from sqlalchemy import text

import divisions.operations
from divisions.models import Area, Unit, UnitChange
from kit import clock
from kit.database import transaction
from tests.divisions.official import SAMPLE

_TABLES = [model.__tablename__ for model in (Unit, UnitChange, Area)]
_copied_on: list[date] = []  # the day of the copies in the database, which stand in the files as of a day


def seed_divisions() -> None:
    """Fill the empty tables of divisions with the sample, as `divisions.operations.seed` does."""
    with transaction() as session:
        if _copied_on == [clock.today()]:
            for table in _TABLES:
                session.execute(text(f"INSERT INTO {table} SELECT * FROM tests.sample_{table}"))
            return
        divisions.operations.seed(session, SAMPLE)
        for table in _TABLES:
            session.execute(text(f"DROP TABLE IF EXISTS tests.sample_{table}"))
            session.execute(text(f"CREATE TABLE tests.sample_{table} AS TABLE {table}"))
    _copied_on[:] = [clock.today()]
