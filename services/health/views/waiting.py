"""The doors of the waiting list."""

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
from services.health.errors import AlreadyWaiting, BirthDateMissing, NotEligible, WaitOver
from services.health.models import DayPart, WaitlistEntry
from services.health.schemas.bookings import WaitRequestSchema, WaitSchema, WaitsSchema
from services.health.views.door import SERVICE_ID, blueprint

_DAYS = {"from_on": "2026-12-01", "to_on": "2026-12-07"}
_WAIT = _DAYS | {
    "id": "019a0d00-0000-7000-8000-00000000d001",
    "service_id": SERVICE_ID,
    "member_id": None,
    "part": "morning",
    "state": "waiting",
    "offers": 0,
    "missed": 0,
    "position": 3,
}


@blueprint.route("/waits")
class Waits(MethodView):
    """The citizen's waits."""

    @blueprint.response(200, WaitsSchema, example={"items": [_WAIT]})
    @blueprint.doc(operationId="listWaits")
    def get(self) -> dict[str, Any]:
        """List my waits for a place (danh sách chờ của tôi).

        The newest fifty, each with how many are asked before.
        """
        with transaction() as session:
            found = operations.list_entries(session, current_citizen())
            return {"items": [_told(session, one) for one in found]}

    @blueprint.idempotent
    @blueprint.arguments(WaitRequestSchema(), example=_DAYS | {"service_id": SERVICE_ID, "part": "morning"})
    @blueprint.response(201, WaitSchema, example=_WAIT)
    @blueprint.raises(NotFound, AlreadyWaiting, NotEligible, BirthDateMissing, RequestInFlight)
    @blueprint.doc(operationId="addWait")
    def post(self, asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Wait for a place (ghi tên chờ).

        A place that becomes free is held for you alone, for fifteen minutes (two when the visit is near); you hear of
        it at once. Three offers at most. The token of a refusal keeps the turn you had then.
        """
        key = request_key(asked)
        with transaction() as session:
            outcome = operations.join_waitlist(
                session, key, current_citizen(), **asked | {"part": DayPart(asked["part"])}
            )
            told = _told(session, operations.get_entry(session, current_citizen(), outcome.resource_id))
        note(outcome)
        return told, {"Location": url_for("health.WaitById", wait_id=outcome.resource_id)}


@blueprint.route("/waits/<uuid:wait_id>")
class WaitById(MethodView):
    """One wait."""

    @blueprint.response(200, WaitSchema, example=_WAIT)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getWait")
    def get(self, wait_id: UUID) -> dict[str, Any]:
        """See one wait.

        An offer is a hold: see `listBookings` with live=true.
        """
        with transaction() as session:
            return _told(session, operations.get_entry(session, current_citizen(), wait_id))


@blueprint.route("/waits/<uuid:wait_id>/withdrawal")
class WaitWithdrawal(MethodView):
    """Waiting no longer."""

    @blueprint.response(200, WaitSchema, example=_WAIT | {"state": "withdrawn", "position": None})
    @blueprint.raises(NotFound, WaitOver)
    @blueprint.doc(operationId="withdrawWait")
    def post(self, wait_id: UUID) -> dict[str, Any]:
        """Wait no longer (rút khỏi danh sách chờ).

        An offer that is out is refused with `cancelHold`.
        """
        with transaction() as session:
            return _told(session, operations.leave_waitlist(session, current_citizen(), wait_id))


def _told(session: Any, entry: WaitlistEntry) -> dict[str, Any]:  # noqa: ANN401 - the open session
    return {name: getattr(entry, name) for name in _WAIT if name != "position"} | {
        "position": operations.position_of(session, entry)
    }
