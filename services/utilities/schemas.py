"""What the utilities operations take and give."""

from __future__ import annotations

from datetime import date
from typing import Any

import marshmallow as ma

from kit.fields import Choice, Instant, Line, Vnd
from kit.pages import PageQuery, page_schema
from kit.text import mask_name
from payments.models import Posting
from services.utilities.models import BillState, ImportState, ProviderKind
from services.utilities.operations import Progress

_EARLIEST, _LATEST = date(2020, 1, 1), date(2100, 1, 1)
_DAY = {"description": "A day in Vietnam.", "example": "2026-11-25"}


class ProviderQuery(ma.Schema):
    """Which providers."""

    area = Line(40, load_default=None, metadata={"description": "Slug of an area.", "example": "thanh-hoa"})
    kind = Choice(ProviderKind, load_default=None, metadata={"description": "power or water."})


class ProviderSchema(ma.Schema):
    """A power or water company, and how an app asks for its customers: build the form from these fields."""

    slug = ma.fields.String(required=True)
    kind = Choice(ProviderKind, required=True)
    name_vi = ma.fields.String(required=True)
    name_en = ma.fields.String(required=True)
    areas = ma.fields.List(ma.fields.String(), required=True)
    hotline = ma.fields.String(allow_none=True)
    code_pattern = ma.fields.String(required=True, metadata={"description": "Regular expression of a customer code."})
    code_example = ma.fields.String(required=True)
    code_label_vi = ma.fields.String(required=True)
    code_label_en = ma.fields.String(required=True)
    proofs = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "Second proofs it takes: holder_name, last_amount."}
    )
    selection = ma.fields.String(
        required=True, metadata={"description": "any, or oldest_first where older bills must be paid first."}
    )
    exactness = ma.fields.String(required=True, metadata={"description": "exact: a bill is paid whole, to the đồng."})


class ProvidersSchema(ma.Schema):
    """All providers asked for."""

    items = ma.fields.List(ma.fields.Nested(ProviderSchema), required=True)


class CustomerProofSchema(ma.Schema):
    """A customer code with one second proof: the holder's name, or the amount of one of the last three bills."""

    provider = Line(60, required=True, metadata={"description": "The provider's slug."})
    customer_code = Line(
        40, required=True, metadata={"description": "As printed on the bill; spaces and case do not matter."}
    )
    holder_name = Line(200, load_default=None, metadata={"description": "With or without diacritics."})
    last_amount_vnd = Vnd(load_default=None)

    @ma.validates_schema
    def _needs_one_proof(self, asked: dict[str, Any], **_options: object) -> None:
        if (asked.get("holder_name") is None) == (asked.get("last_amount_vnd") is None):
            raise ma.ValidationError("Missing data for required field.", "holder_name")


class LineSchema(ma.Schema):
    """One line of a bill. `kind`: tier, vat, fee, or billed where the parts are not known."""

    kind = ma.fields.String(required=True)
    name_vi = ma.fields.String(required=True)
    name_en = ma.fields.String(required=True)
    quantity = ma.fields.Integer(allow_none=True)
    unit = ma.fields.String(allow_none=True)
    price_vnd = Vnd(minimum=0, allow_none=True)
    amount_vnd = Vnd(minimum=0, required=True)


class ReadingSchema(ma.Schema):
    """The meter at both ends of the period."""

    start = ma.fields.Integer(required=True, attribute="from")
    end = ma.fields.Integer(required=True, attribute="to")
    start_on = ma.fields.String(attribute="from_on", metadata=_DAY | {"format": "date"})
    end_on = ma.fields.String(attribute="to_on", metadata=_DAY | {"format": "date"})


