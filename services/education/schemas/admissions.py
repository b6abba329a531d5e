"""Rounds, homes and catchment answers as they are asked for and told."""

from __future__ import annotations

import marshmallow as ma

from kit.fields import Choice, Count, Instant, Line
from kit.pages import PageQuery, page_schema
from services.education.facts import FIRST_YEAR, LAST_YEAR
from services.education.models import Channel, Level, ZoneKind
from services.education.operations import catchment

MOST_BIRTH_YEARS = (1990, 2100)
_YEAR = "The year it begins: 2026 is 2026-2027."
ANSWERS = (catchment.IN_ZONE, catchment.BORDERLINE, catchment.BY_COMMUNE_ONLY, catchment.UNKNOWN)


class HomeSchema(ma.Schema):
    """Where a child lives: answered and forgotten, never stored or logged."""

    commune_code = ma.fields.String(
        load_default=None,
        allow_none=True,
        validate=ma.validate.Regexp(r"^[0-9]{5}$"),
        metadata={"description": "Commune of today; needed for rules of a commune and for street ranges."},
    )
    # Any number is read here: a point outside of Vietnam is refused with a reason of its own.
    lat = ma.fields.Float(load_default=None, allow_none=True, validate=ma.validate.Range(-90, 90))
    lon = ma.fields.Float(load_default=None, allow_none=True, validate=ma.validate.Range(-180, 180))
    street = Line(200, load_default=None, allow_none=True)
    number = ma.fields.Integer(strict=True, load_default=None, allow_none=True, validate=ma.validate.Range(1, 99_999))

    @ma.validates_schema
    def _whole_point(self, data: dict[str, object], **_kwargs: object) -> None:
        if (data.get("lat") is None) is not (data.get("lon") is None):
            raise ma.ValidationError("Send lat and lon together.", "lat")


class HomeInCommuneSchema(HomeSchema):
    """A home whose commune is known."""

    commune_code = ma.fields.String(
        required=True,
        validate=ma.validate.Regexp(r"^[0-9]{5}$"),
        metadata={"description": "Commune of today, see `resolveDivision`."},
    )


class CatchmentQuestionSchema(ma.Schema):
    """Whose catchment a home lies in."""

    home = ma.fields.Nested(HomeSchema, required=True)
    level = Choice(Level, required=True)
    school_year = ma.fields.Integer(
        strict=True,
        required=True,
        validate=ma.validate.Range(FIRST_YEAR, LAST_YEAR),
        metadata={"description": _YEAR},
    )


class AdmissionQuestionSchema(ma.Schema):
    """What is open for a child in a month."""

    birth_year = ma.fields.Integer(
        strict=True, required=True, validate=ma.validate.Range(*MOST_BIRTH_YEARS), metadata={"example": 2020}
    )
    home = ma.fields.Nested(HomeInCommuneSchema, required=True)
    month = ma.fields.String(
        load_default=None,
        allow_none=True,
        validate=ma.validate.Regexp(r"^20[0-9]{2}-(0[1-9]|1[0-2])$"),
        metadata={"description": "YYYY-MM; the present month when left out.", "example": "2026-07"},
    )


class ZoneFoundSchema(ma.Schema):
    """A zone that speaks about the home."""

    zone_id = ma.fields.UUID(required=True)
    school_id = ma.fields.UUID(required=True)
    school_name = ma.fields.String(required=True)
    kind = Choice(ZoneKind, required=True)
    name = ma.fields.String(required=True)
    priority = ma.fields.Integer(required=True, metadata={"description": "1 is the first priority."})
    is_inside = ma.fields.Boolean(required=True)
    border_m = ma.fields.Integer(
        required=True, allow_none=True, metadata={"description": "Metres to the zone's border, for drawn zones."}
    )
    source = ma.fields.String(required=True)
    source_on = ma.fields.Date(required=True)


