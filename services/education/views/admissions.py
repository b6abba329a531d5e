"""The doors of admissions: rounds, what is open for a child, catchments."""

from __future__ import annotations

import calendar
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from flask import Response
from flask.views import MethodView

from kit import clock
from kit.database import transaction
from kit.errors import MalformedRequest, NotFound
from kit.pages import Page
from kit.web import language, public
from services.education.errors import PointOutsideVietnam, UnknownCommune
from services.education.operations import admissions, catchment
from services.education.operations.catchment import Catchment, Home
from services.education.schemas import examples
from services.education.schemas.admissions import (
    AdmissionQuestionSchema,
    CatchmentQuestionSchema,
    CatchmentSchema,
    OpenRoundsSchema,
    RoundPageSchema,
    RoundQuery,
    RoundSchema,
    ZoneFeatureSchema,
)
from services.education.views.door import AGE_SECONDS, GEOJSON, blueprint, told

NOTE = {
    "vi": "Trường và UBND xã, phường quyết định; đây chỉ là thông tin tra cứu.",
    "en": "The school and the commune decide; this only tells what is known.",
}


@blueprint.route("/rounds")
class Rounds(MethodView):
    """Rounds of admission."""

    @blueprint.arguments(RoundQuery(), location="query")
    @blueprint.response(200, RoundPageSchema, example={"items": [examples.ROUND]})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listAdmissionRounds")
    def get(self, asked: dict[str, Any]) -> Page:
        """List rounds of admission (đợt tuyển sinh).

        Those that open last come first. With `school_id` the rounds of its commune and province that take its level
        come too, with that school's quota alone.
        """
        public(AGE_SECONDS)
        with transaction() as session:
            return admissions.list_rounds(session, **asked)


@blueprint.route("/rounds/<uuid:round_id>")
class RoundById(MethodView):
    """One round."""

    @blueprint.response(200, RoundSchema, example=examples.ROUND)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getAdmissionRound")
    def get(self, round_id: UUID) -> admissions.Round:
        """Read a round of admission with its quotas (chi tiết đợt tuyển sinh).

        Dates, channel, papers, criteria and quotas, with their source and its day.
        """
        public(AGE_SECONDS)
        with transaction() as session:
            return admissions.get_round(session, round_id)


@blueprint.route("/admission-look-ups")
class AdmissionLookUps(MethodView):
    """What is open for a child."""

    @blueprint.arguments(
        AdmissionQuestionSchema(), example={"birth_year": 2020, "home": examples.HOME, "month": "2026-07"}
    )
    @blueprint.response(
        200,
        OpenRoundsSchema,
        example={"items": [{"round": examples.ROUND, "grade": 1, "catchment": examples.CATCHMENT}]},
    )
    @blueprint.raises(PointOutsideVietnam, UnknownCommune)
    @blueprint.doc(operationId="lookUpAdmissions")
    def post(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Find what is open for a child at a home in a month (tuyển sinh cho con tôi).

        The round to close next comes first. The home is asked about and forgotten: it is not stored, not logged and not
        in the address of this request.
        """
        first, last = _month(asked["month"])
        with transaction() as session:
            found = admissions.look_up_admissions(session, asked["birth_year"], Home(**asked["home"]), first, last)
        return {
            "items": [
                {
                    "round": one.round,
                    "grade": admissions.grade_of(
                        one.round.found.level, one.round.found.school_year - asked["birth_year"]
                    ),
                    "catchment": tell(one.catchment),
                }
                for one in found
            ]
        }


@blueprint.route("/catchment-look-ups")
class CatchmentLookUps(MethodView):
    """Whose catchment a home lies in."""

    @blueprint.arguments(
        CatchmentQuestionSchema(), example={"home": examples.HOME, "level": "primary", "school_year": 2026}
    )
    @blueprint.response(200, CatchmentSchema, example=examples.CATCHMENT)
    @blueprint.raises(PointOutsideVietnam)
    @blueprint.doc(operationId="lookUpCatchment")
    def post(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Find in which schools' catchment a home lies (tuyến tuyển sinh).

        `in_zone`: inside one school's zone and farther than 100 m from its border, or in one of its street ranges.
        `borderline`: within 100 m of a border, or several schools; all are named. `by_commune_only`: only a rule for
        the whole commune is known. `unknown`: nothing is. The home is not stored.
        """
        with transaction() as session:
            found = catchment.look_up_catchment(
                session, Home(**asked["home"]), level=asked["level"], school_year=asked["school_year"]
            )
        return tell(found)


@blueprint.route("/zones/<uuid:zone_id>")
class ZoneById(MethodView):
    """One catchment zone."""

    @blueprint.response(
        200,
        ZoneFeatureSchema,
        content_type=GEOJSON,
        example={
            "type": "Feature",
            "geometry": {
                "type": "MultiPolygon",
                "coordinates": [[[[105.77, 19.8], [105.78, 19.8], [105.78, 19.81], [105.77, 19.8]]]],
            },
            "properties": {"name": "Khu 1", "source": "Ví dụ", "source_on": "2026-05-15"},
        },
    )
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getCatchmentZone")
    def get(self, zone_id: UUID) -> Response:
        """Read a catchment zone as GeoJSON (khu vực tuyển sinh).

        The geometry is null where the zone is a street range or a whole commune.
        """
        with transaction() as session:
            zone = catchment.get_zone(session, zone_id)
        names = (
            *("school_id", "level", "school_year", "kind", "name", "priority", "commune_code"),
            *("street", "number_from", "number_to", "parity", "source", "source_on"),
        )
        properties = {name: getattr(zone, name) for name in names}
        body = {"type": "Feature", "geometry": zone.geometry, "properties": properties}
        return told(orjson.dumps(body), GEOJSON)


def tell(found: Catchment) -> dict[str, Any]:
    """A catchment answer with the note on who decides, in the caller's language."""
    return vars(found) | {"note": NOTE[language()]}


def _month(asked: str | None) -> tuple[date, date]:
    """The first and the last day of a month, by default the present one."""
    if asked is None:
        year, month = clock.today().year, clock.today().month
    else:
        year, month = (int(part) for part in asked.split("-"))
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
