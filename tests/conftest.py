"""What every test stands on: PostgreSQL brought up by the migrations, the application, the sandbox, people."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

import payments.gateway
from auth.assurance import PayingLimits
from kit import clock, database, embedded
from kit.database import transaction
from sandbox import create_sandbox, serve
from server import migrations
from server.app import create_app
from server.composition import connect_outside
from server.settings import Settings
from tests import patience
from tests.log_watch import LogWatch, watching
from tests.people import Machine, Outside, Person, StaffMember, Work
from tests.templates import Templates

WEBHOOK_SECRET = "whsec_tests"
_HERE = Path(__file__).parent
_GUARDED = ("remittance_line", "discrepancy_event", "journal_entry", "journal", "seal", "daily_root")
# What is never changed by a trigger alone.
_KEPT = ("remittance", "provider_move")


# In the order of their time: what takes longest begins first, or one process is still at it when the others are done.
_LONGEST = (
    "payments/fifty/test_any_order_of_things.py",
    "journeys/test_live_the_whole_story.py",
    "faults/test_lose_the_database.py",
    "faults/test_kill_the_processes.py",
    "server/test_demo.py",
    "faults/test_end_gracefully.py",
    "education/test_fifty_thousand_schools.py",
    "auth/test_every_operation_and_every_caller.py",
    "kit/test_embedded.py",
    "utilities/test_a_month_with_faults.py",
    "auth/test_every_operation_and_every_member_of_staff.py",
    "health/test_hold_a_place.py",
    "health/test_seven_o_clock.py",
    "utilities/test_large_imports.py",
)
_APART = frozenset({"test_any_order_of_things.py"})  # each of its tests in a process of its own
_TOGETHER = frozenset({"faults"})  # folders whose tests share what takes long to make


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--pg=system` runs everything on the machine's own PostgreSQL (15 or newer)."""
    parser.addoption("--pg", choices=("wheel", "system"), default="wheel")


class _Together(LoadScopeScheduling):
    """Keeps a file, or what shares a house, in one process; what is long and alone goes wherever there is time."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.partition("::")[0])
        if file.name in _APART:
            return nodeid
        return str(file.parent if file.parent.name in _TOGETHER else file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """How tests are shared out when there are several processes."""
    return _Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; the others stay in the order that chance has given them."""
    place = {_HERE / name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: looking for garbage in it, again and again, takes a tenth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the figures that tests have measured, also those measured in another process."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    for report in reports:
        for name, value in report.user_properties:
            if name == "figure":
                terminalreporter.write_line(f"{report.nodeid.rsplit('::', 1)[-1]}: {value}")


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """`figure("…")` tells what a test has measured at the end of the run."""
    return lambda text: record_property("figure", text)


@pytest.fixture(scope="session")
def log_watch() -> Iterator[LogWatch]:
    """Hears every log line of this process."""
    with watching() as watch:
        yield watch


@pytest.fixture(autouse=True)
def no_personal_line(log_watch: LogWatch) -> Iterator[None]:
    """After each test, and so after all of them, no line of the log holds a number, a name, a token or a code."""
    yield
    assert log_watch.look() == []


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest) -> Path | None:
    """Where PostgreSQL's programs are; None for those of the wheel."""
    if request.config.getoption("--pg") == "wheel":
        return None
    found = embedded.find_system_programs()
    if found is None:
        pytest.exit("--pg=system: no PostgreSQL 15 or newer is installed here", returncode=2)
    return found


