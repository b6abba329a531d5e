"""What goes in and out of the doors of onboarding: applications, moves, settings and changes of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import marshmallow as ma

from kit.fields import Choice, Count, Instant, Line, Vnd
from kit.pages import PageQuery, page_schema
from services.utilities.models import ProviderKind
from services.utilities.onboarding_models import NEED_A_REASON, ChangeState, PostingMode, ProviderStage
from services.utilities.operations.onboarding import Onboarding

_SLUG = r"^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$"
# From a minute after midnight to midnight.
_CUT_OFF = r"^(?:00:(?!00)[0-5][0-9]|(?:0[1-9]|1[0-9]|2[0-3]):[0-5][0-9]|24:00)$"
_TODAY = {"description": "A day in Vietnam; from its beginning.", "example": "2026-12-01"}
_COLUMNS = {
    "description": "Which heading of your statements holds what: key (the bill), amount, receipt_no, customer_code.",
    "example": {"key": "Số hóa đơn", "amount": "Số tiền"},
}
_ADVISED = {
    "description": "Which heading of your bank's advices holds what: key (our reference), amount.",
    "example": {"key": "Nội dung", "amount": "Số tiền"},
}


def _plain(value: str) -> None:
    if not value.isprintable():
        raise ma.ValidationError("String does not match expected pattern.")


def _matches(pattern: str) -> list[Any]:
    # A pattern's end also stands before a final line feed.
    return [ma.validate.Regexp(pattern), _plain]


def _once_each(values: list[str]) -> None:
    if len(set(values)) != len(values):
        raise ma.ValidationError("Must be one of: each once.")


def _proofs(**more: Any) -> Any:  # noqa: ANN401 - marshmallow's options
    return ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf(["holder_name", "last_amount"])),
        validate=[ma.validate.Length(min=1, max=2), _once_each],
        metadata={"description": "Second proofs that are taken: holder_name, last_amount."},
        **more,
    )


def _minutes(**more: Any) -> ma.fields.Integer:  # noqa: ANN401 - marshmallow's options
    return ma.fields.Integer(
        strict=True,
        validate=ma.validate.Range(min=15, max=1440),
        metadata={"description": "How long answering a posting may take before a person is told.", "example": 240},
        **more,
    )


class SettingsSchema(ma.Schema):
    """What a provider says of itself."""

    hotline = Line(40, allow_none=True, metadata={"example": "1900 6769"})
    code_pattern = Line(
        100,
        metadata={
            "description": "What your customer codes look like: letters, digits, classes and counts; no groups.",
            "example": "^PA07[A-Z0-9]{2}\\d{7}$",
        },
    )
    code_example = Line(40, metadata={"example": "PA07TH0000001"})
    code_label_vi = Line(200)
    code_label_en = Line(200)
    proofs = _proofs()
    exactness = ma.fields.String(
        validate=ma.validate.OneOf(["exact"]), metadata={"description": "exact: a bill is paid whole, to the đồng."}
    )
    selection = ma.fields.String(
        validate=ma.validate.OneOf(["any", "oldest_first"]),
        metadata={"description": "oldest_first: a newer bill is not paid before an older one."},
    )
    cut_off = ma.fields.String(
        validate=_matches(_CUT_OFF),
        metadata={"description": "When your business day ends; 24:00 is midnight.", "example": "17:00"},
    )
    posting_mode = Choice(PostingMode, metadata={"description": "push: we call you. pull: you fetch and answer."})
    answers_within_minutes = _minutes()
    endpoint_url = Line(
        2000,
        allow_none=True,
        metadata={
            "description": "Where we call: https, a public domain name, port 443, no query. We put behind it "
            "/bills/check, /postings, /postings/query and /statements/2026-11-20.",
            "example": "https://pc.vn/citizen",
        },
    )


class NewApplicationSchema(SettingsSchema):
    """A company that wants to be a provider."""

    slug = ma.fields.String(
        required=True,
        validate=_matches(_SLUG),
        metadata={"description": "What it is called in addresses: small letters, digits, -.", "example": "nuoc-moi"},
    )
    kind = Choice(ProviderKind, required=True)
    name_vi = Line(200, required=True)
    name_en = Line(200, required=True)
    areas = ma.fields.List(
        Line(40),
        required=True,
        validate=[ma.validate.Length(min=1, max=20), _once_each],
        metadata={"description": "Slugs of areas, see listAreas.", "example": ["thanh-hoa"]},
    )
    hotline = Line(40, load_default=None, allow_none=True)
    code_pattern = Line(100, required=True)
    code_example = Line(40, required=True)
    code_label_vi = Line(200, required=True)
    code_label_en = Line(200, required=True)
    proofs = _proofs(required=True)
    exactness = ma.fields.String(validate=ma.validate.OneOf(["exact"]), load_default="exact")
    selection = ma.fields.String(validate=ma.validate.OneOf(["any", "oldest_first"]), load_default="any")
    cut_off = ma.fields.String(validate=_matches(_CUT_OFF), load_default="24:00")
    posting_mode = Choice(PostingMode, load_default="push")
    answers_within_minutes = _minutes(load_default=1440)
    endpoint_url = Line(2000, load_default=None, allow_none=True)


class MoveToldSchema(ma.Schema):
    """One move of a company from stage to stage."""

    from_stage = ma.fields.String(required=True, allow_none=True)
    to_stage = Choice(ProviderStage, required=True)
    created_at = Instant(required=True)
    actor_id = ma.fields.UUID(
        required=True, allow_none=True, metadata={"description": "Who; null at a terminal of the province."}
    )
    reason = ma.fields.String(required=True, allow_none=True)


class OnboardingSchema(SettingsSchema):
    """A company on its way to being a provider: its settings, every move, and what it has shown in testing."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    slug = ma.fields.String(required=True)
    kind = Choice(ProviderKind, required=True)
    name_vi = ma.fields.String(required=True)
    name_en = ma.fields.String(required=True)
    areas = ma.fields.List(ma.fields.String(), required=True)
    stage = Choice(ProviderStage, required=True)
    moves = ma.fields.List(ma.fields.Nested(MoveToldSchema), required=True)
    checklist = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.Boolean(),
        required=True,
        metadata={
            "description": "What has to be shown before it goes live, and whether it has been: bills_imported, "
            "posting_answered, statement_compared, webhook_delivered."
        },
    )

    @ma.pre_dump
    def _as_one(self, told: Onboarding, **_options: object) -> dict[str, Any]:
        names = [name for name in self.fields if name not in {"moves", "checklist"}]
        values = {name: getattr(told.provider, name) for name in names}
        return values | {"moves": told.moves, "checklist": told.checklist}


