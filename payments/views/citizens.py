"""What a citizen sees of payments, and where the gateway knocks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import request
from flask.views import MethodView

from auth.guard import current_citizen
from kit.database import transaction
from kit.errors import NotFound, ServiceUnavailable
from kit.pages import Page, PageQuery
from kit.parsing import read_body
from payments import flows, gateway, operations
from payments.errors import PaymentNotCancellable, WebhookRefused
from payments.operations import Told
from payments.schemas import PAYMENT_EXAMPLE, PaymentPageSchema, PaymentSchema
from payments.views.doors import blueprint

_SUMMARY_EXAMPLE = {k: v for k, v in PAYMENT_EXAMPLE.items() if k not in {"items", "timeline"}}
_WEBHOOK_EXAMPLE = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.amount_capturable_updated",
    "livemode": False,
    "data": {"object": {"id": "pi_1", "object": "payment_intent"}},
}


class WebhookSchema(ma.Schema):
    """An event as the gateway sends it. Only its id, type and intent are used; the rest is fetched anew."""

    class Meta:
        """The gateway may add what it likes."""

        unknown = ma.INCLUDE

    id = ma.fields.String(required=True)
    type = ma.fields.String(required=True)


class ReceivedSchema(ma.Schema):
    """The event is stored."""

    received = ma.fields.Boolean(required=True)


_WEBHOOK_BODY = {
    "required": True,
    "content": {"application/json": {"schema": WebhookSchema, "example": _WEBHOOK_EXAMPLE}},
}
_SIGNATURE = {
    "in": "header",
    "name": "Stripe-Signature",
    "required": True,
    "schema": {"type": "string", "maxLength": 1000},
    "description": "t=…,v1=… over the raw body, at most five minutes old.",
    "example": "t=1795000000,v1=5257a869",
}


@blueprint.route("")
class Payments(MethodView):
    """All payments of a citizen."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, PaymentPageSchema, example={"items": [_SUMMARY_EXAMPLE]})
    @blueprint.doc(operationId="listPayments")
    def get(self, asked: dict[str, Any]) -> Page:
        """List my payments (lịch sử thanh toán).

        The newest first. A list item has no bills; read one payment for those.
        """
        with transaction() as session:
            return operations.list_payments(session, current_citizen(), **asked)


@blueprint.route("/<uuid:payment_id>")
class PaymentById(MethodView):
    """One payment."""

    @blueprint.response(200, PaymentSchema, example=PAYMENT_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getPayment")
    def get(self, payment_id: UUID) -> Told:
        """See one payment and where its money is (trạng thái thanh toán).

        The timeline lists every step with its time: created, authorised, captured, posted by the provider. Steps that
        lie ahead have no time yet. Ask again until `posting` of every item is `posted` or `rejected`.
        """
        with transaction() as session:
            return operations.get_payment(session, payment_id, current_citizen())


@blueprint.route("/<uuid:payment_id>/cancellation")
class Cancellation(MethodView):
    """The end of a payment that waits for the citizen."""

    @blueprint.response(200, PaymentSchema, example=PAYMENT_EXAMPLE | {"state": "cancelled", "captured_vnd": 0})
    @blueprint.raises(NotFound, PaymentNotCancellable, ServiceUnavailable)
    @blueprint.doc(operationId="cancelPayment")
    def post(self, payment_id: UUID) -> Told:
        """Cancel a payment that waits for me (hủy thanh toán).

        Only while its state is `requires_action`. Its bills can be paid again at once.
        """
        flows.cancel_by_citizen(payment_id, current_citizen())
        with transaction() as session:
            return operations.get_payment(session, payment_id, current_citizen())


@blueprint.route("/webhooks/stripe")
class StripeWebhook(MethodView):
    """Where the gateway knocks."""

    @blueprint.response(200, ReceivedSchema, example={"received": True})
    @blueprint.raises(WebhookRefused)
    @blueprint.doc(operationId="receiveStripeWebhook", requestBody=_WEBHOOK_BODY, parameters=[_SIGNATURE])
    def post(self) -> dict[str, bool]:
        """Receive an event of the card gateway (for the gateway only).

        Stored once by its id and handled later; the order and the number of deliveries do not matter.
        """
        notice = gateway.read_webhook(read_body(request), request.headers.get("Stripe-Signature"))
        with transaction() as session:
            operations.store_webhook(session, notice)
        return {"received": True}
