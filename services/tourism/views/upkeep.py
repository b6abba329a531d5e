"""The doors around guides: reports of errors, lists to look after, pictures with their papers, alerts."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from auth.guard import current_staff
from auth.organisation_models import OrganisationKind, StaffRole
from kit.database import transaction
from kit.errors import MalformedRequest, NotAllowed, NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page, PageQuery
from kit.parsing import read_body
from kit.web import note, public, request_key, require_match, tag
from services.tourism import operations
from services.tourism.errors import AlertOver, MediaUnlicensed, MediaUnreadable
from services.tourism.models import GuideAlert, GuideMedia, GuideReport
from services.tourism.operations import Desk
from services.tourism.schemas.editing import (
    AlertPageSchema,
    AlertSchema,
    AlertToldSchema,
    BrokenLinkPageSchema,
    MediaDraftSchema,
    MediaPapersSchema,
    ReportAnswerSchema,
    ReportedSchema,
    ReportNotedSchema,
    ReportPageSchema,
    ReportQuery,
    ReportSchema,
    StalePageSchema,
)
from services.tourism.schemas.examples import (
    ALERT_EXAMPLE,
    ALERT_TOLD_EXAMPLE,
    MEDIA_EXAMPLE,
    REPORTED_EXAMPLE,
    SUMMARY_EXAMPLE,
)
from services.tourism.schemas.uploads import LARGEST_MEDIA_BYTES, MEDIA_FILE, kind_of_media
from services.tourism.views.door import AGE_SECONDS, blueprint, language_asked
from services.tourism.views.editing import desk

_CLOSES_FROM = 3


@blueprint.route("/guides/<uuid:guide_id>/reports")
class Reports(MethodView):
    """What visitors find wrong."""

    @blueprint.idempotent
    @blueprint.arguments(ReportSchema(), example={"about": "hours", "message": "Chùa đóng cửa lúc 17 giờ."})
    @blueprint.response(201, ReportNotedSchema, example={"id": REPORTED_EXAMPLE["id"]})
    @blueprint.raises(NotFound, RequestInFlight)
    @blueprint.doc(operationId="reportGuide")
    def post(self, asked: dict[str, str], guide_id: UUID) -> dict[str, UUID]:
        """Report an error in a guide (báo lỗi).

        Nobody has to sign in, and who reports is not kept with it.
        """
        lang = language_asked(None)
        key = request_key({**asked, "guide_id": guide_id})
        with transaction() as session:
            outcome = once(session, key, lambda: operations.report_guide(session, guide_id, lang=lang, **asked))
        note(outcome)
        return {"id": outcome.resource_id}


@blueprint.route("/reports")
class OurReports(MethodView):
    """Reports on our guides."""

    @blueprint.arguments(ReportQuery(), location="query")
    @blueprint.response(200, ReportPageSchema, example={"items": [REPORTED_EXAMPLE]})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listGuideReports")
    def get(self, asked: dict[str, Any]) -> Page:
        """List reports on our guides (báo lỗi từ du khách).

        The newest first; `state=open` gives those that wait.
        """
        with transaction() as session:
            return operations.list_reports(session, desk(), **asked)


@blueprint.route("/reports/<uuid:report_id>/answer")
class ReportAnswer(MethodView):
    """Settling a report."""

    @blueprint.arguments(ReportAnswerSchema(), example={"answer": "Đã sửa giờ mở cửa."})
    @blueprint.response(200, ReportedSchema, example=REPORTED_EXAMPLE | {"state": "settled"})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="answerGuideReport")
    def post(self, asked: dict[str, str], report_id: UUID) -> GuideReport:
        """Settle a report on a guide of ours (trả lời báo lỗi).

        Say what was done about it; saying so again changes the answer.
        """
        with transaction() as session:
            return operations.answer_report(session, desk(), report_id, asked["answer"])


@blueprint.route("/stale-guides")
class StaleGuides(MethodView):
    """Facts that grow old."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(
        200,
        StalePageSchema,
        example={
            "items": [
                {name: SUMMARY_EXAMPLE[name] for name in ("id", "slug", "title")}
                | {"verified_on": None, "valid_until_on": None, "changed_at": "2026-11-21T09:00:00.000+07:00"}
            ]
        },
    )
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listStaleGuides")
    def get(self, asked: dict[str, Any]) -> Page:
        """List guides of ours that should be looked at again (cần kiểm tra lại).

        Those past their day, and those nobody has verified for a year.
        """
        with transaction() as session:
            return operations.list_stale(session, desk(), **asked)