class BillSummarySchema(ma.Schema):
    """A bill in a list."""

    id = ma.fields.UUID(required=True)
    provider = ma.fields.Function(lambda bill: bill.provider.slug, required=True, metadata={"type": "string"})
    bill_no = ma.fields.String(required=True)
    period = ma.fields.String(required=True, metadata={"description": "Year and month.", "example": "2026-10"})
    amount_vnd = Vnd(required=True)
    state = Choice(BillState, required=True)
    issued_on = ma.fields.Date(required=True, metadata=_DAY)
    due_on = ma.fields.Date(required=True, metadata=_DAY)
    payment_id = ma.fields.UUID(allow_none=True, metadata={"description": "The payment that pays or paid it."})


class BillSchema(BillSummarySchema):
    """A bill with what stands behind its amount."""

    usage = ma.fields.Integer(required=True, metadata={"description": "kWh or m³."})
    before_tax_vnd = Vnd(minimum=0, required=True)
    vat_vnd = Vnd(minimum=0, required=True)
    fee_vnd = Vnd(minimum=0, required=True)
    reading = ma.fields.Nested(ReadingSchema, allow_none=True, metadata={"description": "null where not given."})
    lines = ma.fields.List(ma.fields.Nested(LineSchema), required=True)
    tariff_code = ma.fields.String(allow_none=True)


class ProviderBillSchema(ma.Schema):
    """One bill of a provider, with the fields of a line of a file of bills."""

    bill_no = Line(60, required=True, metadata={"description": "Unique at the provider."})
    customer_code = Line(20, required=True)
    customer_name = Line(200, required=True)
    address = Line(400, shortest=0, load_default="")
    commune_code = Line(20, load_default=None, allow_none=True)
    period = Line(7, required=True, metadata={"description": "Year and month.", "example": "2026-11"})
    amount_vnd = Vnd(required=True)
    issued_on = Line(10, required=True, metadata=_DAY | {"format": "date"})
    due_on = Line(10, required=True, metadata=_DAY | {"format": "date"})
    usage = Vnd(minimum=0, load_default=0, metadata={"description": "kWh or m³."})
    households = Vnd(load_default=1, metadata={"description": "Households behind the meter."})
    tariff_code = Line(80, load_default=None, allow_none=True)
    before_tax_vnd = Vnd(minimum=0, load_default=0)
    vat_vnd = Vnd(minimum=0, load_default=0)
    fee_vnd = Vnd(minimum=0, load_default=0)


class BillClosureSchema(ma.Schema):
    """Why nobody can pay a bill here any more."""

    bill_no = Line(60, required=True)
    state = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf([BillState.WITHDRAWN.value, BillState.PAID_ELSEWHERE.value]),
        metadata={"description": "withdrawn, or paid_elsewhere: at a counter, by a bank."},
    )


class FoundSchema(ma.Schema):
    """A customer that was found, with the name masked, and the bills that can be paid."""

    provider = ma.fields.Function(
        lambda found: found.customer.provider.slug, required=True, metadata={"type": "string"}
    )
    holder_name = ma.fields.Function(
        lambda found: mask_name(found.customer.name),
        required=True,
        metadata={"type": "string", "description": "Masked.", "example": "N***** V** An"},
    )
    bills = ma.fields.List(ma.fields.Nested(BillSummarySchema), required=True)


