"""Looks for planted values in every column of every table, the queue's and the binary ones too, as in a dump."""

from __future__ import annotations

from sqlalchemy import text

from kit.database import transaction

_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind IN ('r', 'p') ORDER BY 1"""


def places_of(*values: str) -> list[str]:
    """Every "table.column" in which one of the values stands, as text, inside JSON, or as bytes."""
    # A bytea is shown as hexadecimal digits, as pg_dump writes it. JSON is written without \\u escapes.
    forms = [f"%{form}%" for value in values for form in (value, value.encode().hex())]
    found = []
    with transaction() as session:
        for table in session.scalars(text(_TABLES)).all():
            columns = f"""SELECT DISTINCT c.key FROM "{table}" t, jsonb_each_text(to_jsonb(t)) c
                          WHERE c.value ILIKE ANY (:forms) ORDER BY 1"""
            found += [f"{table}.{column}" for column in session.scalars(text(columns), {"forms": forms})]
    return found
