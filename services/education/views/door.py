"""The one door of the room, and what its answers have in common."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from flask import Response

from kit import front
from kit.database import transaction
from kit.kept import Kept
from kit.web import Blueprint, public
from services.education.operations import reading
from services.education.operations.cards import Filters

AGE_SECONDS = 300
GEOJSON = "application/geo+json"

blueprint = Blueprint(
    "education",
    __name__,
    url_prefix="/v1/education",
    description="Schools: found, compared, copied to phones; admissions and catchments; a parent's list; the office.",
)


def _content_version() -> Hashable:
    with transaction() as session:
        return reading.get_content_version(session)


# What a process keeps of these answers is dropped with every change of a school, and with every day.
KEPT: Kept[front.Whole] = Kept(_content_version)
KEPT_OPERATIONS = ("searchSchools", "listSchoolSuggestions", "listSchools")


def told(body: bytes, kind: str = "application/json", *, names_a_place: bool = False) -> Response:
    """A public answer whose bytes are ready; one to a question that names where somebody is, is not kept."""
    public(AGE_SECONDS)
    if names_a_place:
        front.forget()
    return Response(body, content_type=kind)


def filters_of(asked: Mapping[str, Any]) -> Filters:
    """The filters among what was asked."""
    return Filters(
        level=asked["level"],
        ownership=asked["ownership"],
        programme=asked["programme"],
        commune_code=asked["commune"],
        province_code=asked["province"],
    )
