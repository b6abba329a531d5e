"""The doors of visitors: a token for the phone, favourites, plans, stamps."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request, url_for
from flask.views import MethodView

from auth.guard import Role, current_caller, current_citizen
from kit.database import transaction
from kit.errors import MalformedRequest, NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page, PageQuery
from kit.web import note, request_key, require_match, tag
from services.tourism import operations
from services.tourism.errors import NotAtThePlace, TooManyPlans, VisitorUnknown
from services.tourism.models import Plan
from services.tourism.schemas.examples import PASSPORT_EXAMPLE, PLAN_CONTENT_EXAMPLE, PLAN_EXAMPLE, SUMMARY_EXAMPLE
from services.tourism.schemas.visiting import (
    FavouriteOrderSchema,
    FavouritesSchema,
    PassportSchema,
    PlanContentSchema,
    PlanPageSchema,
    PlanSchema,
    VisitorTokenSchema,
    VisitSchema,
)
from services.tourism.views.door import blueprint, language_asked

_HEADER, _LONGEST_TOKEN = "Visitor-Token", 100
_TOKEN = {
    "in": "header",
    "name": _HEADER,
    "required": False,
    "schema": {"type": "string", "maxLength": _LONGEST_TOKEN},
    "description": "The phone's token from `registerVisitor`; a citizen who is signed in needs none.",
    "example": "wq3fA0kV0vB2mZpJmP7nq0Yy3sHj5lQxk2c8dD1eF4g",
}
_FAVOURITE = {"guide_id": SUMMARY_EXAMPLE["id"], "title": "Chùa Keo", "created_at": "2026-11-21T09:00:00.000+07:00"}


@blueprint.route("/visitors")
class Visitors(MethodView):
    """Phones nobody has signed in on."""

    @blueprint.response(201, VisitorTokenSchema, example={"token": _TOKEN["example"]})
    @blueprint.doc(operationId="registerVisitor")
    def post(self) -> dict[str, str]:
        """Get a token for a phone nobody has signed in on (khách chưa đăng nhập).

        It knows no name and no number. Whoever has it sees what the phone has kept, so it stays on the phone.
        """
        with transaction() as session:
            return {"token": operations.register_visitor(session)}


@blueprint.route("/visitors/link")
class VisitorLink(MethodView):
    """A phone whose visitor signs in."""

    @blueprint.response(204)
    @blueprint.raises(VisitorUnknown)
    @blueprint.doc(operationId="linkVisitor", parameters=[_TOKEN])
    def post(self) -> None:
        """Join what the phone has kept to my account (gộp vào tài khoản).

        Favourites, plans and stamps become the citizen's; the token is worth nothing afterwards.
        """
        with transaction() as session:
            operations.join_visitor(session, current_citizen(), request.headers.get(_HEADER, ""))


@blueprint.route("/favourites")
class Favourites(MethodView):
    """Guides to find again."""

    @blueprint.response(200, FavouritesSchema, example={"items": [_FAVOURITE]})
    @blueprint.raises(VisitorUnknown)
    @blueprint.doc(operationId="listFavourites", parameters=[_TOKEN])
    def get(self) -> dict[str, Any]:
        """List my favourites (yêu thích).

        The newest first, at most two hundred.
        """
        with transaction() as session:
            return {"items": operations.list_favourites(session, _visitor(session), language_asked(None))}

    @blueprint.arguments(FavouriteOrderSchema(), example={"guide_id": SUMMARY_EXAMPLE["id"]})
    @blueprint.response(204)
    @blueprint.raises(VisitorUnknown, NotFound, TooManyPlans)
    @blueprint.doc(operationId="addFavourite", parameters=[_TOKEN])
    def post(self, asked: dict[str, UUID]) -> None:
        """Remember a guide (thêm yêu thích).

        Remembering it again changes nothing.
        """
        with transaction() as session:
            operations.add_favourite(session, _visitor(session), asked["guide_id"])


@blueprint.route("/favourites/<uuid:guide_id>/end")
class FavouriteEnd(MethodView):
    """Forgetting one."""

    @blueprint.response(204)
    @blueprint.raises(VisitorUnknown, NotFound)
    @blueprint.doc(operationId="endFavourite", parameters=[_TOKEN])
    def post(self, guide_id: UUID) -> None:
        """Forget a favourite (bỏ yêu thích).

        Forgetting what was none changes nothing.
        """
        with transaction() as session:
            operations.remove_favourite(session, _visitor(session), guide_id)


@blueprint.route("/plans")
class Plans(MethodView):
    """Journeys to come."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, PlanPageSchema, example={"items": [PLAN_EXAMPLE]})
    @blueprint.raises(VisitorUnknown, MalformedRequest)
    @blueprint.doc(operationId="listPlans", parameters=[_TOKEN])
    def get(self, asked: dict[str, Any]) -> Page:
        """List my plans (kế hoạch).

        The newest first, each with its stops and notes.
        """
        with transaction() as session:
            return operations.list_plans(session, _visitor(session), **asked)

    @blueprint.idempotent
    @blueprint.arguments(PlanContentSchema(), example=PLAN_CONTENT_EXAMPLE)
    @blueprint.response(201, PlanSchema, example=PLAN_EXAMPLE)
    @blueprint.raises(VisitorUnknown, NotFound, TooManyPlans, RequestInFlight)
    @blueprint.doc(operationId="addPlan", parameters=[_TOKEN])
    def post(self, asked: dict[str, Any]) -> tuple[Plan, dict[str, str]]:
        """Plan a journey (lập kế hoạch).

        Stops are guides, with a day and a note of one's own.
        """
        key = request_key(asked)
        with transaction() as session:
            visitor = _visitor(session)
            outcome = once(session, key, lambda: operations.add_plan(session, visitor, asked))
        note(outcome)
        with transaction() as session:
            plan = operations.get_plan(session, visitor, outcome.resource_id)
        tag(plan.id, plan.version)
        return plan, {"Location": url_for("tourism.PlanById", plan_id=plan.id)}


