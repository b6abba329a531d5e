"""What FHIR searches and operations ask; what they answer is made by services.health.fhir and has no schema of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import marshmallow as ma

from kit.fields import Choice, Count, Line
from services.health.fhir import parameters
from services.health.fhir.codes import APPOINTMENT_STATUS
from services.health.fhir.library import NotFhir
from services.health.fhir.parameters import Asked, Place
from services.health.fhir.resources import read_schedule_id
from services.health.models import Speciality
from services.health.operations import EVER, MOST_DAYS, Span, within_two_weeks
from services.health.timetable import instant

_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ZONE = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOMENT = rf"{_DAY}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,6}})?{_ZONE}"
_DATE = re.compile(rf"(?P<prefix>eq|ge|gt|le|lt)?(?P<at>{_DAY}|{_MOMENT})")
_NEAR = re.compile(
    r"(?P<lat>-?[0-9]{1,2}(\.[0-9]{1,8})?)\|(?P<lon>-?[0-9]{1,3}(\.[0-9]{1,8})?)"
    r"(\|(?P<far>[0-9]{1,3}(\.[0-9]{1,3})?)(\|km)?)?"
)
_MOST_KILOMETRES = 200
_USUAL_KILOMETRES = 20


class Reference(ma.fields.String):
    """A resource of a type, by its id alone or as `Type/id`; the UUID of it."""

    def __init__(self, kind: str, **kwargs: Any) -> None:  # noqa: ANN401 - marshmallow's options
        self._shape = re.compile(rf"({kind}/)?(?P<id>{_ID})")
        more = {"pattern": rf"^({kind}/)?{_ID}$", "example": f"{kind}/019a0d00-0000-7000-8000-00000000f001"}
        super().__init__(metadata=kwargs.pop("metadata", {}) | more, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        found = self._shape.fullmatch(super()._deserialize(value, attr, data, **kwargs) or "")
        if found is None:
            raise ma.ValidationError("Not a valid UUID.")
        return UUID(found["id"])


class When(ma.fields.String):
    """A day of Vietnam or an instant with its offset, after one of the prefixes eq, ge, gt, le, lt; a Span."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - marshmallow's options
        more = {"pattern": f"^(eq|ge|gt|le|lt)?({_DAY}|{_MOMENT})$", "example": "ge2026-12-01"}
        super().__init__(metadata=kwargs.pop("metadata", {}) | more, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        text = super()._deserialize(value, attr, data, **kwargs)
        found = _DATE.fullmatch(text)
        if found is None:
            raise ma.ValidationError("Not a valid datetime.")
        try:
            first, after = _bounds(found["at"])
        except (ValueError, OverflowError) as exc:
            raise ma.ValidationError("Not a valid datetime.") from exc
        spans = {
            "ge": Span(first, EVER.end),
            "gt": Span(after, EVER.end),
            "le": Span(EVER.start, after),
            "lt": Span(EVER.start, first),
        }
        return spans.get(found["prefix"] or "eq", Span(first, after))


class FhirQuery(ma.Schema):
    """What every search takes."""

    _count = Count(
        data_key="_count",
        attribute="limit",
        load_default=20,
        validate=ma.validate.Range(min=1, max=100),
        metadata={"description": "How many entries at most.", "example": 20},
    )
    _cursor = ma.fields.String(
        data_key="_cursor",
        attribute="cursor",
        load_default=None,
        validate=ma.validate.Length(min=1, max=1000),
        metadata={"description": "Stands in the link `next` of a bundle; opaque."},
    )


class FhirOrganizationQuery(FhirQuery):
    """Which organisations."""

    name = Line(100, load_default=None, metadata={"description": "Words of its name or place, diacritics or not."})
    partof = Reference("Organization", load_default=None, metadata={"description": "The departments of this one."})

    @ma.validates_schema
    def _one_of_both(self, asked: dict[str, Any], **_options: object) -> None:
        if asked.get("name") and asked.get("partof"):
            raise ma.ValidationError("Must be one of: name, partof.", "partof")


class FhirLocationQuery(FhirQuery):
    """Which places."""

    name = Line(100, load_default=None, metadata={"description": "Words of its name or place, diacritics or not."})
    near = ma.fields.String(
        load_default=None,
        metadata={
            "description": "latitude|longitude|distance|km; twenty kilometres when no distance is given.",
            "example": "19.7759|105.7717|5|km",
            "pattern": f"^{_NEAR.pattern.replace('?P<lat>', '').replace('?P<lon>', '').replace('?P<far>', '')}$",
        },
    )

    @ma.post_load
    def _read(self, asked: dict[str, Any], **_options: object) -> dict[str, Any]:
        if asked["near"] is not None:
            found = _NEAR.fullmatch(asked["near"])
            point = None
            if found is not None:
                far = float(found["far"] or _USUAL_KILOMETRES)
                point = (float(found["lat"]), float(found["lon"]), round(min(far, _MOST_KILOMETRES) * 1000))
            if point is None or abs(point[0]) > 90 or abs(point[1]) > 180 or point[2] < 1:  # noqa: PLR2004 - degrees
                raise ma.ValidationError("String does not match expected pattern.", "near")
            asked["near"] = point
        return asked


class FhirHealthcareServiceQuery(FhirQuery):
    """Which services."""

    organization = Reference("Organization", load_default=None, metadata={"description": "Of this organisation."})
    specialty = Choice(Speciality, load_default=None, metadata={"description": "Of one of our specialities."})
    name = Line(100, load_default=None, metadata={"description": "Words of the facility's name or place."})


class FhirPractitionerQuery(FhirQuery):
    """Which people."""

    name = Line(100, load_default=None, metadata={"description": "How a word of the name begins, diacritics or not."})


class FhirPractitionerRoleQuery(FhirQuery):
    """Who does what where."""

    practitioner = Reference("Practitioner", load_default=None, metadata={"description": "Of this practitioner."})
    organization = Reference("Organization", load_default=None, metadata={"description": "At this organisation."})
    specialty = Choice(Speciality, load_default=None, metadata={"description": "Of one of our specialities."})


class FhirScheduleQuery(FhirQuery):
    """Which schedules."""

    actor = ma.fields.String(
        load_default=None,
        metadata={
            "description": "HealthcareService/id, Location/id or Practitioner/id.",
            "pattern": f"^(HealthcareService|Location|Practitioner)/{_ID}$",
            "example": "HealthcareService/019a0d00-0000-7000-8000-00000000e001",
        },
    )

    @ma.post_load
    def _read(self, asked: dict[str, Any], **_options: object) -> dict[str, Any]:
        if asked["actor"] is not None:
            found = re.fullmatch(f"(HealthcareService|Location|Practitioner)/({_ID})", asked["actor"])
            if found is None:
                raise ma.ValidationError("String does not match expected pattern.", "actor")
            asked["actor"] = (found[1], UUID(found[2]))
        return asked


class FhirSlotQuery(FhirQuery):
    """Which slots: at most two weeks at once, from now on unless told otherwise."""

    schedule = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(rf"^(Schedule/)?{_ID}(\.[a-z2-7]{{26}})?\Z"),
        metadata={
            "description": "Of this schedule.",
            "pattern": rf"^(Schedule/)?{_ID}(\.[a-z2-7]{{26}})?$",
            "example": "Schedule/019a0d00-0000-7000-8000-00000000e001",
        },
    )
    start = ma.fields.List(
        When(),
        load_default=None,
        validate=ma.validate.Length(max=2),
        metadata={"description": "When it begins; twice for a span, as ge… and lt…."},
    )
    status = ma.fields.String(
        load_default=None,
        validate=ma.validate.OneOf(["free", "busy", "busy-tentative", "busy-unavailable"]),
        metadata={"description": "Whether a place can be had."},
    )

    @ma.post_load
    def _bounded(self, asked: dict[str, Any], **_options: object) -> dict[str, Any]:
        asked["span"] = two_weeks(_all_of(asked.pop("start") or []), "start")
        if asked["schedule"] is not None:
            asked["schedule"] = read_schedule_id(asked["schedule"].removeprefix("Schedule/"))
        return asked


