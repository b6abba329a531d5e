"""The one door of the room, and what its answers have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from kit.web import Blueprint, public
from services.education.operations.cards import Filters

AGE_SECONDS = 300
GEOJSON = "application/geo+json"

blueprint = Blueprint(
    "education",
    __name__,
    url_prefix="/v1/education",
    description="Schools: found, compared, copied to phones; admissions and catchments; a parent's list; the office.",
)


def told(body: bytes, kind: str = "application/json") -> Response:
    """A public answer whose bytes are ready."""
    public(AGE_SECONDS)
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
