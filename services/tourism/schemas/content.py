"""A whole guide as editors write it: every fact in its place, every text in its language."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma

from kit.fields import Choice, Flag, Line, Vnd
from services.tourism import cards, geometry, opening
from services.tourism.models import GuideKind, HeritageRank, Publication, VisitorClass

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LANGUAGE = r"^[a-z]{2,3}$"
_TAG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_CODE = r"^[0-9]{5}$"
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"
_MONTH_DAY = r"^[0-9]{2}-[0-9]{2}$"
_HTTP = r"^https?://[^\s<>\"]{3,480}$"
_MOST_LANGUAGES = 12


class OpeningTimesSchema(ma.Schema):
    """One opening. Closing at or before the opening time means on the next day; `24:00` is the end of the day."""

    opens = ma.fields.String(required=True, validate=ma.validate.Regexp(_CLOCK), metadata={"example": "07:00"})
    closes = ma.fields.String(required=True, validate=ma.validate.Regexp(_CLOCK), metadata={"example": "17:30"})


def _times(**kwargs: Any) -> ma.fields.List[Any]:  # noqa: ANN401 - marshmallow's options
    return ma.fields.List(ma.fields.Nested(OpeningTimesSchema), validate=ma.validate.Length(max=6), **kwargs)


class WeekLineSchema(ma.Schema):
    """Some days of the week with the same times; no times means closed."""

    days = ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf(opening.WEEKDAYS)),
        required=True,
        validate=ma.validate.Length(min=1, max=7),
    )
    times = _times(required=True)


def _weekly() -> ma.fields.List[Any]:
    return ma.fields.List(ma.fields.Nested(WeekLineSchema), validate=ma.validate.Length(max=14))


class YearlySchema(ma.Schema):
    """Days that come every year, on the solar or the lunar calendar: `01-13` is the 13th of the first month."""

    calendar = ma.fields.String(validate=ma.validate.OneOf(("solar", "lunar")), metadata={"example": "lunar"})
    start = ma.fields.String(required=True, validate=ma.validate.Regexp(_MONTH_DAY), metadata={"example": "01-12"})
    end = ma.fields.String(validate=ma.validate.Regexp(_MONTH_DAY), metadata={"example": "01-13"})
    leap = Flag(metadata={"description": "The leap month of that number, in years that have one."})
    times = _times(required=True)


class SeasonSchema(ma.Schema):
    """A part of the year with a week of its own."""

    calendar = ma.fields.String(validate=ma.validate.OneOf(("solar", "lunar")))
    start = ma.fields.String(required=True, validate=ma.validate.Regexp(_MONTH_DAY))
    end = ma.fields.String(required=True, validate=ma.validate.Regexp(_MONTH_DAY))
    leap = Flag()
    weekly = ma.fields.List(ma.fields.Nested(WeekLineSchema), required=True, validate=ma.validate.Length(min=1, max=14))


class UnlikeSchema(ma.Schema):
    """Days that are unlike the rules: other times, or none, and why."""

    from_on = ma.fields.String(required=True, validate=ma.validate.Regexp(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
                               metadata={"format": "date"})  # fmt: skip
    to_on = ma.fields.String(allow_none=True, validate=ma.validate.Regexp(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
                             metadata={"format": "date"})  # fmt: skip
    times = _times(required=True)
    reason_vi = Line(200)
    reason_en = Line(200)


class OpeningHoursSchema(ma.Schema):
    """Opening hours as rules. What is named more exactly wins: exceptions, special days, seasons, the week."""

    weekly = _weekly()
    seasons = ma.fields.List(ma.fields.Nested(SeasonSchema), validate=ma.validate.Length(max=8))
    special = ma.fields.List(ma.fields.Nested(YearlySchema), validate=ma.validate.Length(max=40))
    exceptions = ma.fields.List(ma.fields.Nested(UnlikeSchema), validate=ma.validate.Length(max=100))

    @ma.validates_schema
    def _makes_sense(self, rules: dict[str, Any], **_options: object) -> None:
        try:
            opening.read(rules)
        except opening.BadHours as exc:
            place, code = exc.args
            raise ma.ValidationError({str(place): [_sentence(code)]}) from exc


class FormerAddressSchema(ma.Schema):
    """Where it lay before the reform; what older maps and papers say."""

    commune = Line(120, allow_none=True)
    district = Line(120, allow_none=True)
    province = Line(120, allow_none=True)
    valid_to_on = ma.fields.String(allow_none=True, validate=ma.validate.Regexp(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
                                   metadata={"format": "date"})  # fmt: skip


class GuideAddressSchema(ma.Schema):
    """Where it is today, since when that is its name, and the former address beside it."""

    street = Line(200, allow_none=True)
    commune_code = ma.fields.String(allow_none=True, validate=ma.validate.Regexp(_CODE))
    commune = Line(120, allow_none=True)
    province_code = ma.fields.String(allow_none=True, validate=ma.validate.Regexp(r"^[0-9]{2}$"))
    province = Line(120, allow_none=True)
    valid_from_on = ma.fields.String(allow_none=True, validate=ma.validate.Regexp(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
                                     metadata={"format": "date"})  # fmt: skip
    former = ma.fields.Nested(FormerAddressSchema, allow_none=True)


class GuidePointSchema(ma.Schema):
    """A point in degrees (WGS 84) and how well it is known."""

    lat = ma.fields.Float(required=True, validate=ma.validate.Range(min=-90, max=90))
    lon = ma.fields.Float(required=True, validate=ma.validate.Range(min=-180, max=180))
    precision = Line(40, allow_none=True, metadata={"example": "site_1km"})


class GuidePriceSchema(ma.Schema):
    """What one class of visitor pays; 0 is free."""

    visitor_class = Choice(VisitorClass, required=True)
    amount_vnd = Vnd(minimum=0, required=True)
    condition_vi = Line(200, allow_none=True)
    condition_en = Line(200, allow_none=True)


class AccessFactsSchema(ma.Schema):
    """Nine facts for who cannot walk, see or hear as others do; null where nobody has looked."""

    step_free = Flag(allow_none=True)
    wheelchair_toilet = Flag(allow_none=True)
    wheelchair_rental = Flag(allow_none=True)
    accessible_parking = Flag(allow_none=True)
    seating = Flag(allow_none=True)
    audio_description = Flag(allow_none=True)
    tactile = Flag(allow_none=True)
    sign_language = Flag(allow_none=True)
    assistance_dog = Flag(allow_none=True)


class GuideContactsSchema(ma.Schema):
    """The place's own contacts."""

    phone = Line(40, allow_none=True)
    email = Line(200, allow_none=True)
    website = ma.fields.String(allow_none=True, validate=ma.validate.Regexp(_HTTP))
    booking_url = ma.fields.String(allow_none=True, validate=ma.validate.Regexp(_HTTP))


