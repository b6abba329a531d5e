"""The doors of tickets: what is sold, buying, giving back; and the gate."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

import payments.flows
from auth.errors import DayLimitReached, InsufficientUserAuthentication
from auth.guard import current_citizen, current_proof
from kit.database import transaction
from kit.errors import MalformedRequest, NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page, PageQuery
from kit.web import note, public, request_key
from payments.errors import AmountTooSmall, CardDeclined, PaymentMethodInvalid
from services.tourism import operations
from services.tourism.errors import (
    OrderNotCancellable,
    RefundNotRepeatable,
    TicketCodeInvalid,
    TicketLimitReached,
    TicketPriceChanged,
    TicketsNotSold,
    TicketsSoldOut,
)
from services.tourism.models import TicketType
from services.tourism.operations import Bought
from services.tourism.schemas.examples import ORDER_EXAMPLE, OUTCOME_EXAMPLE, SUMMARY_EXAMPLE, TICKET_TYPE_EXAMPLE
from services.tourism.schemas.visiting import (
    CapacityNotedSchema,
    CapacitySchema,
    GateCheckSchema,
    GateDayQuery,
    GateDaySchema,
    GateOutcomeSchema,
    GateOutcomesSchema,
    GateScansSchema,
    TicketOfferSchema,
    TicketOrderContentSchema,
    TicketOrderPageSchema,
    TicketOrderSchema,
    TicketRefundPageSchema,
    TicketTypeContentSchema,
    TicketTypeSchema,
)
from services.tourism.views.door import AGE_SECONDS, blueprint
from services.tourism.views.editing import desk

_SUMMARY = {name: value for name, value in ORDER_EXAMPLE.items() if name != "tickets"}
_REFUND = {name: _SUMMARY[name] for name in ("id", "payment_id", "amount_vnd", "visit_on")} | {
    "refund_tries": 1,
    "failure": None,
}
_SCAN = {"code": ORDER_EXAMPLE["tickets"][0]["code"], "scanned_at": "2026-11-25T09:00:00.000+07:00"}


@blueprint.route("/guides/<uuid:guide_id>/tickets")
class Offer(MethodView):
    """What is sold for a place."""

    @blueprint.response(
        200,
        TicketOfferSchema,
        example={"types": [TICKET_TYPE_EXAMPLE], "days": [{"visit_on": "2026-11-25", "places_left": 48}]},
    )
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listTicketOffer")
    def get(self, guide_id: UUID) -> dict[str, Any]:
        """See the tickets of a place and the places left (vé tham quan).

        Empty where no tickets are sold here.
        """
        with transaction() as session:
            offer = operations.list_offer(session, guide_id)
        public(min(AGE_SECONDS, 10))
        return offer


@blueprint.route("/office/guides/<uuid:guide_id>/ticket-types")
class TicketTypes(MethodView):
    """Prices of ours."""

    @blueprint.arguments(
        TicketTypeContentSchema(), example={name: v for name, v in TICKET_TYPE_EXAMPLE.items() if name != "id"}
    )
    @blueprint.response(200, TicketTypeSchema, example=TICKET_TYPE_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="addTicketType")
    def post(self, asked: dict[str, Any], guide_id: UUID) -> TicketType:
        """Sell a ticket for a place of ours, or change its price (loại vé, giá vé).

        One type a class of visitor. Orders keep the price they were made at.
        """
        with transaction() as session:
            return operations.save_ticket_type(session, desk(), guide_id, asked)


@blueprint.route("/office/guides/<uuid:guide_id>/capacity")
class Capacity(MethodView):
    """Places a day."""

    @blueprint.arguments(CapacitySchema(), example={"first_on": "2026-12-01", "last_on": "2026-12-31", "capacity": 500})
    @blueprint.response(200, CapacityNotedSchema, example={"days": 31})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="addTicketDays")
    def post(self, asked: dict[str, Any], guide_id: UUID) -> dict[str, int]:
        """Say how many visitors a place of ours takes on each day (sức chứa).

        A day on which more are sold already keeps those.
        """
        with transaction() as session:
            days = operations.save_capacity(
                session, desk(), guide_id, first=asked["first_on"], last=asked["last_on"], capacity=asked["capacity"]
            )
        return {"days": days}


@blueprint.route("/ticket-orders")
class TicketOrders(MethodView):
    """Buying."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, TicketOrderPageSchema, example={"items": [_SUMMARY]})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listTicketOrders")
    def get(self, asked: dict[str, Any]) -> Page:
        """List my tickets (vé của tôi).

        By order, the newest first.
        """
        with transaction() as session:
            return operations.list_orders(session, current_citizen(), **asked)

    @blueprint.idempotent
    @blueprint.arguments(
        TicketOrderContentSchema(),
        example={
            "guide_id": SUMMARY_EXAMPLE["id"],
            "visit_on": "2026-11-25",
            "lines": [{"type_id": TICKET_TYPE_EXAMPLE["id"], "count": 1}],
            "amount_vnd": 50000,
            "payment_method": "pm_card_visa",
        },
    )
    @blueprint.response(201, TicketOrderSchema, example=ORDER_EXAMPLE)
    @blueprint.raises(TicketsNotSold, TicketLimitReached, TicketsSoldOut, TicketPriceChanged, RequestInFlight)
    @blueprint.raises(CardDeclined, PaymentMethodInvalid, AmountTooSmall)
    @blueprint.raises(InsufficientUserAuthentication, DayLimitReached)
    @blueprint.doc(operationId="payTickets")
    def post(self, asked: dict[str, Any]) -> tuple[Bought, dict[str, str]]:
        """Buy tickets for a day (mua vé).

        The places are taken first, then the bank holds the money, then it is taken and the codes are there: follow
        `payment_id` by `getPayment`, and read the order again. When the payment ends without money the places go to
        others. One citizen has at most twenty tickets for a place and day, unpaid ones included.
        """
        key = request_key(asked)
        with transaction() as session:
            outcome = once(
                session, key, lambda: operations.start_order(session, current_citizen(), asked, proof=current_proof())
            )
        note(outcome)
        with transaction() as session:
            payment_id = operations.get_order(session, outcome.resource_id, current_citizen()).order.payment_id
        if payment_id is not None:
            payments.flows.submit(
                outcome.of(payment_id),
                current_citizen(),
                amount_vnd=asked["amount_vnd"],
                payment_method=asked["payment_method"],
                return_url=url_for("site.paid", _external=True),
                description="Vé tham quan",
            )
        with transaction() as session:
            bought = operations.get_order(session, outcome.resource_id, current_citizen())
        return bought, {"Location": url_for("tourism.TicketOrderById", order_id=outcome.resource_id)}


