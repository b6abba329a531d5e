"""What is drawn from the facts of a school so that questions have columns: its row, and its card for lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from divisions.names import order_key
from services.education import facts as shape, names
from services.education.models import Level, SchoolState

_LEVEL_ORDER = {level: place for place, level in enumerate(Level)}


@dataclass(frozen=True)
class Place:
    """A commune of today, and every name it and its parts had."""

    commune_code: str
    commune_name: str
    province_code: str
    province_name: str
    words: frozenset[str]


def row_of(school_id: UUID, facts: Mapping[str, Any], place: Place, inherited: Sequence[str]) -> dict[str, Any]:
    """The columns of a school, its search words as a list; `inherited` are the names of schools that ended in it."""
    campus = shape.main_campus(facts)
    levels = [one["level"] for one in facts["levels"]]
    state = SchoolState(facts["state"])
    standard = facts["national_standard"]
    words = set(names.search_words(facts["name"], [*former_names(facts), *inherited])) | place.words
    tags = [f"level:{level}" for level in levels] + [f"programme:{one}" for one in facts["programmes"]]
    if facts["ownership"]:
        tags.append(f"ownership:{facts['ownership']}")
    return {
        "id": school_id,
        "name": facts["name"],
        "state": state,
        "is_listed": state in shape.LISTED,
        "moet_code": facts["moet_code"],
        "opened_on": facts["opened_on"],
        "closed_on": facts["closed_on"],
        "successor_id": UUID(facts["successor_id"]) if facts["successor_id"] else None,
        "province_code": place.province_code,
        "province_name": place.province_name,
        "commune_code": place.commune_code,
        "commune_name": place.commune_name,
        "standard_until": standard["valid_to"] if standard else None,
        "lat": campus.get("lat"),
        "lon": campus.get("lon"),
        "level_order": _order(levels),
        "sort_key": order_key(names.read(facts["name"]).core or facts["name"]),
        "tags": sorted(tags),
        "words": sorted(words),
        "facts": dict(facts),
        "card": _card(school_id, facts, place, campus),
    }


def _card(school_id: UUID, facts: Mapping[str, Any], place: Place, campus: Mapping[str, Any]) -> str:
    """The JSON of a school in lists: an object, so that what depends on the question can be set before its end."""
    standard = facts["national_standard"]
    return orjson.dumps(
        {
            "id": str(school_id),
            "name": facts["name"],
            "state": facts["state"],
            "levels": [one["level"] for one in facts["levels"]],
            "ownership": facts["ownership"],
            "programmes": facts["programmes"],
            "commune_code": place.commune_code,
            "commune_name": place.commune_name,
            "province_code": place.province_code,
            "province_name": place.province_name,
            "address": campus.get("address"),
            "lat": campus.get("lat"),
            "lon": campus.get("lon"),
            "standard_level": standard["level"] if standard else None,
            "standard_until": standard["valid_to"] if standard else None,
            "is_example": facts["is_example"],
        }
    ).decode()


def _order(levels: Iterable[str]) -> int:
    return min(_LEVEL_ORDER[Level(level)] for level in levels)


def former_names(facts: Mapping[str, Any]) -> list[str]:
    """The names a school had."""
    return [one["name"] for one in facts["former_names"]]
