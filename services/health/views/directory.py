"""The doors of the directory, of availability and of queues: open to everybody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from divisions.errors import UnknownArea
from kit import clock
from kit.database import transaction
from kit.errors import NotFound
from kit.pages import Page
from kit.web import public
from services.health import operations, proofs
from services.health.facility_file import OPENSTREETMAP
from services.health.models import FacilityLevel, Speciality
from services.health.operations import FacilityTold, Near, Wanted
from services.health.schemas.directory import (
    AvailabilitySchema,
    DayQuery,
    FacilityDetailSchema,
    FacilityFeaturesSchema,
    FacilityFilter,
    FacilityPageSchema,
    FacilityQuery,
    ProofKeysSchema,
    QueueSchema,
    ServicePageSchema,
    ServiceQuery,
    TodayQuery,
)
from services.health.views.door import FACILITY_ID, SERVICE_ID, SLOT_ID, blueprint

_FACILITY = {
    "id": FACILITY_ID,
    "name": "Bệnh viện Nhi Thanh Hoá",
    "name_en": None,
    "ownership": "public",
    "level": None,
    "specialities": ["children"],
    "address": None,
    "commune_code": "14797",
    "commune": "Phường Hạc Thành",
    "province": "Thanh Hóa",
    "latitude": 19.7753,
    "longitude": 105.7741,
    "phones": [],
    "always_open": False,
    "attribution": OPENSTREETMAP,
}
_SERVICE = {
    "id": SERVICE_ID,
    "facility_id": FACILITY_ID,
    "facility": _FACILITY["name"],
    "department_id": None,
    "name_vi": "Khám nhi tổng quát",
    "name_en": "General paediatrics",
    "speciality": "children",
    "duration_minutes": 15,
    "lead_minutes": 60,
    "cancel_minutes": 240,
    "horizon_days": 14,
    "min_age": 0,
    "max_age": 15,
    "needs_referral": False,
    "fee_vnd": 42100,
    "deposit_vnd": None,
    "bring_vi": "Thẻ BHYT hoặc CCCD",
    "bring_en": "Health-insurance card or CCCD",
    "next_free_at": "2026-12-01T07:30:00.000+07:00",
}
_DETAIL = _FACILITY | {
    "former_names": [],
    "website": None,
    "insurance": None,
    "is_open": True,
    "hours": [{"weekdays": [1, 2, 3, 4, 5], "opens": "07:00", "closes": "11:30"}],
    "departments": [],
    "services": [_SERVICE],
    "practitioners": [],
    "source": "clinics.csv",
}
_PLACE = {
    "slot_id": SLOT_ID,
    "practitioner_id": None,
    "starts_at": "2026-12-01T07:30:00.000+07:00",
    "ends_at": "2026-12-01T07:45:00.000+07:00",
    "band": "few",
}
_AVAILABILITY = {
    "service_id": SERVICE_ID,
    "day": "2026-12-01",
    "is_full": False,
    "release_at": None,
    "draw_id": None,
    "next_poll_s": 3,
    "items": [_PLACE],
}
_FEATURE = {
    "type": "Feature",
    "id": FACILITY_ID,
    "geometry": {"type": "Point", "coordinates": [105.7741, 19.7753]},
    "properties": {
        "name": _FACILITY["name"],
        "ownership": "public",
        "specialities": ["children"],
        "commune": _FACILITY["commune"],
    },
}


@blueprint.route("/facilities")
class Facilities(MethodView):
    """Hospitals, health centres and clinics."""

    @blueprint.arguments(FacilityQuery(), location="query")
    @blueprint.response(
        200, FacilityPageSchema, example={"items": [_FACILITY | {"distance_metres": 260, "next_free_at": None}]}
    )
    @blueprint.raises(UnknownArea)
    @blueprint.doc(operationId="searchFacilities")
    def get(self, asked: dict[str, Any]) -> Page:
        """Search hospitals and clinics (tìm cơ sở khám bệnh).

        By words without diacritics, speciality, commune, area, distance and whether they are open now; in the order of
        names, distance or the next free place.
        """
        public(60)
        paging = {name: asked.pop(name) for name in ("sort", "limit", "cursor")}
        with transaction() as session:
            return operations.search_facilities(session, _wanted(asked), **paging)


@blueprint.route("/facilities/map")
class FacilityMap(MethodView):
    """Facilities for a map."""

    @blueprint.arguments(FacilityFilter(), location="query")
    @blueprint.response(
        200,
        FacilityFeaturesSchema,
        example={"type": "FeatureCollection", "attribution": OPENSTREETMAP, "features": [_FEATURE]},
    )
    @blueprint.raises(UnknownArea)
    @blueprint.doc(operationId="listFacilityFeatures")
    def get(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Get facilities for a map as GeoJSON (bản đồ cơ sở khám bệnh).

        With the same filters as the search; at most two thousand, those with a known point.
        """
        public(300)
        with transaction() as session:
            found = operations.list_features(session, _wanted(asked))
        return {"type": "FeatureCollection", "attribution": OPENSTREETMAP, "features": _features(found)}


