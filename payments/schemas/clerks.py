"""What clerks, approvers and auditors send and read: refunds, differences, seals."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

import marshmallow as ma

from kit import clock
from kit.fields import MAX_VND, Choice, Count, Instant, Line, Vnd
from kit.pages import PageQuery, page_schema
from kit.web import etag_of, language
from payments import ledger, proof
from payments.models import Discrepancy, DiscrepancyAction, DiscrepancyState, RefundState, Side, Way
from payments.operations import ALL, OPEN_STATES, UNRESOLVED, Discussed, Place, Wanted, version_of

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
    "due_on": "2026-11-24",
    "overdue": False,
    "age_days": 0,
    "etag": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"',
}
STEP_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e82",
    "created_at": "2026-11-21T10:00:00.000+07:00",
    "action": "opened",
    "state": "open",
    "amount_vnd": -5000,
    "side": "house",
}
NOTE_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e81",
    "created_at": "2026-11-21T10:05:00.000+07:00",
    "side": "provider",
    "body": "Đã gạch nợ bổ sung ngày 21/11.",
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
_PROVIDER = "019a0b00-0000-7000-8000-000000000001"
_REASON = "A short slug of the provider's own, for example meter_misread."


def _is_overdue(found: Discrepancy | dict[str, Any]) -> bool:
    state, due_on = (ma.utils.get_value(found, name) for name in ("state", "due_on"))
    return state in OPEN_STATES and due_on is not None and due_on < clock.today()


def _age_days(found: Discrepancy | dict[str, Any]) -> int:
    created_at, closed_at = (ma.utils.get_value(found, name) for name in ("created_at", "closed_at"))
    until: datetime = closed_at or clock.now()
    return (clock.local(until).date() - clock.local(created_at).date()).days


def _etag(told: Discrepancy | dict[str, Any]) -> str:
    found: Discrepancy = told["found"] if isinstance(told, dict) else told
    return f'"{etag_of(*version_of(found), told_in=language())}"'


def _without_nothing(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _evidence() -> Line:
    """The digest of a document that somebody keeps."""
    return Line(
        64,
        shortest=64,
        load_default=None,
        also=[ma.validate.Regexp("^[0-9a-f]{64}$")],
        metadata={"description": "SHA-256 of the document that shows it.", "example": "8d1f" * 16},
    )


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
        4,
        load_default=None,
        also=[ma.validate.OneOf(sorted(ledger.ADJUSTABLE))],
        metadata={"description": "Of the chart. Without one no money moves: only where the difference is not ours."},
    )
    explanation = Line(500, required=True)
    evidence_hash = _evidence()


class RefusalSchema(ma.Schema):
    """Why a proposal is not right."""

    reason = Line(500, required=True)


class OwnDiscrepancyQuery(PageQuery):
    """Which differences."""

    state = ma.fields.String(
        load_default=UNRESOLVED,
        validate=ma.validate.OneOf([UNRESOLVED, ALL, *(state.value for state in DiscrepancyState)]),
        metadata={"description": "unresolved: open, investigating or proposed.", "example": "resolved"},
    )
    kind = Line(
        40,
        load_default=None,
        also=[ma.validate.Regexp("^[A-Z_]+$")],
        metadata={"description": "One class of differences.", "example": "AMOUNT_UNDER"},
    )
    way = Choice(Way, load_default=None, metadata={"description": "Which comparison found it.", "example": "provider"})
    minimum_age_days = Count(
        load_default=None,
        validate=ma.validate.Range(min=0, max=3_650),
        metadata={"description": "Found so many days ago, or before.", "example": 3},
    )
    overdue = ma.fields.Boolean(
        load_default=None,
        metadata={"description": "Whether its day has passed and nobody has explained it.", "example": True},
    )

    @ma.post_load
    def _gather(self, asked: dict[str, Any], **_options: object) -> dict[str, Any]:
        names = {field.name for field in dataclasses.fields(Wanted)} & asked.keys()
        if asked.get("way"):
            asked["way"] = Way(asked["way"])
        return {"wanted": Wanted(**{name: asked.pop(name) for name in names}), **asked}


class DiscrepancyQuery(OwnDiscrepancyQuery):
    """Which differences, of which payee."""

    payee_id = ma.fields.UUID(
        load_default=None, metadata={"description": "Only those of one provider.", "example": _PROVIDER}
    )


class DiscrepancySchema(ma.Schema):
    """A difference between our books and the gateway's, the bank's or a provider's."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    kind = ma.fields.String(required=True)
    subject = ma.fields.String(required=True, metadata={"description": "The gateway's or the bank's id of it."})
    amount_vnd = Vnd(minimum=-MAX_VND, required=True, metadata={"description": "Theirs less ours."})
    state = Choice(DiscrepancyState, required=True)
    account = ma.fields.String()
    explanation = ma.fields.String()
    way = ma.fields.String(metadata={"description": "Which comparison found it."})
    payee_id = ma.fields.UUID(metadata={"description": "The provider it concerns."})
    business_day = ma.fields.Date()
    due_on = ma.fields.Date(metadata={"description": "Until when somebody is to have explained it."})
    overdue = ma.fields.Function(
        _is_overdue, metadata={"type": "boolean", "description": "Whether that day has passed and nobody has."}
    )
    age_days = ma.fields.Function(
        _age_days, metadata={"type": "integer", "description": "Days since it was found, or until it was closed."}
    )
    evidence_hash = ma.fields.String()
    details = ma.fields.Dict(metadata={"description": "What both sides say: sums, days, the line of their file."})
    closed_at = Instant()
    etag = ma.fields.Function(
        _etag, metadata={"type": "string", "description": "Send it in If-Match to approve what is proposed."}
    )

    @ma.post_dump
    def _clean(self, body: dict[str, Any], **_options: object) -> dict[str, Any]:
        return _without_nothing(body)