class AccountSchema(ma.Schema):
    """A linked customer code."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    provider = ma.fields.Function(
        lambda account: account.customer.provider.slug, required=True, metadata={"type": "string"}
    )
    kind = ma.fields.Function(
        lambda account: account.customer.provider.kind, required=True, metadata={"type": "string"}
    )
    customer_code = ma.fields.Function(
        lambda account: account.customer.code, required=True, metadata={"type": "string"}
    )
    holder_name = ma.fields.Function(
        lambda account: mask_name(account.customer.name),
        required=True,
        metadata={"type": "string", "description": "Masked."},
    )


class AccountsSchema(ma.Schema):
    """All linked accounts."""

    items = ma.fields.List(ma.fields.Nested(AccountSchema), required=True)


class BillQuery(PageQuery):
    """Which bills."""

    account_id = ma.fields.UUID(load_default=None, metadata={"description": "Only those of one linked account."})
    state = Choice(BillState, load_default=None, metadata={"description": "Only those in one state."})


class PaySchema(ma.Schema):
    """Which bills to pay, the sum the citizen saw, and the card."""

    bill_ids = ma.fields.List(
        ma.fields.UUID(),
        required=True,
        validate=ma.validate.Length(min=1, max=20),
        metadata={"description": "One to twenty bills, of any providers.", "uniqueItems": True},
    )
    amount_vnd = Vnd(
        required=True, metadata={"description": "The sum shown to the citizen; refused when it has changed."}
    )
    payment_method = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(r"^pm_[A-Za-z0-9_]{1,200}$"),
        metadata={
            "description": "The gateway's id of a card, made by its SDK in the app. Without it the answer holds a "
            "`client_secret` with which the app confirms the payment itself."
        },
    )

    card_id = ma.fields.UUID(
        load_default=None, metadata={"description": "A card of the caller that is kept; in place of `payment_method`."}
    )

    @ma.validates_schema
    def _one_card(self, data: dict[str, Any], **_options: object) -> None:
        if data.get("payment_method") and data.get("card_id"):
            raise ma.ValidationError("Must be one of: payment_method, card_id.", "card_id")

    @ma.validates("bill_ids")
    def _each_once(self, value: list[Any], data_key: str) -> None:  # noqa: ARG002 - the library's signature
        if len(set(value)) != len(value):
            raise ma.ValidationError("Must be one of: each bill once.")


class ImportErrorSchema(ma.Schema):
    """A line that was refused."""

    line = ma.fields.Integer(required=True, metadata={"description": "Counted from 1, the heading included."})
    code = ma.fields.String(required=True, metadata={"description": "Stable slug.", "example": "not_a_whole_number"})
    field = ma.fields.String(allow_none=True)


class ImportSchema(ma.Schema):
    """A file of bills and what became of its lines."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    state = Choice(ImportState, required=True)
    reason = ma.fields.String(allow_none=True, metadata={"description": "Why the file as a whole cannot be read."})
    bytes_total = ma.fields.Integer(required=True)
    lines_read = ma.fields.Integer(required=True)
    created = ma.fields.Integer(required=True)
    changed = ma.fields.Integer(required=True)
    unchanged = ma.fields.Integer(required=True)
    refused = ma.fields.Integer(required=True)
    finished_at = Instant(allow_none=True)
    errors = ma.fields.List(
        ma.fields.Nested(ImportErrorSchema),
        required=True,
        metadata={"description": "The first thousand refused lines."},
    )

    @ma.pre_dump
    def _with_errors(self, told: Progress, **_options: object) -> dict[str, Any]:
        names = [name for name in self.fields if name != "errors"]
        return {name: getattr(told.found, name) for name in names} | {"errors": told.errors}


class ProviderPaymentQuery(PageQuery):
    """Which payments."""

    since = Instant(
        load_default=None, metadata={"description": "Captured at or after.", "example": "2026-11-21T00:00:00+07:00"}
    )
    day = ma.fields.Date(
        load_default=None,
        validate=ma.validate.Range(min=_EARLIEST, max=_LATEST),
        metadata={
            "description": "A business day of yours, by its cut-off.",
            "example": "2026-11-20",
        },
    )
    posting = Choice(Posting, load_default=None, metadata={"description": "Only those whose posting is in this state."})


class ProviderPaymentSchema(ma.Schema):
    """One bill that a citizen has paid."""

    id = ma.fields.UUID(required=True)
    payment_id = ma.fields.UUID(required=True, metadata={"description": "The `payment_ref` of the posting."})
    bill_no = ma.fields.String(required=True)
    period = ma.fields.String(required=True)
    amount_vnd = Vnd(required=True)
    captured_at = Instant(required=True)
    posting = Choice(Posting, required=True)
    posting_reason = ma.fields.String(allow_none=True)
    receipt_no = ma.fields.String(allow_none=True)
    posted_at = Instant(allow_none=True)


BillPageSchema = page_schema(BillSummarySchema)
ProviderPaymentPageSchema = page_schema(ProviderPaymentSchema)