@blueprint.route("/facilities/<uuid:facility_id>")
class FacilityById(MethodView):
    """One facility."""

    @blueprint.response(200, FacilityDetailSchema, example=_DETAIL)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getFacility")
    def get(self, facility_id: UUID) -> FacilityTold:
        """See a facility with hours, departments, services and people (chi tiết cơ sở).

        Health insurance is dated information with its source, never a decision about what is covered.
        """
        public(60)
        with transaction() as session:
            return operations.get_facility(session, facility_id)


@blueprint.route("/services")
class Services(MethodView):
    """What can be booked."""

    @blueprint.arguments(ServiceQuery(), location="query")
    @blueprint.response(200, ServicePageSchema, example={"items": [_SERVICE]})
    @blueprint.doc(operationId="searchServices")
    def get(self, asked: dict[str, Any]) -> Page:
        """Search services that take bookings (dịch vụ khám).

        Each with its rules and its next free place; the soonest first where asked for.
        """
        public(10)
        asked["speciality"] = Speciality(asked["speciality"]) if asked["speciality"] else None
        with transaction() as session:
            return operations.search_services(session, **asked)


@blueprint.route("/services/<uuid:service_id>/availability")
class Availability(MethodView):
    """The places of a day."""

    @blueprint.arguments(DayQuery(), location="query")
    @blueprint.response(200, AvailabilitySchema, example=_AVAILABILITY)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getAvailability")
    def get(self, asked: dict[str, Any], service_id: UUID) -> Response:
        """See the places of a service's day (chỗ trống trong ngày).

        Built at most once a second; ask again after `next_poll_s` seconds with If-None-Match. Bands, never counts:
        free, few, full, soon, closed.
        """
        public(3)
        body = operations.find_kept(service_id, asked["day"])
        if body is None:
            with transaction() as session:
                body = operations.build_availability(session, service_id, asked["day"])
        return Response(body, content_type="application/json")


@blueprint.route("/services/<uuid:service_id>/queue")
class Queue(MethodView):
    """The numbers at the door."""

    @blueprint.arguments(TodayQuery(), location="query")
    @blueprint.response(
        200,
        QueueSchema,
        example={
            "day": "2026-12-01",
            "items": [{"kind": "appointment", "now_serving": 12, "last_number": 31, "waiting": 17}],
        },
    )
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getQueue")
    def get(self, asked: dict[str, Any], service_id: UUID) -> dict[str, Any]:
        """See which numbers are being served (số đang khám).

        By lane: priority by law, appointment, without an appointment.
        """
        public(3)
        day = asked["day"] or clock.today()
        with transaction() as session:
            return {"day": day, "items": operations.list_lanes(session, service_id, day)}


@blueprint.route("/proof-keys")
class ProofKeys(MethodView):
    """Keys that check QR codes."""

    @blueprint.response(
        200,
        ProofKeysSchema,
        example={
            "items": [{"alg": "Ed25519", "prefix": "KB1.", "public_key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]
        },
    )
    @blueprint.doc(operationId="listProofKeys")
    def get(self) -> dict[str, Any]:
        """List the keys that check booking QR codes without a network (khóa kiểm tra mã QR).

        A clinic's device keeps them; the text of a QR code is described beside `getBookingProof`.
        """
        public(3600)
        return {"items": [{"alg": "Ed25519", "prefix": proofs.PREFIX, "public_key": proofs.public_key()}]}


def _wanted(asked: dict[str, Any]) -> Wanted:
    near = None
    if asked["near_lat"] is not None:
        near = Near(asked["near_lat"], asked["near_lon"], asked["radius_m"])
    return Wanted(
        q=asked["q"],
        speciality=Speciality(asked["speciality"]) if asked["speciality"] else None,
        level=FacilityLevel(asked["level"]) if asked["level"] else None,
        commune_code=asked["commune_code"],
        area=asked["area"],
        near=near,
        open_now=asked["open_now"],
        bookable=asked["bookable"],
    )


def _features(found: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "type": "Feature",
            "id": row.id,
            "geometry": {"type": "Point", "coordinates": [row.longitude, row.latitude]},
            "properties": row,
        }
        for row in found
    ]
