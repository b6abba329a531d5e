"""The schema's way up: the migrations lead where the models say, may run twice, and on many machines at once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from kit.database import Base, sqlalchemy_url
from kit.embedded import EmbeddedServer
from server import drift, migrations

ROOT = Path(__file__).parents[1]
VERSIONS = ROOT / "migrations" / "versions"
MACHINES = 3


@pytest.fixture
def empty_url(postgres: EmbeddedServer) -> str:
    """An empty database of the test's own."""
    return postgres.database(f"empty_{uuid4().hex}")


@pytest.fixture
def url(migrated: Callable[[str], str]) -> str:
    """A database of the test's own, as the migrations have made it from an empty one."""
    return migrated(f"migrations_{uuid4().hex}")


@pytest.fixture
def engine(url: str):
    engine = create_engine(sqlalchemy_url(url))
    yield engine
    engine.dispose()


def revision(url: str) -> list[str]:
    """What Alembic has noted."""
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute("SELECT version_num FROM alembic_version")]


def is_ours(_thing: object, name: str | None, kind: str, *_rest: object) -> bool:
    """The queue brings its own tables."""
    return kind != "table" or not (name or "").startswith("procrastinate_")


def test_the_migrations_lead_to_what_the_models_say(url: str, engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    assert drift.drift(url) == []
    assert revision(url) == [migrations.expected_revision()]


# What is done to a database behind the migrations' back, and how the lines begin that tell of it.
BEHIND_THEIR_BACK = [
    ("ALTER TABLE unit DROP CONSTRAINT ck_unit_days", ["constraint unit.ck_unit_days is missing"]),
    ("ALTER TABLE unit DROP CONSTRAINT ex_unit_one_meaning_a_day", [
        "constraint unit.ex_unit_one_meaning_a_day is missing", "index unit.ex_unit_one_meaning_a_day is missing",
    ]),
    ("ALTER TABLE area ADD CHECK (slug <> 'x')", ["constraint area.area_slug_check stands in no model"]),
    ("DROP INDEX ix_unit_level_name_fold", ["index unit.ix_unit_level_name_fold is missing"]),
    ("ALTER TABLE unit ALTER source DROP NOT NULL", ["column unit.source is text, and should be text NOT NULL"]),
    ('ALTER TABLE unit ALTER sort_key TYPE text COLLATE "default"', ["column unit.sort_key is text NOT NULL, and"]),
    ("ALTER TABLE area ALTER slug SET DEFAULT 'x'", ["column area.slug is text NOT NULL DEFAULT 'x'::text, and"]),
    ("DROP TRIGGER journal_append_only ON journal", ["trigger journal.journal_append_only is missing"]),
    ("CREATE TABLE forgotten (id int)", ["column forgotten.id stands in no model: integer"]),
]  # fmt: skip


def test_every_kind_of_drift_is_named(url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        for change, _ in BEHIND_THEIR_BACK:
            connection.execute(text(change))

    found = drift.drift(url)

    told = {begin: sum(line.startswith(begin) for line in found) for _, begins in BEHIND_THEIR_BACK for begin in begins}
    assert told == dict.fromkeys(told, 1), found
    assert len(found) == len(told), found


def test_looking_for_drift_leaves_nothing_behind(url: str, engine: Engine) -> None:
    drift.drift(url)

    with engine.connect() as connection:
        schemas = set(connection.scalars(text("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'drift%'")))
    assert schemas == set()


def test_upgrading_twice_is_upgrading_once(url: str) -> None:
    migrations.upgrade(url)

    assert revision(url) == [migrations.expected_revision()]
    assert drift.drift(url) == []


def test_machines_that_start_at_once_upgrade_once(empty_url: str) -> None:
    upgrade = [
        sys.executable,
        "-c",
        "import sys; from server.migrations import upgrade; upgrade(sys.argv[1])",
        empty_url,
    ]
    machines = [subprocess.Popen(upgrade, cwd=ROOT) for _ in range(MACHINES)]

    statuses = [machine.wait(100) for machine in machines]

    assert statuses == [0] * MACHINES
    assert revision(empty_url) == [migrations.expected_revision()]
    assert drift.drift(empty_url) == []


def test_revisions_are_numbered_in_one_line() -> None:
    names = sorted(path.name for path in VERSIONS.glob("*.py"))
    sources = [(VERSIONS / name).read_text(encoding="utf-8") for name in names]
    down = [re.search(r"^down_revision.* = (?:['\"](\w+)['\"]|None)$", source, re.MULTILINE)[1] for source in sources]

    assert [name[:5] for name in names] == [f"{number:04d}_" for number in range(1, len(names) + 1)]
    assert down == [None, *(name[:4] for name in names[:-1])]