def _line(kind: str, name_vi: str, name_en: str, amount_vnd: int) -> dict[str, Any]:
    nothing = {"quantity": None, "unit": None, "price_vnd": None}
    return {"kind": kind, "name_vi": name_vi, "name_en": name_en, **nothing, "amount_vnd": amount_vnd}


PROVIDER_EXAMPLE = {
    "slug": "pc-thanh-hoa",
    "kind": "power",
    "name_vi": "Công ty Điện lực Thanh Hóa",
    "name_en": "Thanh Hoa Power Company",
    "areas": ["thanh-hoa"],
    "hotline": "1900 6769",
    "code_pattern": "^PA07[A-Z0-9]{2}\\d{7}$",
    "code_example": "PA07TH0000001",
    "code_label_vi": "Mã khách hàng (bắt đầu bằng chữ P, có trên hóa đơn tiền điện)",
    "code_label_en": "Customer code (begins with P, printed on your electricity bill)",
    "proofs": ["holder_name", "last_amount"],
    "selection": "any",
    "exactness": "exact",
}
PROOF_EXAMPLE = {"provider": "pc-thanh-hoa", "customer_code": "PA07TH0000001", "holder_name": "Nguyễn Văn An"}
SUMMARY_EXAMPLE = {
    "id": "019a0b00-0000-7000-8000-000000000001",
    "provider": "pc-thanh-hoa",
    "bill_no": "PC07-2026-10-000001",
    "period": "2026-10",
    "amount_vnd": 636768,
    "state": "open",
    "issued_on": "2026-11-05",
    "due_on": "2026-11-25",
    "payment_id": None,
}
BILL_EXAMPLE = SUMMARY_EXAMPLE | {
    "usage": 250,
    "before_tax_vnd": 589600,
    "vat_vnd": 47168,
    "fee_vnd": 0,
    "reading": {"start": 16251, "end": 16501, "start_on": "2026-10-01", "end_on": "2026-10-31"},
    "lines": [
        _line("tier", "Bậc 1", "Tier 1", 99200) | {"quantity": 50, "unit": "kWh", "price_vnd": 1984},
        _line("vat", "Thuế GTGT 8 %", "VAT 8 %", 47168),
    ],
    "tariff_code": "power-household-2025-05-10",
}
PROVIDER_BILL_EXAMPLE = {
    "bill_no": "PC07-2026-11-000001",
    "customer_code": "PA07TH0000001",
    "customer_name": "Nguyễn Văn An",
    "period": "2026-11",
    "usage": 250,
    "amount_vnd": 636768,
    "issued_on": "2026-12-05",
    "due_on": "2026-12-25",
}
ACCOUNT_EXAMPLE = {
    "id": "019a0b00-0000-7000-8000-0000000000aa",
    "created_at": "2026-11-21T09:29:00.000+07:00",
    "provider": "pc-thanh-hoa",
    "kind": "power",
    "customer_code": "PA07TH0000001",
    "holder_name": "N***** V** An",
}
IMPORT_EXAMPLE = {
    "id": "019a0b00-0000-7000-8000-0000000000bb",
    "created_at": "2026-11-21T08:00:00.000+07:00",
    "state": "done",
    "reason": None,
    "bytes_total": 48213,
    "lines_read": 331,
    "created": 329,
    "changed": 0,
    "unchanged": 0,
    "refused": 1,
    "finished_at": "2026-11-21T08:00:01.250+07:00",
    "errors": [{"line": 17, "code": "not_a_whole_number", "field": "amount_vnd"}],
}
PROVIDER_PAYMENT_EXAMPLE = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e60",
    "payment_id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f",
    "bill_no": "PC07-2026-10-000001",
    "period": "2026-10",
    "amount_vnd": 636768,
    "captured_at": "2026-11-21T09:30:01.600+07:00",
    "posting": "posted",
    "posting_reason": None,
    "receipt_no": "PC07-R-000123",
    "posted_at": "2026-11-21T09:30:02.500+07:00",
}
