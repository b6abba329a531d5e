"""Schools as they are asked for and told."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.fields import Choice, Count, Line
from kit.pages import PageQuery, page_schema
from services.education.facts import (
    CampusSchema,
    ContactsSchema,
    FactsSchema,
    FeeSchema,
    FormerNameSchema,
    LevelSchema,
    SchoolPlaceSchema,
    SizeSchema,
    SourceSchema,
    StandardSchema,
)
from services.education.geometry import EAST, NORTH, SOUTH, WEST
from services.education.models import ChangeKind, Level, Ownership, Programme, SchoolState

CARD_FIELDS = (
    "name", "state", "levels", "ownership", "programmes", "commune_code", "commune_name", "province_code",
    "province_name", "address", "lat", "lon", "standard_level", "standard_until", "standard_is_expired", "is_example",
    "distance_m", "match", "found_as",
)  # fmt: skip
SCHOOL_FIELDS = (
    *FactsSchema().fields, "commune_code", "commune_name", "province_code", "province_name", "version",
)  # fmt: skip
_LEVEL = "primary (tiểu học), lower_secondary (THCS), upper_secondary (THPT), kindergarten, nursery, continuing (GDTX)."


class Among(ma.fields.String):
    """Several names in one parameter, separated by commas; read as a list without repetitions."""

    def __init__(self, names: tuple[str, ...], **kwargs: Any) -> None:  # noqa: ANN401 - marshmallow's options
        self._names = names
        super().__init__(validate=ma.validate.Length(min=1, max=600), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        asked = list(dict.fromkeys(super()._deserialize(value, attr, data, **kwargs).split(",")))
        if unknown := [name for name in asked if name not in self._names]:
            raise ma.ValidationError(f"Must be one of the fields: {unknown[0][:40]} is not.")
        return asked

    def _validate(self, value: Any) -> None:  # noqa: ANN401 - the list that was read
        super()._validate(",".join(value))


class Degrees(ma.fields.Float):
    """A coordinate within Vietnam."""

    def __init__(self, low: float, high: float, **kwargs: Any) -> None:  # noqa: ANN401 - marshmallow's options
        super().__init__(validate=ma.validate.Range(low, high), **kwargs)


def fields_of(names: tuple[str, ...]) -> Among:
    """The parameter that chooses fields."""
    return Among(
        names,
        load_default=None,
        data_key="fields",  # marshmallow has a word of its own by that name
        metadata={
            "description": "Only these fields, by commas; the id always comes.",
            "example": "name,levels",
            "pattern": f"^({'|'.join(names)})(,({'|'.join(names)}))*$",
        },
    )


class FilterQuery(ma.Schema):
    """What narrows a question."""

    level = Choice(Level, load_default=None, metadata={"description": _LEVEL})
    ownership = Choice(Ownership, load_default=None, metadata={"description": "Who runs the school."})
    programme = Choice(Programme, load_default=None, metadata={"description": "A programme it offers."})
    commune = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(r"^[0-9]{5}$"),
        metadata={"description": "Code of a commune of today.", "example": "14797"},
    )
    province = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(r"^[0-9]{2}$"),
        metadata={"description": "Code of a province of today.", "example": "38"},
    )


class SchoolQuery(PageQuery, FilterQuery):
    """Which schools."""

    chosen = fields_of(CARD_FIELDS)


class SearchQuery(FilterQuery):
    """What was typed, and where."""

    chosen = fields_of(CARD_FIELDS)

    q = Line(
        100,
        required=True,
        metadata={"description": "A name as people type it, with or without marks.", "example": "tieu hoc kim dong"},
    )
    lat = Degrees(
        SOUTH, NORTH, load_default=None, metadata={"description": "With lon: what fits equally comes nearest."}
    )
    lon = Degrees(WEST, EAST, load_default=None, metadata={"description": "See lat."})

    @ma.validates_schema
    def _whole_point(self, data: dict[str, object], **_kwargs: object) -> None:
        if (data.get("lat") is None) is not (data.get("lon") is None):
            raise ma.ValidationError("Send lat and lon together.", "lat")


class NearQuery(FilterQuery):
    """Where, and how far."""

    chosen = fields_of(CARD_FIELDS)

    # Any number is read here: a point outside of Vietnam is refused with a reason of its own.
    lat = Degrees(-90, 90, required=True, metadata={"description": "Latitude.", "example": 19.8075})
    lon = Degrees(-180, 180, required=True, metadata={"description": "Longitude.", "example": 105.7764})
    metres = Count(
        load_default=5_000,
        validate=ma.validate.Range(min=100, max=50_000),
        metadata={"description": "How far at most.", "example": 5_000},
    )


class MapQuery(FilterQuery):
    """A box of the map."""

    bbox = ma.fields.String(
        required=True,
        validate=ma.validate.Regexp(r"^-?[0-9]{1,3}(\.[0-9]{1,8})?(,-?[0-9]{1,3}(\.[0-9]{1,8})?){3}$"),
        metadata={"description": "west,south,east,north in degrees (RFC 7946).", "example": "105.7,19.7,105.9,19.9"},
    )

    @ma.validates("bbox")
    def _is_a_box(self, value: str, **_kwargs: object) -> None:
        west, south, east, north = (float(part) for part in value.split(","))
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):  # noqa: PLR2004 - the globe
            raise ma.ValidationError("Must be less from west to east and from south to north.")


class CompareQuery(ma.Schema):
    """Which schools stand side by side."""

    ids = ma.fields.String(
        required=True,
        validate=[
            ma.validate.Length(max=400),
            ma.validate.Regexp(r"^[0-9a-fA-F-]{36}(,[0-9a-fA-F-]{36}){0,9}$"),
        ],
        metadata={
            "description": "Ids by commas, two to four.",
            "example": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f,019a0c1e-7a3b-7c00-8000-0a1b2c3d4e60",
        },
    )


class ProvinceQuery(ma.Schema):
    """A province."""

    province = ma.fields.String(
        required=True,
        validate=ma.validate.Regexp(r"^[0-9]{2}$"),
        metadata={"description": "Code of a province of today.", "example": "38"},
    )


class ChangesQuery(ProvinceQuery):
    """From where on."""

    since = Count(
        required=True,
        validate=ma.validate.Range(min=0, max=2**53),
        metadata={"description": "`seq` of the snapshot, or of the last answer.", "example": 1204},
    )


class SchoolCardSchema(ma.Schema):
    """A school in a list."""

    id = ma.fields.UUID(required=True)
    name = ma.fields.String()
    state = Choice(SchoolState)
    levels = ma.fields.List(Choice(Level))
    ownership = Choice(Ownership, allow_none=True)
    programmes = ma.fields.List(Choice(Programme))
    commune_code = ma.fields.String()
    commune_name = ma.fields.String()
    province_code = ma.fields.String()
    province_name = ma.fields.String()
    address = ma.fields.String(allow_none=True)
    lat = ma.fields.Float(allow_none=True)
    lon = ma.fields.Float(allow_none=True)
    standard_level = ma.fields.Integer(allow_none=True)
    standard_until = ma.fields.Date(allow_none=True)
    standard_is_expired = ma.fields.Boolean(metadata={"description": "Absent where there is no national standard."})
    is_example = ma.fields.Boolean(metadata={"description": "Made up, to try things out."})
    distance_m = ma.fields.Integer(metadata={"description": "Metres, where a point was given and the school has one."})
    match = ma.fields.String(
        validate=ma.validate.OneOf(["exact", "tone_free", "folded", "near"]),
        metadata={"description": "How well a search fits; near: a typo was mended."},
    )
    found_as = ma.fields.String(
        metadata={"description": "The former name, or the name of a school merged into this one, that was found."}
    )


CardPageSchema = page_schema(SchoolCardSchema)


class SchoolCardsSchema(ma.Schema):
    """Schools, best or nearest first."""

    items = ma.fields.List(ma.fields.Nested(SchoolCardSchema), required=True)


class SuggestionSchema(ma.Schema):
    """What may be meant."""

    id = ma.fields.UUID(required=True)
    name = ma.fields.String(required=True)
    commune_name = ma.fields.String(required=True)
    province_name = ma.fields.String(required=True)


class SuggestionsSchema(ma.Schema):
    """What may be meant, likeliest first."""

    items = ma.fields.List(ma.fields.Nested(SuggestionSchema), required=True)


class StandardNowSchema(StandardSchema):
    """The national standard as of today."""

    is_expired = ma.fields.Boolean(required=True, metadata={"description": "Whether its last day is past."})


class SchoolFieldsQuery(ma.Schema):
    """Which fields."""

    chosen = fields_of(SCHOOL_FIELDS)


class SchoolSchema(ma.Schema):
    """Everything that is known about a school, each fact with its source and day."""

    id = ma.fields.UUID(required=True)
    name = ma.fields.String()
    former_names = ma.fields.List(ma.fields.Nested(FormerNameSchema))
    moet_code = ma.fields.String(allow_none=True, metadata={"description": "Code of the ministry, where it is known."})
    state = Choice(SchoolState)
    opened_on = ma.fields.Date(allow_none=True)
    closed_on = ma.fields.Date(allow_none=True)
    successor_id = ma.fields.UUID(allow_none=True, metadata={"description": "The school that took its place."})
    ownership = Choice(Ownership, allow_none=True)
    programmes = ma.fields.List(Choice(Programme))
    levels = ma.fields.List(ma.fields.Nested(LevelSchema))
    places = ma.fields.List(ma.fields.Nested(SchoolPlaceSchema))
    campuses = ma.fields.List(ma.fields.Nested(CampusSchema))
    size = ma.fields.Nested(SizeSchema, allow_none=True)
    national_standard = ma.fields.Nested(StandardNowSchema, allow_none=True)
    fees = ma.fields.List(ma.fields.Nested(FeeSchema))
    contacts = ma.fields.Nested(ContactsSchema, allow_none=True)
    sources = ma.fields.Dict(
        values=ma.fields.Nested(SourceSchema),
        metadata={"description": "By name of the fact; `all` speaks for those not named."},
    )
    is_example = ma.fields.Boolean()
    commune_code = ma.fields.String(metadata={"description": "Where it lies today."})
    commune_name = ma.fields.String()
    province_code = ma.fields.String()
    province_name = ma.fields.String()
    version = ma.fields.Integer()


class ComparedSchema(ma.Schema):
    """One line of a comparison: the same fact of every school, in the order asked for."""

    field = ma.fields.String(required=True)
    unit = ma.fields.String(required=True, allow_none=True, metadata={"description": "What the numbers count."})
    values = ma.fields.List(
        ma.fields.Raw(allow_none=True), required=True, metadata={"description": "null where nothing is known."}
    )
    texts = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "The values in words; “no data” is said."}
    )
    days = ma.fields.List(
        ma.fields.Date(allow_none=True), required=True, metadata={"description": "The day each value is of."}
    )


class ComparisonSchema(ma.Schema):
    """Schools side by side."""

    schools = ma.fields.List(ma.fields.Nested(SchoolCardSchema), required=True)
    rows = ma.fields.List(ma.fields.Nested(ComparedSchema), required=True)


class PointSchema(ma.Schema):
    """A GeoJSON point."""

    type = ma.fields.String(required=True)
    coordinates = ma.fields.List(ma.fields.Float(), required=True, metadata={"description": "lon, lat."})


class FeatureSchema(ma.Schema):
    """A school, or with `schools` in its properties a cluster of them."""

    type = ma.fields.String(required=True)
    geometry = ma.fields.Nested(PointSchema, required=True)
    properties = ma.fields.Dict(required=True)


class FeaturesSchema(ma.Schema):
    """A GeoJSON FeatureCollection (RFC 7946)."""

    type = ma.fields.String(required=True)
    features = ma.fields.List(ma.fields.Nested(FeatureSchema), required=True)


class SnapshotSchema(ma.Schema):
    """A province as one file."""

    id = ma.fields.UUID(required=True)
    province = ma.fields.String(attribute="province_code", required=True)
    seq = ma.fields.Integer(required=True, metadata={"description": "Ask for changes since this number."})
    schools = ma.fields.Integer(required=True)
    sha256 = ma.fields.String(required=True, metadata={"description": "Of the unpacked file, in hex."})
    bytes_plain = ma.fields.Integer(required=True, metadata={"description": "Size of the unpacked file."})
    url = ma.fields.String(required=True, metadata={"description": "Where the packed file is: NDJSON in gzip."})


class ChangeSchema(ma.Schema):
    """Something a phone has to do with its copy."""

    kind = Choice(ChangeKind, required=True, metadata={"description": "put: store `school`; remove: forget `id`."})
    seq = ma.fields.Integer(required=True)
    id = ma.fields.UUID(required=True)
    school = ma.fields.Dict(metadata={"description": "As in the snapshot."})
    successor_id = ma.fields.UUID(allow_none=True, metadata={"description": "Of a removed school that became another."})


class ChangesSchema(ma.Schema):
    """A stretch of a province's changes."""

    items = ma.fields.List(ma.fields.Nested(ChangeSchema), required=True)
    seq = ma.fields.Integer(required=True, metadata={"description": "Ask from here next time."})
    has_more = ma.fields.Boolean(required=True, metadata={"description": "Ask again at once."})
