"""Until the shared fixtures stand: a scratch database, an application with sign-in and the inbox, and three people."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import procrastinate.schema
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

import kit.idempotency  # noqa: F401 - its table
import notifications.views
import payments.gateway
from auth import guard, tokens
from auth.guard import Role, Rule
from auth.models import Language
from auth.operations.citizens import welcome_citizen
from auth.operations.sessions import start_session
from kit import database, embedded, events, logs, pages, web
from kit.database import transaction
from kit.quotas import Quotas
from notifications import flows
from notifications.events import MessagePosted

OPERATIONS = ("listMessages", "getMessage", "markMessage", "registerDevice", "listDevices", "removeDevice")


class Person:
    """A citizen with the app in hand."""

    def __init__(self, http: FlaskClient, phone: str | None) -> None:
        self._http = http
        self._headers: dict[str, str] = {}
        if phone is not None:
            with transaction() as session:
                self.id: UUID = welcome_citizen(session, phone, Language.VI)
                signed_in = start_session(session, self.id, None)
            self._headers = {"Authorization": f"Bearer {signed_in.access_token}"}

    def _ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        return self._http.open(path, method=method, headers=self._headers | (headers or {}), **more)

    def get(self, path: str, **more: Any) -> Any:
        return self._ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> Any:
        return self._ask("POST", path, **more)

    def patch(self, path: str, **more: Any) -> Any:
        return self._ask("PATCH", path, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self._ask("DELETE", path, **more)


@pytest.fixture(scope="session")
def app() -> Iterator[Flask]:
    folder = Path(tempfile.mkdtemp(prefix="notifications-"))
    folder.chmod(0o755)
    server = embedded.start(folder / "pg", durable=False)
    url = server.database("notifications_tests")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(procrastinate.schema.SchemaManager.get_schema().encode())
    engine = database.connect(url, pool_size=12)
    database.Base.metadata.create_all(engine)
    secret = b"s" * 32
    logs.configure(key=secret)
    pages.use_key(secret)
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    tokens.use_key(pem.decode(), issuer="http://127.0.0.1:8000", secret=secret)
    payments.gateway.connect(secret_key="sk_test_x", publishable_key="pk_test_x", webhook_secret="whsec_x", url=None)
    events.follow(MessagePosted, flows.push_message)
    app = Flask("server", static_folder=None)
    app.config.update(API_TITLE="t", API_VERSION="1", OPENAPI_VERSION="3.1.0", BASE_URL="http://127.0.0.1:8000")
    app.json = web.Json(app)
    app.before_request(web.begin)
    app.after_request(web.log_request)
    app.after_request(web.finish)
    api = web.Api(app)
    api.register_blueprint(notifications.views.blueprint)
    guard.install(app, api, dict.fromkeys(OPERATIONS, Rule(frozenset({Role.CITIZEN}))), Quotas(100_000))
    app.extensions["api"] = api
    yield app
    database.disconnect()
    server.stop()
    embedded.remove(folder / "pg")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(app: Flask) -> Iterator[Callable[[], FlaskClient]]:
    yield app.test_client
    with database.transaction() as session:
        session.execute(text("TRUNCATE citizen, phone_challenge, procrastinate_jobs CASCADE"))


@pytest.fixture
def session(client: Callable[[], FlaskClient]) -> Iterator[Session]:
    with transaction() as opened:
        yield opened


@pytest.fixture
def an(client: Callable[[], FlaskClient]) -> Person:
    return Person(client(), "+84912345678")


@pytest.fixture
def binh(client: Callable[[], FlaskClient]) -> Person:
    return Person(client(), "+84987654321")


@pytest.fixture
def chi(client: Callable[[], FlaskClient]) -> Person:
    return Person(client(), None)