class CatchmentSchema(ma.Schema):
    """What can be said, and on which ground."""

    answer = ma.fields.String(required=True, validate=ma.validate.OneOf(ANSWERS))
    zones = ma.fields.List(ma.fields.Nested(ZoneFoundSchema), required=True)
    source_on = ma.fields.Date(required=True, allow_none=True, metadata={"description": "The newest of the sources."})
    note = ma.fields.String(
        required=True, metadata={"description": "Who decides: the school and the commune, not this answer."}
    )


class ZoneTestedSchema(ZoneFoundSchema):
    """A zone as the office sees it."""

    is_published = ma.fields.Boolean(required=True)


class CatchmentTestSchema(CatchmentSchema):
    """The answer with drafts included."""

    zones = ma.fields.List(ma.fields.Nested(ZoneTestedSchema), required=True)


class RoundQuery(PageQuery):
    """Which rounds."""

    province = ma.fields.String(
        attribute="province_code",
        validate=ma.validate.Regexp(r"^[0-9]{2}$"),
        metadata={"description": "Code of a province of today.", "example": "38"},
    )
    school_id = ma.fields.UUID(metadata={"description": "Rounds that concern this school."})
    school_year = Count(
        validate=ma.validate.Range(FIRST_YEAR, LAST_YEAR), metadata={"description": _YEAR, "example": 2026}
    )
    level = Choice(Level, metadata={"description": "Level of the school that is entered."})


class PaperSchema(ma.Schema):
    """Something to bring."""

    vi = Line(300, required=True)
    en = Line(300, load_default=None, allow_none=True)


class CriterionSchema(PaperSchema):
    """Who comes first."""

    priority = ma.fields.Integer(strict=True, required=True, validate=ma.validate.Range(1, 20))


class QuotaSchema(ma.Schema):
    """A school's places in a round."""

    school_id = ma.fields.UUID(required=True)
    classes = ma.fields.Integer(strict=True, load_default=None, allow_none=True, validate=ma.validate.Range(0, 1_000))
    seats = ma.fields.Integer(strict=True, required=True, validate=ma.validate.Range(0, 100_000))
    supplementary_seats = ma.fields.Integer(strict=True, load_default=0, validate=ma.validate.Range(0, 100_000))


class QuotaToldSchema(QuotaSchema):
    """A school's places in a round, with its name."""

    school_name = ma.fields.String(required=True)


class RoundFactsSchema(ma.Schema):
    """A round as the office proposes it: all of it, whatever changes."""

    province_code = ma.fields.String(required=True, validate=ma.validate.Regexp(r"^[0-9]{2}$"))
    commune_code = ma.fields.String(load_default=None, allow_none=True, validate=ma.validate.Regexp(r"^[0-9]{5}$"))
    school_id = ma.fields.UUID(load_default=None, allow_none=True)
    school_year = ma.fields.Integer(
        strict=True, required=True, validate=ma.validate.Range(FIRST_YEAR, LAST_YEAR), metadata={"description": _YEAR}
    )
    level = Choice(Level, required=True)
    grade = ma.fields.Integer(strict=True, load_default=None, allow_none=True, validate=ma.validate.Range(1, 12))
    age_from = ma.fields.Integer(
        strict=True,
        required=True,
        validate=ma.validate.Range(0, 20),
        metadata={"description": "School year less birth year: 6 enters grade 1."},
    )
    age_to = ma.fields.Integer(strict=True, required=True, validate=ma.validate.Range(0, 20))
    channel = Choice(Channel, required=True)
    opens_at = Instant(required=True)
    closes_at = Instant(required=True)
    result_on = ma.fields.Date(load_default=None, allow_none=True)
    papers = ma.fields.List(ma.fields.Nested(PaperSchema), load_default=list, validate=ma.validate.Length(max=30))
    criteria = ma.fields.List(ma.fields.Nested(CriterionSchema), load_default=list, validate=ma.validate.Length(max=30))
    quotas = ma.fields.List(ma.fields.Nested(QuotaSchema), load_default=list, validate=ma.validate.Length(max=500))
    source = Line(300, required=True)
    source_on = ma.fields.Date(required=True)
    is_example = ma.fields.Boolean(load_default=False)
    withdrawn_at = Instant(load_default=None, allow_none=True, metadata={"description": "Set to call the round off."})

    @ma.validates_schema
    def _holds_together(self, data: dict[str, object], **_kwargs: object) -> None:
        if data["opens_at"] >= data["closes_at"]:  # type: ignore[operator]
            raise ma.ValidationError("Must be less than closes_at.", "opens_at")
        if data["age_from"] > data["age_to"]:  # type: ignore[operator]
            raise ma.ValidationError("Must be less than or equal to age_to.", "age_from")
        if data["school_id"] is not None and data["commune_code"] is not None:
            raise ma.ValidationError("A round is for a school, a commune or the province.", "commune_code")
        schools = [quota["school_id"] for quota in data["quotas"]]  # type: ignore[attr-defined]
        if len(set(schools)) < len(schools):
            raise ma.ValidationError("Must name each school once.", "quotas")


