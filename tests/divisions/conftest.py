"""A database with every province and commune of the country, loaded once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

import divisions.views
from auth import guard
from divisions.files import read
from divisions.models import Area, Unit, UnitChange
from divisions.operations import import_batch, seed
from kit import database, embedded, logs, pages, web
from kit.database import Base, sqlalchemy_url
from kit.quotas import Quotas
from tests.divisions.official import CHANGES, REFORM, SAMPLE, UNITS

TABLES = [Base.metadata.tables[model.__tablename__] for model in (Unit, UnitChange, Area)]


@pytest.fixture(scope="session")
def scratch() -> Iterator[Engine]:
    """A database of this folder's own, with the room's tables and nothing in them."""
    folder = Path(tempfile.mkdtemp(prefix="divisions-"))
    folder.chmod(0o755)
    server = embedded.start(folder / "pg", durable=False)
    pages.use_key(b"k" * 32)
    engine = create_engine(sqlalchemy_url(server.database("divisions")))
    Base.metadata.create_all(engine, tables=TABLES)
    yield engine
    engine.dispose()
    server.stop()
    embedded.remove(folder / "pg")


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


# Until the shared fixtures stand: an application with this room alone.


@pytest.fixture(scope="session")
def app(scratch: Engine) -> Iterator[Flask]:
    """The room's doors behind the guard."""
    url = scratch.url.set(drivername="postgresql", database="divisions_http").render_as_string(hide_password=False)
    with scratch.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE divisions_http"))
    engine = database.connect(url)
    Base.metadata.create_all(engine, tables=TABLES)
    logs.configure(key=b"k" * 32)
    app = Flask("server", static_folder=None)
    app.config.update(API_TITLE="t", API_VERSION="1", OPENAPI_VERSION="3.1.0", BASE_URL="http://127.0.0.1:8000")
    app.json = web.Json(app)
    app.before_request(web.begin)
    app.after_request(web.log_request)
    app.after_request(web.finish)
    api = web.Api(app)
    api.register_blueprint(divisions.views.blueprint)
    operations = ("listAreas", "listProvinces", "listCommunes", "getCommune", "resolveDivision")
    public = guard.Rule(frozenset(guard.Role), open=True)
    guard.install(app, api, dict.fromkeys(operations, public), Quotas(100_000))
    app.extensions["api"] = api
    yield app
    database.disconnect()


@pytest.fixture
def client(app: Flask) -> Iterator[Callable[[], FlaskClient]]:
    """A test client for each person."""
    yield app.test_client
    with database.transaction() as session:
        for table in TABLES:
            session.execute(table.delete())
