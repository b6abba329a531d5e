"""One school a line: what the office's table says in the words of the facts, and the other way round."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from services.education.facts import ALL, main_campus
from services.education.geometry import is_in_vietnam
from services.education.models import Level

NEEDED = ("name", "levels", "commune_code", "source", "source_on")
COLUMNS = (
    "id", "moet_code", "name", "levels", "state", "ownership", "programmes", "commune_code", "address", "lat", "lon",
    "capacity", "roll", "classes", "size_as_of", "phone", "email", "website", "standard_level", "standard_decision",
    "standard_decided_on", "standard_valid_to", "opened_on", "closed_on", "successor_id", "former_names", "source",
    "source_on", "is_example",
)  # fmt: skip
_LIST = re.compile(r"\s*[;|]\s*")
_GRADES = re.compile(r"(?P<level>[a-z_]+)(?:\s+(?P<first>[0-9]{1,2})-(?P<last>[0-9]{1,2}))?")


class CellRefused(ValueError):
    """A cell can't be taken; `column` and `code` say which and why."""

    def __init__(self, column: str, code: str) -> None:
        super().__init__(f"{column}: {code}")
        self.column, self.code = column, code


def read_line(cells: Mapping[str, str], known: Mapping[str, Any] | None) -> dict[str, Any]:
    """The facts a line leads to, over those `known`: a column that is absent leaves its fact as it is.

    Raises CellRefused; whether the facts hold together is not checked here.
    """
    given = _Given(cells)
    facts: dict[str, Any] = dict(known or {})
    for name in ("name", "moet_code", "state", "ownership"):
        given.put(facts, name, str)
    for name in ("opened_on", "closed_on"):
        given.put(facts, name, _day)
    given.put(facts, "successor_id", lambda text: str(UUID(text)))
    given.put(facts, "programmes", _LIST.split, empty=[])
    given.put(facts, "levels", lambda text: [_level(one) for one in _LIST.split(text)], empty=[])
    given.put(facts, "is_example", _truth, empty=False)
    if "former_names" in cells:
        named = [name for name in _LIST.split(cells["former_names"]) if name]
        until = {one["name"]: one["until"] for one in facts.get("former_names", ())}
        facts["former_names"] = [{"name": name, "until": until.get(name)} for name in named]
    if not cells.get("state"):
        facts["state"] = facts.get("state") or "open"
    _read_place(facts, given)
    _read_campus(facts, given)
    facts["size"] = given.group(facts.get("size"), _SIZE)
    facts["contacts"] = given.group(
        facts.get("contacts"), {name: (name, str) for name in ("phone", "email", "website")}
    )
    facts["national_standard"] = given.group(facts.get("national_standard"), _STANDARD)
    facts["sources"] = {
        **facts.get("sources", {}),
        ALL: {"source": cells["source"], "dated_on": given.read("source_on", _day)},
    }
    return facts


def write_line(school_id: UUID, facts: Mapping[str, Any], commune_code: str) -> list[Any]:
    """A school as a line of the table, in the order of COLUMNS."""
    campus = main_campus(facts)
    size, contacts, standard = (facts[name] or {} for name in ("size", "contacts", "national_standard"))
    source: Mapping[str, Any] = facts["sources"].get(ALL) or next(iter(facts["sources"].values()), {})
    values = {
        "id": school_id,
        "levels": "; ".join(_told(one) for one in facts["levels"]),
        "programmes": "; ".join(facts["programmes"]),
        "commune_code": commune_code,
        "former_names": "; ".join(one["name"] for one in facts["former_names"]),
        "size_as_of": size.get("as_of"),
        "source": source.get("source"),
        "source_on": source.get("dated_on"),
        **{f"standard_{name}": standard.get(name) for name in ("level", "decision", "decided_on", "valid_to")},
        **{name: campus.get(name) for name in ("address", "lat", "lon")},
        **{name: size.get(name) for name in ("capacity", "roll", "classes")},
        **{name: contacts.get(name) for name in ("phone", "email", "website")},
    }
    return [values[name] if name in values else facts[name] for name in COLUMNS]


