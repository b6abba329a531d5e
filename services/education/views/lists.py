"""The doors of a parent's list: saved schools, one calendar, open days and visits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, url_for
from flask.views import MethodView

from auth.guard import current_citizen
from kit import clock
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.web import language, note, public, request_key, require_match, tag
from services.education import calendar_file
from services.education.errors import ListFull, OpenDayFull, OpenDayOver, SchoolNotOpen, VisitExists
from services.education.operations import agenda, lists
from services.education.operations.lists import Saved
from services.education.schemas import examples
from services.education.schemas.lists import (
    OpenDaysSchema,
    SavedListSchema,
    SavedSchema,
    SaveSchema,
    SchoolVisitRequestSchema,
    SchoolVisitSchema,
    SchoolVisitsSchema,
)
from services.education.views.door import blueprint


@blueprint.route("/me/saved-schools")
class SavedSchools(MethodView):
    """Schools a parent keeps in view."""

    @blueprint.response(200, SavedListSchema, example={"items": [examples.SAVED]})
    @blueprint.doc(operationId="listSavedSchools")
    def get(self) -> dict[str, Any]:
        """List my saved schools (trường đã lưu).

        Each with the rounds its child can apply in; at most a hundred entries, the newest first.
        """
        with transaction() as session:
            return {"items": lists.list_saved(session, current_citizen())}

    @blueprint.idempotent
    @blueprint.arguments(SaveSchema(), example={"school_id": examples.SCHOOL_ID, "member_id": None})
    @blueprint.response(201, SavedSchema, example=examples.SAVED)
    @blueprint.raises(NotFound, SchoolNotOpen, ListFull, RequestInFlight)
    @blueprint.doc(operationId="addSavedSchool")
    def post(self, asked: dict[str, Any]) -> tuple[Saved, dict[str, str]]:
        """Save a school, for a child or for none (lưu trường).

        With a child of the household, reminders fit its age: two weeks before a round for the papers, three days
        before, when it opens, a day before it closes, and when its dates change.
        """
        with transaction() as session:
            outcome = lists.save_school(session, request_key(asked), current_citizen(), **asked)
        note(outcome)
        with transaction() as session:
            saved = lists.get_saved(session, current_citizen(), outcome.resource_id)
        tag(saved.found.id, saved.found.version)
        return saved, {"Location": url_for("education.SavedSchoolById", saved_id=saved.found.id)}


@blueprint.route("/me/saved-schools/<uuid:saved_id>")
class SavedSchoolById(MethodView):
    """One saved school."""

    @blueprint.response(200, SavedSchema, example=examples.SAVED)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getSavedSchool")
    def get(self, saved_id: UUID) -> Saved:
        """See one saved school.

        The ETag of the answer is needed to take it off the list.
        """
        with transaction() as session:
            saved = lists.get_saved(session, current_citizen(), saved_id)
        tag(saved.found.id, saved.found.version)
        return saved

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="removeSavedSchool")
    def delete(self, saved_id: UUID) -> None:
        """Take a school off my list (bỏ lưu trường).

        Its reminders end; visits stay.
        """
        with transaction() as session:
            saved = lists.get_saved(session, current_citizen(), saved_id)
            require_match(saved.found.id, saved.found.version)
            lists.remove_saved(session, saved.found)


@blueprint.route("/me/calendar")
class Calendar(MethodView):
    """Everything that comes up, for the phone's calendar."""

    @blueprint.response(200, content_type="text/calendar", description="An iCalendar file (RFC 5545).")
    @blueprint.doc(operationId="exportSchoolCalendar")
    def get(self) -> Response:
        """Take my school dates into the phone's calendar (lịch tuyển sinh).

        Rounds of saved schools and visits in one .ics file. Entries keep their identity, so taking it again moves what
        was moved.
        """
        with transaction() as session:
            entries = agenda.list_entries(session, current_citizen(), language())
        name = "Lịch trường học" if language() == "vi" else "School dates"
        return Response(
            calendar_file.write(entries, name=name, now=clock.now()),
            content_type="text/calendar; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="schools.ics"'},
        )


@blueprint.route("/schools/<uuid:school_id>/open-days")
class OpenDays(MethodView):
    """Days on which a school shows itself."""

    @blueprint.response(200, OpenDaysSchema, example={"items": [examples.OPEN_DAY]})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listOpenDays")
    def get(self, school_id: UUID) -> dict[str, Any]:
        """List the coming open days of a school (ngày hội tham quan trường).

        The nearest first, with the places nobody has taken.
        """
        public(10)
        with transaction() as session:
            return {"items": lists.list_open_days(session, school_id)}


@blueprint.route("/me/visits")
class Visits(MethodView):
    """Visits on open days."""

    @blueprint.response(200, SchoolVisitsSchema, example={"items": [examples.VISIT]})
    @blueprint.doc(operationId="listSchoolVisits")
    def get(self) -> dict[str, Any]:
        """List my visits (lịch tham quan).

        Those that were not cancelled, the nearest first; at most a hundred.
        """
        with transaction() as session:
            return {"items": lists.list_visits(session, current_citizen())}

    @blueprint.idempotent
    @blueprint.arguments(SchoolVisitRequestSchema(), example={"open_day_id": examples.OTHER_ID, "people": 2})
    @blueprint.response(201, SchoolVisitSchema, example=examples.VISIT)
    @blueprint.raises(NotFound, OpenDayFull, OpenDayOver, VisitExists, RequestInFlight)
    @blueprint.doc(operationId="addSchoolVisit")
    def post(self, asked: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        """Take places on an open day for my family (đăng ký tham quan).

        One to four people, until a day before it begins; one visit a family and day.
        """
        with transaction() as session:
            outcome = lists.book_visit(session, request_key(asked), current_citizen(), **asked)
        note(outcome)
        with transaction() as session:
            visit = lists.get_visit(session, current_citizen(), outcome.resource_id)
        tag(visit.id, visit.version)
        return visit, {"Location": url_for("education.VisitById", visit_id=visit.id)}


@blueprint.route("/me/visits/<uuid:visit_id>")
class VisitById(MethodView):
    """One visit."""

    @blueprint.response(200, SchoolVisitSchema, example=examples.VISIT)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getSchoolVisit")
    def get(self, visit_id: UUID) -> Any:  # noqa: ANN401 - a row of named columns
        """See one visit.

        The ETag of the answer is needed to cancel it.
        """
        with transaction() as session:
            visit = lists.get_visit(session, current_citizen(), visit_id)
        tag(visit.id, visit.version)
        return visit

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="cancelSchoolVisit")
    def delete(self, visit_id: UUID) -> None:
        """Cancel a visit (hủy tham quan).

        Its places go to other families.
        """
        with transaction() as session:
            visit = lists.get_visit(session, current_citizen(), visit_id)
            require_match(visit.id, visit.version)
            lists.cancel_visit(session, current_citizen(), visit_id, visit.version)
