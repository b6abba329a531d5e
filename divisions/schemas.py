"""What the room takes and gives."""

from __future__ import annotations

import marshmallow as ma

from divisions.models import ChangeKind, UnitType
from divisions.names import Likeness
from kit.fields import Choice, Line
from kit.pages import PageQuery, page_schema

_TYPE = "province (tỉnh), city (thành phố); ward (phường), commune (xã), township (thị trấn), special_zone (đặc khu)."
_ON = "The day the question is about, YYYY-MM-DD. Today when left out."
_CODE = "Official code, as text with leading zeros. Codes were used again in 2025: keep the day with it."


def _slug() -> ma.fields.String:
    return ma.fields.String(
        validate=ma.validate.Regexp(r"^[a-z0-9-]{1,64}$"),
        metadata={"description": "Slug of an area, see listAreas.", "example": "thanh-hoa"},
    )


class OnQuery(ma.Schema):
    """A day."""

    on = ma.fields.Date(metadata={"description": _ON, "example": "2026-11-21"})


class CommuneQuery(PageQuery):
    """Which communes."""

    province = ma.fields.String(
        attribute="province_code",
        validate=ma.validate.Regexp(r"^[0-9]{2}$"),
        metadata={"description": "Code of a province, two digits.", "example": "38"},
    )
    area = _slug()
    q = Line(
        100,
        metadata={
            "description": "Beginning of a name, with or without diacritics and type word: `dong t`, `Phường Đông T`.",
            "example": "hac th",
        },
    )
    on = ma.fields.Date(metadata={"description": _ON, "example": "2026-11-21"})


class ResolveQuery(ma.Schema):
    """An old code with its day, or words."""

    code = ma.fields.String(
        validate=ma.validate.Regexp(r"^[0-9]{5}$"),
        metadata={"description": "Code of a commune, five digits. Needs `on`.", "example": "14758"},
    )
    on = ma.fields.Date(
        metadata={
            "description": "A day on which the commune bore the code. Goes with `code`.",
            "example": "2025-06-30",
        },
    )
    text = Line(
        200,
        metadata={
            "description": "Commune, district, province as a citizen writes them, old or new. "
            "Leave out house numbers and people's names.",
            "example": "phường Đông Thọ, Thanh Hóa",
        },
    )
    area = _slug()

    @ma.validates_schema
    def _one_question(self, data: dict[str, object], **_kwargs: object) -> None:
        by_code, by_text = data.get("code") is not None, data.get("text") is not None
        if by_code == by_text:
            raise ma.ValidationError("Send either code or text.", "code")
        if by_code is not (data.get("on") is not None):
            raise ma.ValidationError("A code and its day go together.", "on")


class AreaSchema(ma.Schema):
    """One of the places the product serves. Its slug stays when a reform gives its province another code or name."""

    slug = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    name_en = ma.fields.String(required=True)
    province_code = ma.fields.String(required=True, metadata={"description": "The province it is in today."})
    former_province_codes = ma.fields.List(
        ma.fields.String(),
        required=True,
        metadata={"description": "Provinces inside it until 2025-06-30, in the codes of then."},
    )
    commune_count = ma.fields.Integer(required=True, metadata={"description": "How many communes it has today."})


class AreasSchema(ma.Schema):
    """All areas."""

    items = ma.fields.List(ma.fields.Nested(AreaSchema), required=True)


class UnitSchema(ma.Schema):
    """What provinces and communes have in common."""

    code = ma.fields.String(required=True, metadata={"description": _CODE})
    name = ma.fields.String(required=True, metadata={"description": "Without its type word, as officially spelled."})
    full_name = ma.fields.String(required=True, metadata={"description": "With its type word."})
    name_en = ma.fields.String(required=True)
    type = Choice(UnitType, required=True, metadata={"description": _TYPE})
    valid_from = ma.fields.Date(required=True, metadata={"description": "First day it was so."})
    valid_to = ma.fields.Date(
        required=True, allow_none=True, metadata={"description": "Last day; null while it lasts."}
    )


class ProvinceSchema(UnitSchema):
    """A province or a city of that rank."""

    source = ma.fields.String(required=True, metadata={"description": "Where we have this from."})


class ProvincesSchema(ma.Schema):
    """All provinces of a day."""

    items = ma.fields.List(ma.fields.Nested(ProvinceSchema), required=True)


class CommuneSchema(UnitSchema):
    """A commune, ward or special zone, and the province it is in."""

    province_code = ma.fields.String(required=True)
    province_name = ma.fields.String(required=True, allow_none=True)
    province_name_en = ma.fields.String(required=True, allow_none=True)


class CommuneWithSourceSchema(CommuneSchema):
    """A commune, and where we have it from."""

    source = ma.fields.String(required=True, metadata={"description": "Where we have this from."})


CommunePageSchema = page_schema(CommuneSchema)


class OldCommuneSchema(ma.Schema):
    """A commune that is no more."""

    code = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    full_name = ma.fields.String(required=True)
    type = Choice(UnitType, required=True, allow_none=True)
    district = ma.fields.String(required=True, metadata={"description": "The district of then, with its type word."})
    province_code = ma.fields.String(required=True, metadata={"description": "In the codes of then."})
    province_name = ma.fields.String(required=True, allow_none=True)


class CandidateSchema(ma.Schema):
    """A commune of today that may be meant."""

    commune = ma.fields.Nested(CommuneSchema, attribute="unit", required=True)
    likeness = ma.fields.String(
        attribute="likeness.word",
        required=True,
        validate=ma.validate.OneOf([one.word for one in Likeness if one is not Likeness.DIFFERENT]),
        metadata={
            "description": "How near the name is to the text: exact; same_tones (hoà, hòa); same_letters (other "
            "tones); folded (equal without diacritics)."
        },
    )
    kind = Choice(
        ChangeKind,
        required=True,
        allow_none=True,
        metadata={"description": "How much of the old commune went here; null when it is called so today."},
    )
    changed_on = ma.fields.Date(required=True, allow_none=True)
    old = ma.fields.Nested(OldCommuneSchema, required=True, allow_none=True)


class ResolutionSchema(ma.Schema):
    """What may be meant, best first."""

    candidates = ma.fields.List(ma.fields.Nested(CandidateSchema), required=True)
    ask_street = ma.fields.Boolean(
        required=True, metadata={"description": "The old commune was divided: ask the citizen for the street."}
    )
