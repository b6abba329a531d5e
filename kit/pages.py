"""Cursor pages: stable under inserts, signed, and bound to the question and the caller."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from kit.errors import MalformedRequest
from kit.fields import Count
from kit.parsing import Flaw

MAX_LIMIT = 100
_signer: dict[str, URLSafeSerializer] = {}


class PageQuery(ma.Schema):
    """The two parameters of every list."""

    limit = Count(
        load_default=20,
        validate=ma.validate.Range(min=1, max=MAX_LIMIT),
        metadata={"description": "How many items at most.", "example": 20},
    )
    cursor = ma.fields.String(
        load_default=None,
        validate=ma.validate.Length(min=1, max=1000),
        metadata={"description": "`next` of the page before. Opaque; valid for the same question by the same caller."},
    )


@dataclass(frozen=True)
class Page:
    """Some items, and the cursor of those that follow, if any."""

    items: Sequence[Any]
    next: str | None


def page_schema(item: type[ma.Schema]) -> type[ma.Schema]:
    """The schema of a page of `item`, named after it."""
    name = item.__name__.removesuffix("Schema")
    return type(
        f"{name}PageSchema",
        (ma.Schema,),
        {
            "items": ma.fields.List(ma.fields.Nested(item), required=True),
            "next": ma.fields.String(metadata={"description": "Cursor of the next page; absent on the last one."}),
            "without_next": ma.post_dump(lambda _self, data, **_kw: {k: v for k, v in data.items() if v is not None}),
            "__doc__": f"A page of {name}.",
        },
    )


def use_key(secret: bytes) -> None:
    """Sign cursors with `secret` from now on."""
    _signer["cursor"] = URLSafeSerializer(secret, salt="cursor")


def page(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    *,
    by: Sequence[InstrumentedAttribute[Any]],
    limit: int,
    cursor: str | None,
    question: object,
    descending: bool = True,
    endless: bool = False,
) -> Page:
    """Run `statement` for one page ordered by the columns `by`, which together must be unique.

    `question` is whatever the cursor is bound to: filters and caller. Raises MalformedRequest for a cursor that was
    altered, or belongs to another question. Each row must carry the columns of `by` under their names. An `endless`
    list gives a cursor on its last page too, from which what is added later will be read.
    """
    bound_to = _bound(question)
    if cursor is not None:
        after = _read(cursor, bound_to, by)
        keys = tuple_(*by)
        statement = statement.where(keys < after if descending else keys > after)
    statement = statement.order_by(*(column.desc() if descending else column.asc() for column in by)).limit(limit + 1)
    result = session.execute(statement)
    rows: Sequence[Any] = result.scalars().all() if len(result.keys()) == 1 else result.all()
    if not rows or (len(rows) <= limit and not endless):
        return Page(rows, cursor if endless else None)
    last = rows[:limit][-1]
    values = [getattr(last, column.key) for column in by]
    return Page(rows[:limit], _signer["cursor"].dumps([bound_to, *map(_plain, values)]))


def write_cursor(question: object, values: Sequence[Any]) -> str:
    """The cursor behind a row with these values, for lists that run a statement of their own; see `page`."""
    sealed: str = _signer["cursor"].dumps([_bound(question), *map(_plain, values)])
    return sealed


def read_cursor(cursor: str, question: object, kinds: Sequence[type]) -> tuple[Any, ...]:
    """The values `write_cursor` was given for the same question; raises MalformedRequest for any other cursor."""
    return _opened(cursor, _bound(question), kinds)


def _bound(question: object) -> str:
    return hashlib.sha256(json.dumps(question, default=str, sort_keys=True).encode()).hexdigest()[:16]


def _read(cursor: str, bound_to: str, by: Sequence[InstrumentedAttribute[Any]]) -> tuple[Any, ...]:
    return _opened(cursor, bound_to, [column.type.python_type for column in by])


def _opened(cursor: str, bound_to: str, kinds: Sequence[type]) -> tuple[Any, ...]:
    flaw = Flaw("cursor", "cursor", "Con trỏ trang không hợp lệ cho câu hỏi này.", "The cursor does not fit here.")
    try:
        bound, *values = _signer["cursor"].loads(cursor)
        after = tuple(_typed(kind, value) for kind, value in zip(kinds, values, strict=True))
    except (BadData, ValueError, TypeError) as exc:
        raise MalformedRequest(errors=[flaw]) from exc
    if bound != bound_to:
        raise MalformedRequest(errors=[flaw])
    return after


def _plain(value: Any) -> Any:  # noqa: ANN401 - a column's value
    return value if isinstance(value, int | str) else value.isoformat() if isinstance(value, date) else str(value)


def _typed(kind: type, value: Any) -> Any:  # noqa: ANN401 - a column's value
    if kind in {datetime, date}:
        return kind.fromisoformat(value)
    return UUID(value) if kind is UUID else kind(value)
