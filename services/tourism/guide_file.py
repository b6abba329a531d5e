"""Files of guides from an office: CSV by columns, GeoJSON by properties; one good line is one draft."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CSV, GEOJSON = "csv", "geojson"
MOST_LINES = 2_000
NEEDED = ("slug", "title_vi", "summary_vi", "category", "source", "licence")
OPTIONAL = (
    "kind", "title_en", "summary_en", "tags", "lat", "lon", "coord_precision", "commune_code", "commune",
    "province_code", "province", "street", "former_commune", "former_province", "website", "phone", "heritage_rank",
)  # fmt: skip


class FileRefused(Exception):
    """The file as a whole cannot be read; `reason` is a stable slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Line:
    """One guide of a file: the number of its line (or feature), and its content as the API would take it."""

    number: int
    content: dict[str, Any]


def read_csv(raw: bytes) -> Iterator[Line]:
    """The guides of a CSV file with a heading line, UTF-8, `,` or `;`. Raises FileRefused."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise FileRefused("not_utf_8") from exc
    heading = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if heading.count(";") > heading.count(",") else ",")
    names = set(reader.fieldnames or ())
    if missing := [name for name in NEEDED if name not in names]:
        raise FileRefused(f"column_missing_{missing[0]}")
    if unknown := names - {*NEEDED, *OPTIONAL}:
        raise FileRefused(f"column_unknown_{min(map(str, unknown))[:40]}")
    try:
        for row in reader:
            _check_count(reader.line_num)
            # A line that is too long has its rest under None; one that is too short has None in it.
            if None in row or None in row.values():
                yield Line(reader.line_num, {"fields": "another number of fields than the heading"})
            else:
                yield Line(reader.line_num, _content({name: value.strip() for name, value in row.items()}, None))
    except csv.Error as exc:
        raise FileRefused("not_csv") from exc


def read_geojson(document: Any) -> Iterator[Line]:  # noqa: ANN401 - JSON
    """The guides of a GeoJSON FeatureCollection; properties are named as the CSV's columns. Raises FileRefused."""
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        raise FileRefused("not_a_feature_collection")
    features = document.get("features")
    if not isinstance(features, list):
        raise FileRefused("not_a_feature_collection")
    for number, feature in enumerate(features, 1):
        _check_count(number)
        if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict):
            yield Line(number, {"properties": "missing"})
            continue
        known = {name: _text(value) for name, value in feature["properties"].items() if value is not None}
        if stray := set(known) - {*NEEDED, *OPTIONAL}:
            yield Line(number, {min(stray): "unknown"})
            continue
        shape = feature.get("geometry")
        if isinstance(shape, dict) and shape.get("type") == "Point":
            at = shape.get("coordinates")
            if isinstance(at, list) and len(at) >= 2:  # noqa: PLR2004 - longitude, latitude
                known |= {"lon": _text(at[0]), "lat": _text(at[1])}
            shape = None
        yield Line(number, _content(known, shape))


def _content(row: Mapping[str, str], shape: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    def given(name: str) -> str | None:
        return row.get(name) or None

    texts = {
        lang: {"state": "published", "title": row[f"title_{lang}"], "summary": given(f"summary_{lang}")}
        for lang in ("vi", "en")
        if given(f"title_{lang}")
    }
    former = {"commune": given("former_commune"), "province": given("former_province")}
    content: dict[str, Any] = {
        "slug": row.get("slug", ""),
        "kind": given("kind") or "place",
        "category": row.get("category", ""),
        "tags": (row.get("tags") or "").split(),
        "heritage_rank": given("heritage_rank"),
        "address": {
            **{name: given(name) for name in ("street", "commune_code", "commune", "province_code", "province")},
            "former": former if any(former.values()) else None,
        },
        "contacts": {"website": given("website"), "phone": given("phone")},
        "source": row.get("source", ""),
        "licence": row.get("licence", ""),
        "texts": texts,
    }
    if given("lat") or given("lon"):
        content["point"] = {
            "lat": row.get("lat", ""),
            "lon": row.get("lon", ""),
            "precision": given("coord_precision"),
        }
    return content if shape is None else content | {"geometry": shape}


def _check_count(number: int) -> None:
    if number > MOST_LINES + 1:
        raise FileRefused("too_many_lines")


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    return " ".join(map(str, value)) if isinstance(value, list) else str(value).strip()
