"""What can be asked here, as a CapabilityStatement."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kit import clock
from services.health.fhir import codes

_COUNT = {"_count": "number"}
# Resource -> its search parameters and their types. The API document says what each means.
SEARCHES: dict[str, dict[str, str]] = {
    "Organization": {"name": "string", "partof": "reference"},
    "Location": {"name": "string", "near": "special"},
    "HealthcareService": {"organization": "reference", "specialty": "token", "name": "string"},
    "Practitioner": {"name": "string"},
    "PractitionerRole": {"practitioner": "reference", "organization": "reference", "specialty": "token"},
    "Schedule": {"actor": "reference"},
    "Slot": {"schedule": "reference", "start": "date", "status": "token"},
    "Appointment": {"patient": "reference", "date": "date", "status": "token"},
}
_ABOUT = {
    "Slot": "At most two weeks at once. slot-capacity says how many places are left.",
    "Appointment": "The signed-in citizen's own. Holding and booking need the header Idempotency-Key.",
}
_OPERATIONS = {"find": "appointment-find", "hold": "appointment-hold", "book": "appointment-book"}
_RELEASED = datetime.fromisoformat("2026-11-21T00:00:00+07:00")


def statement(base: str) -> dict[str, Any]:
    """The CapabilityStatement of the server at `base`."""
    return {
        "resourceType": "CapabilityStatement",
        "id": "citizen",
        "status": "active",
        "date": clock.local(_RELEASED).isoformat(timespec="seconds"),
        "kind": "instance",
        "implementation": {"description": "Clinics of the province: places and bookings", "url": f"{base}/fhir"},
        "fhirVersion": codes.VERSION,
        "format": [codes.FHIR_JSON, "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Read-only but for $hold and $book. What is free also as files: $bulk-publish.",
                "security": {"description": "A bearer token of the citizen for Appointment; nothing for all else."},
                "resource": [_resource(kind) for kind in SEARCHES],
            }
        ],
    }


def _resource(kind: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": kind,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": name, "type": of} for name, of in (SEARCHES[kind] | _COUNT).items()],
    }
    if kind in _ABOUT:
        told["documentation"] = _ABOUT[kind]
    if kind == "Appointment":
        told["operation"] = [
            {"name": name, "definition": f"{codes.IHE_OPERATIONS}/{definition}"}
            for name, definition in _OPERATIONS.items()
        ]
    return told
