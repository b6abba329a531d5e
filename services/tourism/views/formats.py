"""The doors for other programs: GeoJSON, JSON-LD, GPX, and maps and files as they are."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

import orjson
from flask import Response, request, send_file, url_for
from flask.views import MethodView

from kit.database import reading, transaction
from kit.errors import MalformedRequest, NotFound
from kit.web import public
from services.tourism import formats, operations
from services.tourism.schemas.examples import SUMMARY_EXAMPLE
from services.tourism.schemas.guides import GuideQuery, LanguageQuery
from services.tourism.views.door import AGE_SECONDS, blueprint, language_asked, told_in
from services.tourism.views.guides import question_of

_DAY_SECONDS = 86_400
_ANY_OBJECT = {"type": "object", "additionalProperties": True}
_ANY_TEXT = {"type": "string"}
BYTES = {"type": "string", "format": "binary"}
RANGE = {
    "in": "header",
    "name": "Range",
    "required": False,
    "schema": {"type": "string", "maxLength": 100},
    "description": "A part of the file (RFC 9110): 206 with that part, 416 where there is none.",
    "example": "bytes=0-65535",
}


@blueprint.route("/guide-features")
class GuideFeatures(MethodView):
    """Guides for maps."""

    @blueprint.arguments(GuideQuery(), location="query")
    @blueprint.response(
        200,
        _ANY_OBJECT,
        content_type=formats.GEO_JSON,
        example={"type": "FeatureCollection", "features": [formats.feature(SUMMARY_EXAMPLE)]},
    )
    @blueprint.raises(MalformedRequest, NotFound)
    @blueprint.doc(operationId="searchGuideFeatures")
    def get(self, asked: dict[str, Any]) -> Response:
        """Find guides as GeoJSON (cẩm nang trên bản đồ).

        The filters and pages of `searchGuides`; `next` stands beside the features.
        """
        question = question_of(asked)
        with reading() as session:
            found = operations.find_guides(session, question)
        told = formats.feature_collection((orjson.loads(item) for item in found.items), found.next)
        public(AGE_SECONDS)
        return told_in(question.lang, orjson.dumps(told), formats.GEO_JSON)


@blueprint.route("/guides/<uuid:guide_id>/linked-data")
class LinkedData(MethodView):
    """A guide for search engines."""

    @blueprint.arguments(LanguageQuery(), location="query")
    @blueprint.response(
        200,
        _ANY_OBJECT,
        content_type=formats.JSON_LD,
        example={"@context": "https://schema.org", "@type": "TouristAttraction", "name": "Chùa Keo"},
    )
    @blueprint.raises(MalformedRequest, NotFound)
    @blueprint.doc(operationId="getGuideLinkedData")
    def get(self, asked: dict[str, Any], guide_id: UUID) -> Response:
        """Read a guide as schema.org tells it (JSON-LD).

        For web pages and search engines; its address is the light page behind the code at the gate.
        """
        lang = language_asked(asked["lang"])
        with transaction() as session:
            guide = operations.get_guide(session, guide_id, lang)
        url = url_for("tourism_pages.guide", code=guide["short_code"], _external=True)
        public(AGE_SECONDS)
        return told_in(lang, orjson.dumps(formats.linked_data(guide, url)), formats.JSON_LD)


@blueprint.route("/guides/<uuid:guide_id>/gpx")
class Gpx(MethodView):
    """An itinerary for navigation devices."""

    @blueprint.arguments(LanguageQuery(), location="query")
    @blueprint.response(200, _ANY_TEXT, content_type=formats.GPX)
    @blueprint.raises(MalformedRequest, NotFound)
    @blueprint.doc(operationId="exportItinerary")
    def get(self, asked: dict[str, Any], guide_id: UUID) -> Response:
        """Export an itinerary as GPX (xuất lịch trình).

        Stops are way points and a route; the itinerary's own line, where it has one, is a track.
        """
        lang = language_asked(asked["lang"])
        with transaction() as session:
            told = operations.export_itinerary(session, guide_id, lang)
        public()
        return told_in(lang, told, formats.GPX)


@blueprint.route("/guides/<uuid:guide_id>/map")
class Map(MethodView):
    """A drawn map."""

    @blueprint.arguments(LanguageQuery(), location="query")
    @blueprint.response(200, _ANY_TEXT, content_type=formats.SVG)
    @blueprint.raises(MalformedRequest, NotFound)
    @blueprint.doc(operationId="getGuideMap")
    def get(self, asked: dict[str, Any], guide_id: UUID) -> Response:
        """Get a simple map as SVG (sơ đồ).

        Drawn from coordinates: an itinerary with its stops, a place with its neighbours. No map of others is in it.
        """
        lang = language_asked(asked["lang"])
        with transaction() as session:
            told = operations.draw_map(session, guide_id, lang)
        public()
        return told_in(lang, told, formats.SVG)


@blueprint.route("/media/<uuid:media_id>")
class MediaFile(MethodView):
    """A file of a guide."""

    @blueprint.response(200, BYTES, content_type="application/octet-stream")
    @blueprint.alt_response(
        206, schema=BYTES, content_type="application/octet-stream", description="The part that was asked for."
    )
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getMediaFile", parameters=[RANGE])
    def get(self, media_id: UUID) -> Response:
        """Get a picture, a recording or a film (tệp đính kèm).

        Can be loaded in parts and resumed. Its author and licence stand in the guide, and must be shown with it.
        """
        with transaction() as session:
            media_type, sha256, content = operations.get_file(session, media_id)
        return in_parts(content, media_type, sha256)


def in_parts(content: bytes, media_type: str, etag: str) -> Response:
    """Bytes that never change under their name, whole or the part that `Range` asks for."""
    answer = send_file(BytesIO(content), media_type, etag=etag, conditional=False, max_age=_DAY_SECONDS)
    answer.headers["Cache-Control"] = f"public, max-age={_DAY_SECONDS}, immutable"
    answer.headers["Accept-Ranges"] = "bytes"
    answer.make_conditional(request, accept_ranges=True, complete_length=len(content))
    return answer