class OnboardingsSchema(ma.Schema):
    """All a citizen has applied for."""

    items = ma.fields.List(ma.fields.Nested(OnboardingSchema), required=True)


class StageQuery(PageQuery):
    """Which companies."""

    stage = Choice(ProviderStage, load_default=None, metadata={"description": "Only those in one stage."})


class StagedProviderSchema(ma.Schema):
    """A company in a list."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    slug = ma.fields.String(required=True)
    kind = Choice(ProviderKind, required=True)
    name_vi = ma.fields.String(required=True)
    stage = Choice(ProviderStage, required=True)


class NewMoveSchema(ma.Schema):
    """Where a company is to go, and why."""

    to = Choice(ProviderStage, required=True)
    reason = Line(1000, load_default=None, metadata={"description": "Needed to suspend, reject or close."})

    @ma.validates_schema
    def _reason_is_told(self, asked: dict[str, Any], **_options: object) -> None:
        if asked.get("to") in {stage.value for stage in NEED_A_REASON} and not asked.get("reason"):
            raise ma.ValidationError("Missing data for required field.", "reason")


class PostingCredentialsSchema(ma.Schema):
    """What we show your system from now on."""

    key = ma.fields.String(required=True, metadata={"description": "The bearer key of our calls. Told this once."})
    secret = ma.fields.String(required=True, metadata={"description": "Signs our calls. Told this once."})


class WantedSettingsSchema(SettingsSchema):
    """Settings that are to be otherwise; what is left out stays."""

    statement_layout = ma.fields.Dict(keys=Line(40), values=Line(200), metadata=_COLUMNS)
    advice_layout = ma.fields.Dict(keys=Line(40), values=Line(200), metadata=_ADVISED)

    @ma.validates_schema
    def _something(self, wanted: dict[str, Any], **_options: object) -> None:
        if not wanted:
            raise ma.ValidationError("Missing data for required field.", "hotline")


class NewProviderChangeSchema(ma.Schema):
    """A change of a provider's settings."""

    wanted = ma.fields.Nested(WantedSettingsSchema, required=True)
    valid_from = ma.fields.Date(
        required=True, validate=ma.validate.Range(min=date(2020, 1, 1), max=date(2100, 1, 1)), metadata=_TODAY
    )