class _Given:
    """The cells of a line, read with the name of the column at hand when one can't be."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self.cells = cells

    def read(self, column: str, parse: Callable[[str], Any]) -> Any:  # noqa: ANN401 - what the column holds
        try:
            return parse(self.cells[column]) if self.cells.get(column) else None
        except CellRefused:
            raise
        except (ValueError, OverflowError) as exc:
            raise CellRefused(column, "not_readable") from exc

    def put(self, facts: dict[str, Any], column: str, parse: Callable[[str], Any], *, empty: Any = None) -> None:  # noqa: ANN401
        if column in self.cells:
            value = self.read(column, parse)
            facts[column] = empty if value is None else value

    def group(
        self, known: Mapping[str, Any] | None, columns: Mapping[str, tuple[str, Callable[[str], Any]]]
    ) -> dict[str, Any] | None:
        """Facts that belong together, from their columns; None when none of them is stated."""
        values = dict(known or dict.fromkeys(columns))
        for name, (column, parse) in columns.items():
            if column in self.cells:
                values[name] = self.read(column, parse)
        return values if any(value is not None for value in values.values()) else None


def _read_place(facts: dict[str, Any], given: _Given) -> None:
    commune = given.cells.get("commune_code", "")
    places = [dict(place) for place in facts.get("places", ())]
    if commune and not any(place["commune_code"] == commune and not place["valid_to"] for place in places):
        # It lies elsewhere from the day of the source on; where it was before stays written.
        since = given.read("source_on", _day) if places else None
        for place in places:
            place["valid_to"] = place["valid_to"] or since
        places.append({"commune_code": commune, "valid_from": since, "valid_to": None})
    facts["places"] = places


def _read_campus(facts: dict[str, Any], given: _Given) -> None:
    campuses = [dict(campus) for campus in facts.get("campuses", ())]
    columns = [name for name in ("address", "lat", "lon") if name in given.cells]
    stated = {"address": given.read("address", str), "lat": given.read("lat", float), "lon": given.read("lon", float)}
    lat, lon = stated["lat"], stated["lon"]
    if (lat is None) is not (lon is None):
        raise CellRefused("lat" if lat is None else "lon", "half_a_point")
    if lat is not None and not is_in_vietnam(lat, lon):
        raise CellRefused("lat", "point_outside_vietnam")
    main = next((one for one in campuses if one["is_main"]), campuses[0] if campuses else None)
    if main is None:
        if any(value is not None for value in stated.values()):
            campuses.append({"name": "Cơ sở chính", "is_main": True, **stated})
    else:
        main.update({name: stated[name] for name in columns})
    facts["campuses"] = campuses


def _level(text: str) -> dict[str, Any]:
    found = _GRADES.fullmatch(text)
    if found is None or found["level"] not in set(Level):
        raise CellRefused("levels", "not_a_level")
    first, last = (int(found["first"]), int(found["last"])) if found["first"] else (None, None)
    return {"level": found["level"], "grade_from": first, "grade_to": last}


def _told(level: Mapping[str, Any]) -> str:
    grades = f" {level['grade_from']}-{level['grade_to']}" if level["grade_from"] is not None else ""
    return f"{level['level']}{grades}"


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _truth(text: str) -> bool:
    if text.lower() not in {"true", "false", "1", "0"}:
        raise ValueError(text)
    return text.lower() in {"true", "1"}


_SIZE: dict[str, tuple[str, Callable[[str], Any]]] = {
    "capacity": ("capacity", int),
    "roll": ("roll", int),
    "classes": ("classes", int),
    "as_of": ("size_as_of", _day),
}
_STANDARD: dict[str, tuple[str, Callable[[str], Any]]] = {
    "level": ("standard_level", int),
    "decision": ("standard_decision", str),
    "decided_on": ("standard_decided_on", _day),
    "valid_to": ("standard_valid_to", _day),
}
