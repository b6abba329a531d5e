"""The directory, availability and queues, as everybody reads them."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.fields import Choice, Count, Instant, Line, Vnd
from kit.pages import PageQuery, page_schema
from services.health.models import FacilityLevel, LaneKind, Ownership, Speciality
from services.health.operations import FacilityTold, group_hours

_DEGREES = {"description": "Degrees, WGS 84."}
_CODE = r"^[0-9]{5}$"


class Degrees(ma.fields.Float):
    """A coordinate in a query string, rounded so that near askers share a cached answer."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:  # noqa: ANN401
        return round(super()._deserialize(value, attr, data, **kwargs), 4)


class FacilityFilter(ma.Schema):
    """Which facilities."""

    q = Line(
        100,
        load_default=None,
        metadata={"description": "Words of name or place, with or without diacritics.", "example": "benh vien nhi"},
    )
    speciality = Choice(Speciality, load_default=None, metadata={"description": "What it is good at."})
    level = Choice(FacilityLevel, load_default=None, metadata={"description": "Professional level, where known."})
    commune_code = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(_CODE),
        metadata={"description": "Code of a commune of today.", "example": "14797"},
    )
    area = Line(40, load_default=None, metadata={"description": "Slug of an area.", "example": "thanh-hoa"})
    near_lat = Degrees(
        load_default=None,
        validate=ma.validate.Range(min=-90, max=90),
        metadata={"description": "Latitude to search around.", "example": 19.7759},
    )
    near_lon = Degrees(
        load_default=None,
        validate=ma.validate.Range(min=-180, max=180),
        metadata={"description": "Longitude to search around.", "example": 105.7717},
    )
    radius_m = Count(
        load_default=20_000,
        validate=ma.validate.Range(min=100, max=200_000),
        metadata={"description": "How far around, in metres."},
    )
    open_now = ma.fields.Boolean(load_default=False, metadata={"description": "Only those that receive people now."})
    bookable = ma.fields.Boolean(load_default=False, metadata={"description": "Only those with a free place."})

    @ma.validates_schema
    def _needs_both(self, asked: dict[str, Any], **_options: object) -> None:
        if (asked.get("near_lat") is None) != (asked.get("near_lon") is None):
            raise ma.ValidationError("Missing data for required field.", "near_lon")


class FacilityQuery(PageQuery, FacilityFilter):
    """Which facilities, in which order, one page of them."""

    sort = ma.fields.String(
        load_default="name",
        validate=ma.validate.OneOf(["name", "distance", "next_free"]),
        metadata={"description": "name, distance (needs near_lat and near_lon), or next_free place."},
    )

    @ma.validates_schema
    def _needs_a_point(self, asked: dict[str, Any], **_options: object) -> None:
        if asked.get("sort") == "distance" and asked.get("near_lat") is None:
            raise ma.ValidationError("Missing data for required field.", "near_lat")


class FacilitySchema(ma.Schema):
    """A hospital, health centre or clinic. What nobody told us is null."""

    id = ma.fields.UUID(required=True)
    name = ma.fields.String(required=True)
    name_en = ma.fields.String(allow_none=True)
    ownership = Choice(Ownership, required=True)
    level = Choice(FacilityLevel, allow_none=True)
    specialities = ma.fields.List(ma.fields.String(), required=True)
    address = ma.fields.String(allow_none=True)
    commune_code = ma.fields.String(allow_none=True)
    commune = ma.fields.String(allow_none=True)
    province = ma.fields.String(allow_none=True)
    latitude = ma.fields.Float(allow_none=True, metadata=_DEGREES)
    longitude = ma.fields.Float(allow_none=True, metadata=_DEGREES)
    phones = ma.fields.List(ma.fields.String(), required=True)
    always_open = ma.fields.Boolean(required=True, metadata={"description": "Emergencies at any hour."})
    distance_metres = ma.fields.Integer(allow_none=True)
    next_free_at = Instant(allow_none=True, metadata={"description": "Given when sorted by next_free."})
    attribution = ma.fields.String(allow_none=True, metadata={"description": "Show it beside the data."})


