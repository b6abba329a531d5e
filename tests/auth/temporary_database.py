"""Until the shared fixtures stand: a scratch database and an application with this room alone."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import procrastinate.schema
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

import auth.models
import auth.views
import kit.idempotency
from auth import guard, tokens
from auth.events import PhoneChallengeStarted
from kit import database, embedded, events, logs, pages, web
from kit.quotas import Quotas
import importlib.util

_spec = importlib.util.spec_from_file_location("policy", Path(__file__).parents[2] / "server/policy.py")
_policy = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_policy)
POLICY = _policy.POLICY

TABLES = ("idempotency_key", *(t for t in database.Base.metadata.tables if t != "idempotency_key"))
heard: list[object] = []


def hear(event: PhoneChallengeStarted) -> None:
    heard.append(event)


@pytest.fixture(scope="session")
def app() -> Iterator[Flask]:
    folder = Path(tempfile.mkdtemp(prefix="auth-"))
    folder.chmod(0o755)
    server = embedded.start(folder / "pg", durable=False)
    url = server.database("auth_tests")
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(procrastinate.schema.SchemaManager.get_schema())
    engine = database.connect(url, pool_size=22)
    database.Base.metadata.create_all(engine)
    secret = b"s" * 32
    logs.configure(key=secret)
    pages.use_key(secret)
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    tokens.use_key(pem.decode(), issuer="http://127.0.0.1:8000", secret=secret)
    events.follow(PhoneChallengeStarted, hear)
    app = Flask("server", static_folder=None)
    app.config.update(API_TITLE="t", API_VERSION="1", OPENAPI_VERSION="3.1.0", BASE_URL="http://127.0.0.1:8000")
    app.json = web.Json(app)
    app.before_request(web.begin)
    app.after_request(web.log_request)
    app.after_request(web.finish)
    api = web.Api(app)
    api.register_blueprint(auth.views.blueprint)
    guard.install(app, api, POLICY, Quotas(100000))
    app.extensions["api"] = api
    yield app
    database.disconnect()
    server.stop()
    embedded.remove(folder / "pg")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(app: Flask) -> Iterator[Callable[[], FlaskClient]]:
    yield lambda: app.test_client()
    names = ", ".join(f'"{t}"' for t in database.Base.metadata.tables)
    with database.transaction() as session:
        session.execute(text(f"TRUNCATE {names}, procrastinate_jobs CASCADE"))


@pytest.fixture
def session(client):
    with database.transaction() as s:
        yield s