class RoundSchema(ma.Schema):
    """A round of admission."""

    id = ma.fields.UUID(attribute="found.id", required=True)
    state = ma.fields.String(required=True, validate=ma.validate.OneOf(["coming", "open", "over", "withdrawn"]))
    province_code = ma.fields.String(attribute="found.province_code", required=True)
    commune_code = ma.fields.String(attribute="found.commune_code", required=True, allow_none=True)
    school_id = ma.fields.UUID(attribute="found.school_id", required=True, allow_none=True)
    school_year = ma.fields.Integer(attribute="found.school_year", required=True, metadata={"description": _YEAR})
    level = Choice(Level, attribute="found.level", required=True)
    grade = ma.fields.Integer(attribute="found.grade", required=True, allow_none=True)
    age_from = ma.fields.Integer(attribute="found.age_from", required=True)
    age_to = ma.fields.Integer(attribute="found.age_to", required=True)
    channel = Choice(Channel, attribute="found.channel", required=True)
    opens_at = Instant(attribute="found.opens_at", required=True)
    closes_at = Instant(attribute="found.closes_at", required=True)
    result_on = ma.fields.Date(attribute="found.result_on", required=True, allow_none=True)
    papers = ma.fields.List(ma.fields.Nested(PaperSchema), attribute="found.papers", required=True)
    criteria = ma.fields.List(ma.fields.Nested(CriterionSchema), attribute="found.criteria", required=True)
    quotas = ma.fields.List(ma.fields.Nested(QuotaToldSchema), required=True)
    source = ma.fields.String(attribute="found.source", required=True)
    source_on = ma.fields.Date(attribute="found.source_on", required=True)
    is_example = ma.fields.Boolean(
        attribute="found.is_example", required=True, metadata={"description": "Made up, to try things out."}
    )
    version = ma.fields.Integer(attribute="found.version", required=True)


RoundPageSchema = page_schema(RoundSchema)


class OpenRoundSchema(ma.Schema):
    """A round a child may apply in, and what is known of the home's catchment."""

    round = ma.fields.Nested(RoundSchema, required=True)
    grade = ma.fields.Integer(
        required=True, allow_none=True, metadata={"description": "The grade the child would enter."}
    )
    catchment = ma.fields.Nested(CatchmentSchema, required=True)


class OpenRoundsSchema(ma.Schema):
    """What is open, the next to close first."""

    items = ma.fields.List(ma.fields.Nested(OpenRoundSchema), required=True)


class ZoneFeatureSchema(ma.Schema):
    """A catchment zone as a GeoJSON feature; the geometry is null where a zone is a street or a commune."""

    type = ma.fields.String(required=True)
    geometry = ma.fields.Dict(required=True, allow_none=True)
    properties = ma.fields.Dict(required=True)
