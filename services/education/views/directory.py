"""The doors of the directory: search, lists, near me, the map, one school, side by side, and copies for phones."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from flask import Response, url_for
from flask.views import MethodView

from kit.database import transaction
from kit.errors import MalformedRequest, NotFound
from kit.pages import read_cursor, write_cursor
from kit.web import language, public, tag
from services.education.errors import FeedTooOld, NoSchoolsInProvince, PointOutsideVietnam, TooManyToCompare
from services.education.geometry import Box
from services.education.operations import comparing, reading, searching, syncing
from services.education.operations.cards import Card, as_list
from services.education.schemas import examples
from services.education.schemas.directory import (
    CardPageSchema,
    ChangesQuery,
    ChangesSchema,
    CompareQuery,
    ComparisonSchema,
    FeaturesSchema,
    MapQuery,
    NearQuery,
    ProvinceQuery,
    SchoolCardsSchema,
    SchoolFieldsQuery,
    SchoolQuery,
    SchoolSchema,
    SearchQuery,
    SnapshotSchema,
    SuggestionsSchema,
)
from services.education.views.door import AGE_SECONDS, GEOJSON, blueprint, filters_of, told

_SUGGESTED = 8
_FOREVER = 31_536_000  # seconds; what never changes may be kept for a year
_SUGGESTION = ("id", "name", "commune_name", "province_name")


@blueprint.route("/search")
class Search(MethodView):
    """Schools by what people type."""

    @blueprint.arguments(SearchQuery(), location="query")
    @blueprint.response(200, SchoolCardsSchema, example={"items": [examples.CARD | {"match": "folded"}]})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="searchSchools")
    def get(self, asked: dict[str, Any]) -> Response:
        """Find schools by name (tìm trường).

        At most twenty, best first: as written, then with other tones, then without marks, then nearest. Typos,
        abbreviations (THPT, THCS, TH, MN, TP.), former names and old names of communes find their school too; a closed
        school's name finds the one it became.
        """
        near = None if asked["lat"] is None else (asked["lat"], asked["lon"])
        with transaction() as session:
            found = searching.search_schools(session, asked["q"], filters_of(asked), near=near)
        return told(as_list(_found(one, asked["chosen"]) for one in found), names_a_place=near is not None)


@blueprint.route("/suggestions")
class Suggestions(MethodView):
    """Schools while somebody types."""

    @blueprint.arguments(SearchQuery(exclude=["chosen"]), location="query")
    @blueprint.response(
        200, SuggestionsSchema, example={"items": [{name: examples.CARD[name] for name in _SUGGESTION}]}
    )
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listSchoolSuggestions")
    def get(self, asked: dict[str, Any]) -> Response:
        """Suggest schools while somebody types (gợi ý).

        At most eight. Ask a quarter of a second after the last key, not at every one.
        """
        near = None if asked["lat"] is None else (asked["lat"], asked["lon"])
        with transaction() as session:
            found = searching.search_schools(session, asked["q"], filters_of(asked), near=near, limit=_SUGGESTED)
        return told(as_list(one.card.json(_SUGGESTION) for one in found), names_a_place=near is not None)


@blueprint.route("/schools")
class Schools(MethodView):
    """Open schools."""

    @blueprint.arguments(SchoolQuery(), location="query")
    @blueprint.response(200, CardPageSchema, example={"items": [examples.CARD]})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listSchools")
    def get(self, asked: dict[str, Any]) -> Response:
        """List open schools (danh sách trường).

        In Vietnamese alphabetical order of their names without the words for the level.
        """
        filters = filters_of(asked)
        question = ("schools", *vars(filters).values())
        after = read_cursor(asked["cursor"], question, (str, UUID)) if asked["cursor"] else None
        with transaction() as session:
            cards, last = reading.list_schools(session, filters, after=after, limit=asked["limit"])
        end = b',"next":' + orjson.dumps(write_cursor(question, last)) if last else b""
        return told(as_list((card.json(asked["chosen"]) for card in cards), end))


@blueprint.route("/schools/<uuid:school_id>")
class SchoolById(MethodView):
    """One school."""

    @blueprint.arguments(SchoolFieldsQuery(), location="query")
    @blueprint.response(200, SchoolSchema, example=examples.SCHOOL)
    @blueprint.alt_response(301, description="The school became another: `Location` is where that one is.")
    @blueprint.raises(MalformedRequest, NotFound)
    @blueprint.doc(operationId="getSchool")
    def get(self, asked: dict[str, Any], school_id: UUID) -> Response:
        """Read everything known about a school (thông tin trường).

        Each fact has its source and day under `sources`. Whether a national standard has expired is told as of today.
        The id of a school that closed or merged leads by 301 to the one that took its place; where none did, its own
        last facts are told.
        """
        with transaction() as session:
            school = reading.get_school(session, school_id)
            heir = reading.find_heir(session, school_id)
        whole = school.told()
        chosen = asked["chosen"]
        body = orjson.dumps(whole if chosen is None else {name: whole[name] for name in ("id", *chosen)})
        if heir is not None:
            where = url_for("education.SchoolById", school_id=heir)
            return Response(body, 301, {"Location": where}, content_type="application/json")
        tag(*school.version, *(chosen or ()))
        return told(body)


@blueprint.route("/nearby")
class Nearby(MethodView):
    """Schools near a point."""

    @blueprint.arguments(NearQuery(), location="query")
    @blueprint.response(200, SchoolCardsSchema, example={"items": [examples.CARD | {"distance_m": 420}]})
    @blueprint.raises(MalformedRequest, PointOutsideVietnam)
    @blueprint.doc(operationId="listNearbySchools")
    def get(self, asked: dict[str, Any]) -> Response:
        """List the schools nearest to a point (trường gần tôi).

        At most twenty, nearest first, by the great circle. That a school is near says nothing about its catchment.
        """
        with transaction() as session:
            cards = reading.list_nearby(
                session,
                asked["lat"],
                asked["lon"],
                filters_of(asked),
                metres=asked["metres"],
                limit=reading.MOST_NEAR,
            )
        return told(as_list(card.json(asked["chosen"]) for card in cards))


@blueprint.route("/map")
class SchoolMap(MethodView):
    """Schools in a box."""

    @blueprint.arguments(MapQuery(), location="query")
    @blueprint.response(
        200,
        FeaturesSchema,
        content_type=GEOJSON,
        example={"type": "FeatureCollection", "features": [examples.FEATURE]},
    )
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="getSchoolMap")
    def get(self, asked: dict[str, Any]) -> Response:
        """Read the schools in a box as GeoJSON (bản đồ trường).

        Beyond five hundred, neighbours become clusters: points that say in `schools` how many they stand for and in
        `bbox` where those lie.
        """
        box = Box(*(float(part) for part in asked["bbox"].split(",")))
        with transaction() as session:
            found = reading.map_schools(session, box, filters_of(asked))
        features = [_feature(row.lon, row.lat, orjson.loads(row.card)) for row in found.schools]
        features += [_cluster(row) for row in found.clusters]
        return told(orjson.dumps({"type": "FeatureCollection", "features": features}), GEOJSON)


@blueprint.route("/comparisons")
class Comparisons(MethodView):
    """Schools side by side."""

    @blueprint.arguments(CompareQuery(), location="query")
    @blueprint.response(200, ComparisonSchema, example=examples.COMPARISON)
    @blueprint.raises(MalformedRequest, NotFound, TooManyToCompare)
    @blueprint.doc(operationId="getSchoolComparison")
    def get(self, asked: dict[str, str]) -> Response:
        """Compare up to four schools (so sánh trường).

        The same facts in the same units, each with its day. Where nothing is known, `texts` says so. There is no score.
        """
        try_ids = [_as_id(part) for part in asked["ids"].split(",")]
        with transaction() as session:
            schools = reading.compare_schools(session, try_ids)
        rows = [vars(line) for line in comparing.compare(schools, language())]
        cards = b",".join(Card(school.row.card, school.row.standard_until).json() for school in schools)
        return told(b'{"schools":[' + cards + b'],"rows":' + orjson.dumps(rows) + b"}")


@blueprint.route("/snapshots")
class Snapshots(MethodView):
    """Provinces as files."""

    @blueprint.arguments(ProvinceQuery(), location="query")
    @blueprint.response(200, SnapshotSchema, example=examples.SNAPSHOT)
    @blueprint.raises(MalformedRequest, NoSchoolsInProvince)
    @blueprint.doc(operationId="getSchoolSnapshot")
    def get(self, asked: dict[str, str]) -> dict[str, Any]:
        """Read where the newest snapshot of a province is (bản chụp dữ liệu của tỉnh).

        A phone takes the file once, checks its hash, and then asks `listSchoolChanges` since its `seq`. Whether a
        national standard has expired is for the reader's day: compare `valid_to`.
        """
        with transaction() as session:
            found = syncing.get_snapshot(session, asked["province"])
        public(AGE_SECONDS)
        columns = ("id", "province_code", "seq", "schools", "sha256", "bytes_plain")
        return {name: getattr(found, name) for name in columns} | {
            "url": url_for("education.SnapshotFile", snapshot_id=found.id)
        }


@blueprint.route("/snapshots/<uuid:snapshot_id>/file")
class SnapshotFile(MethodView):
    """A province as one file."""

    @blueprint.response(200, content_type="application/gzip", description="NDJSON in gzip, one school a line.")
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getSchoolSnapshotFile")
    def get(self, snapshot_id: UUID) -> Response:
        """Download a snapshot (tải bản chụp).

        The file never changes, so any cache may keep it. When it is gone, a newer one stands in its place.
        """
        with transaction() as session:
            found = syncing.get_snapshot_file(session, snapshot_id)
        tag(found.sha256)
        public(_FOREVER)
        return Response(found.content, content_type="application/gzip")


@blueprint.route("/changes")
class SchoolChanges(MethodView):
    """What changed in a province."""

    @blueprint.arguments(ChangesQuery(), location="query")
    @blueprint.response(200, ChangesSchema, example=examples.CHANGES)
    @blueprint.raises(MalformedRequest, NoSchoolsInProvince, FeedTooOld)
    @blueprint.doc(operationId="listSchoolChanges")
    def get(self, asked: dict[str, Any]) -> Response:
        """List what changed in a province since a number (các thay đổi).

        Store what comes as put, forget what comes as remove, keep `seq`, and ask again while `has_more`. At most five
        hundred at once; each school comes once, as it is now. 410 means: take a new snapshot.
        """
        with transaction() as session:
            found = syncing.list_changes(session, asked["province"], asked["since"], limit=syncing.MOST_CHANGES)
        public(0)
        return Response(orjson.dumps(vars(found)), content_type="application/json")


def _found(one: searching.Found, chosen: list[str] | None) -> bytes:
    more = {"match": one.match} | ({"found_as": one.found_as} if one.found_as else {})
    return one.card.json(chosen, more)


def _feature(lon: float, lat: float, card: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "name", "levels", "ownership", "programmes", "commune_name")
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [round(lon, 6), round(lat, 6)]},
        "properties": {name: card[name] for name in names},
    }


def _cluster(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of named columns
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [round(row.lon, 6), round(row.lat, 6)]},
        "properties": {
            "schools": row.schools,
            "bbox": [round(side, 6) for side in (row.west, row.south, row.east, row.north)],
        },
    }


def _as_id(text: str) -> UUID:
    # Thirty-six digits and dashes that are no id name nothing.
    digits = text.replace("-", "")
    return UUID(digits) if len(digits) == 32 else UUID(int=0)  # noqa: PLR2004 - digits of a UUID
