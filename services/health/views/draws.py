"""The doors of draws."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

from auth.guard import current_citizen
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.web import note, public, request_key
from services.health import operations
from services.health.errors import (
    AlreadyBooked,
    AlreadyEntered,
    BirthDateMissing,
    DayAlreadyDrawn,
    DrawNotOpen,
    NotEligible,
    ScheduleUnclear,
)
from services.health.guard import current_desk
from services.health.schemas.draws import (
    DrawAnnouncementSchema,
    DrawEntrySchema,
    DrawRequestSchema,
    DrawRequestsSchema,
    DrawSchema,
    DrawsSchema,
    DrawTicketsSchema,
)
from services.health.views.door import SERVICE_ID, blueprint

_ASKED = {"service_id": SERVICE_ID, "day": "2026-12-01", "opens_at": "2026-11-28T07:00:00.000+07:00"}
_DRAW: dict[str, Any] = _ASKED | {
    "id": "019a0d00-0000-7000-8000-00000000cc01",
    "closes_at": "2026-11-28T07:10:00.000+07:00",
    "state": "announced",
    "seed_hash": "9f64a747e1b97f131fabb6b447296c9b6f0201e79fb3c5356e6c77e89b6a806a",
    "seed": None,
    "list_hash": None,
    "drawn_at": None,
    "done_at": None,
}
_REQUEST: dict[str, Any] = {
    "id": "019a0d00-0000-7000-8000-00000000cc02",
    "draw_id": _DRAW["id"],
    "service_id": SERVICE_ID,
    "day": "2026-12-01",
    "member_id": None,
    "ticket": "5f1d0c2b7a9e4d3c8b6a5f4e3d2c1b0a",
    "rank": None,
    "state": "entered",
    "booking_id": None,
    "waitlist": None,
}


@blueprint.route("/services/<uuid:service_id>/draws")
class Draws(MethodView):
    """The draws of a service."""

    @blueprint.response(200, DrawsSchema, example={"items": [_DRAW]})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listDraws")
    def get(self, service_id: UUID) -> dict[str, Any]:
        """List the days of a service that are drawn by lot (bốc thăm).

        Those to come and those that are over, the latest day first, at most fifty.
        """
        public(10)
        with transaction() as session:
            return {"items": operations.list_draws(session, service_id)}


@blueprint.route("/draws/<uuid:draw_id>")
class DrawById(MethodView):
    """One draw."""

    @blueprint.response(200, DrawSchema, example=_DRAW)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getDraw")
    def get(self, draw_id: UUID) -> Any:  # noqa: ANN401 - columns
        """See a draw, and with `listDrawTickets` draw it again (đợt bốc thăm).

        `seed_hash` is the SHA-256 of the seed's bytes, published before anybody asks. `list_hash` is the SHA-256 of all
        tickets in alphabetical order, each with a line feed after it. The order is that of SHA-256(seed bytes, list
        hash bytes, ticket as text), the smallest first: when somebody asked plays no part.
        """
        public(5)
        with transaction() as session:
            return operations.get_draw(session, draw_id)


@blueprint.route("/draws/<uuid:draw_id>/tickets")
class DrawTickets(MethodView):
    """The list of a draw."""

    @blueprint.response(
        200, DrawTicketsSchema, example={"items": [{"rank": 1, "ticket": _REQUEST["ticket"], "outcome": "won"}]}
    )
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listDrawTickets")
    def get(self, draw_id: UUID) -> dict[str, Any]:
        """List the tickets of a draw in drawn order, and what became of each (danh sách bốc thăm).

        The whole list, as it was hashed; empty before the draw. A ticket leads to nobody but whoever holds it.
        """
        public(5)
        with transaction() as session:
            return {"items": operations.list_tickets(session, draw_id)}


@blueprint.route("/draws/<uuid:draw_id>/requests")
class DrawEntries(MethodView):
    """Asking for a place."""

    @blueprint.idempotent
    @blueprint.arguments(DrawEntrySchema(), example={"member_id": None})
    @blueprint.response(201, DrawRequestSchema, example=_REQUEST)
    @blueprint.raises(NotFound, DrawNotOpen, AlreadyEntered, AlreadyBooked, NotEligible, BirthDateMissing)
    @blueprint.raises(RequestInFlight)
    @blueprint.doc(operationId="addDrawRequest")
    def post(self, asked: dict[str, Any], draw_id: UUID) -> tuple[dict[str, Any], dict[str, str]]:
        """Ask for a place that is drawn by lot (đăng ký bốc thăm).

        Any time in the ten minutes is as good as any other. One request a person, for oneself or for somebody of the
        household; keep the ticket to find it in the list.
        """
        key = request_key(asked | {"draw_id": draw_id})
        with transaction() as session:
            outcome = operations.enter_draw(session, key, current_citizen(), draw_id, asked["member_id"])
            told = operations.get_draw_request(session, current_citizen(), outcome.resource_id)
        note(outcome)
        return told, {"Location": url_for("health.DrawRequestById", request_id=outcome.resource_id)}


@blueprint.route("/draw-requests")
class DrawRequests(MethodView):
    """The citizen's requests."""

    @blueprint.response(200, DrawRequestsSchema, example={"items": [_REQUEST]})
    @blueprint.doc(operationId="listDrawRequests")
    def get(self) -> dict[str, Any]:
        """List my requests in draws (đăng ký bốc thăm của tôi).

        The newest fifty, each with its ticket and what the lots have given.
        """
        with transaction() as session:
            return {"items": operations.list_draw_requests(session, current_citizen())}


