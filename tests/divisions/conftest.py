"""A database with every province and commune of the country, loaded once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from divisions.files import read
from divisions.models import Area, Unit, UnitChange
from divisions.operations import import_batch, seed
from kit import pages
from kit.database import Base, sqlalchemy_url
from kit.embedded import EmbeddedServer
from server.settings import Settings
from tests.divisions.official import CHANGES, REFORM, SAMPLE, UNITS

TABLES = [Base.metadata.tables[model.__tablename__] for model in (Unit, UnitChange, Area)]


@pytest.fixture(scope="session")
def scratch(postgres: EmbeddedServer, settings: Settings) -> Iterator[Engine]:
    """A database of this folder's own, with the room's tables and nothing in them."""
    pages.use_key(settings.secret_key)
    engine = create_engine(sqlalchemy_url(postgres.database("divisions")))
    Base.metadata.create_all(engine, tables=TABLES)
    yield engine
    engine.dispose()


@pytest.fixture
def empty(scratch: Engine) -> Iterator[Session]:
    """A session on empty tables; whatever the test does is rolled back."""
    with Session(scratch) as session:
        for table in TABLES:
            session.execute(table.delete())
        yield session
        session.rollback()


@pytest.fixture(scope="session")
def loaded(scratch: Engine) -> Engine:
    """The tables with the whole country and the sample's areas."""
    with Session(scratch) as session:
        for path in (UNITS, CHANGES):
            import_batch(session, read(path, REFORM))
        seed(session, SAMPLE)
        session.commit()
    return scratch


@pytest.fixture
def country(loaded: Engine) -> Iterator[Session]:
    """A session that sees the whole country; whatever the test does is rolled back."""
    with Session(loaded) as session:
        yield session
        session.rollback()