class FacilityHoursSchema(ma.Schema):
    """Hours on some weekdays; 1 is Monday."""

    weekdays = ma.fields.List(ma.fields.Integer(), required=True)
    opens = ma.fields.String(required=True, metadata={"example": "07:00"})
    closes = ma.fields.String(required=True, metadata={"example": "11:30"})


class DepartmentSchema(ma.Schema):
    """A department."""

    id = ma.fields.UUID(required=True)
    name_vi = ma.fields.String(required=True)
    name_en = ma.fields.String(required=True)


class PractitionerSchema(ma.Schema):
    """Someone who sees patients."""

    id = ma.fields.UUID(required=True)
    name = ma.fields.String(required=True)
    title = ma.fields.String(allow_none=True)
    role = ma.fields.String(required=True)
    gender = ma.fields.String(allow_none=True)


class InsuranceSchema(ma.Schema):
    """What is known of the health-insurance contract, since when, and who says so."""

    contracted = ma.fields.Boolean(required=True)
    as_of = ma.fields.String(required=True)
    source = ma.fields.String(required=True)


class ServiceSchema(ma.Schema):
    """Something that can be booked, and the rules of booking it."""

    id = ma.fields.UUID(required=True)
    facility_id = ma.fields.UUID(required=True)
    facility = ma.fields.String(required=True)
    department_id = ma.fields.UUID(allow_none=True)
    name_vi = ma.fields.String(required=True)
    name_en = ma.fields.String(required=True)
    speciality = Choice(Speciality, required=True)
    duration_minutes = ma.fields.Integer(required=True)
    lead_minutes = ma.fields.Integer(required=True, metadata={"description": "To book, before the start."})
    cancel_minutes = ma.fields.Integer(required=True, metadata={"description": "To cancel or move, before the start."})
    horizon_days = ma.fields.Integer(required=True)
    min_age = ma.fields.Integer(allow_none=True)
    max_age = ma.fields.Integer(allow_none=True)
    needs_referral = ma.fields.Boolean(required=True)
    fee_vnd = Vnd(allow_none=True)
    deposit_vnd = Vnd(allow_none=True)
    bring_vi = ma.fields.String(allow_none=True, metadata={"description": "What to bring."})
    bring_en = ma.fields.String(allow_none=True)
    next_free_at = Instant(allow_none=True)


class FacilityDetailSchema(FacilitySchema):
    """A facility with all that is known of it."""

    class Meta:
        """Nothing of a search."""

        exclude = ("distance_metres", "next_free_at")

    former_names = ma.fields.List(ma.fields.String(), required=True)
    website = ma.fields.String(allow_none=True)
    insurance = ma.fields.Nested(InsuranceSchema, allow_none=True)
    is_open = ma.fields.Boolean(allow_none=True, metadata={"description": "null when hours are not known."})
    hours = ma.fields.List(ma.fields.Nested(FacilityHoursSchema), required=True)
    departments = ma.fields.List(ma.fields.Nested(DepartmentSchema), required=True)
    services = ma.fields.List(ma.fields.Nested(ServiceSchema), required=True)
    practitioners = ma.fields.List(ma.fields.Nested(PractitionerSchema), required=True)
    source = ma.fields.String(required=True)

    @ma.pre_dump
    def _flat(self, told: FacilityTold, **_options: object) -> dict[str, Any]:
        facility = {name: getattr(told.facility, name) for name in self.fields if hasattr(told.facility, name)}
        rest = {name: getattr(told, name) for name in ("departments", "services", "practitioners", "is_open")}
        return facility | rest | {"hours": group_hours(told.hours)}


class FacilityPointSchema(ma.Schema):
    """A GeoJSON point: longitude first."""

    type = ma.fields.String(required=True, validate=ma.validate.Equal("Point"))
    coordinates = ma.fields.List(ma.fields.Float(), required=True)


