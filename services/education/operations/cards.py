"""Schools in lists: the stored card, what the question adds to it, and the filters every question takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from kit import clock


@dataclass(frozen=True, slots=True)
class Card:
    """A school's entry in lists: its stored JSON, until when its national standard holds, how far it is in metres."""

    text: str
    standard_until: date | None
    distance_m: float | None = None

    def json(self, fields: Sequence[str] | None = None, more: Mapping[str, Any] | None = None) -> bytes:
        """The entry as JSON; with `fields` only those, and the id.

        Whether the standard has expired is told as of today, and not as of the day the card was written.
        """
        added: dict[str, Any] = dict(more or {})
        if self.standard_until is not None:
            added["standard_is_expired"] = self.standard_until < clock.today()
        if self.distance_m is not None:
            added["distance_m"] = round(self.distance_m)
        if fields is not None:
            whole = orjson.loads(self.text) | added
            return orjson.dumps({name: whole[name] for name in ("id", *fields) if name in whole})
        if not added:
            return self.text.encode()
        return self.text.encode()[:-1] + b"," + orjson.dumps(added)[1:]


@dataclass(frozen=True)
class Filters:
    """What narrows a question; None narrows nothing."""

    level: str | None = None
    ownership: str | None = None
    programme: str | None = None
    commune_code: str | None = None
    province_code: str | None = None

    def as_sql(self, table: str = "s") -> tuple[str, dict[str, Any]]:
        """Conditions on a table of schools by its alias, each after AND, and their values."""
        tags = [
            f"{kind}:{value}"
            for kind, value in (("level", self.level), ("ownership", self.ownership), ("programme", self.programme))
            if value is not None
        ]
        conditions = ""
        values: dict[str, Any] = {}
        if tags:
            conditions += f" AND {table}.tags @> CAST(:tags AS text[])"
            values["tags"] = tags
        if self.commune_code is not None:
            conditions += f" AND {table}.commune_code = :commune_code"
            values["commune_code"] = self.commune_code
        if self.province_code is not None:
            conditions += f" AND {table}.province_code = :province_code"
            values["province_code"] = self.province_code
        return conditions, values


def as_list(cards: Iterable[bytes], end: bytes = b"") -> bytes:
    """The JSON of an answer with `items`, and what follows them."""
    return b'{"items":[' + b",".join(cards) + b"]" + end + b"}"
