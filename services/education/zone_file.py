"""Files of catchment zones: GeoJSON for polygons, a table for street ranges and whole communes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from kit.errors import MalformedRequest
from kit.parsing import read_json
from services.education import tables
from services.education.geometry import ShapeRefused, as_geometry, read_shape
from services.education.models import Level, Parity, ZoneKind
from services.education.school_file import CellRefused

GEOJSON = "geojson"
NEEDED = ("school", "level", "school_year", "commune_code", "source", "source_on")
_COMMUNE = re.compile("[0-9]{5}")
_MOST_FEATURES = 2_000
_YEARS = range(2000, 2101)
_LONGEST = 300


def read(content: bytes, kind: str) -> Iterator[tuple[int, dict[str, Any] | CellRefused]]:
    """Every zone of the file with its line (or the number of its feature), or why it can't be taken.

    A zone names its school by id or ministry code in `school`. Raises tables.TableRefused.
    """
    yield from _features(content) if kind == GEOJSON else _lines(content, kind)


def _features(content: bytes) -> Iterator[tuple[int, dict[str, Any] | CellRefused]]:
    try:
        document = read_json(content)
    except MalformedRequest as exc:
        raise tables.TableRefused("not_json") from exc
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        raise tables.TableRefused("not_a_feature_collection")
    if len(features) > _MOST_FEATURES:
        raise tables.TableRefused("too_many_lines")
    for number, feature in enumerate(features, start=1):
        try:
            yield number, _polygon(feature)
        except CellRefused as refused:
            yield number, refused


def _polygon(feature: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON of others
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict):
        raise CellRefused("properties", "missing")
    told = {name: "" if value is None else str(value) for name, value in properties.items()}
    try:
        shape = read_shape(feature.get("geometry"))
    except ShapeRefused as refused:
        raise CellRefused("geometry", refused.code) from refused
    return _zone(told) | {"kind": ZoneKind.POLYGON, "geometry": as_geometry(shape), **vars(shape.box)}


def _lines(content: bytes, kind: str) -> Iterator[tuple[int, dict[str, Any] | CellRefused]]:
    for number, cells in tables.read(content, kind, NEEDED, _MOST_FEATURES):
        try:
            yield number, _range(cells)
        except CellRefused as refused:
            yield number, refused


def _range(cells: Mapping[str, str]) -> dict[str, Any]:
    commune = cells["commune_code"]
    if not _COMMUNE.fullmatch(commune):
        raise CellRefused("commune_code", "not_a_code")
    zone = _zone(cells) | {"commune_code": commune}
    street = cells.get("street", "")
    if not street:
        return zone | {"kind": ZoneKind.COMMUNE}
    first, last = _number(cells, "number_from"), _number(cells, "number_to")
    if first is not None and last is not None and last < first:
        raise CellRefused("number_to", "numbers_fall")
    parity = cells.get("parity") or Parity.BOTH.value
    if parity not in set(Parity):
        raise CellRefused("parity", "not_an_option")
    return zone | {
        "kind": ZoneKind.STREET,
        "street": street[:_LONGEST],
        "number_from": first,
        "number_to": last,
        "parity": Parity(parity),
    }


def _zone(cells: Mapping[str, str]) -> dict[str, Any]:
    for name in ("school", "level", "school_year", "source", "source_on"):
        if not cells.get(name):
            raise CellRefused(name, "missing")
    if cells["level"] not in set(Level):
        raise CellRefused("level", "not_a_level")
    school_year = _number(cells, "school_year")
    if school_year not in _YEARS:
        raise CellRefused("school_year", "out_of_range")
    try:
        source_on = date.fromisoformat(cells["source_on"])
    except ValueError as exc:
        raise CellRefused("source_on", "not_a_date") from exc
    priority = _number(cells, "priority")
    return {
        "school": cells["school"],
        "level": Level(cells["level"]),
        "school_year": school_year,
        "name": (cells.get("name") or cells["school"])[:_LONGEST],
        "priority": 1 if priority is None else priority,
        "source": cells["source"][:_LONGEST],
        "source_on": source_on,
    }


def _number(cells: Mapping[str, str], column: str) -> int | None:
    text = cells.get(column, "")
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,6}", text):
        raise CellRefused(column, "not_a_number")
    return int(text)


def school_key(text: str) -> UUID | str:
    """How a file names a school: our id, else the ministry's code."""
    try:
        return UUID(text)
    except ValueError:
        return text
