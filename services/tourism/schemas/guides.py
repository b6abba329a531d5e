"""What the public asks of guides, and what it is told."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma

from kit.fields import Choice, Count, Instant, Line
from kit.pages import PageQuery, page_schema
from services.tourism.geometry import Box
from services.tourism.models import AlertKind, GuideKind, HeritageRank, MediaKind
from services.tourism.schemas.content import (
    AccessFactsSchema,
    GuideAddressSchema,
    GuideContactsSchema,
    GuideDetailsSchema,
    GuidePriceSchema,
    OpeningHoursSchema,
)

_NUMBER = r"-?[0-9]{1,3}(?:\.[0-9]{1,9})?"
_POINT = re.compile(rf"({_NUMBER}),({_NUMBER})")
_BOX = re.compile(rf"({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})")
_TAGS = r"^[a-z0-9]+(-[a-z0-9]+)*(,[a-z0-9]+(-[a-z0-9]+)*){0,9}$"


class LanguageQuery(ma.Schema):
    """In which language."""

    lang = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(r"^[a-z]{2,3}$"),
        metadata={"description": "Wins over Accept-Language; any language a guide has.", "example": "en"},
    )


class AdvisorySchema(ma.Schema):
    """An alert in force on a guide."""

    id = ma.fields.UUID(required=True)
    kind = Choice(AlertKind, required=True)
    level = ma.fields.Integer(required=True, metadata={"description": "1 to 5.", "minimum": 1, "maximum": 5})
    closes = ma.fields.Boolean(required=True)
    reason = ma.fields.String(required=True)
    until = Instant(required=True)


class GuideSummarySchema(ma.Schema):
    """A guide in a list."""

    id = ma.fields.UUID(required=True)
    slug = ma.fields.String(required=True)
    short_code = ma.fields.String(required=True, metadata={"description": "Printed at the gate; opens /g/{code}."})
    kind = Choice(GuideKind, required=True)
    category = ma.fields.String(required=True)
    tags = ma.fields.List(ma.fields.String(), required=True)
    heritage_rank = Choice(HeritageRank, required=True, allow_none=True)
    title = ma.fields.String(required=True)
    summary = ma.fields.String(required=True, allow_none=True)
    content_language = ma.fields.String(required=True, metadata={"description": "The language of the title."})
    field_languages = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.String(),
        required=True,
        metadata={"description": "Texts that are in another language than the title, and in which."},
    )
    missing_languages = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "Languages in which not every text is there."}
    )
    lat = ma.fields.Float(required=True, allow_none=True)
    lon = ma.fields.Float(required=True, allow_none=True)
    commune_code = ma.fields.String(required=True, allow_none=True)
    commune = ma.fields.String(required=True, allow_none=True)
    province = ma.fields.String(required=True, allow_none=True)
    is_free = ma.fields.Boolean(required=True, allow_none=True, metadata={"description": "null: not known."})
    is_accessible = ma.fields.Boolean(required=True, allow_none=True, metadata={"description": "Without steps."})
    version = ma.fields.Integer(required=True)
    open_now = ma.fields.Boolean(required=True, allow_none=True, metadata={"description": "null: not known."})
    next_change_at = Instant(required=True, allow_none=True)
    temporarily_closed = ma.fields.Boolean(required=True, metadata={"description": "By an alert."})
    advisory = ma.fields.Nested(AdvisorySchema, required=True, allow_none=True)
    distance_m = ma.fields.Integer(metadata={"description": "From `near`, or from the route of `along`."})


GUIDE_FIELDS = frozenset(GuideSummarySchema().fields)


class GuideInListSchema(GuideSummarySchema):
    """A guide as lists show it: all of it, or `id` and those of its members that `fields` asks for."""

    def on_bind_field(self, field_name: str, field_obj: ma.fields.Field[Any]) -> None:
        """Nothing but the id is promised."""
        field_obj.required = field_name == "id"


class GuideQuery(PageQuery, LanguageQuery):
    """Which guides. All filters together must fit; each is documented with an example."""

    q = Line(
        120,
        load_default=None,
        metadata={"description": "Words by their beginnings, with or without diacritics.", "example": "chua keo"},
    )
    kind = Choice(GuideKind, load_default=None, metadata={"description": "place, itinerary, event …"})
    category = Line(40, load_default=None, metadata={"description": "With all below it.", "example": "pagoda"})
    tags = ma.fields.String(
        load_default=None,
        validate=[ma.validate.Length(max=420), ma.validate.Regexp(_TAGS)],
        metadata={"description": "Up to ten, by commas.", "example": "unesco,boat"},
    )
    tags_match = ma.fields.String(
        load_default="all",
        validate=ma.validate.OneOf(("all", "any")),
        metadata={"description": "Whether a guide needs all tags or any of them."},
    )
    near = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(rf"^{_POINT.pattern}$"),
        metadata={"description": "Latitude,longitude; the nearest come first.", "example": "20.2527,105.9177"},
    )
    radius = Count(
        load_default=5_000,
        validate=ma.validate.Range(min=10, max=200_000),
        metadata={"description": "Metres around `near`.", "example": 5000},
    )
    bbox = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(rf"^{_BOX.pattern}$"),
        metadata={"description": "West,south,east,north, as OGC API Features.", "example": "105.8,20.1,106.1,20.4"},
    )
    along = ma.fields.UUID(
        load_default=None, metadata={"description": "Id of an itinerary: guides along it, in the order of the way."}
    )
    within = Count(
        load_default=2_000,
        validate=ma.validate.Range(min=10, max=50_000),
        metadata={"description": "Metres from the route of `along`.", "example": 2000},
    )
    open_now = ma.fields.Boolean(load_default=None, metadata={"description": "true: open; false: known to be closed."})
    free = ma.fields.Boolean(load_default=None, metadata={"description": "Only free, or only with a price."})
    accessible = ma.fields.Boolean(load_default=None, metadata={"description": "Without steps, or known to have some."})
    heritage_rank = Choice(HeritageRank, load_default=None, metadata={"description": "world, special_national …"})
    commune_code = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp("^[0-9]{5}$"),
        metadata={"description": "Of today.", "example": "14359"},
    )
    province_code = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp("^[0-9]{2}$"),
        metadata={"description": "Of today.", "example": "37"},
    )
    in_language = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp("^[a-z]{2,3}$"),
        metadata={"description": "Only guides that have this language.", "example": "en"},
    )
    updated_since = Instant(
        load_default=None, metadata={"description": "Changed at or after.", "example": "2026-11-01T00:00:00+07:00"}
    )
    fields_ = ma.fields.String(
        data_key="fields",
        load_default=None,
        validate=ma.validate.Length(min=1, max=600),
        metadata={"description": "Only these, by commas; `id` always comes.", "example": "title,lat,lon"},
    )

    @ma.validates_schema
    def _fits_together(self, asked: dict[str, Any], **_options: object) -> None:
        names = set((asked.get("fields_") or "").split(",")) - {""}
        if not names <= GUIDE_FIELDS:
            raise ma.ValidationError("Must be one of the fields of a guide in a list.", "fields")
        if asked.get("near") and asked.get("along"):
            raise ma.ValidationError("Must be one of near and along.", "along")
        if asked.get("near") and not _is_point(*read_point(asked["near"])):
            raise ma.ValidationError("Must be less: degrees on earth.", "near")
        if asked.get("bbox"):
            box = read_box(asked["bbox"])
            corners = _is_point(box.south, box.west) and _is_point(box.north, box.east)
            if not corners or box.south > box.north or box.west > box.east:
                raise ma.ValidationError("Must be greater: south, west before north, east.", "bbox")


class GuideMediaSchema(ma.Schema):
    """A file of a guide with its author and licence."""

    id = ma.fields.UUID(required=True)
    kind = Choice(MediaKind, required=True)
    media_type = ma.fields.String(required=True)
    bytes_total = ma.fields.Integer(required=True)
    sha256 = ma.fields.String(required=True)
    author = ma.fields.String(required=True)
    licence = ma.fields.String(required=True)
    alt = ma.fields.String(required=True, allow_none=True)
    transcript = ma.fields.String(required=True, allow_none=True)


class GuideStopSchema(ma.Schema):
    """One stop of an itinerary."""

    place = ma.fields.Integer(required=True)
    guide_id = ma.fields.UUID(required=True)
    title = ma.fields.String(required=True)
    content_language = ma.fields.String(required=True)
    lat = ma.fields.Float(required=True, allow_none=True)
    lon = ma.fields.Float(required=True, allow_none=True)
    stay_minutes = ma.fields.Integer(required=True)
    transfer_minutes = ma.fields.Integer(required=True, allow_none=True)
    transfer = ma.fields.String(required=True, allow_none=True)
    note = ma.fields.String(required=True, allow_none=True)


class GuideSchema(GuideSummarySchema):
    """A whole guide. Every key is always there, null where nothing is known."""

    class Meta:
        """It is no list: nothing is far from anything."""

        exclude = ("distance_m",)

    description = ma.fields.String(required=True, allow_none=True)
    how_to_get_there = ma.fields.String(required=True, allow_none=True)
    when_to_go = ma.fields.String(required=True, allow_none=True)
    tips = ma.fields.String(required=True, allow_none=True)
    safety = ma.fields.String(required=True, allow_none=True)
    address = ma.fields.Nested(GuideAddressSchema, required=True)
    coord_precision = ma.fields.String(required=True, allow_none=True)
    geometry = ma.fields.Dict(required=True, allow_none=True, metadata={"description": "GeoJSON."})
    hours = ma.fields.Nested(OpeningHoursSchema, required=True, allow_none=True)
    hours_text = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "Made from `hours`."})
    prices = ma.fields.List(ma.fields.Nested(GuidePriceSchema), required=True, allow_none=True)
    prices_text = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "Made from `prices`."})
    accessibility = ma.fields.Nested(AccessFactsSchema, required=True)
    contacts = ma.fields.Nested(GuideContactsSchema, required=True)
    details = ma.fields.Nested(GuideDetailsSchema, required=True)
    source = ma.fields.String(required=True)
    licence = ma.fields.String(required=True)
    verified_on = ma.fields.String(required=True, allow_none=True, metadata={"format": "date"})
    valid_until_on = ma.fields.String(required=True, allow_none=True, metadata={"format": "date"})
    is_stale = ma.fields.Boolean(required=True, metadata={"description": "Past `valid_until_on`."})
    languages = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "Published ones."})
    changed_at = Instant(required=True)
    media = ma.fields.List(ma.fields.Nested(GuideMediaSchema), required=True)
    stops = ma.fields.List(ma.fields.Nested(GuideStopSchema), required=True)
    advisories = ma.fields.List(ma.fields.Nested(AdvisorySchema), required=True)

    @ma.pre_dump
    def _with_instants(self, told: dict[str, Any], **_options: object) -> dict[str, Any]:
        return told | {
            "next_change_at": _instant(told["next_change_at"]),
            "advisory": _advisory(told["advisory"]),
            "advisories": [_advisory(one) for one in told["advisories"]],
        }


GuidePageSchema = page_schema(GuideInListSchema)


class GuideCategorySchema(ma.Schema):
    """A node of the category tree."""

    code = ma.fields.String(required=True)
    parent_code = ma.fields.String(required=True, allow_none=True)
    name_vi = ma.fields.String(required=True)
    name_en = ma.fields.String(required=True)


class GuideCategoriesSchema(ma.Schema):
    """The whole tree."""

    items = ma.fields.List(ma.fields.Nested(GuideCategorySchema), required=True)


class ChangeQuery(ma.Schema):
    """What has changed since."""

    since = Count(
        load_default=0,
        validate=ma.validate.Range(min=0),
        metadata={"description": "`next_since` of the answer before; 0 from the start.", "example": 0},
    )
    most = Count(
        load_default=100,
        validate=ma.validate.Range(min=1, max=1000),
        metadata={"description": "How many changes at most.", "example": 100},
    )


class GuideChangeSchema(ma.Schema):
    """A guide that was changed, or a tombstone of one that was removed."""

    id = ma.fields.UUID(required=True)
    slug = ma.fields.String(required=True)
    kind = Choice(GuideKind, required=True)
    version = ma.fields.Integer(required=True)
    changed_at = Instant(required=True)
    change = ma.fields.String(required=True, metadata={"description": "changed or removed."})


class GuideChangesSchema(ma.Schema):
    """Changes in the order of their commits. Ask again with `next_since` until no more come."""

    items = ma.fields.List(ma.fields.Nested(GuideChangeSchema), required=True)
    next_since = ma.fields.Integer(required=True)


def read_point(told: str) -> tuple[float, float]:
    """(lat, lon) of a text that fits the pattern of `near`, rounded to a metre: nobody is nearer than that."""
    lat, lon = told.split(",")
    return round(float(lat), 5), round(float(lon), 5)


def read_box(told: str) -> Box:
    """The box of a text that fits the pattern of `bbox`."""
    west, south, east, north = map(float, told.split(","))
    return Box(south, west, north, east)


def _is_point(lat: float, lon: float) -> bool:
    return abs(lat) <= 90 and abs(lon) <= 180  # noqa: PLR2004 - degrees


def _instant(told: Any) -> Any:  # noqa: ANN401 - text or nothing
    return None if told is None else ma.fields.AwareDateTime().deserialize(told)


def _advisory(told: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if told is None else told | {"until": _instant(told["until"])}
