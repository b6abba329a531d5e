"""Rows as JSON for the person they are about: instants on a Vietnamese wall clock, everything else as text."""

from __future__ import annotations

from datetime import date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import Session

from kit import clock


def rows(session: Session, statement: Select[*tuple[Any, ...]]) -> list[dict[str, Any]]:
    """What a SELECT of columns gives, one object a row, named by column."""
    found = session.execute(statement).mappings()
    return [{name: plain(value) for name, value in row.items()} for row in found]


def plain(value: Any) -> Any:  # noqa: ANN401 - a column's value
    """One value as JSON."""
    if isinstance(value, datetime):
        return clock.local(value).isoformat(timespec="milliseconds")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | UUID):
        return str(value)
    return value
