"""What editors, reviewers and those who answer reports send and read."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.fields import Choice, Flag, Instant, Line
from kit.pages import PageQuery, page_schema
from services.tourism.models import AlertKind, MediaKind, Publication, ReportState, RevisionState
from services.tourism.schemas.content import GuideContentSchema

_LANGUAGE = r"^[a-z]{2,3}$"


class DraftSchema(ma.Schema):
    """A whole guide as it is to be; without `guide_id` it is a new one."""

    guide_id = ma.fields.UUID(load_default=None, allow_none=True)
    content = ma.fields.Nested(GuideContentSchema, required=True)


class DraftChangeSchema(ma.Schema):
    """A draft written anew, as a whole."""

    content = ma.fields.Nested(GuideContentSchema, required=True)


class RevisionSummarySchema(ma.Schema):
    """A revision in a list."""

    id = ma.fields.UUID(required=True)
    guide_id = ma.fields.UUID(required=True)
    number = ma.fields.Integer(required=True, metadata={"description": "Counted for each guide from 1."})
    state = Choice(RevisionState, required=True)
    title = ma.fields.Function(
        lambda revision: revision.body["texts"]["vi"]["title"], required=True, metadata={"type": "string"}
    )
    author_id = ma.fields.UUID(required=True)
    reviewer_id = ma.fields.UUID(required=True, allow_none=True)
    note = ma.fields.String(required=True, allow_none=True, metadata={"description": "The reviewer's."})
    created_at = Instant(required=True)
    publish_at = Instant(required=True, allow_none=True)
    published_at = Instant(required=True, allow_none=True)


class RevisionSchema(RevisionSummarySchema):
    """A revision with all it says."""

    content = ma.fields.Nested(GuideContentSchema, required=True, attribute="body")


class DraftReviewSchema(ma.Schema):
    """What a second person decides."""

    verdict = ma.fields.String(required=True, validate=ma.validate.OneOf(("approve", "send_back")))
    publish_at = Instant(
        load_default=None, allow_none=True, metadata={"description": "When to publish; at once without it."}
    )
    note = Line(2_000, load_default=None, allow_none=True, metadata={"description": "Needed to send it back."})

    @ma.validates_schema
    def _says_why(self, asked: dict[str, Any], **_options: object) -> None:
        if asked["verdict"] == "send_back" and not asked.get("note"):
            raise ma.ValidationError("Missing data for required field.", "note")


class RevisionQuery(PageQuery):
    """Which revisions of our office."""

    guide_id = ma.fields.UUID(load_default=None, metadata={"description": "The history of one guide."})
    state = Choice(RevisionState, load_default=None, metadata={"description": "in_review: what waits for a review."})


class ReportSchema(ma.Schema):
    """What a visitor found wrong."""

    about = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(("hours", "price", "position", "text", "picture", "access", "closed", "other")),
    )
    message = Line(2_000, required=True, metadata={"description": "Please write no name and no phone number."})


class ReportedSchema(ma.Schema):
    """A report and what became of it."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    guide_id = ma.fields.UUID(required=True)
    about = ma.fields.String(required=True)
    message = ma.fields.String(required=True)
    lang = ma.fields.String(required=True)
    state = Choice(ReportState, required=True)
    answer = ma.fields.String(required=True, allow_none=True)
    settled_at = Instant(required=True, allow_none=True)


class ReportNotedSchema(ma.Schema):
    """The report is with the office."""

    id = ma.fields.UUID(required=True)


class ReportQuery(PageQuery):
    """Which reports on our guides."""

    state = Choice(ReportState, load_default=None, metadata={"description": "open: what waits for an answer."})


class ReportAnswerSchema(ma.Schema):
    """What was done about a report."""

    answer = Line(1_000, required=True)


class StaleSchema(ma.Schema):
    """A guide whose facts should be looked at."""

    id = ma.fields.UUID(required=True)
    slug = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    verified_on = ma.fields.Date(required=True, allow_none=True)
    valid_until_on = ma.fields.Date(required=True, allow_none=True)
    changed_at = Instant(required=True)


class BrokenLinkSchema(ma.Schema):
    """An outside address that does not answer."""

    guide_id = ma.fields.UUID(required=True)
    slug = ma.fields.String(required=True)
    url = ma.fields.String(required=True)
    checked_at = Instant(required=True)
    outcome = ma.fields.String(required=True, metadata={"description": "An HTTP status, or why there was no answer."})
    failures = ma.fields.Integer(required=True, metadata={"description": "In a row."})


