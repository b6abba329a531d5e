"""The one door of the room, and what its answers have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from flask import Response, request

from kit.web import Blueprint, language, public
from services.education.operations.cards import Filters
from services.education.views.kept import KEPT, Answer

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


def kept(make: Callable[[], bytes]) -> Response:
    """A public answer that is the same for everybody who asks so, until a school changes.

    Not for questions that name where somebody is: those are answered and forgotten.
    """
    return _kept(KEPT.find_or(_question(), make))


@blueprint.before_request
def tell_again() -> Response | None:
    """What was asked in the very same words was read and found right then: its answer is told without reading it again.

    The guard, the quota and the rules of every request have had their say already.
    """
    answer = KEPT.find(_question()) if request.method == "GET" else None
    return None if answer is None else _kept(answer)


def _question() -> Hashable:
    return request.path, request.query_string, language()


def _kept(answer: Answer) -> Response:
    response = told(answer.body)
    response.set_etag(answer.etag)
    return response


def filters_of(asked: Mapping[str, Any]) -> Filters:
    """The filters among what was asked."""
    return Filters(
        level=asked["level"],
        ownership=asked["ownership"],
        programme=asked["programme"],
        commune_code=asked["commune"],
        province_code=asked["province"],
    )
