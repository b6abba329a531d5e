"""The doors of appointments in FHIR: what is free, and what is the citizen's own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from auth.guard import current_citizen
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.web import language, note, request_key
from services.health import operations
from services.health.errors import (
    AlreadyBooked,
    BirthDateMissing,
    BookingInOtherState,
    DepositNeeded,
    HoldExpired,
    HoldLimit,
    MovesUsedUp,
    NotEligible,
    NotYetReleased,
    PatientBusy,
    PlacesDrawn,
    PlaceTaken,
    PractitionerBusy,
    ServiceClosed,
    TooLate,
    TooManyBookings,
)
from services.health.fhir import codes, resources
from services.health.fhir.parameters import Asked, Place
from services.health.models import Speciality
from services.health.operations import BookingTold, SlotsWanted
from services.health.schemas.fhir import (
    FhirAppointmentQuery,
    FhirBookSchema,
    FhirFindQuery,
    FhirFindSchema,
    FhirHoldSchema,
)
from services.health.views.door import BOOKING_ID, FACILITY_ID, SERVICE_ID, SLOT_ID
from services.health.views.fhir_door import answer, base, blueprint, found, resource_type

_TYPE = {"content_type": codes.FHIR_JSON}
_BUNDLE = resource_type("Bundle")
_TIMES = {"start": "2026-12-01T07:30:00+07:00", "end": "2026-12-01T07:45:00+07:00"}
_BOOKED = _TIMES | {
    "resourceType": "Appointment",
    "id": BOOKING_ID,
    "status": "booked",
    "slot": [{"reference": f"Slot/{SLOT_ID}"}],
    "participant": [{"actor": {"reference": f"Location/{FACILITY_ID}"}, "status": "accepted"}],
}
_PROPOSED = f"{codes.PROPOSED}{SLOT_ID}"


def _bundle_of(kind: str, **more: str) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": _BOOKED | more}]}


def _asking(name: str, reference: str) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": name, "valueReference": {"reference": reference}}]}


_FINDING = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "start", "valueDateTime": "2026-12-01"},
        {"name": "end", "valueDateTime": "2026-12-07"},
        {"name": "service", "valueReference": {"reference": f"HealthcareService/{SERVICE_ID}"}},
    ],
}


@blueprint.route("/Appointment")
class Appointments(MethodView):
    """The citizen's appointments."""

    @blueprint.arguments(FhirAppointmentQuery(), location="query")
    @blueprint.response(200, _BUNDLE, example=_bundle_of("searchset"), **_TYPE)
    @blueprint.doc(operationId="searchFhirAppointments")
    def get(self, asked: dict[str, Any]) -> Response:
        """Search my bookings as Appointment (lịch hẹn của tôi).

        The newest first, for oneself and the household; those of others are never found.
        """
        with transaction() as session:
            page = operations.search_appointments(
                session,
                current_citizen(),
                patient_id=asked["patient"],
                span=asked["span"],
                states=codes.states_of(asked["status"]) if asked["status"] else (),
                limit=asked["limit"],
                cursor=asked["cursor"],
            )
        return found(page, [resources.appointment(base(), one, language()) for one in page.items])


