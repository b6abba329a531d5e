"""The doors of an office: write, review, restore, import, look after."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request, url_for
from flask.views import MethodView

from auth.guard import current_staff
from kit.database import transaction
from kit.errors import MalformedRequest, NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page
from kit.parsing import read_body
from kit.web import note, request_key, require_match, tag
from services.tourism import operations
from services.tourism.errors import (
    GuideContentInvalid,
    GuideFileUnreadable,
    ReviewedByAuthor,
    RevisionNotOpen,
    SlugTaken,
    UnknownCategory,
    VietnameseTextMissing,
)
from services.tourism.models import GuideImport, Revision
from services.tourism.operations import Desk
from services.tourism.schemas.content import plain_content
from services.tourism.schemas.editing import (
    DraftChangeSchema,
    DraftReviewSchema,
    DraftSchema,
    GuideImportSchema,
    RevisionPageSchema,
    RevisionQuery,
    RevisionSchema,
)
from services.tourism.schemas.examples import CONTENT_EXAMPLE, IMPORT_EXAMPLE, REVISION_EXAMPLE
from services.tourism.schemas.uploads import GUIDE_FILES, read_guide_file
from services.tourism.views.door import blueprint

_SUMMARY = {name: value for name, value in REVISION_EXAMPLE.items() if name != "content"}
_PUBLISHABLE = (UnknownCategory, VietnameseTextMissing, SlugTaken, GuideContentInvalid)


def desk() -> Desk:
    """At which desk the caller sits."""
    staff = current_staff()
    return Desk(staff.citizen_id, staff.organisation_id)


@blueprint.route("/drafts")
class Drafts(MethodView):
    """Revisions of our guides."""

    @blueprint.arguments(RevisionQuery(), location="query")
    @blueprint.response(200, RevisionPageSchema, example={"items": [_SUMMARY]})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listDrafts")
    def get(self, asked: dict[str, Any]) -> Page:
        """List drafts and revisions of our guides (bản thảo, lịch sử).

        The newest first. With `guide_id` it is that guide's history; with `state=in_review` what waits for a review.
        """
        with transaction() as session:
            return operations.list_revisions(session, desk(), **asked)

    @blueprint.idempotent
    @blueprint.arguments(DraftSchema(), example={"guide_id": None, "content": CONTENT_EXAMPLE})
    @blueprint.response(201, RevisionSchema, example=REVISION_EXAMPLE)
    @blueprint.raises(NotFound, RequestInFlight)
    @blueprint.doc(operationId="addDraft")
    def post(self, asked: dict[str, Any]) -> tuple[Revision, dict[str, str]]:
        """Draft a guide (soạn bản nháp).

        A new guide, or one of ours as it is to be. The public reads nothing of it until another person has approved it.
        """
        key, content = request_key(asked), plain_content(asked["content"])
        with transaction() as session:
            outcome = once(session, key, lambda: operations.begin_draft(session, desk(), asked["guide_id"], content).id)
        note(outcome)
        with transaction() as session:
            revision = operations.get_revision(session, desk(), outcome.resource_id)
        tag(revision.id, revision.version)
        return revision, {"Location": url_for("tourism.DraftById", revision_id=revision.id)}


@blueprint.route("/drafts/<uuid:revision_id>")
class DraftById(MethodView):
    """One revision."""

    @blueprint.response(200, RevisionSchema, example=REVISION_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getDraft")
    def get(self, revision_id: UUID) -> Revision:
        """Read a draft or an older revision (xem bản thảo).

        The ETag of the answer is needed to change or review it.
        """
        with transaction() as session:
            revision = operations.get_revision(session, desk(), revision_id)
        tag(revision.id, revision.version)
        return revision

    @blueprint.conditional
    @blueprint.arguments(DraftChangeSchema(), example={"content": CONTENT_EXAMPLE})
    @blueprint.response(200, RevisionSchema, example=REVISION_EXAMPLE)
    @blueprint.raises(NotFound, RevisionNotOpen)
    @blueprint.doc(operationId="changeDraft")
    def put(self, asked: dict[str, Any], revision_id: UUID) -> Revision:
        """Write a draft anew (sửa bản nháp).

        Only its author can, while it is a draft or was sent back.
        """
        with transaction() as session:
            revision = operations.get_revision(session, desk(), revision_id)
            require_match(revision.id, revision.version)
            revision = operations.change_draft(session, desk(), revision, plain_content(asked["content"]))
        tag(revision.id, revision.version)
        return revision


@blueprint.route("/drafts/<uuid:revision_id>/submission")
class Submission(MethodView):
    """Handing in."""

    @blueprint.response(200, RevisionSchema, example=REVISION_EXAMPLE | {"state": "in_review"})
    @blueprint.raises(NotFound, RevisionNotOpen, *_PUBLISHABLE)
    @blueprint.doc(operationId="sendDraft")
    def post(self, revision_id: UUID) -> Revision:
        """Hand a draft in for review (gửi duyệt).

        It must be fit to be published: a category, a Vietnamese title and summary, stops that exist.
        """
        with transaction() as session:
            revision = operations.send_draft(session, operations.get_revision(session, desk(), revision_id))
        tag(revision.id, revision.version)
        return revision


@blueprint.route("/drafts/<uuid:revision_id>/review")
class Review(MethodView):
    """Reviewing."""

    @blueprint.conditional
    @blueprint.arguments(DraftReviewSchema(), example={"verdict": "approve"})
    @blueprint.response(200, RevisionSchema, example=REVISION_EXAMPLE | {"state": "published"})
    @blueprint.raises(NotFound, RevisionNotOpen, ReviewedByAuthor, *_PUBLISHABLE)
    @blueprint.doc(operationId="answerDraft")
    def post(self, asked: dict[str, Any], revision_id: UUID) -> Revision:
        """Approve a draft or send it back (duyệt, trả lại).

        By another person than its author, who has read this very version: If-Match is the ETag of `getDraft`. Approved,
        it is what the public reads, at once or from `publish_at` on.
        """
        with transaction() as session:
            revision = operations.get_revision(session, desk(), revision_id)
            require_match(revision.id, revision.version)
            if asked["verdict"] == "approve":
                revision = operations.approve(session, desk(), revision, asked["publish_at"])
            else:
                revision = operations.send_back(session, desk(), revision, asked["note"])
        tag(revision.id, revision.version)
        return revision


@blueprint.route("/drafts/<uuid:revision_id>/restoration")
class Restoration(MethodView):
    """Going back."""

    @blueprint.idempotent
    @blueprint.response(201, RevisionSchema, example=REVISION_EXAMPLE)
    @blueprint.raises(NotFound, RequestInFlight)
    @blueprint.doc(operationId="addDraftOfRevision")
    def post(self, revision_id: UUID) -> Revision:
        """Restore an older revision (khôi phục).

        It becomes a new draft that says what that one said, and takes the way of every draft.
        """
        key = request_key({"revision_id": revision_id})
        with transaction() as session:
            old = operations.get_revision(session, desk(), revision_id)
            outcome = once(session, key, lambda: operations.restore(session, desk(), old).id)
        note(outcome)
        with transaction() as session:
            revision = operations.get_revision(session, desk(), outcome.resource_id)
        tag(revision.id, revision.version)
        return revision


@blueprint.route("/office/guides/<uuid:guide_id>")
class OwnGuide(MethodView):
    """A guide of ours."""

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="removeGuide")
    def delete(self, guide_id: UUID) -> None:
        """Take a guide of ours from the public (gỡ cẩm nang).

        If-Match is the ETag of `getOwnGuide`. Phones that hold it learn so with their next delta; its history stays.
        """
        with transaction() as session:
            guide = operations.get_own_guide(session, desk(), guide_id)
            require_match(guide.id, guide.version)
            operations.remove_guide(session, desk(), guide_id)

    @blueprint.response(200, RevisionPageSchema, example={"items": [_SUMMARY]})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getOwnGuide")
    def get(self, guide_id: UUID) -> Page:
        """See what stands behind a guide of ours (nguồn gốc cẩm nang).

        Its newest revisions; the ETag of the answer is needed to remove the guide.
        """
        with transaction() as session:
            guide = operations.get_own_guide(session, desk(), guide_id)
            history = operations.list_revisions(session, desk(), guide_id=guide_id, state=None, limit=20, cursor=None)
        tag(guide.id, guide.version)
        return Page(history.items, None)


@blueprint.route("/imports")
class Imports(MethodView):
    """Files of guides."""

    @blueprint.idempotent
    @blueprint.response(201, GuideImportSchema, example=IMPORT_EXAMPLE)
    @blueprint.raises(GuideFileUnreadable, RequestInFlight)
    @blueprint.doc(operationId="importGuides", requestBody=GUIDE_FILES)
    def post(self) -> tuple[GuideImport, dict[str, str]]:
        """Import guides from CSV or GeoJSON (nhập tệp).

        Up to 2,000 lines in a megabyte. Every good line is a draft, found again by its slug; every bad line is named.
        What the file does not speak of stays as it is.
        """
        sent = read_guide_file(request.mimetype, read_body(request))
        key = request_key({"format": sent.kind, "digest": sent.digest})
        with transaction() as session:
            outcome = once(session, key, lambda: operations.import_guides(session, desk(), sent.kind, sent.lines))
        note(outcome)
        with transaction() as session:
            told = operations.get_import(session, desk(), outcome.resource_id)
        return told, {"Location": url_for("tourism.GuideImportById", import_id=told.id)}


@blueprint.route("/imports/<uuid:import_id>")
class GuideImportById(MethodView):
    """One file of guides."""

    @blueprint.response(200, GuideImportSchema, example=IMPORT_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getGuideImport")
    def get(self, import_id: UUID) -> GuideImport:
        """See what became of a file of guides.

        Counts, and the first thousand flaws with their lines.
        """
        with transaction() as session:
            return operations.get_import(session, desk(), import_id)
