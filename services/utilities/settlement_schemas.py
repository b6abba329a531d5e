"""What providers read of the money they are due, and send of what they have booked."""

from __future__ import annotations

from datetime import date
from typing import Any

import marshmallow as ma

from kit.fields import MAX_VND, Choice, Instant, Line, Vnd
from kit.pages import page_schema
from payments.models import Way
from payments.schemas.settling import (
    MatchRunSchema,
    RemittanceSchema,
    large_sum,
)

_EARLIEST, _LATEST = date(2020, 1, 1), date(2100, 1, 1)
_TOLD = [Way.PROVIDER.value, Way.ADVICE.value]
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
        required=True,
        validate=ma.validate.Range(min=_EARLIEST, max=_LATEST),
        metadata={"description": "By your own cut-off; 400 days back at most.", "example": "2026-11-20"},
    )
    way = ma.fields.String(
        load_default=Way.PROVIDER.value,
        validate=ma.validate.OneOf(_TOLD),
        metadata={"description": "provider: what you have posted. advice: what your bank has credited you."},
    )


class StatementErrorSchema(ma.Schema):
    """A line that was refused."""

    line = ma.fields.Integer(
        required=True, metadata={"description": "As an editor counts, from 1; in JSON the place in the list, from 1."}
    )
    code = ma.fields.String(
        required=True,
        metadata={
            "description": "not_an_amount, missing, number_for_text (a spreadsheet has made a number of a code), "
            "not_text, too_long or formula; there may be more one day."
        },
    )
    field = ma.fields.String(allow_none=True, metadata={"description": "The heading of the cell."})


class StatementSchema(ma.Schema):
    """What a provider has told of a day."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    way = Choice(Way, required=True)
    business_day = ma.fields.Date(required=True)
    revision = ma.fields.Integer(required=True)
    current = ma.fields.Boolean(required=True, metadata={"description": "Whether it is the revision that holds."})
    format = ma.fields.String(
        required=True, metadata={"description": "csv, xlsx, json; pull where we have read your ledger ourselves."}
    )
    read = ma.fields.Integer(required=True, metadata={"description": "Lines: those accepted and those refused."})
    accepted = ma.fields.Integer(required=True)
    refused = ma.fields.Integer(required=True)
    amount_vnd = large_sum(description="Sum of the accepted lines.")
    added = ma.fields.Integer(required=True, metadata={"description": "Lines that the revision before did not have."})
    removed = ma.fields.Integer(required=True, metadata={"description": "Lines that only the revision before had."})
    errors = ma.fields.List(
        ma.fields.Nested(StatementErrorSchema), required=True, metadata={"description": "The first thousand."}
    )


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


class RaisedSchema(ma.Schema):
    """What a provider calls different."""

    subject = Line(60, required=True, metadata={"description": "The bill or the remittance.", "example": "B-1"})
    business_day = ma.fields.Date(required=True)
    amount_vnd = Vnd(minimum=-MAX_VND, required=True, metadata={"description": "Yours less ours."})
    body = Line(1000, required=True)


RemittancePageSchema = page_schema(RemittanceSchema)
MatchRunPageSchema = page_schema(MatchRunSchema)