class GuideDetailsSchema(ma.Schema):
    """What only some kinds have: itineraries a length, a duration and a difficulty; events whether they take place."""

    duration_minutes = ma.fields.Integer(strict=True, allow_none=True, validate=ma.validate.Range(min=1, max=20_160))
    length_m = ma.fields.Integer(strict=True, allow_none=True, validate=ma.validate.Range(min=1, max=2_000_000))
    difficulty = ma.fields.String(allow_none=True, validate=ma.validate.OneOf(("easy", "moderate", "hard")))
    cancelled = Flag(allow_none=True)
    cancelled_reason_vi = Line(300, allow_none=True)
    cancelled_reason_en = Line(300, allow_none=True)


class WordsSchema(ma.Schema):
    """A guide's texts in one language, and whether the public may read them."""

    state = Choice(Publication, required=True)
    title = Line(200, required=True)
    summary = Line(600, allow_none=True)
    description = Line(8_000, allow_none=True)
    how_to_get_there = Line(2_000, allow_none=True)
    when_to_go = Line(2_000, allow_none=True)
    tips = Line(2_000, allow_none=True)
    safety = Line(2_000, allow_none=True)


class StopContentSchema(ma.Schema):
    """One stop of an itinerary."""

    guide_id = ma.fields.UUID(required=True)
    stay_minutes = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(min=0, max=2_880))
    transfer_minutes = ma.fields.Integer(strict=True, allow_none=True, validate=ma.validate.Range(min=0, max=2_880))
    transfer = ma.fields.String(
        allow_none=True, validate=ma.validate.OneOf(("walk", "bicycle", "motorbike", "car", "bus", "boat", "train"))
    )
    note_vi = Line(600, allow_none=True)
    note_en = Line(600, allow_none=True)


