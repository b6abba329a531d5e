"""The sample guides: 92 places, festivals and six itineraries, each published by an office as every guide is."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import auth.operations
import services.tourism.operations as tourism
from auth.organisation_models import OrganisationKind
from kit.database import transaction
from kit.errors import NotFound
from services.tourism.operations import Desk
from services.tourism.schemas.content import GuideContentSchema, plain_content

_NAMESPACE = UUID("5e6f1a52-51f1-4f0c-9c36-8d6f4a5c1e01")
_PROVINCES = {"Ninh Bình": "37", "Thanh Hóa": "38", "Hưng Yên": "33", "Bắc Ninh": "24", "Phú Thọ": "25"}
_OFFICES = {
    "37": ("du-lich-ninh-binh", "Sở Du lịch Ninh Bình", "Ninh Binh Tourism Office"),
    "38": ("du-lich-thanh-hoa", "Sở Du lịch Thanh Hóa", "Thanh Hoa Tourism Office"),
    "33": ("du-lich-hung-yen", "Sở Du lịch Hưng Yên", "Hung Yen Tourism Office"),
    "24": ("du-lich-bac-ninh", "Sở Du lịch Bắc Ninh", "Bac Ninh Tourism Office"),
    "25": ("du-lich-phu-tho", "Sở Du lịch Phú Thọ", "Phu Tho Tourism Office"),
}
_SINCE, _UNTIL = "2025-07-01", "2025-06-30"
_CRAFTS = {"craft_village"}


def load(folder: Path) -> int:
    """Publish what `folder` says and the office has not yet; returns how many guides changed."""
    contents = list(read(folder))
    with transaction() as session:
        tourism.save_categories(session, json.loads((folder / "tourism_categories.json").read_text(encoding="utf-8")))
    offices = {province: _office(*names) for province, names in _OFFICES.items()}
    changed = 0
    for content in contents:
        office = offices[content["address"]["province_code"]]
        body = plain_content(GuideContentSchema().load(content))
        with transaction() as session:
            writer, reviewer = Desk(uuid5(_NAMESPACE, "editor"), office), uuid5(_NAMESPACE, "reviewer")
            changed += tourism.publish_seed(session, writer, reviewer, guide_id(content["slug"]), body)
    return changed


def guide_id(slug: str) -> UUID:
    """The id of a sample guide: the same in every installation, so that printed codes and examples agree."""
    return uuid5(_NAMESPACE, slug)


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Every sample guide as content that the API would take; stops come before the itineraries that need them."""
    told = json.loads((folder / "tourism_guides.json").read_text(encoding="utf-8"))
    with (folder / "tourism_places.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["slug"]: row for row in csv.DictReader(file)}
    for slug, row in rows.items():
        yield _place(row, told["places"].get(slug, {}), told)
    for event in told["events"]:
        row = rows[event["at"]]
        given = {name: event[name] for name in ("slug", "kind", "category", "tags", "hours", "source", "texts")}
        yield given | {"licence": told["licence"], "address": _address(row), "point": _point(row)}
    for itinerary in told["itineraries"]:
        stops = [
            {**{name: value for name, value in stop.items() if name != "slug"}, "guide_id": str(guide_id(stop["slug"]))}
            for stop in itinerary["stops"]
        ]
        first = _address(rows[itinerary["stops"][0]["slug"]])
        yield {
            "slug": itinerary["slug"],
            "kind": "itinerary",
            "category": "itinerary",
            "address": {name: first[name] for name in ("province_code", "province", "valid_from_on")},
            "details": itinerary["details"],
            "source": itinerary["source"],
            "licence": told["licence"],
            "texts": itinerary["texts"],
            "stops": stops,
        }


def _place(row: Mapping[str, str], told: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    plain = {
        "vi": _bare(row["name_vi"], f"{row['name_vi']}, {row['commune']}, {row['province']}."),
        "en": _bare(row["name_en"], f"{row['name_en']}, {row['province']} province."),
    }
    return {
        "slug": row["slug"],
        "kind": "craft_village" if row["category"] in _CRAFTS else "place",
        "category": row["category"],
        "tags": told.get("tags", []),
        "heritage_rank": told.get("heritage_rank"),
        "address": _address(row),
        "point": _point(row),
        "source": told.get("source", whole["source"]),
        "licence": whole["licence"],
        "texts": told.get("texts", plain),
    }


def _bare(title: str, summary: str) -> dict[str, str]:
    return {"state": "published", "title": title, "summary": summary}


def _address(row: Mapping[str, str]) -> dict[str, Any]:
    return {
        "commune_code": row["commune_code"],
        "commune": row["commune"],
        "province_code": _PROVINCES[row["province"]],
        "province": row["province"],
        "valid_from_on": _SINCE,
        "former": {
            "commune": row["commune_before_2025_07"],
            "province": row["province_before_2025_07"],
            "valid_to_on": _UNTIL,
        },
    }


def _point(row: Mapping[str, str]) -> dict[str, Any]:
    return {"lat": float(row["lat"]), "lon": float(row["lon"]), "precision": row["coord_precision"]}


def _office(slug: str, name_vi: str, name_en: str) -> UUID:
    with transaction() as session:
        try:
            return auth.operations.get_organisation_by_slug(session, slug).id
        except NotFound:
            made = auth.operations.create_organisation(
                session, kind=OrganisationKind.TOURISM_OFFICE, slug=slug, name_vi=name_vi, name_en=name_en
            )
            return made.id