class NewDiscrepancySchema(ma.Schema):
    """What the province calls different."""

    payee_id = ma.fields.UUID(required=True, metadata={"description": "The provider it concerns."})
    subject = Line(60, required=True, metadata={"description": "The bill or the remittance.", "example": "B-1"})
    business_day = ma.fields.Date(required=True)
    amount_vnd = Vnd(minimum=-MAX_VND, required=True, metadata={"description": "The provider's less ours."})
    body = Line(1000, required=True)


class NewNoteSchema(ma.Schema):
    """What one side has to say of a difference."""

    body = Line(1000, required=True)
    evidence_hash = _evidence()


class NoteSchema(NewNoteSchema):
    """What one side has said of a difference."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    side = ma.fields.Function(
        lambda note: "province" if note.payee_id is None else "provider", metadata={"type": "string"}
    )

    @ma.post_dump
    def _clean(self, body: dict[str, Any], **_options: object) -> dict[str, Any]:
        return _without_nothing(body)


class DiscrepancyStepSchema(ma.Schema):
    """One step of a difference; it is never changed."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    action = Choice(DiscrepancyAction, required=True, metadata={"description": "What happened."})
    state = Choice(DiscrepancyState, required=True, metadata={"description": "Where it stood afterwards."})
    amount_vnd = Vnd(minimum=-MAX_VND, required=True)
    side = Choice(Side, required=True, metadata={"description": "house: a comparison, by itself."})
    organisation = ma.fields.String(metadata={"description": "For whom somebody acted."})
    person_id = ma.fields.UUID(
        metadata={"description": "Who acted. The province's staff are told to the province alone."}
    )
    account = ma.fields.String()
    reason = ma.fields.String(metadata={"description": "What was proposed, or why it was declined."})

    @ma.post_dump
    def _clean(self, body: dict[str, Any], **_options: object) -> dict[str, Any]:
        return _without_nothing(body)


class DiscussedSchema(DiscrepancySchema):
    """A difference, all that was said of it, and all that was done."""

    notes = ma.fields.List(ma.fields.Nested(NoteSchema), required=True)
    events = ma.fields.List(ma.fields.Nested(DiscrepancyStepSchema), required=True)

    @ma.pre_dump
    def _tell(self, told: Discussed, **_options: object) -> dict[str, Any]:
        return {**vars(told.found), "found": told.found, "notes": told.notes, "events": told.events}


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
