"""The facts of a school as one document: its shape, and what must hold between its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import marshmallow as ma

from kit.fields import MAX_VND, Choice, Line
from kit.parsing import Flaw
from services.education.geometry import EAST, NORTH, SOUTH, WEST
from services.education.models import Level, Ownership, Programme, SchoolState

# Each fact that is stated says where it is from; "all" speaks for those not named.
SOURCED = (
    "name", "former_names", "moet_code", "opened_on", "closed_on", "ownership", "programmes", "levels", "places",
    "campuses", "size", "national_standard", "fees", "contacts",
)  # fmt: skip
ALL = "all"
GRADES = {
    Level.PRIMARY: range(1, 6),
    Level.LOWER_SECONDARY: range(6, 10),
    Level.UPPER_SECONDARY: range(10, 13),
    Level.CONTINUING: range(6, 13),
}
LISTED = frozenset({SchoolState.OPEN, SchoolState.CLOSING})
FIRST_YEAR, LAST_YEAR = 1990, 2100
_SLUG_OF_FEE = ("tuition", "meals", "boarding", "second_session", "other")


class FormerNameSchema(ma.Schema):
    """A name a school had."""

    name = Line(200, required=True)
    until = ma.fields.Date(load_default=None, allow_none=True, metadata={"description": "Last day of the name."})


class LevelSchema(ma.Schema):
    """What is taught, and from which grade to which."""

    level = Choice(Level, required=True)
    grade_from = ma.fields.Integer(strict=True, load_default=None, allow_none=True)
    grade_to = ma.fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Grades 1-5, 6-9, 10-12; all of the level when left out; null for nursery and kindergarten."
        },
    )


class SchoolPlaceSchema(ma.Schema):
    """The commune a school lies in, and the days it has been so."""

    commune_code = ma.fields.String(required=True, validate=ma.validate.Regexp(r"^[0-9]{5}$"))
    valid_from = ma.fields.Date(load_default=None, allow_none=True)
    valid_to = ma.fields.Date(
        load_default=None, allow_none=True, metadata={"description": "Last day; null while it lasts."}
    )


class CampusSchema(ma.Schema):
    """One of the grounds of a school (điểm trường), with a point of its own."""

    name = Line(200, required=True)
    address = Line(300, load_default=None, allow_none=True)
    lat = ma.fields.Float(load_default=None, allow_none=True, validate=ma.validate.Range(SOUTH, NORTH))
    lon = ma.fields.Float(load_default=None, allow_none=True, validate=ma.validate.Range(WEST, EAST))
    is_main = ma.fields.Boolean(load_default=False)


class SizeSchema(ma.Schema):
    """How big a school is, and on which day that was so."""

    capacity = ma.fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=ma.validate.Range(0, 100_000)
    )
    roll = ma.fields.Integer(strict=True, load_default=None, allow_none=True, validate=ma.validate.Range(0, 100_000))
    classes = ma.fields.Integer(strict=True, load_default=None, allow_none=True, validate=ma.validate.Range(0, 1_000))
    as_of = ma.fields.Date(required=True)


class StandardSchema(ma.Schema):
    """The national standard (trường đạt chuẩn quốc gia) by a decision that runs out."""

    level = ma.fields.Integer(strict=True, required=True, validate=ma.validate.OneOf([1, 2]))
    decision = Line(100, required=True)
    decided_on = ma.fields.Date(required=True)
    valid_to = ma.fields.Date(required=True, metadata={"description": "Last day; after it the standard has expired."})


class FeeSchema(ma.Schema):
    """What a year costs."""

    school_year = ma.fields.Integer(
        strict=True,
        required=True,
        validate=ma.validate.Range(FIRST_YEAR, LAST_YEAR),
        metadata={"description": "The year it begins: 2026 is 2026-2027."},
    )
    kind = ma.fields.String(required=True, validate=ma.validate.OneOf(_SLUG_OF_FEE))
    amount_vnd = ma.fields.Integer(strict=True, required=True, validate=ma.validate.Range(0, MAX_VND))
    per = ma.fields.String(required=True, validate=ma.validate.OneOf(["month", "term", "year"]))


class ContactsSchema(ma.Schema):
    """How to reach a school."""

    phone = Line(30, load_default=None, allow_none=True)
    email = Line(200, load_default=None, allow_none=True)
    website = Line(300, load_default=None, allow_none=True)


class SourceSchema(ma.Schema):
    """Where a fact is from, and of which day it is."""

    source = Line(300, required=True)
    dated_on = ma.fields.Date(required=True)


class FactsSchema(ma.Schema):
    """Everything that is known about a school and can be proposed."""

    name = Line(200, required=True)
    former_names = ma.fields.List(
        ma.fields.Nested(FormerNameSchema), load_default=list, validate=ma.validate.Length(max=20)
    )
    moet_code = ma.fields.String(
        load_default=None,
        allow_none=True,
        validate=ma.validate.Regexp(r"^[A-Za-z0-9-]{1,20}$"),
        metadata={"description": "Code of the ministry, where it is known."},
    )
    state = Choice(SchoolState, load_default=SchoolState.OPEN.value)
    opened_on = ma.fields.Date(load_default=None, allow_none=True)
    closed_on = ma.fields.Date(load_default=None, allow_none=True)
    successor_id = ma.fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "The school that took its place."}
    )
    ownership = Choice(Ownership, load_default=None, allow_none=True)
    programmes = ma.fields.List(Choice(Programme), load_default=list, validate=ma.validate.Length(max=10))
    levels = ma.fields.List(ma.fields.Nested(LevelSchema), required=True, validate=ma.validate.Length(min=1, max=6))
    places = ma.fields.List(
        ma.fields.Nested(SchoolPlaceSchema), required=True, validate=ma.validate.Length(min=1, max=10)
    )
    campuses = ma.fields.List(ma.fields.Nested(CampusSchema), load_default=list, validate=ma.validate.Length(max=30))
    size = ma.fields.Nested(SizeSchema, load_default=None, allow_none=True)
    national_standard = ma.fields.Nested(StandardSchema, load_default=None, allow_none=True)
    fees = ma.fields.List(ma.fields.Nested(FeeSchema), load_default=list, validate=ma.validate.Length(max=50))
    contacts = ma.fields.Nested(ContactsSchema, load_default=None, allow_none=True)
    sources = ma.fields.Dict(
        keys=ma.fields.String(validate=ma.validate.OneOf([*SOURCED, ALL])),
        values=ma.fields.Nested(SourceSchema),
        required=True,
        metadata={"description": "By name of the fact; `all` speaks for those not named."},
    )
    is_example = ma.fields.Boolean(load_default=False, metadata={"description": "Made up, to try things out."})


_SCHEMA = FactsSchema()


def read(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[Flaw]]:
    """The facts in `document` as they are stored (dates and ids as text), and what is wrong with them."""
    try:
        loaded = _SCHEMA.load(dict(document), unknown=ma.RAISE)
    except ma.ValidationError as exc:
        return {}, list(_shape_flaws(exc.normalized_messages(), ""))  # type: ignore[no-untyped-call]
    for level in loaded["levels"]:
        grades = GRADES.get(Level(level["level"]))
        if grades is not None and level["grade_from"] is None and level["grade_to"] is None:
            level |= {"grade_from": grades.start, "grade_to": grades.stop - 1}
    flaws = list(_check(loaded))
    return _SCHEMA.dump(loaded), flaws


def current_place(facts: Mapping[str, Any]) -> str:
    """The code of the commune a school lies in: the place without an end, else the last one."""
    places = facts["places"]
    return str(next((place for place in places if not place.get("valid_to")), places[-1])["commune_code"])


def main_campus(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The campus that stands for the school in lists and on maps; empty when none is known."""
    campuses = facts["campuses"]
    return next((one for one in campuses if one["is_main"]), campuses[0] if campuses else {})


