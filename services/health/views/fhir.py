"""The doors of the directory and of places in FHIR: open to everybody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from kit.database import transaction
from kit.errors import NotFound
from kit.pages import Page
from kit.web import language, public
from services.health import operations
from services.health.fhir import capability, codes, resources
from services.health.models import Speciality
from services.health.operations import Near, SlotsWanted, Wanted
from services.health.schemas.fhir import (
    FhirHealthcareServiceQuery,
    FhirLocationQuery,
    FhirOrganizationQuery,
    FhirPractitionerQuery,
    FhirPractitionerRoleQuery,
    FhirScheduleQuery,
    FhirSlotQuery,
)
from services.health.views.door import FACILITY_ID, SERVICE_ID, SLOT_ID
from services.health.views.fhir_door import answer, base, blueprint, existing, found, resource_type

_TYPE = {"content_type": codes.FHIR_JSON}
_BUNDLE = resource_type("Bundle")
_DIRECTORY_AGE, _PLACES_AGE = 60, 10
_ACTORS = {"HealthcareService": "service_id", "Location": "facility_id", "Practitioner": "practitioner_id"}
_SLOT = {
    "resourceType": "Slot",
    "id": SLOT_ID,
    "extension": [{"url": codes.CAPACITY, "valueInteger": 3}],
    "schedule": {"reference": f"Schedule/{SERVICE_ID}"},
    "status": "free",
    "start": "2026-12-01T07:30:00+07:00",
    "end": "2026-12-01T07:45:00+07:00",
}
_PRACTITIONER = {"resourceType": "Practitioner", "id": FACILITY_ID, "name": [{"text": "BS. Trần Minh Đức"}]}
_SCHEDULE = {
    "resourceType": "Schedule",
    "id": SERVICE_ID,
    "active": True,
    "actor": [{"reference": f"HealthcareService/{SERVICE_ID}"}],
    "planningHorizon": {"start": "2026-12-01T07:30:00+07:00", "end": "2026-12-14T16:30:00+07:00"},
}


def _example(kind: str, name: str) -> dict[str, Any]:
    return {"resourceType": kind, "id": FACILITY_ID, "name": name}


def _in_bundle(resource: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": f"https://api.citizen.example/fhir/{resource['resourceType']}"}],
        "entry": [{"resource": resource, "search": {"mode": "match"}}],
    }


_HOSPITAL = _example("Organization", "Bệnh viện Nhi Thanh Hoá")
_PLACE = _example("Location", "Bệnh viện Nhi Thanh Hoá")
_SERVICE = _example("HealthcareService", "Khám nhi tổng quát")
_ROLE = {"resourceType": "PractitionerRole", "id": FACILITY_ID, "code": [{"text": "doctor"}]}


@blueprint.route("/metadata")
class Capability(MethodView):
    """What can be asked."""

    @blueprint.response(
        200,
        resource_type("CapabilityStatement"),
        example={"resourceType": "CapabilityStatement", "status": "active", "fhirVersion": codes.VERSION},
        **_TYPE,
    )
    @blueprint.doc(operationId="getFhirCapability")
    def get(self) -> Response:
        """Get the CapabilityStatement (khả năng của máy chủ FHIR).

        FHIR R4, JSON only: which resources can be read and searched, by which parameters, and which operations there
        are.
        """
        public(3600)
        return answer(capability.statement(base()))


@blueprint.route("/Organization")
class Organizations(MethodView):
    """Facilities and departments."""

    @blueprint.arguments(FhirOrganizationQuery(), location="query")
    @blueprint.response(200, _BUNDLE, example=_in_bundle(_HOSPITAL), **_TYPE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="searchFhirOrganizations")
    def get(self, asked: dict[str, Any]) -> Response:
        """Search hospitals and clinics as Organization (cơ sở khám bệnh).

        With `partof` the departments of one of them instead.
        """
        public(_DIRECTORY_AGE)
        if asked["partof"] is not None:
            with transaction() as session:
                parts = operations.list_departments(session, asked["partof"])
            return found(Page(parts, None), [resources.department(one, language()) for one in parts])
        with transaction() as session:
            page = operations.search_facilities(session, Wanted(q=asked["name"]), sort="name", **_paging(asked))
        return found(page, map(resources.organization, page.items))


@blueprint.route("/Organization/<uuid:organization_id>")
class OrganizationById(MethodView):
    """One facility or department."""

    @blueprint.response(200, resource_type("Organization"), example=_HOSPITAL, **_TYPE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getFhirOrganization")
    def get(self, organization_id: UUID) -> Response:
        """Read one Organization: a facility or a department of one.

        The same id as in `getFacility`.
        """
        public(_DIRECTORY_AGE)
        with transaction() as session:
            facility, department = operations.get_facility_or_department(session, organization_id)
        if department is not None:
            return answer(resources.department(department, language()))
        return answer(resources.organization(facility))


@blueprint.route("/Location")
class Locations(MethodView):
    """Where facilities are."""

    @blueprint.arguments(FhirLocationQuery(), location="query")
    @blueprint.response(200, _BUNDLE, example=_in_bundle(_PLACE), **_TYPE)
    @blueprint.doc(operationId="searchFhirLocations")
    def get(self, asked: dict[str, Any]) -> Response:
        """Search hospitals and clinics as Location (địa điểm khám bệnh).

        By words, or around a point with the nearest first.
        """
        public(_DIRECTORY_AGE)
        near = Near(*asked["near"]) if asked["near"] else None
        wanted = Wanted(q=asked["name"], near=near)
        with transaction() as session:
            page = operations.search_facilities(session, wanted, sort="distance" if near else "name", **_paging(asked))
        return found(page, map(resources.location, page.items))


@blueprint.route("/Location/<uuid:location_id>")
class LocationById(MethodView):
    """One place."""

    @blueprint.response(200, resource_type("Location"), example=_PLACE, **_TYPE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getFhirLocation")
    def get(self, location_id: UUID) -> Response:
        """Read one Location, with its hours where they are known.

        The same id as the Organization that looks after it.
        """
        public(_DIRECTORY_AGE)
        with transaction() as session:
            told = operations.get_facility(session, location_id)
        return answer(resources.location(told.facility, told.hours))


@blueprint.route("/HealthcareService")
class HealthcareServices(MethodView):
    """What can be booked."""

    @blueprint.arguments(FhirHealthcareServiceQuery(), location="query")
    @blueprint.response(200, _BUNDLE, example=_in_bundle(_SERVICE), **_TYPE)
    @blueprint.doc(operationId="searchFhirHealthcareServices")
    def get(self, asked: dict[str, Any]) -> Response:
        """Search services that take bookings as HealthcareService (dịch vụ khám).

        `specialty` is a code of our own list, as it stands in the answers.
        """
        public(_DIRECTORY_AGE)
        with transaction() as session:
            page = operations.search_services(
                session,
                facility_id=asked["organization"],
                speciality=_speciality(asked),
                province_code=None,
                q=asked["name"],
                sort="name",
                **_paging(asked),
            )
        return found(page, [resources.healthcare_service(base(), one, language()) for one in page.items])


@blueprint.route("/HealthcareService/<uuid:service_id>")
class HealthcareServiceById(MethodView):
    """One service."""

    @blueprint.response(200, resource_type("HealthcareService"), example=_SERVICE, **_TYPE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getFhirHealthcareService")
    def get(self, service_id: UUID) -> Response:
        """Read one HealthcareService.

        Inactive when it takes no bookings now.
        """
        public(_DIRECTORY_AGE)
        with transaction() as session:
            service = operations.find_service(session, service_id)
        return answer(resources.healthcare_service(base(), existing(service), language()))


@blueprint.route("/Practitioner")
class Practitioners(MethodView):
    """Who sees patients."""

    @blueprint.arguments(FhirPractitionerQuery(), location="query")
    @blueprint.response(200, _BUNDLE, example=_in_bundle(_PRACTITIONER), **_TYPE)
    @blueprint.doc(operationId="searchFhirPractitioners")
    def get(self, asked: dict[str, Any]) -> Response:
        """Search people who see patients as Practitioner (người khám).

        By how a word of the name begins, with or without diacritics.
        """
        public(_DIRECTORY_AGE)
        with transaction() as session:
            page = operations.search_practitioners(session, name=asked["name"], **_paging(asked))
        return found(page, map(resources.practitioner, page.items))


@blueprint.route("/Practitioner/<uuid:practitioner_id>")
class PractitionerById(MethodView):
    """One of them."""

    @blueprint.response(200, resource_type("Practitioner"), example=_PRACTITIONER, **_TYPE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getFhirPractitioner")
    def get(self, practitioner_id: UUID) -> Response:
        """Read one Practitioner.

        What they do where stands in the PractitionerRole of the same id.
        """
        public(_DIRECTORY_AGE)
        with transaction() as session:
            one = operations.get_practitioner(session, practitioner_id)
        return answer(resources.practitioner(one))


@blueprint.route("/PractitionerRole")
class PractitionerRoles(MethodView):
    """What they do where."""

    @blueprint.arguments(FhirPractitionerRoleQuery(), location="query")
    @blueprint.response(200, _BUNDLE, example=_in_bundle(_ROLE), **_TYPE)
    @blueprint.doc(operationId="searchFhirPractitionerRoles")
    def get(self, asked: dict[str, Any]) -> Response:
        """Search what people do where as PractitionerRole (chức danh).

        By person, organisation or speciality.
        """
        public(_DIRECTORY_AGE)
        with transaction() as session:
            page = operations.search_practitioners(
                session,
                practitioner_id=asked["practitioner"],
                facility_id=asked["organization"],
                speciality=_speciality(asked),
                **_paging(asked),
            )
        return found(page, [resources.practitioner_role(base(), one) for one in page.items])


@blueprint.route("/PractitionerRole/<uuid:role_id>")
class PractitionerRoleById(MethodView):
    """One role."""

    @blueprint.response(200, resource_type("PractitionerRole"), example=_ROLE, **_TYPE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getFhirPractitionerRole")
    def get(self, role_id: UUID) -> Response:
        """Read one PractitionerRole.

        The same id as the Practitioner it belongs to.
        """
        public(_DIRECTORY_AGE)
        with transaction() as session:
            one = operations.get_practitioner(session, role_id)
        return answer(resources.practitioner_role(base(), one))


@blueprint.route("/Schedule")
class Schedules(MethodView):
    """Whose places there are."""

    @blueprint.arguments(FhirScheduleQuery(), location="query")
    @blueprint.response(200, _BUNDLE, example=_in_bundle(_SCHEDULE), **_TYPE)
    @blueprint.doc(operationId="searchFhirSchedules")
    def get(self, asked: dict[str, Any]) -> Response:
        """Search schedules with places to come as Schedule (lịch làm việc).

        One for each service, and practitioner where places are somebody's own.
        """
        public(_PLACES_AGE)
        actor = {_ACTORS[asked["actor"][0]]: asked["actor"][1]} if asked["actor"] else {}
        with transaction() as session:
            page = operations.search_schedules(session, SlotsWanted(**actor), **_paging(asked))
        return found(page, [resources.schedule(base(), one, language()) for one in page.items])


@blueprint.route("/Schedule/<key>")
class ScheduleById(MethodView):
    """One schedule."""

    @blueprint.response(200, resource_type("Schedule"), example=_SCHEDULE, **_TYPE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getFhirSchedule")
    def get(self, key: str) -> Response:
        """Read one Schedule.

        `planningHorizon` is from the first to the last place that has been made.
        """
        public(_PLACES_AGE)
        service_id, practitioner_id = resources.read_schedule_id(key)
        with transaction() as session:
            row = operations.find_schedule(session, service_id, practitioner_id)
        return answer(resources.schedule(base(), existing(row), language()))


@blueprint.route("/Slot")
class Slots(MethodView):
    """Places."""

    @blueprint.arguments(FhirSlotQuery(), location="query")
    @blueprint.response(200, _BUNDLE, example=_in_bundle(_SLOT), **_TYPE)
    @blueprint.doc(operationId="searchFhirSlots")
    def get(self, asked: dict[str, Any]) -> Response:
        """Search places as Slot (khung giờ khám).

        At most two weeks at once. A slot that is full while somebody has yet to say yes is busy-tentative; one that
        is not given out yet, or no more, is busy-unavailable.
        """
        public(_PLACES_AGE)
        wanted = SlotsWanted(span=asked["span"], only=asked["schedule"], status=asked["status"])
        with transaction() as session:
            page = operations.search_slots(session, wanted, **_paging(asked))
        return found(page, map(resources.slot, page.items))


@blueprint.route("/Slot/<uuid:slot_id>")
class SlotById(MethodView):
    """One slot."""

    @blueprint.response(200, resource_type("Slot"), example=_SLOT, **_TYPE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getFhirSlot")
    def get(self, slot_id: UUID) -> Response:
        """Read one Slot.

        As it stood a moment ago: only `$hold` says whether a place is yours.
        """
        public(_PLACES_AGE)
        with transaction() as session:
            row = operations.find_slot(session, slot_id)
        return answer(resources.slot(existing(row)))


def _paging(asked: dict[str, Any]) -> dict[str, Any]:
    return {"limit": asked["limit"], "cursor": asked["cursor"]}


def _speciality(asked: dict[str, Any]) -> Speciality | None:
    return Speciality(asked["specialty"]) if asked["specialty"] else None