class MediaPapersSchema(ma.Schema):
    """A file's author, licence and words; what is not named stays as it is."""

    author = Line(200, allow_none=True)
    licence = Line(60, allow_none=True, metadata={"example": "CC-BY-4.0"})
    alt = ma.fields.Dict(
        keys=ma.fields.String(validate=ma.validate.Regexp(_LANGUAGE)), values=Line(500),
        metadata={"description": "What is to be seen, by language."},
    )  # fmt: skip
    transcript = ma.fields.Dict(
        keys=ma.fields.String(validate=ma.validate.Regexp(_LANGUAGE)), values=Line(20_000),
        metadata={"description": "What is said, by language."},
    )  # fmt: skip
    state = Choice(Publication)


class MediaDraftSchema(ma.Schema):
    """A file as its office sees it."""

    id = ma.fields.UUID(required=True)
    guide_id = ma.fields.UUID(required=True)
    kind = Choice(MediaKind, required=True)
    media_type = ma.fields.String(required=True)
    sha256 = ma.fields.String(required=True)
    bytes_total = ma.fields.Integer(required=True)
    author = ma.fields.String(required=True, allow_none=True)
    licence = ma.fields.String(required=True, allow_none=True)
    alt = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String(), required=True)
    transcript = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String(), required=True)
    state = Choice(Publication, required=True)


class AlertSchema(ma.Schema):
    """A warning to be given: of whole provinces, of communes, or of single guides."""

    kind = Choice(AlertKind, required=True)
    level = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(min=1, max=5))
    closes = Flag(
        load_default=None,
        allow_none=True,
        metadata={"description": "Closes what it covers; by itself from level 3."},
    )
    reason_vi = Line(500, required=True)
    reason_en = Line(500, required=True)
    source = Line(300, required=True)
    province_codes = ma.fields.List(
        ma.fields.String(validate=ma.validate.Regexp("^[0-9]{2}$")), load_default=list,
        validate=ma.validate.Length(max=34),
    )  # fmt: skip
    commune_codes = ma.fields.List(
        ma.fields.String(validate=ma.validate.Regexp("^[0-9]{5}$")), load_default=list,
        validate=ma.validate.Length(max=500),
    )  # fmt: skip
    guide_ids = ma.fields.List(ma.fields.UUID(), load_default=list, validate=ma.validate.Length(max=500))
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)

    @ma.validates_schema
    def _holds_together(self, alert: dict[str, Any], **_options: object) -> None:
        if alert["starts_at"] >= alert["ends_at"]:
            raise ma.ValidationError("Must be greater than starts_at.", "ends_at")
        if not (alert["province_codes"] or alert["commune_codes"] or alert["guide_ids"]):
            raise ma.ValidationError("Missing data for required field.", "commune_codes")


class AlertToldSchema(ma.Schema):
    """A warning as it was given."""

    id = ma.fields.UUID(required=True)
    kind = Choice(AlertKind, required=True)
    level = ma.fields.Integer(required=True)
    closes = ma.fields.Boolean(required=True)
    reason_vi = ma.fields.String(required=True)
    reason_en = ma.fields.String(required=True)
    source = ma.fields.String(required=True)
    province_codes = ma.fields.List(ma.fields.String(), required=True)
    commune_codes = ma.fields.List(ma.fields.String(), required=True)
    guide_ids = ma.fields.List(ma.fields.String(), required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)


class ImportFlawSchema(ma.Schema):
    """What is wrong with a line."""

    line = ma.fields.Integer(required=True)
    place = ma.fields.String(required=True)
    detail = ma.fields.String(required=True)


class GuideImportSchema(ma.Schema):
    """What became of a file's lines."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    format = ma.fields.String(required=True)
    drafted = ma.fields.Integer(required=True)
    unchanged = ma.fields.Integer(required=True)
    refused = ma.fields.Integer(required=True)
    errors = ma.fields.List(ma.fields.Nested(ImportFlawSchema), required=True)


RevisionPageSchema = page_schema(RevisionSummarySchema)
ReportPageSchema = page_schema(ReportedSchema)
StalePageSchema = page_schema(StaleSchema)
BrokenLinkPageSchema = page_schema(BrokenLinkSchema)
AlertPageSchema = page_schema(AlertToldSchema)