@blueprint.route("/broken-links")
class BrokenLinks(MethodView):
    """Outside addresses that fail."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(
        200,
        BrokenLinkPageSchema,
        example={
            "items": [
                {
                    "guide_id": SUMMARY_EXAMPLE["id"],
                    "slug": "chua-keo",
                    "url": "https://example.org/",
                    "checked_at": "2026-11-21T09:00:00.000+07:00",
                    "outcome": "404",
                    "failures": 2,
                }
            ]
        },
    )
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listBrokenLinks")
    def get(self, asked: dict[str, Any]) -> Page:
        """List outside addresses in our guides that do not answer (liên kết hỏng).

        Each is asked about once a week.
        """
        with transaction() as session:
            return operations.list_broken_links(session, desk(), **asked)


@blueprint.route("/office/guides/<uuid:guide_id>/media")
class OwnMedia(MethodView):
    """Files of a guide of ours."""

    @blueprint.idempotent
    @blueprint.response(201, MediaDraftSchema, example=MEDIA_EXAMPLE | {"state": "draft"})
    @blueprint.raises(NotFound, MediaUnreadable, RequestInFlight)
    @blueprint.doc(operationId="addGuideMedia", requestBody=MEDIA_FILE)
    def post(self, guide_id: UUID) -> GuideMedia:
        """Add a picture, a recording or a film (thêm ảnh, âm thanh, phim).

        It is a draft: give it an author, a licence and words, then publish it with `changeGuideMedia`.
        """
        content = read_body(request, LARGEST_MEDIA_BYTES)
        kind, media_type = kind_of_media(request.mimetype, content), request.mimetype
        key = request_key({"guide_id": guide_id, "type": media_type, "digest": hashlib.sha256(content).hexdigest()})
        with transaction() as session:
            outcome = once(
                session,
                key,
                lambda: operations.add_media(
                    session, desk(), guide_id, kind=kind, media_type=media_type, content=content
                ),
            )
        note(outcome)
        with transaction() as session:
            file = operations.get_media(session, desk(), outcome.resource_id)
        tag(file.id, file.state, file.author, file.licence, file.alt, file.transcript)
        return file


@blueprint.route("/office/media/<uuid:media_id>")
class OwnMediaById(MethodView):
    """A file's papers."""

    @blueprint.response(200, MediaDraftSchema, example=MEDIA_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getGuideMedia")
    def get(self, media_id: UUID) -> GuideMedia:
        """See a file of ours with its papers (giấy tờ của tệp).

        The ETag of the answer is needed to change them.
        """
        with transaction() as session:
            file = operations.get_media(session, desk(), media_id)
        tag(file.id, file.state, file.author, file.licence, file.alt, file.transcript)
        return file

    @blueprint.conditional
    @blueprint.arguments(MediaPapersSchema(), example={"author": "Nguyễn Thị Hoa", "licence": "CC-BY-4.0"})
    @blueprint.response(200, MediaDraftSchema, example=MEDIA_EXAMPLE)
    @blueprint.raises(NotFound, MediaUnlicensed)
    @blueprint.doc(operationId="changeGuideMedia")
    def patch(self, asked: dict[str, Any], media_id: UUID) -> GuideMedia:
        """Give a file its author, licence and words, and publish it (xuất bản tệp).

        Without an author and a licence nothing is published.
        """
        with transaction() as session:
            file = operations.get_media(session, desk(), media_id, to_change=True)
            require_match(file.id, file.state, file.author, file.licence, file.alt, file.transcript)
            file = operations.change_media(session, file, asked)
        tag(file.id, file.state, file.author, file.licence, file.alt, file.transcript)
        return file


@blueprint.route("/alerts")
class Alerts(MethodView):
    """Warnings of areas."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, AlertPageSchema, example={"items": [ALERT_TOLD_EXAMPLE]})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listAlerts")
    def get(self, asked: dict[str, Any]) -> Page:
        """List warnings in force and ahead (cảnh báo).

        Guides they cover show them, and are closed where the warning says so. An office's covers its own guides alone:
        whether a guide is closed is said by the guide.
        """
        with transaction() as session:
            found = operations.list_alerts(session, **asked)
        public(AGE_SECONDS)
        return found

    @blueprint.idempotent
    @blueprint.arguments(AlertSchema(), example=ALERT_EXAMPLE)
    @blueprint.response(201, AlertToldSchema, example=ALERT_TOLD_EXAMPLE)
    @blueprint.raises(NotFound, RequestInFlight)
    @blueprint.doc(operationId="giveAlert")
    def post(self, asked: dict[str, Any]) -> GuideAlert:
        """Warn of an area (đưa cảnh báo).

        Of provinces, communes or single guides, with a reason in both languages and until when. From level 3 on it
        closes what it covers, unless `closes` says otherwise. A tourism office's warning covers the office's own guides
        alone, also where it names an area; one of the province's operator covers everybody's. A guide of another office
        is 404.
        """
        key = request_key(asked)
        closes = asked["level"] >= _CLOSES_FROM if asked["closes"] is None else asked["closes"]
        alert = asked | {"closes": closes, "guide_ids": [str(one) for one in asked["guide_ids"]]}
        with transaction() as session:
            outcome = once(session, key, lambda: operations.give_alert(session, _alert_desk(), alert))
        note(outcome)
        with transaction() as session:
            return operations.get_alert(session, outcome.resource_id)


@blueprint.route("/alerts/<uuid:alert_id>/end")
class AlertEnd(MethodView):
    """Calling a warning off."""

    @blueprint.response(200, AlertToldSchema, example=ALERT_TOLD_EXAMPLE)
    @blueprint.raises(NotFound, AlertOver)
    @blueprint.doc(operationId="endAlert")
    def post(self, alert_id: UUID) -> GuideAlert:
        """Call a warning of ours off (gỡ cảnh báo).

        What it had closed is open again as its own hours say.
        """
        with transaction() as session:
            return operations.end_alert(session, _alert_desk(), alert_id)


def _alert_desk() -> Desk:
    """The desk of who may warn: at the province, whose warnings cover everybody's guides, only an operator."""
    staff = current_staff()
    if staff.kind is OrganisationKind.PROVINCE and StaffRole.OPERATOR not in staff.roles:
        raise NotAllowed
    return desk()