@blueprint.route("/Appointment/<uuid:appointment_id>")
class AppointmentById(MethodView):
    """One appointment."""

    @blueprint.response(200, resource_type("Appointment"), example=_BOOKED, **_TYPE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getFhirAppointment")
    def get(self, appointment_id: UUID) -> Response:
        """Read one of my bookings as Appointment.

        The same id as in `getBooking`; it keeps it for life, also when it is moved.
        """
        with transaction() as session:
            told = operations.get_appointment(session, current_citizen(), appointment_id)
        return answer(resources.appointment(base(), told, language()))


@blueprint.route("/Appointment/$find")
class Find(MethodView):
    """What is free."""

    @blueprint.arguments(FhirFindQuery(), location="query")
    @blueprint.response(200, _BUNDLE, example=_bundle_of("searchset", status="proposed", id=_PROPOSED), **_TYPE)
    @blueprint.doc(operationId="listFhirPlaces")
    def get(self, asked: dict[str, Any]) -> Response:
        """Find free places (IHE $find) by a query string.

        As appointments nobody has yet (proposed); hold one by its id. At most two weeks, the soonest two hundred.
        """
        return _proposals(asked)

    @blueprint.arguments(FhirFindSchema(), content_type=codes.FHIR_JSON, example=_FINDING)
    @blueprint.response(200, _BUNDLE, example=_bundle_of("searchset", status="proposed", id=_PROPOSED), **_TYPE)
    @blueprint.doc(operationId="searchFhirPlaces")
    def post(self, asked: dict[str, Any]) -> Response:
        """Find free places (IHE $find) by a Parameters resource.

        `start` and `end` at most two weeks apart; `organization`, `location-reference`, `practitioner` and `service` as
        references; `specialty` as a code of ours.
        """
        return _proposals(asked)


@blueprint.route("/Appointment/$hold")
class Hold(MethodView):
    """A place for five minutes."""

    @blueprint.idempotent
    @blueprint.arguments(
        FhirHoldSchema(),
        content_type=codes.FHIR_JSON,
        example=_asking("appointment-reference", f"Appointment/{_PROPOSED}"),
    )
    @blueprint.response(200, _BUNDLE, example=_bundle_of("collection", status="pending"), **_TYPE)
    @blueprint.raises(NotFound, PlaceTaken, NotYetReleased, HoldLimit, TooManyBookings, AlreadyBooked, PatientBusy)
    @blueprint.raises(PractitionerBusy, NotEligible, BirthDateMissing, ServiceClosed, PlacesDrawn, RequestInFlight)
    @blueprint.doc(operationId="holdFhirPlace")
    def post(self, asked: Place) -> Response:
        """Hold a free place for five minutes (IHE $hold, giữ chỗ).

        `appointment-reference` is a proposed appointment of `$find`; `patient-reference` somebody of the household
        (`Patient/` and the id of the profile), oneself without it. A refusal lists free places nearby.
        """
        key = request_key(vars(asked))
        with transaction() as session:
            outcome, told = operations.hold_slot(session, key, current_citizen(), asked.slot_id, asked.patient_id)
        note(outcome)
        return _collected(told)


@blueprint.route("/Appointment/$book")
class Book(MethodView):
    """Booking, moving, cancelling."""

    @blueprint.idempotent
    @blueprint.arguments(
        FhirBookSchema(),
        content_type=codes.FHIR_JSON,
        example=_asking("appointment-reference", f"Appointment/{BOOKING_ID}"),
    )
    @blueprint.response(200, _BUNDLE, example=_bundle_of("collection"), **_TYPE)
    @blueprint.raises(NotFound, PlaceTaken, NotYetReleased, HoldLimit, TooManyBookings, AlreadyBooked, PatientBusy)
    @blueprint.raises(PractitionerBusy, NotEligible, BirthDateMissing, ServiceClosed, PlacesDrawn, RequestInFlight)
    @blueprint.raises(HoldExpired, BookingInOtherState, TooLate, MovesUsedUp, DepositNeeded)
    @blueprint.doc(operationId="confirmFhirAppointment")
    def post(self, asked: Asked) -> Response:
        """Book, move or cancel an appointment (IHE $book, đặt lịch).

        `appointment-reference`: one that is held (pending), or a proposed one, which is held and booked at once.
        `appointment-resource`: a new one (proposed, with its slot); one with an id and another slot (booked) moves; one
        with an id that is cancelled is cancelled. Where a deposit is asked for, `$hold` and then `payDeposit` book it.
        """
        key = request_key(vars(asked))
        with transaction() as session:
            outcome, told = operations.arrange(
                session,
                key,
                current_citizen(),
                slot_id=asked.slot_id,
                booking_id=asked.booking_id,
                patient_id=asked.patient_id,
                is_cancelled=asked.is_cancelled,
            )
        note(outcome)
        return _collected(told)


def _proposals(asked: dict[str, Any]) -> Response:
    wanted = SlotsWanted(
        span=asked["span"],
        service_id=asked["service"],
        facility_id=asked["organization"] or asked["location"],
        practitioner_id=asked["practitioner"],
        speciality=Speciality(asked["specialty"]) if asked["specialty"] else None,
    )
    with transaction() as session:
        free = operations.list_free(session, wanted)
    return answer(resources.bundle(base(), [resources.proposal(one, language()) for one in free]))


def _collected(told: list[BookingTold]) -> Response:
    held = [resources.appointment(base(), one, language()) for one in told]
    return answer(resources.bundle(base(), held, kind="collection"))
