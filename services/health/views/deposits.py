"""The doors of deposits: paying one, and what goes back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

import payments.flows
import payments.operations
from auth.errors import DayLimitReached, InsufficientUserAuthentication
from auth.guard import current_citizen, current_proof
from kit.database import transaction
from kit.errors import MalformedRequest, NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page, PageQuery
from kit.web import note, request_key
from payments.errors import AmountTooSmall, CardDeclined, PaymentMethodInvalid
from payments.operations import Told
from payments.schemas import PAYMENT_EXAMPLE, PaymentSchema
from services.health import operations
from services.health.errors import (
    BookingInOtherState,
    DepositChanged,
    DepositUnderway,
    HoldExpired,
    NothingToPay,
)
from services.health.guard import current_desk
from services.health.schemas.bookings import DepositPaymentSchema
from services.health.schemas.desk import DepositReturnPageSchema
from services.health.views.door import BOOKING_ID, blueprint

_PAYMENT = PAYMENT_EXAMPLE | {"state": "authorised", "amount_vnd": 100000, "captured_vnd": 0}


@blueprint.route("/holds/<uuid:hold_id>/payment")
class HoldPayment(MethodView):
    """What a hold costs in advance."""

    @blueprint.idempotent
    @blueprint.arguments(DepositPaymentSchema(), example={"amount_vnd": 100000, "payment_method": "pm_card_visa"})
    @blueprint.response(201, PaymentSchema, example=_PAYMENT)
    @blueprint.raises(NotFound, HoldExpired, BookingInOtherState, NothingToPay, DepositUnderway, DepositChanged)
    @blueprint.raises(CardDeclined, PaymentMethodInvalid, AmountTooSmall, RequestInFlight)
    @blueprint.raises(InsufficientUserAuthentication, DayLimitReached)
    @blueprint.doc(operationId="payDeposit")
    def post(self, asked: dict[str, Any], hold_id: UUID) -> tuple[Told, dict[str, str]]:
        """Pay the deposit of what is held (đặt cọc giữ chỗ).

        The hold then lasts ten minutes at least. The bank holds the money first; it is taken only while the places are
        still yours, and they are booked by that: there is nothing more to confirm. Follow the payment with
        `getPayment`, the places with `getHold`. Whatever ends a booking before the visit gives the deposit back to the
        card it came from, at once; of a visit that was missed the clinic keeps it.
        """
        key = request_key(asked | {"hold_id": hold_id})
        with transaction() as session:
            outcome = once(
                session,
                key,
                lambda: operations.start_deposit(
                    session, current_citizen(), hold_id, asked["amount_vnd"], proof=current_proof()
                ),
            )
        note(outcome)
        told = payments.flows.submit(
            outcome,
            current_citizen(),
            amount_vnd=asked["amount_vnd"],
            payment_method=asked["payment_method"],
            return_url=url_for("site.paid", _external=True),
            description="Đặt cọc lịch hẹn",
        )
        return told, {"Location": url_for("payments.PaymentById", payment_id=outcome.resource_id)}


@blueprint.route("/desk/deposit-returns")
class DepositReturns(MethodView):
    """Money that goes back."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(
        200,
        DepositReturnPageSchema,
        example={
            "items": [
                {
                    "id": "019a0d00-0000-7000-8000-00000000dd01",
                    "booking_id": BOOKING_ID,
                    "payment_id": PAYMENT_EXAMPLE["id"],
                    "amount_vnd": 100000,
                    "reason": "cancelled_by_clinic",
                    "returned_at": "2026-11-30T10:00:00.000+07:00",
                    "refund_state": "succeeded",
                }
            ]
        },
    )
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listDepositReturns")
    def get(self, asked: dict[str, Any]) -> Page:
        """List deposits that go back to citizens (hoàn tiền đặt cọc).

        By booking and amount, the newest first; whose they are is not told. They go back by themselves; `failed` or no
        state at all means that a person has to see to it.
        """
        with transaction() as session:
            return operations.list_returned(session, current_desk(session).facility_id, **asked)
