"""The doors of bookings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from auth.guard import current_citizen
from kit import clock
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.pages import Page
from kit.web import language, note, request_key
from services.health import calendar_file, operations, proofs
from services.health.errors import (
    AlreadyBooked,
    BirthDateMissing,
    BookingInOtherState,
    DepositNeeded,
    MovesUsedUp,
    NotEligible,
    NothingToAppeal,
    PatientBusy,
    PlaceTaken,
    PractitionerBusy,
    TooLate,
)
from services.health.models import BookingState
from services.health.operations import BookingTold, TurnTold
from services.health.proofs import Proof
from services.health.schemas.bookings import (
    BookingDetailSchema,
    BookingMoveSchema,
    BookingPageSchema,
    BookingProofSchema,
    BookingQuery,
    BookingSchema,
    NoShowAppealSchema,
    TurnSchema,
)
from services.health.views.door import BOOKING, BOOKING_ID, SLOT_ID, blueprint, window_of

_STEPS = [
    {"at": "2026-11-28T09:00:00.000+07:00", "step": "held"},
    {"at": "2026-11-28T09:01:10.000+07:00", "step": "booked"},
]


@blueprint.route("/bookings")
class Bookings(MethodView):
    """The citizen's bookings."""

    @blueprint.arguments(BookingQuery(), location="query")
    @blueprint.response(200, BookingPageSchema, example={"items": [BOOKING]})
    @blueprint.doc(operationId="listBookings")
    def get(self, asked: dict[str, Any]) -> Page:
        """List my bookings (lịch hẹn của tôi).

        For oneself and the household, the newest first.
        """
        with transaction() as session:
            return operations.list_bookings(session, current_citizen(), **asked)


@blueprint.route("/bookings/<uuid:booking_id>")
class BookingById(MethodView):
    """One booking."""

    @blueprint.response(200, BookingDetailSchema, example=BOOKING | {"steps": _STEPS})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getBooking")
    def get(self, booking_id: UUID) -> dict[str, Any]:
        """See a booking and every step of it (chi tiết lịch hẹn).

        `must_move` says that its place is gone and the clinic owes another one.
        """
        with transaction() as session:
            booking = operations.get_booking(session, current_citizen(), booking_id)
            told = operations.tell(session, [booking])[0]
            return {"told": told, "steps": operations.list_steps(session, booking_id)}


@blueprint.route("/bookings/<uuid:booking_id>/move")
class BookingMove(MethodView):
    """Another time."""

    @blueprint.idempotent
    @blueprint.arguments(BookingMoveSchema(), example={"slot_id": SLOT_ID})
    @blueprint.response(200, BookingSchema, example=BOOKING | {"moves_left": 1})
    @blueprint.raises(NotFound, PlaceTaken, BookingInOtherState, TooLate, MovesUsedUp, AlreadyBooked, PatientBusy)
    @blueprint.raises(PractitionerBusy, DepositNeeded, NotEligible, BirthDateMissing, RequestInFlight)
    @blueprint.doc(operationId="moveBooking")
    def post(self, asked: dict[str, Any], booking_id: UUID) -> BookingTold:
        """Move a booking to another place (đổi lịch hẹn).

        The old place is yours until the new one is won; when it is not, nothing changes. Twice at most, until the
        service's cut-off; without either limit when the clinic has to move you.
        """
        key = request_key(asked | {"booking_id": booking_id})
        with transaction() as session:
            outcome = operations.move_booking(
                session,
                key,
                current_citizen(),
                booking_id,
                slot_id=asked["slot_id"],
                window=window_of(asked["window"]),
            )
            told = operations.tell(session, [operations.get_booking(session, current_citizen(), booking_id)])[0]
        note(outcome)
        return told


@blueprint.route("/bookings/<uuid:booking_id>/cancellation")
class BookingCancellation(MethodView):
    """Not coming."""

    @blueprint.idempotent
    @blueprint.response(200, BookingSchema, example=BOOKING | {"state": "cancelled_by_citizen"})
    @blueprint.raises(NotFound, BookingInOtherState, TooLate, RequestInFlight)
    @blueprint.doc(operationId="cancelBooking")
    def post(self, booking_id: UUID) -> BookingTold:
        """Cancel a booking (hủy lịch hẹn).

        Free of charge until the service's cut-off; after it, please call the clinic.
        """
        with transaction() as session:
            outcome = operations.cancel_booking(
                session, request_key({"booking_id": booking_id}), current_citizen(), booking_id
            )
            told = operations.tell(session, [operations.get_booking(session, current_citizen(), booking_id)])[0]
        note(outcome)
        return told