class FhirAppointmentQuery(FhirQuery):
    """Which of the citizen's appointments."""

    patient = Reference(
        "Patient", load_default=None, metadata={"description": "The citizen's own id or that of a profile."}
    )
    date = ma.fields.List(
        When(),
        load_default=None,
        validate=ma.validate.Length(max=2),
        metadata={"description": "When it begins; twice for a span, as ge… and lt…."},
    )
    status = ma.fields.String(
        load_default=None,
        validate=ma.validate.OneOf(sorted(set(APPOINTMENT_STATUS.values()))),
        metadata={"description": "How it stands."},
    )

    @ma.post_load
    def _read(self, asked: dict[str, Any], **_options: object) -> dict[str, Any]:
        given = asked.pop("date")
        asked["span"] = _all_of(given) if given else None
        return asked


class FhirFindQuery(ma.Schema):
    """Where and when a place is looked for: at most two weeks."""

    start = When(required=True, metadata={"description": "From this day or instant on."})
    end = When(required=True, metadata={"description": "Up to this day, or instant."})
    organization = Reference("Organization", load_default=None, metadata={"description": "At this organisation."})
    location = Reference("Location", load_default=None, metadata={"description": "At this place."})
    service = Reference("HealthcareService", load_default=None, metadata={"description": "Of this service."})
    practitioner = Reference("Practitioner", load_default=None, metadata={"description": "With this practitioner."})
    specialty = Choice(Speciality, load_default=None, metadata={"description": "Of one of our specialities."})

    @ma.post_load
    def _bounded(self, asked: dict[str, Any], **_options: object) -> dict[str, Any]:
        start, end = asked.pop("start"), asked.pop("end")
        # A bare day or instant bounds the span by itself, whatever prefix it might have had.
        first = start.start if start.start != EVER.start else start.end
        last = end.end if end.end != EVER.end else end.start
        asked["span"] = two_weeks(Span(first, last), "end")
        return asked


