"""What we know of clinics as resources: plain JSON, every instant at +07:00, names in the reader's language."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from kit import clock
from kit.errors import NotFound
from services.health.fhir import codes
from services.health.models import BookingState, Department, FacilityHours, Practitioner
from services.health.operations import BookingTold

Resource = dict[str, Any]
Row = Any  # a row of columns, or what stands in a table
SCHEDULE_ID = re.compile(r"(?P<service>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(\.(?P<doctor>[a-z2-7]{26}))?")


def instant(moment: datetime) -> str:
    """An instant as FHIR writes it."""
    return clock.local(moment).isoformat(timespec="seconds")


def organization(facility: Row) -> Resource:
    """A facility as an organisation."""
    return _without_nothing({
        "resourceType": "Organization",
        "id": str(facility.id),
        "active": True,
        "type": [_coded(codes.ORGANIZATION_TYPE, "prov", "Healthcare Provider")],
        "name": facility.name,
        "alias": [facility.name_en] if facility.name_en else None,
        "telecom": _phones(facility.phones),
        "address": [_address(facility)],
    })  # fmt: skip


def department(one: Department, language: str) -> Resource:
    """A department as a part of its organisation."""
    names = {"vi": one.name_vi, "en": one.name_en}
    return {
        "resourceType": "Organization",
        "id": str(one.id),
        "active": True,
        "type": [_coded(codes.ORGANIZATION_TYPE, "dept", "Hospital Department")],
        "name": names.pop(language),
        "alias": list(names.values()),
        "partOf": _to("Organization", one.facility_id),
    }


def location(facility: Row, hours: Iterable[FacilityHours] = ()) -> Resource:
    """A facility as a place; with the hours where they were read."""
    point = None
    if facility.latitude is not None:
        point = {"longitude": facility.longitude, "latitude": facility.latitude}
    opening = [
        {
            "daysOfWeek": [codes.WEEKDAYS[row.weekday - 1]],
            "openingTime": f"{row.opens:%H:%M:%S}",
            "closingTime": f"{row.closes:%H:%M:%S}",
        }
        for row in hours
    ]
    return _without_nothing({
        "resourceType": "Location",
        "id": str(facility.id),
        "status": "active",
        "name": facility.name,
        "alias": [facility.name_en] if facility.name_en else None,
        "mode": "instance",
        "telecom": _phones(facility.phones),
        "address": _address(facility),
        "position": point,
        "managingOrganization": _to("Organization", facility.id),
        "hoursOfOperation": opening,
    })  # fmt: skip


def healthcare_service(base: str, service: Row, language: str) -> Resource:
    """A service that can be booked."""
    bring = service.bring_vi if language == "vi" else service.bring_en
    return _without_nothing({
        "resourceType": "HealthcareService",
        "id": str(service.id),
        "active": service.is_open,
        "providedBy": _to("Organization", service.facility_id, service.facility),
        "specialty": [_speciality(base, service)],
        "location": [_to("Location", service.facility_id)],
        "name": _name(service, language),
        "extraDetails": bring,
        "appointmentRequired": True,
    })  # fmt: skip


def practitioner(one: Practitioner) -> Resource:
    """Someone who sees patients."""
    return _without_nothing({
        "resourceType": "Practitioner",
        "id": str(one.id),
        "active": True,
        "name": [_without_nothing({"text": one.name, "prefix": [one.title] if one.title else None})],
        "gender": codes.GENDERS.get(one.gender or "", "unknown"),
    })  # fmt: skip


def practitioner_role(base: str, one: Practitioner) -> Resource:
    """What somebody does where; one for each practitioner, under the same id."""
    specialities = [_coded(codes.speciality_system(base), word) for word in one.specialities]
    return _without_nothing({
        "resourceType": "PractitionerRole",
        "id": str(one.id),
        "active": True,
        "practitioner": _to("Practitioner", one.id, one.name),
        "organization": _to("Organization", one.facility_id),
        "code": [{"text": one.role}],
        "specialty": specialities,
        "location": [_to("Location", one.facility_id)],
    })  # fmt: skip


def schedule(base: str, row: Row, language: str) -> Resource:
    """The places of a service, with one practitioner or none, up to where they have been made."""
    actors = [_to("HealthcareService", row.service_id), _to("Location", row.facility_id)]
    if row.practitioner_id is not None:
        actors.append(_to("Practitioner", row.practitioner_id))
    return {
        "resourceType": "Schedule",
        "id": schedule_id(row.service_id, row.practitioner_id),
        "active": True,
        "serviceType": [{"text": _name(row, language)}],
        "specialty": [_speciality(base, row)],
        "actor": actors,
        "planningHorizon": {"start": instant(row.first_at), "end": instant(row.last_at)},
    }


def slot(row: Row, *, phone: str | None = None) -> Resource:
    """A slot; how many places are left in it stands there where there is one."""
    left = row.capacity - row.taken
    extension: list[Resource] = []
    if row.status == "free":
        extension.append({"url": codes.CAPACITY, "valueInteger": left})
    if phone:
        extension.append({"url": codes.BOOKING_PHONE, "valueString": phone})
    return _without_nothing({
        "resourceType": "Slot",
        "id": str(row.id),
        "extension": extension,
        "schedule": {"reference": f"Schedule/{schedule_id(row.service_id, row.practitioner_id)}"},
        "status": row.status,
        "start": instant(row.starts_at),
        "end": instant(row.ends_at),
    })  # fmt: skip


def proposal(row: Row, language: str) -> Resource:
    """A free place as an appointment nobody has yet."""
    return {
        "resourceType": "Appointment",
        "id": f"{codes.PROPOSED}{row.id}",
        "status": "proposed",
        "serviceType": [{"text": _name(row, language)}],
        "start": instant(row.starts_at),
        "end": instant(row.ends_at),
        "slot": [_to("Slot", row.id)],
        "participant": _places(row.facility_id, row.service_id, row.practitioner_id, "needs-action"),
    }


def appointment(base: str, told: BookingTold, language: str) -> Resource:
    """A booking of its citizen, whatever has become of it."""
    one = told.booking
    who = _to("Patient", one.member_id or one.citizen_id, told.patient.name)
    doctor = told.practitioner.id if told.practitioner else None
    reason = codes.WHY_CANCELLED.get(one.state)
    held = one.state is BookingState.HELD and one.hold_expires_at is not None
    expires = (
        [{"url": codes.hold_expires(base), "valueInstant": instant(one.hold_expires_at)}]
        if held and one.hold_expires_at is not None
        else None
    )
    return _without_nothing({
        "resourceType": "Appointment",
        "id": str(one.id),
        "meta": {"versionId": str(one.version)},
        "extension": expires,
        "status": codes.APPOINTMENT_STATUS[one.state],
        "cancelationReason": _coded(codes.CANCELLATION_REASON, reason) if reason else None,
        "serviceType": [{"text": _name(told.service, language)}],
        "start": instant(one.starts_at),
        "end": instant(one.ends_at),
        "slot": [_to("Slot", one.slot_id)],
        "created": instant(one.created_at),
        "participant": [
            {"actor": who, "required": "required", "status": "tentative" if held else "accepted"},
            *_places(one.facility_id, one.service_id, doctor, "accepted"),
        ],
    })  # fmt: skip


def bundle(
    base: str,
    resources: Iterable[Mapping[str, Any]],
    *,
    kind: str = "searchset",
    links: Mapping[str, str] | None = None,
) -> Resource:
    """Resources of an answer, each with its full address."""
    found = kind == "searchset"
    entries = [
        {"fullUrl": f"{base}/fhir/{one['resourceType']}/{one['id']}", "resource": dict(one)}
        | ({"search": {"mode": "match"}} if found else {})
        for one in resources
    ]
    return _without_nothing({
        "resourceType": "Bundle",
        "type": kind,
        "link": [{"relation": relation, "url": url} for relation, url in (links or {}).items()],
        "entry": entries,
    })  # fmt: skip


def schedule_id(service_id: UUID, practitioner_id: UUID | None) -> str:
    """The id of a service's schedule with one practitioner or none: at most 64 letters, digits, dots and dashes."""
    if practitioner_id is None:
        return str(service_id)
    return f"{service_id}.{base64.b32encode(practitioner_id.bytes).decode().rstrip('=').lower()}"


