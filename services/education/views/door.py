"""The one door of the room, and what its answers have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from kit.kept import Kept
from kit.web import Blueprint, language, public
from services.education.operations import reading
from services.education.operations.cards import Filters

AGE_SECONDS = 300
GEOJSON = "application/geo+json"
KEPT: Kept[bytes] = Kept(reading.get_content_version)

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


def kept(make: Callable[[], bytes], kind: str = "application/json") -> Response:
    """A public answer that is the same for everybody who asks so, until a school changes.

    Not for questions that name where somebody is: those are answered and forgotten.
    """
    return told(KEPT.find_or((request.full_path, language()), make), kind)


def filters_of(asked: Mapping[str, Any]) -> Filters:
    """The filters among what was asked."""
    return Filters(
        level=asked["level"],
        ownership=asked["ownership"],
        programme=asked["programme"],
        commune_code=asked["commune"],
        province_code=asked["province"],
    )
