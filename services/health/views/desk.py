"""The doors of the front desk."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.pages import Page
from kit.web import note, request_key
from persons import guard as persons_guard
from services.health import operations
from services.health.errors import (
    BookingInOtherState,
    CheckInCodeLocked,
    CheckInCodeWrong,
    NobodyWaits,
    NotToday,
    ProofRefused,
    SessionNotOpen,
)
from services.health.guard import Desk, current_desk
from services.health.models import ClinicDay, PriorityGroup, TicketState
from services.health.operations import NumberTold, Shown
from services.health.schemas.desk import (
    CheckInSchema,
    ClinicCancelSchema,
    ClinicDayRequestSchema,
    ClinicDaySchema,
    DeskBookingPageSchema,
    DeskQuery,
    MoveTasksSchema,
    QueueTicketSchema,
    TicketChangeSchema,
    WalkInSchema,
)
from services.health.views.door import BOOKING_ID, SERVICE_ID, blueprint

_SERVICE = {"service_id": SERVICE_ID}
_SESSION = _SERVICE | {"day": "2026-12-01", "opened_at": "2026-12-01T06:58:00.000+07:00", "closed_at": None}
_TICKET = {
    "id": "019a0d00-0000-7000-8000-00000000c001",
    "service_id": SERVICE_ID,
    "booking_id": BOOKING_ID,
    "lane": "appointment",
    "number": 18,
    "state": "waiting",
    "skips": 0,
    "priority_group": None,
    "called_at": None,
}
_CALLED = _TICKET | {"state": "called", "called_at": "2026-12-01T08:10:00.000+07:00"}


@blueprint.route("/desk/bookings")
class DeskBookings(MethodView):
    """Who comes."""

    @blueprint.arguments(DeskQuery(), location="query")
    @blueprint.response(
        200,
        DeskBookingPageSchema,
        example={
            "items": [
                {
                    "id": BOOKING_ID,
                    "state": "booked",
                    "starts_at": "2026-12-01T07:30:00.000+07:00",
                    "patient_name": "Nguyễn Văn An",
                    "birth_year": 1987,
                    "priority_group": None,
                }
            ]
        },
    )
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listDeskBookings")
    def get(self, asked: dict[str, Any]) -> Page:
        """List who comes on a day (for the front desk).

        Each citizen sees that the clinic looked, when and why.
        """
        with transaction() as session:
            desk = current_desk(session)
            found = operations.list_day(session, desk.facility_id, **asked)
            for citizen_id in sorted({one.booking.citizen_id for one in found.items}):
                persons_guard.note_look(session, citizen_id, "name", "birth_date")
        return found


@blueprint.route("/desk/sessions")
class Sessions(MethodView):
    """Beginning a day."""

    @blueprint.arguments(ClinicDayRequestSchema(), example=_SERVICE)
    @blueprint.response(200, ClinicDaySchema, example=_SESSION)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="startClinicDay")
    def post(self, asked: dict[str, Any]) -> ClinicDay:
        """Begin today's session of a service (mở buổi khám).

        Only then somebody who does not come is written down as absent. Beginning again changes nothing.
        """
        with transaction() as session:
            desk = current_desk(session)
            return operations.open_session(session, desk.facility_id, asked["service_id"], desk.person_id)


@blueprint.route("/desk/sessions/end")
class SessionEnds(MethodView):
    """Ending a day."""

    @blueprint.arguments(ClinicDayRequestSchema(), example=_SERVICE)
    @blueprint.response(200, ClinicDaySchema, example=_SESSION | {"closed_at": "2026-12-01T16:40:00.000+07:00"})
    @blueprint.raises(NotFound, SessionNotOpen)
    @blueprint.doc(operationId="endClinicDay")
    def post(self, asked: dict[str, Any]) -> ClinicDay:
        """End today's session of a service (đóng buổi khám).

        No number is called any more until it is begun again.
        """
        with transaction() as session:
            return operations.close_session(session, current_desk(session).facility_id, asked["service_id"])


@blueprint.route("/desk/check-ins")
class CheckIns(MethodView):
    """Arriving."""

    @blueprint.arguments(CheckInSchema(), example={"booking_id": BOOKING_ID, "code": "482913"})
    @blueprint.response(200, QueueTicketSchema, example=_TICKET)
    @blueprint.raises(NotFound, CheckInCodeWrong, CheckInCodeLocked, ProofRefused, NotToday, BookingInOtherState)
    @blueprint.doc(operationId="addCheckIn")
    def post(self, asked: dict[str, Any]) -> NumberTold:
        """Check a patient in and draw the number (tiếp đón).

        By the QR text, or the booking with the code its citizen says; after five wrong codes ten minutes' pause. A
        colleague may vouch with a reason, which is written down. A second time gives the same number.
        """
        group = PriorityGroup(asked["priority_group"]) if asked["priority_group"] else None
        with transaction() as session:
            desk = current_desk(session)
            shown = _show(session, desk, asked)
        with transaction() as session:
            ticket = operations.check_in(session, desk.facility_id, shown.booking(), group=group, actor=desk.person_id)
            return operations.tell_number(session, ticket)


@blueprint.route("/desk/walk-ins")
class WalkIns(MethodView):
    """Arriving without an appointment."""

    @blueprint.idempotent
    @blueprint.arguments(WalkInSchema(), example=_SERVICE)
    @blueprint.response(201, QueueTicketSchema, example=_TICKET | {"booking_id": None, "lane": "walk_in"})
    @blueprint.raises(NotFound, RequestInFlight)
    @blueprint.doc(operationId="addWalkIn")
    def post(self, asked: dict[str, Any]) -> NumberTold:
        """Draw a number for someone without an appointment (khách vãng lai).

        Nothing of the person is kept. With a priority group: in the priority lane.
        """
        group = PriorityGroup(asked["priority_group"]) if asked["priority_group"] else None
        with transaction() as session:
            desk = current_desk(session)
            outcome = operations.add_walk_in(
                session, request_key(asked), desk.facility_id, asked["service_id"], group=group
            )
            ticket = operations.get_ticket(session, desk.facility_id, outcome.resource_id)
            told = operations.tell_number(session, ticket)
        note(outcome)
        return told


@blueprint.route("/desk/calls")
class Calls(MethodView):
    """Who is next."""

    @blueprint.arguments(ClinicDayRequestSchema(), example=_SERVICE)
    @blueprint.response(200, QueueTicketSchema, example=_CALLED)
    @blueprint.raises(NotFound, SessionNotOpen, NobodyWaits)
    @blueprint.doc(operationId="startNextCall")
    def post(self, asked: dict[str, Any]) -> NumberTold:
        """Call the next number (gọi số tiếp theo).

        An emergency first; else one priority, two appointments, one walk-in in turn. Two desks never call the same.
        """
        with transaction() as session:
            desk = current_desk(session)
            ticket = operations.call_next(session, desk.facility_id, asked["service_id"], desk.person_id)
            return operations.tell_number(session, ticket)


@blueprint.route("/desk/tickets/<uuid:ticket_id>/state")
class TicketStates(MethodView):
    """What became of a number."""

    @blueprint.arguments(TicketChangeSchema(), example={"state": "in_service"})
    @blueprint.response(200, QueueTicketSchema, example=_CALLED | {"state": "in_service"})
    @blueprint.raises(NotFound, BookingInOtherState)
    @blueprint.doc(operationId="markTicket")
    def post(self, asked: dict[str, Any], ticket_id: UUID) -> NumberTold:
        """Say what has become of a number: went in, done, left, or skipped.

        A skipped one waits behind three others, twice; the third time they have left.
        """
        with transaction() as session:
            desk = current_desk(session)
            if asked["state"] == "skipped":
                ticket = operations.skip_ticket(session, desk.facility_id, ticket_id, desk.person_id)
            else:
                to = TicketState(asked["state"])
                ticket = operations.change_ticket(session, desk.facility_id, ticket_id, to, desk.person_id)
            return operations.tell_number(session, ticket)


@blueprint.route("/desk/bookings/<uuid:booking_id>/cancellation")
class DeskCancellation(MethodView):
    """The clinic cannot."""

    @blueprint.idempotent
    @blueprint.arguments(ClinicCancelSchema(), example={"reason": "Bác sĩ nghỉ đột xuất"})
    @blueprint.response(204)
    @blueprint.raises(NotFound, BookingInOtherState, RequestInFlight)
    @blueprint.doc(operationId="cancelBookingByClinic")
    def post(self, asked: dict[str, Any], booking_id: UUID) -> None:
        """Cancel an appointment for the clinic (cơ sở hủy lịch).

        Possible until the visit begins. Its person is offered the nearest other place before everybody else.
        """
        key = request_key(asked | {"booking_id": booking_id})
        with transaction() as session:
            desk = current_desk(session)
            outcome = operations.cancel_by_clinic(
                session, key, desk.facility_id, booking_id, reason=asked["reason"], actor=desk.person_id
            )
        note(outcome)


@blueprint.route("/desk/bookings/<uuid:booking_id>/pardon")
class DeskPardon(MethodView):
    """The visit was not missed."""

    @blueprint.response(204)
    @blueprint.raises(NotFound, BookingInOtherState)
    @blueprint.doc(operationId="resolveNoShowAppeal")
    def post(self, booking_id: UUID) -> None:
        """Grant an appeal: the visit was not missed (chấp nhận khiếu nại).

        The booking's state becomes unknown, and nobody is to blame.
        """
        with transaction() as session:
            desk = current_desk(session)
            operations.forgive_absence(session, desk.facility_id, booking_id, desk.person_id)


@blueprint.route("/desk/moves")
class Moves(MethodView):
    """Who is to be moved."""

    @blueprint.response(
        200,
        MoveTasksSchema,
        example={
            "items": [
                {
                    "id": "019a0d00-0000-7000-8000-00000000aa01",
                    "booking_id": BOOKING_ID,
                    "service_id": SERVICE_ID,
                    "starts_at": "2026-12-01T07:30:00.000+07:00",
                    "cause": "schedule",
                    "reason": "Nghỉ bão",
                    "state": "open",
                    "offered_id": None,
                }
            ]
        },
    )
    @blueprint.doc(operationId="listMoves")
    def get(self) -> dict[str, Any]:
        """List people whose place is gone and who are to be moved (danh sách cần xếp lại).

        Offers go out by themselves; what stays open has no free place yet.
        """
        with transaction() as session:
            return {"items": operations.list_moves_open(session, current_desk(session).facility_id)}


def _show(session: Any, desk: Desk, asked: dict[str, Any]) -> Shown:  # noqa: ANN401 - the open session
    if asked["qr"] is not None:
        return operations.show_proof(session, desk.facility_id, asked["qr"])
    if asked["code"] is not None:
        return operations.show_code(session, desk.facility_id, asked["booking_id"], asked["code"])
    return operations.override_code(
        session, desk.facility_id, asked["booking_id"], reason=asked["override_reason"], actor=desk.person_id
    )
