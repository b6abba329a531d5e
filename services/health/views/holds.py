"""The doors of holds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

from auth.guard import current_citizen
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.web import note, request_key
from services.health import operations
from services.health.errors import (
    AlreadyBooked,
    AlreadyExtended,
    BirthDateMissing,
    BookingInOtherState,
    DepositNeeded,
    HoldExpired,
    HoldLimit,
    NotEligible,
    NotYetReleased,
    PatientBusy,
    PlacesDrawn,
    PlaceTaken,
    PractitionerBusy,
    ServiceClosed,
    TooManyBookings,
)
from services.health.models import BookingState
from services.health.operations import Asked
from services.health.schemas.bookings import HoldRequestSchema, HoldSchema
from services.health.views.door import BOOKING, BOOKING_ID, SERVICE_ID, blueprint, window_of

_HELD_AT = "2026-12-01T07:05:00.000+07:00"
HOLD = {
    "id": BOOKING_ID,
    "expires_at": _HELD_AT,
    "items": [BOOKING | {"state": "held", "hold_expires_at": _HELD_AT}],
}


@blueprint.route("/holds")
class Holds(MethodView):
    """Holding places."""

    @blueprint.idempotent
    @blueprint.arguments(
        HoldRequestSchema(), example={"window": {"service_id": SERVICE_ID, "day": "2026-12-01"}, "members": [None]}
    )
    @blueprint.response(201, HoldSchema, example=HOLD)
    @blueprint.raises(NotFound, PlaceTaken, NotYetReleased, HoldLimit, TooManyBookings, AlreadyBooked, PatientBusy)
    @blueprint.raises(PractitionerBusy, NotEligible, BirthDateMissing, ServiceClosed, PlacesDrawn, RequestInFlight)
    @blueprint.doc(operationId="holdPlaces")
    def post(self, asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Hold a place for five minutes (giữ chỗ khám).

        In a slot, or anywhere in a window, which is far likelier in a rush. Several people of a household get places
        one after the other, all or none. A refusal lists the nearest free places and a token that keeps your turn in
        the waiting list.
        """
        wanted = Asked(asked["members"], asked["slot_id"], window_of(asked["window"]))
        with transaction() as session:
            outcome = operations.hold_places(session, request_key(asked), current_citizen(), wanted)
            told = _told(session, outcome.resource_id)
        note(outcome)
        return told, {"Location": url_for("health.HoldById", hold_id=outcome.resource_id)}


@blueprint.route("/holds/<uuid:hold_id>")
class HoldById(MethodView):
    """One hold."""

    @blueprint.response(200, HoldSchema, example=HOLD)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getHold")
    def get(self, hold_id: UUID) -> dict[str, Any]:
        """See a hold and what has become of its places.

        Also those that were offered to you from the waiting list, or because the clinic has to move you.
        """
        with transaction() as session:
            return _told(session, hold_id)


@blueprint.route("/holds/<uuid:hold_id>/extension")
class HoldExtension(MethodView):
    """More time."""

    @blueprint.response(200, HoldSchema, example=HOLD)
    @blueprint.raises(NotFound, AlreadyExtended, HoldExpired, BookingInOtherState)
    @blueprint.doc(operationId="extendHold")
    def post(self, hold_id: UUID) -> dict[str, Any]:
        """Hold for five minutes more, once (gia hạn giữ chỗ).

        An offer has its own time and is not extended.
        """
        with transaction() as session:
            operations.extend_hold(session, current_citizen(), hold_id)
            return _told(session, hold_id)


@blueprint.route("/holds/<uuid:hold_id>/confirmation")
class HoldConfirmation(MethodView):
    """The yes."""

    @blueprint.idempotent
    @blueprint.response(200, HoldSchema, example=HOLD | {"expires_at": None, "items": [BOOKING]})
    @blueprint.raises(NotFound, HoldExpired, BookingInOtherState, DepositNeeded, RequestInFlight)
    @blueprint.doc(operationId="confirmHold")
    def post(self, hold_id: UUID) -> dict[str, Any]:
        """Book what is held (xác nhận đặt lịch).

        All places of the hold. After its time: 410 with the nearest free places. Where a deposit is asked for, pay it
        instead with `payDeposit`: that books as well.
        """
        with transaction() as session:
            outcome = operations.confirm_hold(session, request_key({"hold_id": hold_id}), current_citizen(), hold_id)
            told = _told(session, outcome.resource_id)
        note(outcome)
        return told


@blueprint.route("/holds/<uuid:hold_id>/release")
class HoldRelease(MethodView):
    """The no."""

    @blueprint.response(200, HoldSchema, example=HOLD | {"expires_at": None})
    @blueprint.raises(NotFound, BookingInOtherState)
    @blueprint.doc(operationId="cancelHold")
    def post(self, hold_id: UUID) -> dict[str, Any]:
        """Let go of what is held, or refuse an offer (bỏ giữ chỗ).

        The place goes to the next at once. Harmless when it is gone already.
        """
        with transaction() as session:
            operations.release_hold(session, current_citizen(), hold_id)
            return _told(session, hold_id)


def _told(session: Any, hold_id: UUID) -> dict[str, Any]:  # noqa: ANN401 - the open session
    held = operations.list_held(session, current_citizen(), hold_id)
    first = held[0]
    return {
        "id": hold_id,
        "expires_at": first.hold_expires_at if first.state is BookingState.HELD else None,
        "items": operations.tell(session, held),
    }