class FeaturePropertiesSchema(ma.Schema):
    """What stands at a point of the map."""

    name = ma.fields.String(required=True)
    ownership = Choice(Ownership, required=True)
    specialities = ma.fields.List(ma.fields.String(), required=True)
    commune = ma.fields.String(allow_none=True)


class FacilityFeatureSchema(ma.Schema):
    """A facility as GeoJSON."""

    type = ma.fields.String(required=True, validate=ma.validate.Equal("Feature"))
    id = ma.fields.UUID(required=True)
    geometry = ma.fields.Nested(FacilityPointSchema, required=True)
    properties = ma.fields.Nested(FeaturePropertiesSchema, required=True)


class FacilityFeaturesSchema(ma.Schema):
    """Facilities as a GeoJSON FeatureCollection."""

    type = ma.fields.String(required=True, validate=ma.validate.Equal("FeatureCollection"))
    attribution = ma.fields.String(required=True)
    features = ma.fields.List(ma.fields.Nested(FacilityFeatureSchema), required=True)


class ServiceQuery(PageQuery):
    """Which services."""

    facility_id = ma.fields.UUID(load_default=None, metadata={"description": "Of one facility."})
    speciality = Choice(Speciality, load_default=None, metadata={"description": "Of one speciality."})
    province_code = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(r"^[0-9]{2}$"),
        metadata={"description": "Code of a province of today.", "example": "38"},
    )
    q = Line(100, load_default=None, metadata={"description": "Words of the facility's name or place."})
    sort = ma.fields.String(
        load_default="name",
        validate=ma.validate.OneOf(["name", "next_free"]),
        metadata={"description": "name of the facility, or next_free place."},
    )


class DayQuery(ma.Schema):
    """Which day."""

    day = ma.fields.Date(required=True, metadata={"description": "A day in Vietnam.", "example": "2026-12-01"})


class TodayQuery(ma.Schema):
    """Which day, by default today."""

    day = ma.fields.Date(load_default=None, metadata={"description": "A day in Vietnam, by default today."})


class PlaceSchema(ma.Schema):
    """A slot in a list: `band` is free, few, full, soon (given out later) or closed; never a count."""

    slot_id = ma.fields.UUID(required=True)
    practitioner_id = ma.fields.UUID(allow_none=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    band = ma.fields.String(required=True)


class AvailabilitySchema(ma.Schema):
    """The places of a service's day; ask again after `next_poll_s` with the ETag."""

    service_id = ma.fields.UUID(required=True)
    day = ma.fields.Date(required=True)
    is_full = ma.fields.Boolean(required=True)
    release_at = Instant(allow_none=True, metadata={"description": "When places are given out, if that is to come."})
    draw_id = ma.fields.UUID(
        allow_none=True, metadata={"description": "These places are drawn by lot: see `getDraw`. null otherwise."}
    )
    next_poll_s = ma.fields.Integer(required=True)
    items = ma.fields.List(ma.fields.Nested(PlaceSchema), required=True)


class LaneSchema(ma.Schema):
    """A lane: whose number is served, how many were drawn, how many wait."""

    kind = Choice(LaneKind, required=True)
    now_serving = ma.fields.Integer(allow_none=True)
    last_number = ma.fields.Integer(required=True)
    waiting = ma.fields.Integer(required=True)


class QueueSchema(ma.Schema):
    """The queue of a service's day."""

    day = ma.fields.Date(required=True)
    items = ma.fields.List(ma.fields.Nested(LaneSchema), required=True)


class ProofKeySchema(ma.Schema):
    """A key that checks QR codes without a network."""

    alg = ma.fields.String(required=True)
    public_key = ma.fields.String(required=True, metadata={"description": "32 bytes, base64url without padding."})
    prefix = ma.fields.String(required=True)


class ProofKeysSchema(ma.Schema):
    """All keys that hold."""

    items = ma.fields.List(ma.fields.Nested(ProofKeySchema), required=True)


FacilityPageSchema = page_schema(FacilitySchema)
ServicePageSchema = page_schema(ServiceSchema)
