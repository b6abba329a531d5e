"""What the school office sends and sees."""

from __future__ import annotations

import marshmallow as ma

from kit.fields import Choice, Instant, Line
from kit.pages import PageQuery, page_schema
from services.education.facts import FactsSchema
from services.education.models import ProposalKind, ProposalState
from services.education.schemas.admissions import RoundFactsSchema


def _why() -> Line:
    return Line(500, required=True, metadata={"description": "Why, in words the next editor understands."})


class SchoolProposalSchema(ma.Schema):
    """A new school, or changes of one."""

    school_id = ma.fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "The school to change; a new one without it."}
    )
    # What is named is kept apart from what is left out, so defaults may not be filled in here.
    changes = ma.fields.Dict(
        keys=ma.fields.String(validate=ma.validate.OneOf(list(FactsSchema().fields))),
        required=True,
        validate=ma.validate.Length(min=1),
        metadata={"description": "Facts as in School; a new one needs name, levels, places, sources."},
    )
    why = _why()


class RoundProposalSchema(ma.Schema):
    """A new round, or all facts of one that changes."""

    round_id = ma.fields.UUID(load_default=None, allow_none=True)
    round = ma.fields.Nested(RoundFactsSchema, required=True)
    why = _why()


class OpenDayFactsSchema(ma.Schema):
    """An open day as it is proposed."""

    school_id = ma.fields.UUID(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    campus = Line(200, required=True)
    places = ma.fields.Integer(strict=True, required=True, validate=ma.validate.Range(1, 5_000))

    @ma.validates_schema
    def _ends_later(self, data: dict[str, object], **_kwargs: object) -> None:
        if data["starts_at"] >= data["ends_at"]:  # type: ignore[operator]
            raise ma.ValidationError("Must be less than ends_at.", "starts_at")


class OpenDayProposalSchema(ma.Schema):
    """A new open day, or one to be cancelled."""

    open_day_id = ma.fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "The day to cancel; its families are told."}
    )
    open_day = ma.fields.Nested(OpenDayFactsSchema, load_default=None, allow_none=True)
    why = _why()

    @ma.validates_schema
    def _one_of_both(self, data: dict[str, object], **_kwargs: object) -> None:
        if (data.get("open_day_id") is None) is (data.get("open_day") is None):
            raise ma.ValidationError("Send either open_day or open_day_id.", "open_day")


class ProposalQuery(PageQuery):
    """Which proposals."""

    state = Choice(ProposalState, metadata={"description": "proposed: those that wait for a decision."})
    school_id = ma.fields.UUID(metadata={"description": "Proposals about this school."})
    import_id = ma.fields.UUID(metadata={"description": "Proposals that came with this file."})


class ProposalSchema(ma.Schema):
    """Somebody asks for a change; somebody else decides."""

    id = ma.fields.UUID(required=True)
    kind = Choice(ProposalKind, required=True)
    state = Choice(ProposalState, required=True)
    school_id = ma.fields.UUID(required=True, allow_none=True)
    subject_id = ma.fields.UUID(
        required=True, allow_none=True, metadata={"description": "The round or open day it is about."}
    )
    changes = ma.fields.Dict(required=True)
    why = ma.fields.String(required=True)
    proposed_by = ma.fields.UUID(required=True)
    import_id = ma.fields.UUID(required=True, allow_none=True)
    decided_by = ma.fields.UUID(required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)
    decision_note = ma.fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)


ProposalPageSchema = page_schema(ProposalSchema)


class DecisionSchema(ma.Schema):
    """Yes or no."""

    approve = ma.fields.Boolean(required=True)
    note = Line(500, load_default=None, allow_none=True)


class DecidedSchema(ma.Schema):
    """What a decision about a file did."""

    decided = ma.fields.Integer(required=True)
    left = ma.fields.Integer(required=True, metadata={"description": "Decide again until none is left."})


class WhyQuery(ma.Schema):
    """Why a file is sent."""

    why = Line(
        500, required=True, metadata={"description": "Why; each change of the file keeps it.", "example": "DS 2026"}
    )


class LineErrorSchema(ma.Schema):
    """Why a line was not taken."""

    line = ma.fields.Integer(required=True, metadata={"description": "Line of the table, or number of the feature."})
    column = ma.fields.String(required=True)
    code = ma.fields.String(required=True)


class SchoolImportSchema(ma.Schema):
    """What became of a file."""

    id = ma.fields.UUID(required=True)
    what = ma.fields.String(required=True, validate=ma.validate.OneOf(["schools", "zones"]))
    format = ma.fields.String(required=True)
    why = ma.fields.String(required=True)
    lines = ma.fields.Integer(required=True)
    changed = ma.fields.Integer(required=True, metadata={"description": "Lines that wait for a decision."})
    unchanged = ma.fields.Integer(required=True)
    refused = ma.fields.Integer(required=True)
    errors = ma.fields.List(ma.fields.Nested(LineErrorSchema), required=True)
    created_at = Instant(required=True)


class ExportQuery(ma.Schema):
    """Which schools, and as what."""

    province = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(r"^[0-9]{2}$"),
        metadata={"description": "Only this province.", "example": "38"},
    )
    kind = ma.fields.String(
        data_key="format",
        load_default="csv",
        validate=ma.validate.OneOf(["csv", "xlsx"]),
        metadata={"description": "csv (UTF-8 with BOM) or xlsx."},
    )


class SchoolRevisionSchema(ma.Schema):
    """A change of a school that took effect."""

    version = ma.fields.Integer(required=True)
    before = ma.fields.Dict(required=True, metadata={"description": "Facts as they were, only those that changed."})
    after = ma.fields.Dict(required=True)
    why = ma.fields.String(required=True)
    proposed_by = ma.fields.UUID(required=True, allow_none=True)
    approved_by = ma.fields.UUID(required=True, allow_none=True)
    created_at = Instant(required=True)


class SchoolRevisionsSchema(ma.Schema):
    """The history of a school, the newest change first."""

    items = ma.fields.List(ma.fields.Nested(SchoolRevisionSchema), required=True)
