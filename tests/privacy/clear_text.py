"""Looks for planted values in every column of every table, the queue's and the binary ones too, as in a dump."""

from __future__ import annotations

from sqlalchemy import text

from kit.database import transaction

_COLUMNS = """
    SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relkind IN ('r', 'p')
      AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY 1, 2"""


def places_of(*values: str) -> list[str]:
    """Every "table.column" in which one of the values stands, as text, inside JSON, or as bytes."""
    found = []
    with transaction() as session:
        for table, column in session.execute(text(_COLUMNS)).all():
            for value in values:
                # A bytea is shown as hexadecimal digits, as pg_dump writes it. JSON is written without \u escapes.
                query = f"""SELECT 1 FROM "{table}" WHERE "{column}"::text ILIKE :value
                            OR "{column}"::text ILIKE :hex LIMIT 1"""
                if session.execute(text(query), {"value": f"%{value}%", "hex": f"%{value.encode().hex()}%"}).first():
                    found.append(f"{table}.{column}")
                    break
    return found
