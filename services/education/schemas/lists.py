"""A parent's list, open days and visits as they are asked for and told."""

from __future__ import annotations

import marshmallow as ma

from kit.fields import Choice, Instant
from services.education.models import Channel, Level, SchoolState


class SaveSchema(ma.Schema):
    """Which school to keep, and for whom."""

    school_id = ma.fields.UUID(required=True)
    member_id = ma.fields.UUID(
        load_default=None,
        allow_none=True,
        metadata={"description": "A child of the household, see `listHousehold`; reminders then fit the child's age."},
    )


class RoundAheadSchema(ma.Schema):
    """A round that fits, in short."""

    id = ma.fields.UUID(required=True)
    level = Choice(Level, required=True)
    grade = ma.fields.Integer(required=True, allow_none=True)
    school_year = ma.fields.Integer(required=True)
    channel = Choice(Channel, required=True)
    opens_at = Instant(required=True)
    closes_at = Instant(required=True)


class SavedSchema(ma.Schema):
    """A school on the list."""

    id = ma.fields.UUID(attribute="found.id", required=True)
    school_id = ma.fields.UUID(attribute="found.school_id", required=True)
    school_name = ma.fields.String(attribute="school.name", required=True)
    commune_name = ma.fields.String(attribute="school.commune_name", required=True)
    state = Choice(SchoolState, attribute="school.state", required=True)
    successor_id = ma.fields.UUID(attribute="school.successor_id", required=True, allow_none=True)
    member_id = ma.fields.UUID(attribute="found.member_id", required=True, allow_none=True)
    child = ma.fields.String(required=True, allow_none=True, metadata={"description": "The child's name."})
    rounds = ma.fields.List(ma.fields.Nested(RoundAheadSchema), required=True)


class SavedListSchema(ma.Schema):
    """The whole list; at most a hundred entries."""

    items = ma.fields.List(ma.fields.Nested(SavedSchema), required=True)


class OpenDaySchema(ma.Schema):
    """A day on which a school shows itself."""

    id = ma.fields.UUID(required=True)
    school_id = ma.fields.UUID(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    campus = ma.fields.String(required=True)
    places = ma.fields.Integer(required=True)
    places_left = ma.fields.Function(
        lambda day: day.places - day.taken, metadata={"type": "integer", "description": "Places nobody has taken."}
    )


class OpenDaysSchema(ma.Schema):
    """Coming open days, the nearest first."""

    items = ma.fields.List(ma.fields.Nested(OpenDaySchema), required=True)


class SchoolVisitRequestSchema(ma.Schema):
    """Which open day, and how many come."""

    open_day_id = ma.fields.UUID(required=True)
    people = ma.fields.Integer(strict=True, load_default=2, validate=ma.validate.Range(1, 4))


class SchoolVisitSchema(ma.Schema):
    """A family's place on an open day."""

    id = ma.fields.UUID(required=True)
    open_day_id = ma.fields.UUID(required=True)
    school_id = ma.fields.UUID(required=True)
    school_name = ma.fields.String(required=True)
    campus = ma.fields.String(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    people = ma.fields.Integer(required=True)
    cancelled_at = Instant(required=True, allow_none=True)


class SchoolVisitsSchema(ma.Schema):
    """Coming and past visits that were not cancelled."""

    items = ma.fields.List(ma.fields.Nested(SchoolVisitSchema), required=True)
