"""What clerks, approvers and auditors send and read: refunds, differences, seals."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.fields import MAX_VND, Choice, Instant, Line, Vnd
from kit.pages import page_schema
from kit.web import etag_of, language
from payments import ledger, proof
from payments.models import DiscrepancyState, RefundState
from payments.operations import Place, version_of

REFUND_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e70",
    "created_at": "2026-11-21T10:00:00.000+07:00",
    "payment_id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f",
    "item_id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e60",
    "amount_vnd": 150000,
    "state": "requested",
    "reason": "meter_misread",
    "needs_second": False,
    "awaits_approval": False,
}
DISCREPANCY_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e80",
    "created_at": "2026-11-21T10:00:00.000+07:00",
    "kind": "UNKNOWN_TYPE",
    "subject": "txn_1",
    "amount_vnd": -5000,
    "state": "open",
    "etag": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"',
}
PLACE_EXAMPLE: dict[str, Any] = {
    "kind": "posted",
    "chain": "019a0b00-0000-7000-8000-000000000001",
    "position": 4711,
    "digest": "8d1f" * 16,
    "sealed_at": "2026-11-21T09:30:05.000+07:00",
}
ROOT_EXAMPLE: dict[str, Any] = {
    "day": "2026-11-20",
    "root": "5f2a" * 16,
    "heads": {"house": [120, "8d1f" * 16]},
    "key_id": "0123456789abcdef",
    "signature": "ab" * 64,
}
PUBLIC_KEY_EXAMPLE = "c0" * 32
_REASON = "A short slug of the provider's own, for example meter_misread."


def _without_nothing(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


class AskRefundSchema(ma.Schema):
    """How much of which bill goes back, and why."""

    item_id = ma.fields.UUID(required=True, metadata={"description": "The item of the payment."})
    amount_vnd = Vnd(required=True, metadata={"description": "All or part of the bill."})
    reason = Line(40, required=True, also=[ma.validate.Regexp("[a-z_]+")], metadata={"description": _REASON})


class RefundSchema(ma.Schema):
    """A decision to give money back, and what has become of it."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    payment_id = ma.fields.UUID(required=True)
    item_id = ma.fields.UUID(required=True)
    amount_vnd = Vnd(required=True)
    state = Choice(
        RefundState, required=True, metadata={"description": "unknown: the gateway is being asked; never ask anew."}
    )
    reason = ma.fields.String(required=True)
    failure = ma.fields.String(metadata={"description": "Why nothing went back."})
    needs_second = ma.fields.Boolean(required=True)
    awaits_approval = ma.fields.Function(
        lambda refund: refund.needs_second and refund.approved_by is None and refund.state is RefundState.REQUESTED,
        metadata={"type": "boolean", "description": "Whether an approver has to agree."},
    )

    @ma.post_dump
    def _clean(self, body: dict[str, Any], **_options: object) -> dict[str, Any]:
        return _without_nothing(body)


class CorrectionSchema(ma.Schema):
    """What a difference is, and where it belongs."""

    account = Line(
        4, required=True, also=[ma.validate.OneOf(sorted(ledger.ADJUSTABLE))], metadata={"description": "Of the chart."}
    )
    explanation = Line(500, required=True)


class DiscrepancySchema(ma.Schema):
    """A difference between our books and the gateway's or the bank's."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    kind = ma.fields.String(required=True)
    subject = ma.fields.String(required=True, metadata={"description": "The gateway's or the bank's id of it."})
    amount_vnd = Vnd(minimum=-MAX_VND, required=True, metadata={"description": "Theirs less ours."})
    state = Choice(DiscrepancyState, required=True)
    account = ma.fields.String()
    explanation = ma.fields.String()
    etag = ma.fields.Function(
        lambda found: f'"{etag_of(*version_of(found), told_in=language())}"',
        metadata={"type": "string", "description": "Send it in If-Match to approve what is proposed."},
    )

    @ma.post_dump
    def _clean(self, body: dict[str, Any], **_options: object) -> dict[str, Any]:
        return _without_nothing(body)


class ChainPlaceSchema(ma.Schema):
    """Where a booking stands in a sealed chain."""

    kind = ma.fields.String(required=True)
    chain = ma.fields.String(required=True, metadata={"description": "The provider's id, or house."})
    position = ma.fields.Integer(required=True)
    digest = ma.fields.Function(lambda place: place.digest.hex(), metadata={"type": "string"})
    sealed_at = Instant(required=True)


class ProofSchema(ma.Schema):
    """The places of a payment's bookings, and the key that signs the day."""

    journals = ma.fields.List(ma.fields.Nested(ChainPlaceSchema), required=True)
    public_key = ma.fields.String(required=True, metadata={"description": "ed25519, hex."})

    @ma.pre_dump
    def _tell(self, places: list[Place], **_options: object) -> dict[str, Any]:
        return {"journals": places, "public_key": proof.public_key().hex()}


class RootSchema(ma.Schema):
    """The heads of all chains at the end of a day under one signature."""

    day = ma.fields.Date(required=True)
    root = ma.fields.Function(lambda row: row.root.hex(), metadata={"type": "string"})
    heads = ma.fields.Dict(required=True, metadata={"description": "chain -> [length, last digest]."})
    key_id = ma.fields.String(required=True)
    signature = ma.fields.Function(lambda row: row.signature.hex(), metadata={"type": "string"})


RefundPageSchema = page_schema(RefundSchema)
DiscrepancyPageSchema = page_schema(DiscrepancySchema)
RootPageSchema = page_schema(RootSchema)
