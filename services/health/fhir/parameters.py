"""What others ask in a Parameters resource: a place to hold, to book, to move or to cancel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.health.fhir.codes import PROPOSED
from services.health.fhir.library import NotFhir, check

_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FIND = {
    "start": "start",
    "end": "end",
    "specialty": "specialty",
    "organization": "organization",
    "location-reference": "location",
    "practitioner": "practitioner",
    "service": "service",
}


@dataclass(frozen=True)
class Place:
    """A free slot, and for whom."""

    slot_id: UUID
    patient_id: UUID | None


@dataclass(frozen=True)
class Asked:
    """One appointment: a free slot, or a booking that is to be confirmed, moved to a slot, or cancelled."""

    slot_id: UUID | None = None
    booking_id: UUID | None = None
    patient_id: UUID | None = None
    is_cancelled: bool = False


def read_find(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of `$find` by the names they have in a query string. Raises NotFhir."""
    check(given)
    asked: dict[str, Any] = {}
    for one in given["parameter"]:
        name = _FIND.get(one["name"])
        if name is None:
            raise NotFhir([(one["name"], "is no parameter of this operation")])
        reference = (one.get("valueReference") or {}).get("reference")
        value = one.get("valueDateTime") or one.get("valueString") or one.get("valueCode") or reference
        if value is None or name in asked:
            raise NotFhir([(one["name"], "has no value, or stands there twice")])
        asked[name] = value
    return asked


def read_hold(given: Mapping[str, Any]) -> Place:
    """The free place that `$hold` names, and for whom. Raises NotFhir."""
    parts = _parts(given, {"appointment-reference", "patient-reference"})
    asked = _named(parts)
    if asked.slot_id is None:
        raise NotFhir([("appointment-reference", f"must be Appointment/{PROPOSED} and the id of a slot")])
    return Place(asked.slot_id, asked.patient_id)


def read_book(given: Mapping[str, Any]) -> Asked:
    """What `$book` is to make booked, moved or cancelled, by reference or as a whole resource. Raises NotFhir."""
    parts = _parts(given, {"appointment-reference", "appointment-resource", "patient-reference"})
    if ("appointment-reference" in parts) == ("appointment-resource" in parts):
        raise NotFhir([("parameter", "must hold either appointment-reference or appointment-resource")])
    if "appointment-reference" in parts:
        return _named(parts)
    return _whole(parts["appointment-resource"].get("resource"))


def _parts(given: Mapping[str, Any], known: set[str]) -> dict[str, Mapping[str, Any]]:
    check(given)
    parts: dict[str, Mapping[str, Any]] = {}
    for one in given["parameter"]:
        if one["name"] not in known:
            raise NotFhir([(one["name"], "is no parameter of this operation")])
        if one["name"] in parts:
            raise NotFhir([(one["name"], "stands there twice")])
        parts[one["name"]] = one
    return parts


def _named(parts: Mapping[str, Mapping[str, Any]]) -> Asked:
    said = _reference(parts.get("appointment-reference", {}))
    patient = _reference(parts["patient-reference"]) if "patient-reference" in parts else None
    patient_id = _find("Patient", patient, "patient-reference") if patient is not None else None
    found = re.search(rf"(?:^|/)Appointment/({PROPOSED})?({_ID})$", said)
    if found is None:
        raise NotFhir([("appointment-reference", "names no appointment of ours")])
    key = UUID(found[2])
    if found[1]:
        return Asked(slot_id=key, patient_id=patient_id)
    return Asked(booking_id=key, patient_id=patient_id)


def _whole(resource: Any) -> Asked:  # noqa: ANN401 - JSON
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "Appointment":
        raise NotFhir([("appointment-resource", "holds no Appointment")])
    check(resource)
    status, own = resource["status"], str(resource.get("id", ""))
    booking_id = UUID(own) if re.fullmatch(_ID, own) else None
    slots = [_find("Slot", one.get("reference", ""), "slot") for one in resource.get("slot", ())]
    if status == "cancelled" and booking_id is not None:
        return Asked(booking_id=booking_id, is_cancelled=True)
    if len(slots) != 1:
        raise NotFhir([("slot", "must name one slot")])
    if status == "booked" and booking_id is not None:
        return Asked(booking_id=booking_id, slot_id=slots[0])
    if status in {"proposed", "pending"} and booking_id is None:
        people = [one["actor"]["reference"] for one in resource["participant"] if "reference" in one.get("actor", {})]
        patients = [_find("Patient", one, "participant") for one in people if "Patient/" in one]
        if len(patients) > 1:
            raise NotFhir([("participant", "names more than one patient")])
        return Asked(slot_id=slots[0], patient_id=patients[0] if patients else None)
    raise NotFhir([("status", "must be proposed for a new appointment; booked or cancelled for one that has an id")])


def _reference(part: Mapping[str, Any]) -> str:
    return str((part.get("valueReference") or {}).get("reference", ""))


def _find(kind: str, reference: str, place: str) -> UUID:
    found = re.search(rf"(?:^|/){kind}/({_ID})$", reference)
    if found is None:
        raise NotFhir([(place, f"names no {kind} of ours")])
    return UUID(found[1])