@blueprint.route("/ticket-orders/<uuid:order_id>")
class TicketOrderById(MethodView):
    """One order."""

    @blueprint.response(200, TicketOrderSchema, example=ORDER_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getTicketOrder")
    def get(self, order_id: UUID) -> Bought:
        """See tickets of mine with their codes (mã vé).

        Put each `code` into a QR as it is. It holds no name, opens the gate once, and can be checked without a signal.
        """
        with transaction() as session:
            return operations.get_order(session, order_id, current_citizen())


@blueprint.route("/ticket-orders/<uuid:order_id>/cancellation")
class TicketCancellation(MethodView):
    """Giving back."""

    @blueprint.response(200, TicketOrderSchema, example=ORDER_EXAMPLE | {"state": "refund_due"})
    @blueprint.raises(NotFound, OrderNotCancellable)
    @blueprint.doc(operationId="cancelTicketOrder")
    def post(self, order_id: UUID) -> Bought:
        """Give tickets back (trả vé).

        Until `refundable_until_at`, or while the place is closed for that day, and as long as none was used. The places
        are free at once; `refund_due` means that the money is on its way back to the card, `refunded` that it is there.
        """
        with transaction() as session:
            operations.cancel_order(session, order_id, current_citizen())
        with transaction() as session:
            return operations.get_order(session, order_id, current_citizen())


@blueprint.route("/office/refunds")
class Refunds(MethodView):
    """Money to give back."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(
        200,
        TicketRefundPageSchema,
        example={"items": [_REFUND]},
    )
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listTicketRefunds")
    def get(self, asked: dict[str, Any]) -> Page:
        """List orders of ours whose money is on its way back (hoàn tiền vé).

        By payment and amount; who bought is not told. One with a `failure` waits for `resumeTicketRefund`.
        """
        with transaction() as session:
            return operations.list_refunds(session, desk(), **asked)


@blueprint.route("/office/refunds/<uuid:order_id>/tries")
class RefundTries(MethodView):
    """Once more."""

    @blueprint.response(204)
    @blueprint.raises(NotFound, RefundNotRepeatable)
    @blueprint.doc(operationId="resumeTicketRefund")
    def post(self, order_id: UUID) -> None:
        """Try once more to give money back (hoàn tiền lại).

        Where the gateway would not, or the citizen's bank has sent the money back. Never while a try is under way: the
        money goes back once.
        """
        with transaction() as session:
            operations.repeat_refund(session, desk(), order_id)


@blueprint.route("/gate/checks")
class GateChecks(MethodView):
    """A code before a gate."""

    @blueprint.arguments(GateCheckSchema(), example={"code": _SCAN["code"], "gate": "cong-chinh"})
    @blueprint.response(200, GateOutcomeSchema, example=OUTCOME_EXAMPLE)
    @blueprint.raises(TicketCodeInvalid)
    @blueprint.doc(operationId="confirmTicket")
    def post(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Let the holder of a ticket in (soát vé).

        `admitted` once and never again; `already_used` tells since when, `other_place`, `other_day`, `cancelled` and
        `not_paid` why not. Name the `guide_id` of the gate where an office sells tickets for more than one place.
        """
        with transaction() as session:
            return operations.check_ticket(session, desk(), asked["code"], asked["gate"], asked["guide_id"])


@blueprint.route("/gate/scans")
class GateScans(MethodView):
    """What a gate has scanned offline."""

    @blueprint.arguments(GateScansSchema(), example={"gate": "cong-chinh", "scans": [_SCAN]})
    @blueprint.response(200, GateOutcomesSchema, example={"items": [OUTCOME_EXAMPLE]})
    @blueprint.doc(operationId="sendGateScans")
    def post(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Tell what a gate has scanned while it was offline (đồng bộ soát vé).

        Up to 500 at once, booked in the order of time. The same scans again change nothing and answer the same.
        """
        with transaction() as session:
            return {"items": operations.take_scans(session, desk(), asked["gate"], asked["scans"], asked["guide_id"])}


@blueprint.route("/gate/guides/<uuid:guide_id>/tickets")
class GateTickets(MethodView):
    """What a gate takes along."""

    @blueprint.arguments(GateDayQuery(), location="query")
    @blueprint.response(
        200,
        GateDaySchema,
        example={
            "guide_id": SUMMARY_EXAMPLE["id"],
            "visit_on": "2026-11-25",
            "valid": [OUTCOME_EXAMPLE["ticket_id"]],
            "used": [],
        },
    )
    @blueprint.raises(MalformedRequest, NotFound)
    @blueprint.doc(operationId="listGateTickets")
    def get(self, asked: dict[str, date], guide_id: UUID) -> dict[str, Any]:
        """Load the day's tickets before a gate goes offline (vé trong ngày).

        With the keys of `listPackKeys` a gate can then check codes by itself and send its scans later.
        """
        with transaction() as session:
            return operations.list_gate_tickets(session, desk(), guide_id, asked["on"])
