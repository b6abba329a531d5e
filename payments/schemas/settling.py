"""What staff hand in of the bank, and read of files, comparisons and remittances."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.fields import Choice, Count, Instant, Line
from kit.pages import PageQuery, page_schema
from payments.bank_layout import DELIMITERS, ENCODINGS
from payments.models import RemittanceState, Way

_LARGEST_SUM = 10**15
CODE = "[a-z0-9][a-z0-9-]{1,39}"
_SIGNED = {"sha256": "8d1f" * 16, "signature": "ab" * 64, "public_key": "5c" * 32}
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
FORM_EXAMPLE: dict[str, Any] = {
    "bank": "Ngân hàng TMCP Ngoại thương Việt Nam",
    "encoding": "utf-8",
    "delimiter": ",",
    "columns": {
        "booked_on": "Ngày giao dịch",
        "reference": "Số tham chiếu",
        "debit": "Số tiền ghi nợ",
        "credit": "Số tiền ghi có",
        "purpose": "Mô tả",
    },
    "amount": {"thousands": ","},
    "dates": ["%d/%m/%Y"],
    "totals": {"opening": "Số dư đầu kỳ", "closing": "Số dư cuối kỳ"},
}
BANK_STATEMENT_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e93",
    "created_at": "2026-11-20T18:10:00.000+07:00",
    "file_hash": "8d1f" * 16,
    "layout": "vietcombank",
    "name": None,
    "revision": 1,
    "opening_vnd": 0,
    "closing_vnd": 209802440,
    "read": 3,
    "accepted": 2,
    "known": 0,
    "refused": 1,
    "errors": [{"line": 9, "code": "amount", "field": "credit"}],
    "run_id": RUN_EXAMPLE["id"],
}
PAYEE_EXAMPLE = "019a0b00-0000-7000-8000-000000000001"


def large_sum(minimum: int = -_LARGEST_SUM, **metadata: str) -> ma.fields.Integer:
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
    public_key = ma.fields.String(
        required=True, metadata={"description": "ed25519, hex: the key it was signed with, whatever key signs today."}
    )


class RemittanceSchema(ma.Schema):
    """One revision of a business day: what it adds, and what is paid for it."""

    id = ma.fields.UUID(required=True)
    business_day = ma.fields.Date(required=True)
    revision = ma.fields.Integer(required=True)
    number = ma.fields.Integer(required=True, metadata={"description": "Without gaps, for each provider."})
    reference = ma.fields.String(required=True, metadata={"description": "Stands in the bank's transfer."})
    state = Choice(RemittanceState, required=True, metadata={"description": "A final one never changes."})
    explanation = ma.fields.String(
        allow_none=True,
        metadata={
            "description": "Why there is a revision, one or several of: late (posted before the cut-off, booked after "
            "the day was drafted), returned (refunds), clawed_back (disputes lost), adjusted (a difference settled).",
            "example": "late,returned",
        },
    )
    opens_at = Instant(required=True)
    closes_at = Instant(required=True, metadata={"description": "Your cut-off: what is booked then is the next day's."})
    lines = ma.fields.Integer(required=True)
    posted_vnd = large_sum(0)
    returned_vnd = large_sum(description="Refunds of posted bills.")
    clawed_back_vnd = large_sum(description="Disputes that were lost.")
    adjusted_vnd = large_sum(description="Differences two people settled.")
    commission_vnd = large_sum(0)
    carried_in_vnd = large_sum(description="Owed from remittances before.")
    payable_vnd = large_sum(0, description="What is transferred.")
    carried_out_vnd = large_sum(description="Owed into the next one.")
    published_at = Instant(allow_none=True)
    final_at = Instant(allow_none=True)
    confirmed_on = ma.fields.Date(allow_none=True, metadata={"description": "When your bank has advised you of it."})
    files = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Nested(SignedFileSchema), required=True)


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
    matched_vnd = large_sum()
    ours_open = ma.fields.Integer(required=True)
    theirs_open = ma.fields.Integer(required=True)
    opened = ma.fields.Integer(required=True)
    closed = ma.fields.Integer(required=True)


class PayeeRemittanceSchema(RemittanceSchema):
    """A remittance as the province sees it: whose it is, also while it is a draft."""

    payee_id = ma.fields.UUID(required=True)
    files = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.Nested(SignedFileSchema),
        required=True,
        allow_none=True,
        metadata={"description": "Null in a draft."},
    )


class RemittancesQuery(PageQuery):
    """Which remittances."""

    payee_id = ma.fields.UUID(load_default=None, metadata={"description": "Of one provider."})
    state = ma.fields.Enum(
        RemittanceState, by_value=True, load_default=None, metadata={"description": "A draft is not published yet."}
    )


class RunsQuery(PageQuery):
    """Which comparisons."""

    way = ma.fields.Enum(Way, by_value=True, load_default=None, metadata={"description": "Which two sides."})
    payee_id = ma.fields.UUID(load_default=None, metadata={"description": "Of one provider."})
    since = ma.fields.Date(load_default=None, metadata={"description": "With days from this one on."})


class StaffRunSchema(MatchRunSchema):
    """A comparison as the province sees it."""

    payee_id = ma.fields.UUID(required=True, allow_none=True)


class BankFormBodySchema(ma.Schema):
    """How a bank writes its statements."""

    bank = Line(200, required=True, metadata={"description": "The bank's name."})
    encoding = ma.fields.String(load_default="utf-8", validate=ma.validate.OneOf(ENCODINGS))
    delimiter = ma.fields.String(load_default=",", validate=ma.validate.OneOf(DELIMITERS))
    skip = Count(load_default=0, validate=ma.validate.Range(min=0, max=100), metadata={"description": "Rows on top."})
    columns = ma.fields.Dict(
        keys=Line(20),
        required=True,
        metadata={
            "description": "booked_on, purpose (one or several), reference; amount, or amount and direction, or debit "
            "and credit: each a heading, or all of them numbers from 0."
        },
    )
    amount = ma.fields.Dict(
        keys=Line(20), values=ma.fields.String(), metadata={"description": "thousands and decimal: a separator each."}
    )
    direction = ma.fields.Dict(
        keys=Line(20), values=ma.fields.List(Line(200)), metadata={"description": "The words of debit and of credit."}
    )
    dates = ma.fields.List(Line(200), required=True, metadata={"description": "Formats, such as %d/%m/%Y."})
    reference = ma.fields.Dict(
        keys=Line(20),
        values=Line(200),
        metadata={"description": "starts_with: the word of the purpose that is the reference."},
    )
    totals = ma.fields.Dict(
        keys=Line(20),
        values=Line(200),
        required=True,
        metadata={"description": "Labels outside of the table: opening and closing, or debit and credit."},
    )
    statement = ma.fields.Dict(
        keys=Line(20),
        values=Line(200),
        metadata={"description": "Labels of the statement's name and revision, where the bank corrects files."},
    )
    ends = ma.fields.List(Line(200), metadata={"description": "How a row begins that ends the table."})


class NewBankFormSchema(ma.Schema):
    """A form, and the code that it is to be known by."""

    code = Line(40, required=True, also=[ma.validate.Regexp(f"^{CODE}$")], metadata={"example": "vietcombank"})
    form = ma.fields.Nested(BankFormBodySchema, required=True)


class BankFormSchema(ma.Schema):
    """A form and its code."""

    code = ma.fields.String(required=True)
    version = ma.fields.Integer(required=True)
    changed_at = Instant(required=True)
    form = ma.fields.Dict(required=True, attribute="body")


class BankFormsSchema(ma.Schema):
    """Every form."""

    items = ma.fields.List(ma.fields.Nested(BankFormSchema), required=True)


class BankFileQuery(ma.Schema):
    """How to read the file."""

    form = Line(
        40,
        load_default=None,
        also=[ma.validate.Regexp(f"^{CODE}$")],
        metadata={"description": "Of a bank's CSV. Without one: camt.053, camt.054 or our own CSV."},
    )


class BankLineErrorSchema(ma.Schema):
    """A line that was refused."""

    line = ma.fields.Integer(required=True)
    code = ma.fields.String(required=True)
    field = ma.fields.String(required=True)


class BankStatementSchema(ma.Schema):
    """A file of the bank, and what became of its lines."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    file_hash = ma.fields.String(required=True, metadata={"description": "SHA-256 of the file."})
    layout = ma.fields.String(required=True, allow_none=True)
    name = ma.fields.String(required=True, allow_none=True, metadata={"description": "The bank's own."})
    revision = ma.fields.Integer(required=True)
    opening_vnd = large_sum()
    closing_vnd = large_sum()
    read = ma.fields.Integer(required=True)
    accepted = ma.fields.Integer(required=True)
    known = ma.fields.Integer(required=True, metadata={"description": "Of the accepted: told by a file before."})
    refused = ma.fields.Integer(required=True)
    errors = ma.fields.List(ma.fields.Nested(BankLineErrorSchema), required=True)
    run_id = ma.fields.UUID(required=True, allow_none=True, metadata={"description": "The comparison of its days."})


BankStatementPageSchema = page_schema(BankStatementSchema)
PayeeRemittancePageSchema = page_schema(PayeeRemittanceSchema)
StaffRunPageSchema = page_schema(StaffRunSchema)