class GuideContentSchema(ma.Schema):
    """A whole guide as it is to be published."""

    slug = ma.fields.String(
        required=True,
        validate=[ma.validate.Length(min=2, max=120), ma.validate.Regexp(rf"^{SLUG.pattern}$")],
        metadata={"example": "chua-but-thap"},
    )
    kind = Choice(GuideKind, required=True)
    category = Line(40, required=True, metadata={"example": "pagoda"})
    tags = ma.fields.List(
        ma.fields.String(validate=[ma.validate.Length(max=40), ma.validate.Regexp(_TAG)]),
        validate=ma.validate.Length(max=30),
    )
    heritage_rank = Choice(HeritageRank, allow_none=True)
    address = ma.fields.Nested(GuideAddressSchema, required=True)
    point = ma.fields.Nested(GuidePointSchema, allow_none=True)
    geometry = ma.fields.Dict(
        keys=ma.fields.String(), allow_none=True, metadata={"description": "A line or an area as GeoJSON (RFC 7946)."}
    )
    hours = ma.fields.Nested(OpeningHoursSchema, allow_none=True)
    prices = ma.fields.List(ma.fields.Nested(GuidePriceSchema), allow_none=True, validate=ma.validate.Length(max=20))
    is_free = Flag(allow_none=True)
    accessibility = ma.fields.Nested(AccessFactsSchema, allow_none=True)
    contacts = ma.fields.Nested(GuideContactsSchema, allow_none=True)
    details = ma.fields.Nested(GuideDetailsSchema, allow_none=True)
    source = Line(600, required=True, metadata={"description": "Where the facts come from."})
    licence = Line(60, required=True, metadata={"example": "CC-BY-4.0"})
    verified_on = ma.fields.String(
        allow_none=True, validate=ma.validate.Regexp(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), metadata={"format": "date"}
    )
    valid_until_on = ma.fields.String(
        allow_none=True, validate=ma.validate.Regexp(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), metadata={"format": "date"}
    )
    texts = ma.fields.Dict(
        keys=ma.fields.String(validate=ma.validate.Regexp(_LANGUAGE)),
        values=ma.fields.Nested(WordsSchema),
        required=True,
        validate=ma.validate.Length(min=1, max=_MOST_LANGUAGES),
        metadata={"description": "By language: vi is needed, en and any others may follow."},
    )
    stops = ma.fields.List(ma.fields.Nested(StopContentSchema), allow_none=True, validate=ma.validate.Length(max=60))

    @ma.validates("geometry")
    def _is_on_earth(self, shape: dict[str, Any] | None, data_key: str) -> None:  # noqa: ARG002
        if shape is None:
            return
        try:
            geometry.check_shape(shape)
        except geometry.BadShape as exc:
            raise ma.ValidationError(_sentence(exc.args[0])) from exc

    @ma.validates_schema
    def _holds_together(self, guide: dict[str, Any], **_options: object) -> None:
        if cards.HOME not in guide.get("texts", {}):
            raise ma.ValidationError("Missing data for required field.", "texts/vi")
        for name in ("verified_on", "valid_until_on"):
            _check_day(guide.get(name), name)
        verified, until = guide.get("verified_on"), guide.get("valid_until_on")
        if until is not None and (verified is None or until < verified):
            raise ma.ValidationError("Must be greater than verified_on.", "valid_until_on")


def plain_content(loaded: dict[str, Any]) -> dict[str, Any]:
    """A loaded guide as JSON, for storing: what `GuideContentSchema` would take again."""
    told: dict[str, Any] = GuideContentSchema().dump(loaded)
    return told


def _check_day(given: str | None, name: str) -> None:
    if given is not None:
        try:
            ma.fields.Date().deserialize(given)
        except ma.ValidationError as exc:
            raise ma.ValidationError("Not a valid date.", name) from exc


def _sentence(code: str) -> str:
    return {
        "pattern": "String does not match expected pattern.",
        "not_an_option": "Must be one of those allowed.",
        "not_a_date": "Not a valid date.",
        "out_of_range": "Must be greater or less: out of range.",
        "length": "Length is out of bounds.",
        "not_a_list": "Not a valid list.",
    }.get(code, "Invalid value.")