def read_schedule_id(text: str) -> tuple[UUID, UUID | None]:
    """The service and the practitioner of a schedule's id. Raises NotFound for what is none."""
    found = SCHEDULE_ID.fullmatch(text)
    if found is None:
        raise NotFound
    doctor = found["doctor"]
    return UUID(found["service"]), UUID(bytes=base64.b32decode(doctor.upper() + "======")) if doctor else None


def _places(facility_id: UUID, service_id: UUID, doctor: UUID | None, status: str) -> list[Resource]:
    actors = [_to("Location", facility_id), _to("HealthcareService", service_id)]
    if doctor is not None:
        actors.append(_to("Practitioner", doctor))
    return [{"actor": actor, "status": status} for actor in actors]


def _address(facility: Row) -> Resource:
    return _without_nothing({
        "line": [facility.address] if facility.address else None,
        "city": facility.commune,
        "state": facility.province,
        "country": "VN",
    })  # fmt: skip


def _phones(numbers: Iterable[str]) -> list[Resource]:
    return [{"system": "phone", "value": number, "use": "work"} for number in numbers]


def _speciality(base: str, service: Row) -> Resource:
    return _coded(codes.speciality_system(base), str(service.speciality))


def _coded(system: str, code: str, display: str | None = None) -> Resource:
    return {"coding": [_without_nothing({"system": system, "code": code, "display": display})]}


def _name(service: Row, language: str) -> str:
    return str(service.name_vi if language == "vi" else service.name_en)


def _to(kind: str, key: UUID, display: str | None = None) -> Resource:
    return _without_nothing({"reference": f"{kind}/{key}", "display": display})


def _without_nothing(resource: Resource) -> Resource:
    """FHIR knows neither null nor an empty list."""
    return {name: value for name, value in resource.items() if value not in (None, [], {})}