@blueprint.route("/draw-requests/<uuid:request_id>")
class DrawRequestById(MethodView):
    """One request."""

    @blueprint.response(200, DrawRequestSchema, example=_REQUEST | {"state": "won", "rank": 3})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getDrawRequest")
    def get(self, request_id: UUID) -> dict[str, Any]:
        """See one of my requests, and what the lots have given (kết quả bốc thăm).

        Won: a place is held for two hours, confirm it with `confirmHold` (`booking_id` is the hold). Lost: `waitlist`
        keeps the drawn order in the waiting list.
        """
        with transaction() as session:
            return operations.get_draw_request(session, current_citizen(), request_id)


@blueprint.route("/draw-requests/<uuid:request_id>/withdrawal")
class DrawRequestWithdrawal(MethodView):
    """Asking no longer."""

    @blueprint.response(200, DrawRequestSchema, example=_REQUEST | {"state": "withdrawn"})
    @blueprint.raises(NotFound, DrawNotOpen)
    @blueprint.doc(operationId="withdrawDrawRequest")
    def post(self, request_id: UUID) -> dict[str, Any]:
        """Withdraw a request while the draw is open (rút đăng ký bốc thăm).

        A new one for the same person is possible until the ten minutes are over.
        """
        with transaction() as session:
            return operations.withdraw_draw_request(session, current_citizen(), request_id)


@blueprint.route("/desk/draws")
class DeskDraws(MethodView):
    """Draws of one's own clinic."""

    @blueprint.arguments(DrawAnnouncementSchema(), example=_ASKED)
    @blueprint.response(201, DrawSchema, example=_DRAW)
    @blueprint.raises(NotFound, ScheduleUnclear, DayAlreadyDrawn)
    @blueprint.doc(operationId="addDraw")
    def post(self, asked: dict[str, Any]) -> Any:  # noqa: ANN401 - columns
        """Let the places of a day be drawn by lot instead of given to the fastest (mở đợt bốc thăm).

        Requests are taken for ten minutes from `opens_at`, ten minutes from now at the earliest. Until the places are
        drawn nobody books one of that day; what is left then is everybody's.
        """
        with transaction() as session:
            desk = current_desk(session)
            return operations.announce_draw(session, desk.facility_id, asked, actor=desk.person_id)


@blueprint.route("/desk/draws/<uuid:draw_id>/cancellation")
class DeskDrawCancellation(MethodView):
    """No draw after all."""

    @blueprint.response(200, DrawSchema, example=_DRAW | {"state": "cancelled"})
    @blueprint.raises(NotFound, DrawNotOpen)
    @blueprint.doc(operationId="cancelDraw")
    def post(self, draw_id: UUID) -> Any:  # noqa: ANN401 - columns
        """Cancel a draw that has not been drawn (hủy đợt bốc thăm).

        The day is booked as its schedule says again.
        """
        with transaction() as session:
            return operations.cancel_draw(session, current_desk(session).facility_id, draw_id)
