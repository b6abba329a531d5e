"""What the payments operations take and give."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.fields import Choice, Instant, Vnd
from kit.pages import page_schema
from payments.models import MoneyState, Posting
from payments.operations import Told

_STEPS = {
    "created": ("Đã tạo thanh toán", "Payment created"),
    "authorised": ("Ngân hàng đã giữ tiền", "The bank holds the money"),
    "captured": ("Đã thu tiền", "The money was taken"),
    "posted": ("Đơn vị cung cấp đã gạch nợ", "The provider has posted it"),
    "authorising": ("Đang xin ngân hàng giữ tiền", "Asking the bank to hold the money"),
    "requires_action": ("Chờ bạn xác nhận", "Waiting for you to confirm"),
    "unknown": ("Đang kiểm tra với cổng thanh toán", "Being checked with the card gateway"),
    "capturing": ("Đang thu tiền", "Taking the money"),
    "failed": ("Không thành công, bạn chưa bị trừ tiền", "Not successful, no money was taken"),
    "cancelled": ("Đã hủy, bạn chưa bị trừ tiền", "Cancelled, no money was taken"),
    "expired": ("Đã hết hạn, bạn chưa bị trừ tiền", "Expired, no money was taken"),
    "rejected": ("Đơn vị cung cấp từ chối, tiền vẫn là của bạn", "The provider refused, the money is still yours"),
    "refund_requested": ("Đang hoàn tiền", "Being given back"),
    "refunded": ("Đã hoàn tiền về thẻ", "Given back to the card"),
    "refund_failed": ("Chưa hoàn được tiền, nhân viên sẽ xử lý", "Could not be given back, a clerk will see to it"),
}
_ROAD = ("created", "authorised", "captured", "posted")


def _step(name: str, **known: object) -> dict[str, Any]:
    vi, en = _STEPS[name]
    return {"step": name, "title_vi": vi, "title_en": en, **known}


PAYMENT_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f",
    "created_at": "2026-11-21T09:30:00.000+07:00",
    "state": "captured",
    "amount_vnd": 636768,
    "captured_vnd": 636768,
    "items": [
        {
            "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e60",
            "bill_id": "019a0b00-0000-7000-8000-000000000001",
            "amount_vnd": 636768,
            "label_vi": "Tiền điện 10/2026, Công ty Điện lực Thanh Hóa",
            "label_en": "Electricity 10/2026, Thanh Hoa Power Company",
            "posting": "posted",
            "receipt_no": "PC07-R-000123",
            "posted_at": "2026-11-21T09:30:02.500+07:00",
        }
    ],
    "timeline": [
        _step(step, at=f"2026-11-21T09:30:{second}+07:00")
        for step, second in zip(_ROAD, ("00.000", "00.800", "01.600", "02.500"), strict=True)
    ],
}


class PaymentItemSchema(ma.Schema):
    """One bill of a payment, and whether its provider has posted it."""

    id = ma.fields.UUID(required=True)
    bill_id = ma.fields.UUID(required=True, attribute="subject_id")
    amount_vnd = Vnd(required=True)
    label_vi = ma.fields.String(required=True)
    label_en = ma.fields.String(required=True)
    posting = Choice(Posting, required=True, metadata={"description": "pending until the provider has answered."})
    posting_reason = ma.fields.String(metadata={"description": "Why it was rejected or not taken."})
    receipt_no = ma.fields.String(metadata={"description": "The provider's receipt number."})
    posted_at = Instant()

    @ma.post_dump
    def _without_nothing(self, body: dict[str, Any], **_options: object) -> dict[str, Any]:
        return {name: value for name, value in body.items() if value is not None}


class StepSchema(ma.Schema):
    """One step; `at` is absent while it lies ahead."""

    step = ma.fields.String(required=True)
    title_vi = ma.fields.String(required=True)
    title_en = ma.fields.String(required=True)
    at = Instant()
    reason = ma.fields.String()


class PaymentSummarySchema(ma.Schema):
    """A payment in a list."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    state = Choice(
        MoneyState,
        required=True,
        metadata={
            "description": "Where the money is. `unknown` means that the gateway is being asked: never pay again then. "
            "More values may come."
        },
    )
    amount_vnd = Vnd(required=True)
    captured_vnd = Vnd(minimum=0, required=True, metadata={"description": "What was taken; 0 before that."})
    reason = ma.fields.String(metadata={"description": "Why it ended without taking money."})

    @ma.post_dump
    def _without_nothing(self, body: dict[str, Any], **_options: object) -> dict[str, Any]:
        return {name: value for name, value in body.items() if value is not None}


class NextActionSchema(ma.Schema):
    """What the citizen has to do: open `redirect_url`, or let the gateway's SDK confirm with `client_secret`."""

    redirect_url = ma.fields.String()
    client_secret = ma.fields.String()
    publishable_key = ma.fields.String()


class PaymentSchema(PaymentSummarySchema):
    """A payment with its bills and its timeline: created, authorised, captured, posted by the provider."""

    next_action = ma.fields.Nested(NextActionSchema)
    items = ma.fields.List(ma.fields.Nested(PaymentItemSchema), required=True)
    timeline = ma.fields.List(ma.fields.Nested(StepSchema), required=True)

    @ma.pre_dump
    def _tell(self, told: Told, **_options: object) -> dict[str, Any]:
        payment = told.payment
        body = {
            name: getattr(payment, name)
            for name in ("id", "created_at", "state", "amount_vnd", "captured_vnd", "reason")
        }
        if payment.state is MoneyState.REQUIRES_ACTION:
            body["next_action"] = _next_action(told)
        return body | {"items": told.items, "timeline": _timeline(told)}


PaymentPageSchema = page_schema(PaymentSummarySchema)


def _next_action(told: Told) -> dict[str, str]:
    payment = told.payment
    if payment.redirect_url:
        return {"redirect_url": payment.redirect_url}
    return {"client_secret": payment.client_secret or "", "publishable_key": told.publishable_key}


def _timeline(told: Told) -> list[dict[str, Any]]:
    done = [
        _step(step.step, at=step.created_at, **({"reason": step.reason} if step.reason else {})) for step in told.steps
    ]
    reached = {step.step for step in told.steps}
    if reached & {"failed", "cancelled", "expired"} and "captured" not in reached:
        return done
    still_open = any(item.posting is Posting.PENDING and item.live for item in told.items)
    return done + [_step(name) for name in _ROAD if name not in reached and (name != "posted" or still_open)]