@blueprint.route("/bookings/<uuid:booking_id>/reconfirmation")
class BookingReconfirmation(MethodView):
    """Coming for sure."""

    @blueprint.response(200, BookingSchema, example=BOOKING)
    @blueprint.raises(NotFound, BookingInOtherState)
    @blueprint.doc(operationId="confirmAttendance")
    def post(self, booking_id: UUID) -> BookingTold:
        """Say that I will come (xác nhận sẽ đến).

        Asked of those who missed two visits in ninety days, until `reconfirm_by_at`.
        """
        with transaction() as session:
            return operations.tell(session, [operations.reconfirm(session, current_citizen(), booking_id)])[0]


@blueprint.route("/bookings/<uuid:booking_id>/appeal")
class BookingAppeal(MethodView):
    """It was not so."""

    @blueprint.arguments(NoShowAppealSchema(), example={"text": "Tôi đã đến lúc 7 giờ 20 nhưng quầy chưa mở."})
    @blueprint.response(200, BookingSchema, example=BOOKING | {"state": "no_show"})
    @blueprint.raises(NotFound, NothingToAppeal)
    @blueprint.doc(operationId="addNoShowAppeal")
    def post(self, asked: dict[str, Any], booking_id: UUID) -> BookingTold:
        """Appeal against a missed visit (khiếu nại ghi vắng mặt).

        While the clinic looks into it the miss does not count.
        """
        with transaction() as session:
            booking = operations.appeal_no_show(session, current_citizen(), booking_id, asked["text"])
            return operations.tell(session, [booking])[0]


@blueprint.route("/bookings/<uuid:booking_id>/proof")
class BookingProof(MethodView):
    """What to show at the door."""

    @blueprint.response(
        200,
        BookingProofSchema,
        example={"booking_id": BOOKING_ID, "code": "482913", "qr": "KB1.AQGaDQAA", "valid_on": "2026-12-01"},
    )
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getBookingProof")
    def get(self, booking_id: UUID) -> dict[str, Any]:
        """Get the code and QR text to show at the door (mã đến khám).

        Keep it on the phone: it works without a network. The text is `KB1.` and the base64url of version (1 byte),
        booking (16), facility (16), start in seconds (4), change number (2) and their Ed25519 signature (64).
        """
        with transaction() as session:
            booking = operations.get_booking(session, current_citizen(), booking_id)
        proof = Proof(booking.id, booking.facility_id, booking.starts_at, booking.sequence)
        return {
            "booking_id": booking.id,
            "code": proofs.code_of(booking.id),
            "qr": proofs.sign(proof),
            "valid_on": booking.day,
        }


@blueprint.route("/bookings/<uuid:booking_id>/turn")
class BookingTurn(MethodView):
    """Where the number stands."""

    @blueprint.response(
        200,
        TurnSchema,
        example={
            "lane": "appointment",
            "number": 18,
            "state": "waiting",
            "now_serving": 12,
            "ahead": 7,
            "minutes_from": 35,
            "minutes_to": 62,
        },
    )
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getTurn")
    def get(self, booking_id: UUID) -> TurnTold:
        """See my number, who is before me, and about how long it takes (số thứ tự của tôi).

        A range, from the pace of the last ten calls; 404 before check-in.
        """
        with transaction() as session:
            return operations.tell_turn(session, operations.get_booking(session, current_citizen(), booking_id))


@blueprint.route("/bookings/<uuid:booking_id>/calendar")
class BookingCalendar(MethodView):
    """For the phone's own calendar."""

    @blueprint.response(200, {"type": "string"}, content_type=calendar_file.CONTENT_TYPE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getBookingCalendar")
    def get(self, booking_id: UUID) -> Response:
        """Get a booking as a calendar file (tệp lịch .ics).

        The same UID for life, a rising SEQUENCE with every change; cancelled when it is. Nothing medical in it.
        """
        with transaction() as session:
            booking = operations.get_booking(session, current_citizen(), booking_id)
            told = operations.tell(session, [booking])[0]
        content = calendar_file.render(
            calendar_file.Visit(
                booking_id=booking.id,
                sequence=booking.sequence,
                starts_at=booking.starts_at,
                ends_at=booking.ends_at,
                is_cancelled=booking.state.value.startswith("cancelled") or booking.state.value == "expired",
                is_held=booking.state is BookingState.HELD,
                place=told.facility.name,
                address=told.facility.address or told.facility.commune or "",
                latitude=told.facility.latitude,
                longitude=told.facility.longitude,
                stamped_at=clock.now(),
            ),
            language(),
        )
        return Response(content, content_type=calendar_file.CONTENT_TYPE)