class FhirFeedQuery(ma.Schema):
    """What the feed is asked."""

    _since = ma.fields.AwareDateTime(
        data_key="_since",
        attribute="since",
        load_default=None,
        format="iso",
        metadata={"description": "Taken as the standard has it; what is told is whole.", "format": "date-time"},
    )


class FhirReferenceSchema(ma.Schema):
    """A reference inside a request."""

    reference = Line(200, required=True, metadata={"example": "Appointment/019a0d00-0000-7000-8000-00000000b001"})
    display = Line(200)


class FhirParameterSchema(ma.Schema):
    """One parameter of an operation."""

    name = Line(64, required=True)
    valueDateTime = Line(40)  # noqa: N815 - FHIR's own names
    valueString = Line(200)  # noqa: N815
    valueCode = Line(64)  # noqa: N815
    valueReference = ma.fields.Nested(FhirReferenceSchema)  # noqa: N815
    resource = ma.fields.Dict(metadata={"description": "A whole Appointment, where one is moved or cancelled."})


class FhirParametersSchema(ma.Schema):
    """What an operation is asked, as a FHIR Parameters resource; the text of the operation names its parameters."""

    resourceType = ma.fields.String(required=True, validate=ma.validate.Equal("Parameters"))  # noqa: N815
    parameter = ma.fields.List(
        ma.fields.Nested(FhirParameterSchema), required=True, validate=ma.validate.Length(min=1, max=20)
    )


class FhirFindSchema(FhirParametersSchema):
    """The parameters of `$find`: `start`, `end`, and where or with whom."""

    @ma.post_load
    def _read(self, given: dict[str, Any], **_options: object) -> Any:  # noqa: ANN401 - what the query gives
        with _flaws():
            asked = parameters.read_find(given)
        return FhirFindQuery().load(asked)


class FhirHoldSchema(FhirParametersSchema):
    """The parameters of `$hold`: `appointment-reference`, and `patient-reference` for somebody of the household."""

    @ma.post_load
    def _read(self, given: dict[str, Any], **_options: object) -> Place:
        with _flaws():
            return parameters.read_hold(given)


class FhirBookSchema(FhirParametersSchema):
    """The parameters of `$book`: `appointment-reference` or `appointment-resource`, and `patient-reference`."""

    @ma.post_load
    def _read(self, given: dict[str, Any], **_options: object) -> Asked:
        with _flaws():
            return parameters.read_book(given)


@contextmanager
def _flaws() -> Iterator[None]:
    """Tell what is no FHIR as what is wrong with a request."""
    try:
        yield
    except NotFhir as exc:
        raise ma.ValidationError({place: [f"{place} {what}"] for place, what in exc.troubles}) from exc


def two_weeks(span: Span, name: str) -> Span:
    """The span as it was given; raises ValidationError when it is longer than two weeks.

    An open end stays open, so that the pages of a search belong to the same question.
    """
    bounded = within_two_weeks(span)
    if bounded.end - bounded.start > timedelta(days=MOST_DAYS):
        raise ma.ValidationError(f"Must be less than or equal to {MOST_DAYS} days.", name)
    return span


def _all_of(spans: list[Span]) -> Span:
    whole = EVER
    for span in spans:
        whole = Span(max(whole.start, span.start), min(whole.end, span.end))
    return whole


def _bounds(text: str) -> tuple[datetime, datetime]:
    """The first instant that is meant, and the first one after."""
    if "T" not in text:
        day = date.fromisoformat(text)
        midnight = instant(day, datetime.min.time())
        return midnight, instant(day + timedelta(days=1), datetime.min.time())
    moment = datetime.fromisoformat(text)
    return moment, moment + timedelta(seconds=1)