@pytest.fixture(scope="session")
def templates(
    tmp_path_factory: pytest.TempPathFactory, programs: Path | None, signing_key: str, request: pytest.FixtureRequest
) -> Iterator[Templates]:
    """Prepared databases, shared by all test processes of a run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base  # each of pytest-xdist has one below it
    with Templates(shared / "templates", programs, signing_key) as templates:
        yield templates


@pytest.fixture(scope="session")
def postgres(
    tmp_path_factory: pytest.TempPathFactory, programs: Path | None, templates: Templates
) -> Iterator[embedded.EmbeddedServer]:
    """A private server for this test process."""
    data = tmp_path_factory.mktemp("postgres")
    templates.copy_schema(data / "data")
    with embedded.start(data / "data", programs=programs, durable=False) as server:
        yield server
    embedded.remove(data / "data")


@pytest.fixture(scope="session")
def database_url(postgres: embedded.EmbeddedServer) -> str:
    """A database with every table of the house, made by the migrations."""
    url = postgres.database("citizen")
    migrations.upgrade(url)
    _make_emptying(url)
    return url


@pytest.fixture(scope="session")
def migrated(postgres: embedded.EmbeddedServer) -> Callable[[str], str]:
    """`migrated(name)` gives a new database that the migrations have made: they run once, and are then copied."""
    migrations.upgrade(postgres.database("migrated"))

    def copy(name: str) -> str:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE migrated").format(sql.Identifier(name)))
        return postgres.database(name)

    return copy


@pytest.fixture(scope="session")
def signing_key() -> str:
    """A private key of the tests' own."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The outside world as a program: for who asks it so often that HTTP would take most of the time."""
    return create_sandbox(tmp_path_factory.mktemp("sandbox"), None, webhook_secret=WEBHOOK_SECRET)


@pytest.fixture(scope="session")
def sandbox_url(world: Flask) -> Iterator[str]:
    """The outside world, over HTTP; it calls no webhook unless a test says where."""
    server = serve(world).start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def settings(database_url: str, signing_key: str, sandbox_url: str) -> Settings:
    """The settings of the application under test."""
    return Settings(
        mode="sandbox",
        database_url=database_url,
        base_url="http://127.0.0.1:8000",
        sandbox_url=sandbox_url,
        secret_key=b"s" * 32,
        vault_keys=[b"v" * 32],
        vault_index_key=b"i" * 32,
        signing_key=signing_key,
        stripe_secret_key="sk_test_tests",
        stripe_publishable_key="pk_test_tests",
        stripe_webhook_secret=WEBHOOK_SECRET,
        stripe_url=f"{sandbox_url}/stripe",
        push_project="citizen-sandbox",
        push_url=f"{sandbox_url}/fcm",
        push_credentials=None,
        sms_url=f"{sandbox_url}/sms",
        sms_key="sandbox",
        provider_endpoints={},
        requests_per_minute=1_000_000,
        proxies=0,
        pool_size=24,
        database_pooled=False,
        follow_clock=False,
        alarm_phone="+84900000113",
        paying_limits=PayingLimits(device_age=timedelta()),
    )


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    """The whole application, as it is served."""
    app = create_app(settings)
    patience.connect(settings)
    yield app
    database.disconnect()


@pytest.fixture
def clean(app: Flask) -> Iterator[None]:
    """Empty tables to begin with, and a clock that is right in the end."""
    _empty()
    yield
    clock.move(timedelta())


def _empty() -> None:
    with transaction() as session:
        session.execute(text("SELECT tests.empty_tables()"))


def _make_emptying(url: str) -> None:
    """A function in the database that empties every table: planned once, it takes a tenth of as many statements."""
    queue = ("procrastinate_events", "procrastinate_periodic_defers", "procrastinate_jobs")
    # Only for the tests' owner of the tables: the journal refuses to be emptied, and its owner has no right to.
    off, on = (
        "".join(f"ALTER TABLE {table} {verb} TRIGGER {table}_append_only; " for table in (*_GUARDED, *_KEPT))
        + "".join(f"{give} UPDATE, DELETE ON {table} {to} CURRENT_USER; " for table in _GUARDED)
        for verb, give, to in (("DISABLE", "GRANT", "TO"), ("ENABLE", "REVOKE", "FROM"))
    )
    tables = [*queue, *(table.name for table in reversed(database.Base.metadata.sorted_tables))]
    gone = " ".join(
        f'IF written THEN DELETE FROM "{table}"; END IF;' if table in _GUARDED else f'DELETE FROM "{table}";'
        for table in tables
    )
    written = " OR ".join(
        f"EXISTS (SELECT FROM {table})" for table in ("journal", "discrepancy_event", "provider_move")
    )
    body = (
        f"DECLARE written bool := {written}; BEGIN IF written THEN {off} END IF; {gone} "
        f"IF written THEN {on} GRANT UPDATE (number) ON journal TO CURRENT_USER; END IF; END"
    )
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA tests")
        connection.execute(f"CREATE FUNCTION tests.empty_tables() RETURNS void LANGUAGE plpgsql AS $body${body}$body$")