def _check(facts: Mapping[str, Any]) -> Iterator[Flaw]:
    yield from _check_life(facts)
    yield from _check_levels(facts["levels"])
    if sum(place["valid_to"] is None for place in facts["places"]) > 1:
        yield _flaw("/places", "two_places", "Chỉ một địa bàn còn hiệu lực.", "Only one place may be without an end.")
    for number, place in enumerate(facts["places"]):
        if _is_reversed(place["valid_from"], place["valid_to"]):
            yield _flaw(f"/places/{number}", "days_reversed", "Ngày bị đảo.", "The days are in the wrong order.")
    yield from _check_campuses(facts["campuses"])
    standard = facts["national_standard"]
    if standard and _is_reversed(standard["decided_on"], standard["valid_to"]):
        yield _flaw("/national_standard", "days_reversed", "Ngày bị đảo.", "The days are in the wrong order.")
    if ALL not in facts["sources"]:
        for name in SOURCED:
            if facts[name] and name not in facts["sources"]:
                yield _flaw(f"/sources/{name}", "source_missing", "Thiếu nguồn.", "The source is missing.")


def _check_campuses(campuses: Sequence[Mapping[str, Any]]) -> Iterator[Flaw]:
    for number, campus in enumerate(campuses):
        if (campus["lat"] is None) is not (campus["lon"] is None):
            yield _flaw(
                f"/campuses/{number}", "half_a_point", "Thiếu vĩ độ hoặc kinh độ.", "Half of the point is missing."
            )
    if sum(campus["is_main"] for campus in campuses) > 1:
        yield _flaw("/campuses", "two_main", "Chỉ có một điểm trường chính.", "Only one campus can be the main one.")


