"""What providers read of the money they are due, and send of what they have booked."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.fields import MAX_VND, Choice, Instant, Line, Vnd
from kit.pages import page_schema
from payments.models import RemittanceState, Way

_LARGEST_SUM = 10**15
_TOLD = [Way.PROVIDER.value, Way.ADVICE.value]
_SIGNED = {"sha256": "8d1f" * 16, "signature": "ab" * 64}
REMITTANCE_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e90",
    "business_day": "2026-11-20",
    "revision": 1,
    "number": 42,
    "reference": "RM261120R1X9F3A2B1C",
    "state": "published",
    "explanation": None,
    "opens_at": "2026-11-19T17:00:00.000+07:00",
    "closes_at": "2026-11-20T17:00:00.000+07:00",
    "lines": 331,
    "posted_vnd": 210770208,
    "returned_vnd": 636768,
    "clawed_back_vnd": 0,
    "adjusted_vnd": 0,
    "commission_vnd": 331000,
    "carried_in_vnd": 0,
    "payable_vnd": 209802440,
    "carried_out_vnd": 0,
    "published_at": "2026-11-20T17:03:00.000+07:00",
    "final_at": None,
    "confirmed_on": None,
    "files": {"json": _SIGNED, "csv": _SIGNED, "xlsx": _SIGNED},
}
STATEMENT_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e91",
    "created_at": "2026-11-20T18:00:00.000+07:00",
    "way": "provider",
    "business_day": "2026-11-20",
    "revision": 1,
    "current": True,
    "format": "csv",
    "read": 331,
    "accepted": 330,
    "refused": 1,
    "amount_vnd": 210133440,
    "added": 330,
    "removed": 0,
    "errors": [{"line": 17, "code": "not_an_amount", "field": "amount_vnd"}],
}
LAYOUT_EXAMPLE: dict[str, Any] = {"columns": {"key": "Số hóa đơn", "amount": "Số tiền", "receipt_no": "Số phiếu"}}
RUN_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e92",
    "created_at": "2026-11-20T18:00:05.000+07:00",
    "way": "provider",
    "first_day": "2026-11-20",
    "last_day": "2026-11-20",
    "ours": 331,
    "theirs": 330,
    "matched": 330,
    "matched_vnd": 210133440,
    "ours_open": 1,
    "theirs_open": 0,
    "opened": 1,
    "closed": 0,
}


def _sum(minimum: int = -_LARGEST_SUM, **metadata: str) -> ma.fields.Integer:
    """The sum of many bills, in đồng: it may be larger than one bill can be."""
    bounds = ma.validate.Range(min=minimum, max=_LARGEST_SUM)
    return ma.fields.Integer(required=True, validate=bounds, metadata=metadata)


class SignedFileSchema(ma.Schema):
    """What a remittance's file is, to the byte."""

    sha256 = ma.fields.String(required=True)
    signature = ma.fields.String(
        required=True,
        metadata={"description": "ed25519 over `remittance file`, a zero byte and the digest; hex."},
    )


class RemittanceSchema(ma.Schema):
    """One revision of a business day: what it adds, and what is paid for it."""

    id = ma.fields.UUID(required=True)
    business_day = ma.fields.Date(required=True)
    revision = ma.fields.Integer(required=True)
    number = ma.fields.Integer(required=True, metadata={"description": "Without gaps, for each provider."})
    reference = ma.fields.String(required=True, metadata={"description": "Stands in the bank's transfer."})
    state = Choice(RemittanceState, required=True, metadata={"description": "A final one never changes."})
    explanation = ma.fields.String(allow_none=True, metadata={"description": "Why there is a revision."})
    opens_at = Instant(required=True)
    closes_at = Instant(required=True, metadata={"description": "Your cut-off: what is booked then is the next day's."})
    lines = ma.fields.Integer(required=True)
    posted_vnd = _sum(0)
    returned_vnd = _sum(description="Refunds of posted bills.")
    clawed_back_vnd = _sum(description="Disputes that were lost.")
    adjusted_vnd = _sum(description="Differences two people settled.")
    commission_vnd = _sum(0)
    carried_in_vnd = _sum(description="Owed from remittances before.")
    payable_vnd = _sum(0, description="What is transferred.")
    carried_out_vnd = _sum(description="Owed into the next one.")
    published_at = Instant(allow_none=True)
    final_at = Instant(allow_none=True)
    confirmed_on = ma.fields.Date(allow_none=True, metadata={"description": "When your bank has advised you of it."})
    files = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Nested(SignedFileSchema), required=True)


