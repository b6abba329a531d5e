"""Whether a database is what the models say: the catalogue is compared with tables freshly made from the models."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

from sqlalchemy import Connection, create_engine, text

import server.models  # noqa: F401 - registers every table
from kit import embedded
from kit.database import Base, sqlalchemy_url
from server import migrations

_SCRATCH = "drift_scratch"
# The queue brings its own tables, and Alembic its note of the revision.
_NOT_OURS = ("procrastinate", "alembic_version.")

# Each gives (what, its definition); names of schemas are taken out of the definitions afterwards.
_QUERIES = {
    "column": """
        SELECT c.relname || '.' || a.attname,
               format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
               || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
               || CASE WHEN a.attcollation <> t.typcollation THEN ' COLLATE ' || l.collname ELSE '' END
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('r', 'p')
          AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraint": """
        SELECT c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.connamespace = CAST(:schema AS regnamespace) AND k.contype <> 'n'""",
    "index": """
        SELECT c.relname || '.' || i.relname, pg_get_indexdef(x.indexrelid)
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
        WHERE i.relnamespace = CAST(:schema AS regnamespace)""",
    "trigger": """
        SELECT c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND NOT t.tgisinternal""",
    "function": """
        SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', pg_get_functiondef(p.oid)
        FROM pg_proc p
        WHERE p.pronamespace = CAST(:schema AS regnamespace)""",
}  # fmt: skip


def compare() -> list[str]:
    """How the migrations differ from the models, tried on an empty private database; nothing when they agree."""
    with tempfile.TemporaryDirectory(prefix="drift-") as folder:
        data = Path(folder) / "data"
        with embedded.start(data, durable=False) as postgres:
            url = postgres.database("drift")
            migrations.upgrade(url)
            found = drift(url)
        embedded.remove(data)
    return found


def drift(url: str) -> list[str]:
    """How the database at `url` differs from the models, one sentence a difference; nothing when they agree.

    Columns, constraints (CHECK and EXCLUDE too), indexes, triggers and functions are compared by the definitions that
    PostgreSQL itself gives. The models' tables are made in a schema that is rolled back: the database stays as it is.
    """
    engine = create_engine(sqlalchemy_url(url))
    try:
        with engine.connect() as connection:
            schema = connection.scalar(text("SELECT current_schema()"))
            there = _definitions(connection, schema)
            connection.execute(text(f"CREATE SCHEMA {_SCRATCH}"))
            connection.execute(text(f"SET LOCAL search_path TO {_SCRATCH}"))
            Base.metadata.create_all(connection, checkfirst=False)
            # Nothing is committed: what was made goes when the connection is given back.
            wanted = _definitions(connection, _SCRATCH)
    finally:
        engine.dispose()
    return [
        sentence
        for kind in _QUERIES
        for name in sorted(there[kind].keys() | wanted[kind].keys())
        if (sentence := _difference(kind, name, there[kind].get(name), wanted[kind].get(name)))
    ]


def _definitions(connection: Connection, schema: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for kind, query in _QUERIES.items():
        for name, definition in connection.execute(text(query), {"schema": schema}):
            if name.startswith(_NOT_OURS):
                continue
            found[kind][name] = " ".join(definition.replace(f"{schema}.", "").split())
    return found


def _difference(kind: str, name: str, there: str | None, wanted: str | None) -> str | None:
    if there == wanted:
        return None
    if there is None:
        return f"{kind} {name} is missing: {wanted}"
    if wanted is None:
        return f"{kind} {name} stands in no model: {there}"
    return f"{kind} {name} is {there}, and should be {wanted}"