@pytest.fixture
def hasty(outside: Outside, settings: Settings) -> None:
    """We wait for the gateway for a third of a second only, so that its silence does not take a minute."""
    payments.gateway.connect(
        secret_key=settings.stripe_secret_key,
        publishable_key=settings.stripe_publishable_key,
        webhook_secret=settings.stripe_webhook_secret,
        url=settings.stripe_url,
        timeout_seconds=(1.0, 0.33),
    )


@pytest.fixture
def reconnect(settings: Settings, clean: None) -> Iterator[Callable[..., Engine]]:
    """`reconnect(url, …)` points the process at another database, or in another way; in the end all is as before."""

    def connect(url: str, **how: Any) -> Engine:
        database.disconnect()
        return database.connect(url, **how)

    yield connect
    patience.connect(settings)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Where somebody tried to connect to; nobody gets there."""
    tried: list[object] = []

    def note(_socket: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", note)
    return tried


@pytest.fixture
def client(app: Flask, clean: None) -> Callable[[], FlaskClient]:
    """Makes HTTP clients; each keeps nothing."""
    return app.test_client


@pytest.fixture
def session(clean: None) -> Iterator[Session]:
    """One open transaction, committed at the end of the test."""
    with transaction() as opened:
        yield opened


@pytest.fixture
def an(client: Callable[[], FlaskClient]) -> Person:
    """The citizen the story is about."""
    return Person(client(), "+84912345678")


@pytest.fixture
def binh(client: Callable[[], FlaskClient]) -> Person:
    """Another citizen, a stranger to what is An's."""
    return Person(client(), "+84987654321")


@pytest.fixture
def chi(client: Callable[[], FlaskClient]) -> Person:
    """Someone who has not signed in."""
    return Person(client(), None)


@pytest.fixture
def machine(client: Callable[[], FlaskClient]) -> Callable[..., Machine]:
    """Makes a provider's system: `machine(provider_id)`."""
    return lambda provider_id, *scopes: Machine(client(), provider_id, scopes or ("bills:write", "payments:read"))


@pytest.fixture
def staff(client: Callable[[], FlaskClient]) -> Callable[..., StaffMember]:
    """Makes members of staff: `staff("clinic", "front_desk")`, `staff("clinic", "clerk", organisation_id=…)`."""
    return lambda kind, *roles, **more: StaffMember(client(), kind, *roles, **more)


@pytest.fixture
def outside(app: Flask, settings: Settings) -> Outside:
    """The sandbox, empty and without faults; everything is connected to it, wherever a test before pointed it."""
    connect_outside(settings)
    world = Outside(settings.sandbox_url or "")
    world.reset()
    return world


@pytest.fixture
def work() -> Work:
    """Runs the jobs that are due, in this thread: `work()`."""
    return Work()


@pytest.fixture
def later(clean: None) -> Callable[[timedelta], None]:
    """`later(…)` lets time pass."""
    passed = [timedelta()]

    def pass_time(length: timedelta) -> None:
        passed.append(length)
        clock.move(sum(passed, timedelta()))

    return pass_time


# Proxies of the machine must not carry what is meant for 127.0.0.1.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