class FileQuery(ma.Schema):
    """Which kind of file."""

    format = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(["json", "csv", "xlsx"]),
        metadata={"description": "All three hold the same.", "example": "csv"},
    )


class StatementQuery(ma.Schema):
    """Which day is told of, and by whom."""

    business_day = ma.fields.Date(
        required=True, metadata={"description": "By your own cut-off.", "example": "2026-11-20"}
    )
    way = ma.fields.String(
        load_default=Way.PROVIDER.value,
        validate=ma.validate.OneOf(_TOLD),
        metadata={"description": "provider: what you have posted. advice: what your bank has credited you."},
    )


class StatementErrorSchema(ma.Schema):
    """A line that was refused."""

    line = ma.fields.Integer(required=True)
    code = ma.fields.String(required=True)
    field = ma.fields.String(allow_none=True)


class StatementSchema(ma.Schema):
    """What a provider has told of a day."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    way = Choice(Way, required=True)
    business_day = ma.fields.Date(required=True)
    revision = ma.fields.Integer(required=True)
    current = ma.fields.Boolean(required=True, metadata={"description": "Whether it is the revision that holds."})
    format = ma.fields.String(required=True)
    read = ma.fields.Integer(required=True)
    accepted = ma.fields.Integer(required=True)
    refused = ma.fields.Integer(required=True)
    amount_vnd = _sum(description="Sum of the accepted lines.")
    added = ma.fields.Integer(required=True, metadata={"description": "Lines that the revision before did not have."})
    removed = ma.fields.Integer(required=True, metadata={"description": "Lines that only the revision before had."})
    errors = ma.fields.List(ma.fields.Nested(StatementErrorSchema), required=True)


class LayoutQuery(ma.Schema):
    """Whose files."""

    way = ma.fields.String(
        load_default=Way.PROVIDER.value,
        validate=ma.validate.OneOf(_TOLD),
        metadata={"description": "Your own statements, or what your bank has advised."},
    )


class LayoutColumnsSchema(ma.Schema):
    """Our names, each with the heading of your file."""

    key = Line(60, required=True, metadata={"description": "The bill's number, or the transfer's reference."})
    amount = Line(60, required=True)
    receipt_no = Line(60)
    customer_code = Line(60)


class LayoutSchema(ma.Schema):
    """Where your files have what."""

    columns = ma.fields.Nested(LayoutColumnsSchema, required=True)


class MatchRunSchema(ma.Schema):
    """One comparison: every line of either side is matched or stands in a difference."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    way = Choice(Way, required=True)
    first_day = ma.fields.Date(required=True)
    last_day = ma.fields.Date(required=True)
    ours = ma.fields.Integer(required=True)
    theirs = ma.fields.Integer(required=True)
    matched = ma.fields.Integer(required=True)
    matched_vnd = _sum()
    ours_open = ma.fields.Integer(required=True)
    theirs_open = ma.fields.Integer(required=True)
    opened = ma.fields.Integer(required=True)
    closed = ma.fields.Integer(required=True)


class RaisedSchema(ma.Schema):
    """What a provider calls different."""

    subject = Line(60, required=True, metadata={"description": "The bill or the remittance.", "example": "B-1"})
    business_day = ma.fields.Date(required=True)
    amount_vnd = Vnd(minimum=-MAX_VND, required=True, metadata={"description": "Yours less ours."})
    body = Line(1000, required=True)


RemittancePageSchema = page_schema(RemittanceSchema)
MatchRunPageSchema = page_schema(MatchRunSchema)