def _check_life(facts: Mapping[str, Any]) -> Iterator[Flaw]:
    state = SchoolState(facts["state"])
    if state is SchoolState.MERGED and facts["successor_id"] is None:
        yield _flaw(
            "/successor_id", "required", "Trường sáp nhập cần trường kế thừa.", "A merged school has a successor."
        )
    if state in LISTED and facts["successor_id"] is not None:
        yield _flaw("/successor_id", "not_expected", "Trường đang mở không có kế thừa.", "An open school has none.")
    if state in {SchoolState.CLOSED, SchoolState.MERGED} and facts["closed_on"] is None:
        yield _flaw("/closed_on", "required", "Cần ngày đóng cửa.", "The day it closed is missing.")
    if _is_reversed(facts["opened_on"], facts["closed_on"]):
        yield _flaw("/closed_on", "days_reversed", "Ngày bị đảo.", "The days are in the wrong order.")


def _check_levels(levels: list[Mapping[str, Any]]) -> Iterator[Flaw]:
    seen: set[str] = set()
    for number, one in enumerate(levels):
        grades = GRADES.get(Level(one["level"]))
        first, last = one["grade_from"], one["grade_to"]
        is_right = (
            first is None and last is None if grades is None else first in grades and last in grades and first <= last
        )
        if not is_right:
            yield _flaw(f"/levels/{number}", "grades", "Lớp không hợp với cấp học.", "The grades do not fit the level.")
        if one["level"] in seen:
            yield _flaw(f"/levels/{number}", "twice", "Cấp học bị lặp.", "The level stands there twice.")
        seen.add(one["level"])


def _is_reversed(first: date | None, last: date | None) -> bool:
    return first is not None and last is not None and last < first


def _shape_flaws(messages: Any, pointer: str) -> Iterator[Flaw]:  # noqa: ANN401 - marshmallow's nested messages
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _shape_flaws(inner, pointer if name == "_schema" else f"{pointer}/{name}")
        return
    for message in [messages] if isinstance(messages, str) else messages:
        code = "required" if str(message).startswith("Missing") else "invalid"
        yield _flaw(pointer, code, "Giá trị chưa hợp lệ.", str(message))


def _flaw(pointer: str, code: str, vi: str, en: str) -> Flaw:
    return Flaw(pointer, code, vi, en)