class ProviderChangeSchema(ma.Schema):
    """A change of a provider's settings, and what has become of it."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    provider_id = ma.fields.UUID(required=True)
    wanted = ma.fields.Nested(WantedSettingsSchema, required=True, metadata={"description": "The new values."})
    before = ma.fields.Nested(
        WantedSettingsSchema,
        required=True,
        allow_none=True,
        metadata={"description": "What they took the place of, once they hold."},
    )
    valid_from = ma.fields.Date(required=True, metadata=_TODAY)
    state = Choice(ChangeState, required=True)
    proposed_by = ma.fields.UUID(required=True)
    decided_by = ma.fields.UUID(required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)
    applied_at = Instant(required=True, allow_none=True)
    reason = ma.fields.String(required=True, allow_none=True)


class ChangeQuery(PageQuery):
    """Which changes."""

    state = Choice(ChangeState, load_default=None, metadata={"description": "Only those in one state."})


class ChangeDecisionSchema(ma.Schema):
    """What is decided of a change."""

    decision = ma.fields.String(required=True, validate=ma.validate.OneOf(["approve", "decline"]))
    reason = Line(1000, load_default=None, metadata={"description": "Needed to decline."})

    @ma.validates_schema
    def _reason_is_told(self, asked: dict[str, Any], **_options: object) -> None:
        if asked.get("decision") == "decline" and not asked.get("reason"):
            raise ma.ValidationError("Missing data for required field.", "reason")


class ProviderTermsSchema(ma.Schema):
    """Cut-off and commission from a day on."""

    valid_from = ma.fields.Date(required=True, metadata=_TODAY)
    cut_off = ma.fields.Function(
        lambda row: f"{row.cut_off_minutes // 60:02d}:{row.cut_off_minutes % 60:02d}",
        required=True,
        metadata={"type": "string", "description": "When the business day ends, in Vietnam.", "example": "17:00"},
    )
    commission_vnd = Vnd(minimum=0, required=True, metadata={"description": "For each bill, in đồng."})
    commission_bp = Count(required=True, metadata={"description": "Of each amount, in hundredths of a percent."})
    source = ma.fields.String(required=True)


class AllTermsSchema(ma.Schema):
    """All terms of a provider, the oldest first."""

    items = ma.fields.List(ma.fields.Nested(ProviderTermsSchema), required=True)


StagedProviderPageSchema = page_schema(StagedProviderSchema)
ProviderChangePageSchema = page_schema(ProviderChangeSchema)

_ID = "019a0c1e-8888-7c00-8000-000000000018"
_AT = "2026-11-21T09:00:00.000+07:00"
_SETTINGS = {
    "hotline": "1900 6769",
    "code_pattern": "^NM\\d{7}$",
    "code_example": "NM0000001",
    "code_label_vi": "Mã khách hàng trên hóa đơn nước",
    "code_label_en": "Customer code on the water bill",
    "proofs": ["holder_name"],
    "exactness": "exact",
    "selection": "any",
    "cut_off": "17:00",
    "posting_mode": "pull",
    "answers_within_minutes": 240,
    "endpoint_url": None,
}
_NAMED = {
    "slug": "nuoc-moi",
    "kind": "water",
    "name_vi": "Công ty Cấp nước Mới",
    "name_en": "New Water Company",
}
APPLICATION_EXAMPLE = _NAMED | {"areas": ["thanh-hoa"]} | _SETTINGS
ONBOARDING_EXAMPLE = APPLICATION_EXAMPLE | {
    "id": _ID,
    "created_at": _AT,
    "stage": "applied",
    "moves": [{"from_stage": None, "to_stage": "applied", "created_at": _AT, "actor_id": _ID, "reason": None}],
    "checklist": {
        "bills_imported": False,
        "posting_answered": False,
        "statement_compared": False,
        "webhook_delivered": False,
    },
}
STAGED_EXAMPLE = {
    "id": _ID, "created_at": _AT, "slug": "nuoc-moi", "kind": "water", "name_vi": "Công ty Cấp nước Mới",
    "stage": "applied",
}  # fmt: skip
CHANGE_EXAMPLE = {
    "id": _ID,
    "created_at": _AT,
    "provider_id": _ID,
    "wanted": {"cut_off": "22:00"},
    "before": None,
    "valid_from": "2026-12-01",
    "state": "proposed",
    "proposed_by": _ID,
    "decided_by": None,
    "decided_at": None,
    "applied_at": None,
    "reason": None,
}
TERMS_EXAMPLE = {
    "valid_from": "2026-12-01", "cut_off": "17:00", "commission_vnd": 0, "commission_bp": 0, "source": "application",
}  # fmt: skip
