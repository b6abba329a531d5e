"""What the operations of automatic payments take and give."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.fields import Choice, Count, Instant, Vnd
from kit.pages import PageQuery, page_schema
from services.utilities.models import PlannedState
from services.utilities.operations import Planned

AUTOMATIC_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e90",
    "created_at": "2026-11-21T09:30:00.000+07:00",
    "account_id": "019a0b00-0000-7000-8000-000000000003",
    "card_id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e80",
    "ceiling_vnd": 1_500_000,
    "days_before": 3,
}
PLANNED_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e91",
    "automatic_payment_id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e90",
    "bill_id": "019a0b00-0000-7000-8000-000000000001",
    "label_vi": "Tiền điện 10/2026, Công ty Điện lực Thanh Hóa",
    "label_en": "Electricity 10/2026, Thanh Hoa Power Company",
    "amount_vnd": 636768,
    "announced_at": "2026-11-20T09:00:00.000+07:00",
    "pay_at": "2026-11-22T09:00:00.000+07:00",
    "state": "announced",
}


class AutomaticSchema(ma.Schema):
    """The wish that the bills of one account be paid by themselves."""

    id = ma.fields.UUID(dump_only=True)
    created_at = Instant(dump_only=True)
    account_id = ma.fields.UUID(required=True, metadata={"description": "A linked account of the citizen."})
    card_id = ma.fields.UUID(required=True, metadata={"description": "A kept card of the citizen."})
    ceiling_vnd = Vnd(
        required=True, metadata={"description": "A bill above this is never paid by itself; the citizen is told."}
    )
    days_before = Count(
        required=True,
        validate=ma.validate.Range(min=0, max=30),
        metadata={"description": "How many days before the due date a bill is paid, at nine in the morning."},
    )


class AutomaticsSchema(ma.Schema):
    """All wishes of a citizen."""

    items = ma.fields.List(ma.fields.Nested(AutomaticSchema), required=True)


class PlannedQuery(PageQuery):
    """Which planned payments."""

    state = Choice(PlannedState, load_default=None, metadata={"description": "Only those in this state."})


class PlannedSchema(ma.Schema):
    """A bill that will be paid by itself, or was to be."""

    id = ma.fields.UUID(required=True)
    automatic_payment_id = ma.fields.UUID(required=True)
    bill_id = ma.fields.UUID(required=True)
    label_vi = ma.fields.String(required=True)
    label_en = ma.fields.String(required=True)
    amount_vnd = Vnd(required=True, metadata={"description": "What was announced; never another sum is taken."})
    announced_at = Instant(required=True)
    pay_at = Instant(required=True, metadata={"description": "When it is paid; at least 48 hours after the notice."})
    state = Choice(
        PlannedState,
        required=True,
        metadata={"description": "`announced` can be skipped; `left` has to be paid by the citizen."},
    )
    reason = ma.fields.String(metadata={"description": "Why it was left, skipped or dropped, a stable slug."})
    payment_id = ma.fields.UUID(metadata={"description": "The payment, once it has begun."})

    @ma.pre_dump
    def _told(self, planned: Planned, **_options: object) -> dict[str, Any]:
        found, claim = planned.found, planned.claim
        told = {name: getattr(found, name) for name in ("id", "bill_id", "amount_vnd", "pay_at", "state")}
        told |= {"automatic_payment_id": found.automatic_id, "announced_at": found.created_at}
        told |= {"label_vi": claim.label_vi, "label_en": claim.label_en}
        more = {"reason": found.reason, "payment_id": found.payment_id}
        return told | {name: value for name, value in more.items() if value is not None}


PlannedPageSchema = page_schema(PlannedSchema)
