"""The words of FHIR: code systems, extensions, and which of its words stand for ours."""

from __future__ import annotations

from services.health.models import BookingState

FHIR_JSON = "application/fhir+json"
FHIR_LINES = "application/fhir+ndjson"
VERSION = "4.0.1"
# Named by others. Capacity stands in the first edition of SMART Scheduling Links, the phone in the one of HL7.
CAPACITY = "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity"
BOOKING_PHONE = "http://hl7.org/fhir/uv/smart-scheduling-links/StructureDefinition/booking-phone"
ORGANIZATION_TYPE = "http://terminology.hl7.org/CodeSystem/organization-type"
CANCELLATION_REASON = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
IHE_OPERATIONS = "https://profiles.ihe.net/ITI/Scheduling/OperationDefinition"
# A place that nobody has is proposed under the id of its slot; nothing is stored for it.
PROPOSED = "proposed-"
GENDERS = {"male": "male", "female": "female"}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_B = BookingState
APPOINTMENT_STATUS: dict[BookingState, str] = {
    _B.HELD: "pending",
    _B.BOOKED: "booked",
    _B.CHECKED_IN: "checked-in",
    _B.CALLED: "checked-in",
    _B.IN_SERVICE: "checked-in",
    _B.SEEN: "fulfilled",
    _B.EXPIRED: "cancelled",
    _B.CANCELLED_BY_CITIZEN: "cancelled",
    _B.CANCELLED_BY_CLINIC: "cancelled",
    _B.NO_SHOW: "noshow",
    # FHIR has no word for a visit nobody wrote down; to call it missed would blame somebody.
    _B.UNKNOWN: "booked",
    _B.LEFT: "cancelled",
}
WHY_CANCELLED: dict[BookingState, str] = {
    _B.CANCELLED_BY_CITIZEN: "pat",
    _B.CANCELLED_BY_CLINIC: "prov",
    _B.EXPIRED: "other",
    _B.LEFT: "other",
}


def speciality_system(base: str) -> str:
    """The code system of our specialities."""
    return f"{base}/fhir/CodeSystem/speciality"


def hold_expires(base: str) -> str:
    """The extension that says until when a place is held."""
    return f"{base}/fhir/StructureDefinition/hold-expires-at"


def states_of(status: str) -> list[BookingState]:
    """Our states behind a status of an appointment."""
    return [state for state, word in APPOINTMENT_STATUS.items() if word == status]