@blueprint.route("/plans/<uuid:plan_id>")
class PlanById(MethodView):
    """One plan."""

    @blueprint.response(200, PlanSchema, example=PLAN_EXAMPLE)
    @blueprint.raises(VisitorUnknown, NotFound)
    @blueprint.doc(operationId="getPlan", parameters=[_TOKEN])
    def get(self, plan_id: UUID) -> Plan:
        """Read a plan of mine.

        The ETag of the answer is needed to change or remove it.
        """
        with transaction() as session:
            plan = operations.get_plan(session, _visitor(session), plan_id)
        tag(plan.id, plan.version)
        return plan

    @blueprint.conditional
    @blueprint.arguments(PlanContentSchema(), example=PLAN_CONTENT_EXAMPLE)
    @blueprint.response(200, PlanSchema, example=PLAN_EXAMPLE | {"version": 2})
    @blueprint.raises(VisitorUnknown, NotFound)
    @blueprint.doc(operationId="changePlan", parameters=[_TOKEN])
    def put(self, asked: dict[str, Any], plan_id: UUID) -> Plan:
        """Write a plan anew (sửa kế hoạch).

        As a whole: what is not sent is not in it any more.
        """
        with transaction() as session:
            plan = operations.get_plan(session, _visitor(session), plan_id)
            require_match(plan.id, plan.version)
            plan = operations.change_plan(session, plan, asked)
        tag(plan.id, plan.version)
        return plan

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(VisitorUnknown, NotFound)
    @blueprint.doc(operationId="removePlan", parameters=[_TOKEN])
    def delete(self, plan_id: UUID) -> None:
        """Forget a plan (xóa kế hoạch).

        It cannot be brought back.
        """
        with transaction() as session:
            plan = operations.get_plan(session, _visitor(session), plan_id)
            require_match(plan.id, plan.version)
            operations.remove_plan(session, plan)


@blueprint.route("/guides/<uuid:guide_id>/visits")
class Visits(MethodView):
    """Checking in."""

    @blueprint.arguments(VisitSchema(), example={"short_code": "k7mq2xa"})
    @blueprint.response(200, PassportSchema, example=PASSPORT_EXAMPLE)
    @blueprint.raises(VisitorUnknown, NotFound, NotAtThePlace)
    @blueprint.doc(operationId="addVisit", parameters=[_TOKEN])
    def post(self, asked: dict[str, Any], guide_id: UUID) -> dict[str, Any]:
        """Check in at a place and get its stamp (đóng dấu hộ chiếu).

        By the code at the gate, or by standing within 500 m; where exactly is compared and not kept. One stamp a day.
        """
        at = None if asked["lat"] is None or asked["lon"] is None else (asked["lat"], asked["lon"])
        with transaction() as session:
            visitor = _visitor(session)
            operations.add_visit(session, visitor, guide_id, short_code=asked["short_code"], at=at)
            return operations.get_passport(session, visitor, language_asked(None))


@blueprint.route("/passport")
class Passport(MethodView):
    """Stamps."""

    @blueprint.response(200, PassportSchema, example=PASSPORT_EXAMPLE)
    @blueprint.raises(VisitorUnknown)
    @blueprint.doc(operationId="getPassport", parameters=[_TOKEN])
    def get(self) -> dict[str, Any]:
        """See my stamps (hộ chiếu du lịch).

        One a place, and the itineraries of which every stop was visited.
        """
        with transaction() as session:
            return operations.get_passport(session, _visitor(session), language_asked(None))


def _visitor(session: Any) -> UUID:  # noqa: ANN401 - the open session
    caller = current_caller()
    citizen_id = caller.subject if caller.role is Role.CITIZEN else None
    token = request.headers.get(_HEADER)
    if token is not None and len(token) > _LONGEST_TOKEN:
        raise VisitorUnknown
    return operations.find_visitor(session, citizen_id=citizen_id, token=token)
